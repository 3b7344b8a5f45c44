from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from hierclf.evaluation import Terms
from hierclf.gates import Average, Detection
from tests.conftest import TWO_LEVEL
from tests.evaluation.conftest import scrambled
from tests.evaluation.test_judgement import judge

ESTIMATE = Detection(node="letter", scores=("knn", "gen"), auroc=0.9, standard_error=0.02, children=2)


@pytest.fixture
def gated():
    """A random model with gates at three nodes, and images new below two of them."""
    case = scrambled(TWO_LEVEL)
    names = ("character", "digit", "letter")
    case.terms = Terms(
        guarantee=Average(keep=0.9, scores=torch.linspace(-2, 2, 50, dtype=torch.float64)),
        gated=names,
        detections=(ESTIMATE,),
        knows_novelty=True,
    )
    random = np.random.default_rng(3)
    case.reading.surprise_BG = torch.from_numpy(random.exponential(size=(len(case.labels), 3)).round(1))
    return case


def pairwise(known, novel):
    """AUROC by looking at every pair."""
    return np.mean([(b > a) + 0.5 * (a == b) for a in known for b in novel])


def test_each_row_counts_as_one_would_by_hand(gated):
    report = judge(gated, terms=gated.terms, novel_n=gated.novel)
    rows = {row.node: row for row in report.gates}
    assert list(rows) == ["character", "digit", "letter"]
    nodes = gated.taxonomy.nodes
    for column, (name, row) in enumerate(rows.items()):
        below = {name, *gated.taxonomy.leaves_below(name), *(["digit", "letter"] if name == "character" else [])}
        known, novel, known_here, novel_here, accepted = [], [], [], [], []
        for place, label in enumerate(gated.labels):
            decision, surprise = gated.decisions[place], float(gated.reading.surprise_BG[place, column])
            here = decision.status in ("other", "novel_child") and decision.node == name
            if label >= 0 and not gated.novel[place] and nodes[label] in below:
                known.append(surprise)
                known_here.append(here)
            if (gated.novel[place] and nodes[label] == name) or (label < 0 and name == "character"):
                novel.append(surprise)
                novel_here.append(here)
                accepted.append(decision.status in ("known", "ambiguous"))
        assert (row.known, row.novel) == (len(known), len(novel))
        assert [row.known_here, row.novel_here] == pytest.approx([np.mean(known_here), np.mean(novel_here)])
        assert row.novel_accepted == pytest.approx(np.mean(accepted))
        assert row.auroc == pytest.approx(pairwise(known, novel))
        np.testing.assert_array_equal(row.known_surprise, known)
    assert [rows["letter"].expected, rows["letter"].expected_error, rows["letter"].forgotten] == [0.9, 0.02, 2]
    assert rows["letter"].scores == ("knn", "gen")
    assert np.isnan(rows["digit"].expected)


def test_the_rows_are_told_in_json_and_markdown(gated):
    report = judge(gated, terms=gated.terms, novel_n=gated.novel)
    told = report.to_dict()["gates"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert [row["node"] for row in told] == ["character", "digit", "letter"]
    assert told[1]["expected"] is None
    assert not any("surprise" in name for name in told[0])
    lines = report.to_markdown().splitlines()
    (line,) = [line for line in lines if line.startswith("| letter |")]
    assert line.startswith(f"| letter | 0.900 ± 0.020 | {report.gates[2].auroc:.3f} |")


def test_without_images_and_without_surprise(by_hand):
    assert judge(by_hand).gates == ()
    terms = Terms(gated=("character",))  # a gate of the first versions tells no surprise
    assert judge(by_hand, terms=terms).gates == ()
    by_hand.reading.surprise_BG = torch.zeros(9, 1)
    by_hand.labels = [-1] * 9
    (row,) = judge(by_hand, terms=terms).gates
    assert (row.known, row.novel) == (0, 8)
    assert np.isnan([row.known_here, row.auroc]).all()
