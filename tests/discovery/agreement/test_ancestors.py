from __future__ import annotations

import pytest

from hierclf.discovery.agreement import ancestor_agreement, common_leaf_sets, match_clades
from tests.discovery.agreement import reference as slow
from tests.discovery.agreement.shapes import DAG_PAIRS, FLAT, FOUND, PAIRS, REFERENCE


def agreement(found, reference):
    pair = common_leaf_sets(found, reference)
    return ancestor_agreement(*pair, match_clades(*pair))


@pytest.mark.parametrize(("found", "reference"), [*PAIRS, *DAG_PAIRS])
def test_pairs_are_those_of_sets(found, reference):
    leaves = slow.common_leaves(found, reference)
    ours, theirs = (sum(map(len, slow.clades_of(taxonomy, leaves))) for taxonomy in (found, reference))
    _, right = slow.matching(found, reference)
    scores = agreement(found, reference)
    if ours and theirs:
        assert scores == pytest.approx((right / ours, right / theirs, 2 * right / (ours + theirs)))
    else:
        assert scores == (3 * (float(ours == theirs),))


def test_by_hand():
    assert agreement(FOUND, REFERENCE) == pytest.approx((4 / 5, 4 / 5, 4 / 5))
    assert agreement(FLAT, REFERENCE) == (0, 0, 0)
