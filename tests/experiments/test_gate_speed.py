from __future__ import annotations

import math

import pytest
import torch

from experiments.gate_speed import apart, in_turn, main
from hierclf.gates import scores

SMALL = ["--images", "60", "--size", "16", "--leaves", "4", "--known", "200", "--bank", "50", "--repeats", "1"]


@pytest.mark.parametrize("precision", [[], ["--float64"]])
def test_both_sides_agree_on_every_score_that_both_have(precision, capsys):
    main([*SMALL, *precision])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = {words[0]: words for words in lines if words and words[0] in scores.names and words[1] != "+"}
    assert set(rows) == {
        *("max_logit", "msp", "energy", "gen", "mahalanobis", "mahalanobis++", "relative_mahalanobis++"),
        *("knn", "vim", "fdbd", "outlier"),
    }
    for name, (_, ours, theirs, _, drift, gap, *_) in rows.items():
        assert float(ours) > 0
        assert math.isnan(float(theirs)) == (name == "outlier")
        assert float(drift) <= 1
        assert name == "outlier" or float(gap) <= 1, name
    assert any(words[:3] == ["knn", "+", "gen,"] for words in lines)


def test_sides_take_turns_and_a_missing_one_has_no_time():
    calls = []
    ours, theirs = in_turn(lambda: calls.append("ours"), lambda: calls.append("theirs"), 2)
    assert calls == ["ours", "theirs"] * 3
    assert min(ours, theirs) >= 0
    assert math.isnan(in_turn(lambda: None, None, 1)[1])


def test_differences_are_relative_above_one():
    assert apart(torch.tensor([200.001, 0.5]), torch.tensor([200.0, 0.5])) == pytest.approx(0.5, rel=0.1)
    assert apart(torch.tensor([0.00002]), torch.tensor([0.0])) == pytest.approx(2.0)
