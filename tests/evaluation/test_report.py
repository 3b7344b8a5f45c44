from __future__ import annotations

import json

import numpy as np
import pytest

from hierclf.evaluation import flat_baseline
from hierclf.metrics import MEASURES
from tests.evaluation.conftest import build_case
from tests.evaluation.test_judgement import judge


@pytest.mark.parametrize(("known", "other"), [(0, 0), (30, 0), (0, 30), (30, 30)])
def test_json_never_holds_nan_and_comes_back(taxonomy, known, other):
    case = build_case(taxonomy, known=known, other=other)
    case.threshold = float("inf")
    written = judge(case).to_dict()
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert written["threshold"] is None
    assert set(MEASURES) <= set(written)


def test_json_holds_what_the_report_holds(case):
    report = judge(case)
    written = report.to_dict()
    assert written["leaf_accuracy"] == report.metrics["leaf_accuracy"]
    counts = np.zeros_like(report.confusion)
    for row, column, count in written["confusion"]["counts"]:
        counts[row, column] = count
    np.testing.assert_array_equal(counts, report.confusion)
    assert len(written["confusion"]["columns"]) == counts.shape[1]
    assert [node["node"] for node in written["nodes"]] == list(case.taxonomy.nodes)
    assert written["promises"][0]["kept"] is report.promises[0].kept


def test_long_curves_are_thinned_and_keep_their_ends(taxonomy):
    report = judge(build_case(taxonomy, known=300, other=300))
    x, y = report.to_dict()["curves"]["roc"]
    assert len(x) == len(y) == 256 < len(report.curves["roc"][0])
    assert [x[0], y[0], x[-1], y[-1]] == [1.0, 1.0, 0.0, 0.0]


def test_the_table_explains_every_line(by_hand):
    lines = judge(by_hand).to_markdown().splitlines()
    assert lines[0] == "| measure | value | in plain words |"
    row = next(line for line in lines if line.startswith("| Accuracy ↑"))
    assert row == f"| Accuracy ↑ | 60.0 % | {MEASURES['leaf_accuracy'].words} |"
    assert "| Accuracy per level ↑ | 83.3 %, 60.0 % |" in "\n".join(lines)
    assert any(line.startswith("Promise: at most 5 % of known images are turned away. Measured on 6") for line in lines)
    assert all(line.count("|") == 4 for line in lines if line.startswith("|"))


def test_the_baseline_stands_beside_ours(by_hand):
    baseline = flat_baseline(by_hand.leaf_probs, by_hand.labels, by_hand.plan, threshold=-0.55, alpha=0.05)
    lines = judge(by_hand, baseline=baseline).to_markdown().splitlines()
    assert lines[0] == "| measure | value | flat baseline | in plain words |"
    assert any(line.startswith("| Known turned away ↓ | 16.7 % | 0.0 % |") for line in lines)


def test_what_was_not_measured_has_no_line(taxonomy):
    text = judge(build_case(taxonomy, other=0)).to_markdown()
    assert "AUROC" not in text
    assert "- No images of other were given" in text
