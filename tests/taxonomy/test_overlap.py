import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierclf.taxonomy.overlap import match_by_overlap, overlap

SETS = st.dictionaries(st.sampled_from("ABCDEF"), st.frozensets(st.sampled_from("uvwxyz")), max_size=5)


def slowly(before, after, least):
    """Take the best pair that is left, again and again."""
    matched = {}
    while True:
        pairs = [
            (-overlap(before[one], after[other]), sorted((one, other)), one, other)
            for one, other in itertools.product(before, after)
            if one not in matched and other not in matched.values() and overlap(before[one], after[other]) >= least
        ]
        if not pairs:
            return matched
        *_, one, other = min(pairs)
        matched[one] = other


def test_the_index_by_hand():
    assert overlap({"a", "b", "c"}, {"b", "c", "d"}) == 0.5
    assert overlap({"a"}, {"a"}) == 1
    assert overlap(set(), set()) == overlap({"a"}, set()) == 0


@given(before=SETS, after=SETS, least=st.sampled_from([0.1, 0.5, 1.0]))
def test_the_most_alike_are_paired_first(before, after, least):
    found = match_by_overlap(before, after, least=least)
    assert found == slowly(before, after, least)
    assert match_by_overlap(after, before, least=least) == {other: one for one, other in found.items()}


@pytest.mark.parametrize(("members", "expected"), [("abc", {"x": "y"}), ("ab", {"x": "y"}), ("a", {})])
def test_one_half_is_enough(members, expected):
    assert match_by_overlap({"x": set("abcd")}, {"y": set(members)}) == expected


def test_repeated_members_count_once():
    assert match_by_overlap({"x": ["a", "a", "b"]}, {"y": ["b", "b", "b", "c", "d"]}, least=0.25) == {"x": "y"}
