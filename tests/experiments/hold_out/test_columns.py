"""Every column is measured, so none is silently missing from the tables."""

import numpy as np

from experiments.hold_out.columns import TABLES
from experiments.hold_out.judgement import judge_answers
from tests.experiments.hold_out.test_judgement import answers_of, truth  # noqa: F401 - a fixture


def test_every_column_is_measured(truth):  # noqa: F811
    measured = set(judge_answers(answers_of(np.zeros_like(truth.target_B)), truth))
    beside = {"fit_seconds", "estimated_novel_child", "estimated_nodes_measured"}
    columns = [column.key for group in TABLES.values() for column in group]
    assert set(columns) <= measured | beside
    assert len(set(columns)) == len(columns)
