from __future__ import annotations

import numpy as np
import pytest

from hierclf.discovery.agreement import clade_agreement, clade_jaccard, common_leaf_sets
from tests.discovery.agreement import reference as slow
from tests.discovery.agreement.shapes import BINARY, DAG_PAIRS, FLAT, FOUND, PAIRS, REFERENCE


@pytest.mark.parametrize(("found", "reference"), [*PAIRS, *DAG_PAIRS])
def test_clades_equal_sets_of_sets(found, reference):
    leaves = slow.common_leaves(found, reference)
    ours, theirs = slow.clades_of(found, leaves), slow.clades_of(reference, leaves)
    pair = common_leaf_sets(found, reference)
    scores = clade_agreement(*pair)
    if not ours or not theirs:
        assert scores == (3 * (float(ours == theirs),))
        assert clade_jaccard(*pair) == float(ours == theirs)
        return
    assert scores[:2] == (len(ours & theirs) / len(ours), len(ours & theirs) / len(theirs))
    best = [
        np.mean([max(slow.jaccard(one, other) for other in others) for one in these])
        for these, others in ((ours, theirs), (theirs, ours))
    ]
    assert clade_jaccard(*pair) == pytest.approx(np.mean(best))


def test_by_hand():
    pair = common_leaf_sets(FOUND, REFERENCE)  # {a b c} {d e} against {a b} {c d e}
    assert clade_agreement(*pair) == (0, 0, 0)
    assert clade_jaccard(*pair) == pytest.approx(2 / 3)
    assert clade_agreement(*common_leaf_sets(BINARY, REFERENCE)) == (1 / 4, 1 / 2, 1 / 3)


def test_a_star_finds_nothing():
    assert clade_agreement(*common_leaf_sets(FLAT, REFERENCE)).recall == 0
    assert clade_agreement(*common_leaf_sets(FLAT, FLAT)).f1 == 1
