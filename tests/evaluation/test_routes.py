from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.test_judgement import judge
from tests.metrics import reference


def test_node_rows_equal_a_walk(case):
    nodes = case.taxonomy.nodes
    lines = {node: reference.line(case.taxonomy, node) for node in nodes}
    truths = [lines[nodes[label]] if label >= 0 else set() for label in case.labels]
    routes = [lines[row.node] if row.status != "other" else set() for row in case.decisions]
    rows = judge(case).nodes
    assert [row.node for row in rows] == list(nodes)
    for row in rows:
        support = sum(row.node in truth for truth in truths)
        routed = sum(row.node in route for route in routes)
        hits = sum(row.node in truth and row.node in route for truth, route in zip(truths, routes, strict=True))
        assert row.support == support
        assert row.level == case.taxonomy.level(row.node)
        assert [row.recall, row.precision] == pytest.approx(
            [reference.ratio(hits, support), reference.ratio(hits, routed)], nan_ok=True
        )


def test_the_roots_row_tells_about_the_gate(by_hand):
    root, digit = judge(by_hand).nodes[:2]
    assert (root.support, root.recall, root.precision) == (6, pytest.approx(5 / 6), pytest.approx(5 / 6))
    assert (digit.node, digit.support, digit.recall, digit.precision) == ("digit", 4, 1.0, 1.0)


def test_confusion_by_hand(by_hand):
    confusion = judge(by_hand).confusion
    leaf = by_hand.taxonomy.leaves.index
    expected = np.zeros((6, 10), dtype=int)
    expected[leaf("0"), leaf("0")] = 1
    expected[leaf("0"), leaf("1")] = 1
    expected[leaf("1"), 6] = 1  # stopped
    expected[leaf("a"), leaf("dot")] = 1
    expected[leaf("b"), 9] = 1  # turned away
    np.testing.assert_array_equal(confusion, expected)
