from __future__ import annotations

import pytest

from hierclf.discovery.agreement import common_leaf_sets, match_clades
from hierclf.taxonomy import Taxonomy
from tests.discovery.agreement import reference as slow
from tests.discovery.agreement.shapes import DAG_PAIRS, FLAT, FOUND, PAIRS, REFERENCE, random_dag


@pytest.mark.parametrize(("found", "reference"), [*PAIRS, *DAG_PAIRS])
def test_the_matching_is_worth_as_much_as_that_of_a_dense_table(found, reference):
    pair = common_leaf_sets(found, reference)
    matching = match_clades(*pair)
    for sets, matched in zip(pair, matching[:2], strict=True):
        assert len(set(matched)) == len(matched)
        assert ((matched > 0) & (matched < sets.num_sets)).all()
    both = [[set(sets.member_SL[[row]].indices) for row in rows] for sets, rows in zip(pair, matching[:2], strict=True)]
    shared = [(len(one & other), len(one | other)) for one, other in zip(*both, strict=True)]
    assert matching.shared_M.tolist() == [common for common, _ in shared]
    assert matching.jaccard_M == pytest.approx([common / either for common, either in shared])
    assert (matching.jaccard_M.sum(), matching.shared_M.sum()) == pytest.approx(slow.matching(found, reference))


def test_equal_sets_are_matched():
    pair = common_leaf_sets(random_dag(0), random_dag(0))
    matching = match_clades(*pair)
    assert matching.found_M.tolist() == matching.reference_M.tolist() == list(range(1, pair[0].num_sets))
    assert (matching.jaccard_M == 1).all()


def test_the_greedy_choice_may_be_wrong():
    reference = Taxonomy.from_edges({"r": ["abcd", "x", "y"], "abcd": ["abc", "d"], "abc": ["a", "b", "c"]})
    found = Taxonomy.from_edges({"r": ["abcx", "d", "y"], "abcx": ["ab", "c", "x"], "ab": ["a", "b"]})
    pair = common_leaf_sets(found, reference)  # greedy takes abcx ~ abc (3/4), and leaves ab ~ abcd (2/4)
    matching = match_clades(*pair)
    assert sorted(matching.jaccard_M) == pytest.approx([3 / 5, 2 / 3])


def test_nothing_to_match():
    assert all(len(column) == 0 for column in match_clades(*common_leaf_sets(FLAT, REFERENCE)))
    assert match_clades(*common_leaf_sets(FOUND, REFERENCE)).shared_M.tolist() == [2, 2]
