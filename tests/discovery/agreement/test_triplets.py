from __future__ import annotations

from dataclasses import asdict

import pytest

from hierclf.discovery.agreement import TripletAgreement, common_leaf_sets, cross, triplet_agreement, triplets
from tests.discovery.agreement import reference as slow
from tests.discovery.agreement.shapes import (
    BINARY,
    DAG_PAIRS,
    FLAT,
    FOUND,
    PAIRS,
    REFERENCE,
    random_dag,
    random_tree,
)


def agreement(found, reference, **given):
    pair = common_leaf_sets(found, reference)
    return triplet_agreement(*pair, cross(*pair), **given)


@pytest.mark.parametrize(("found", "reference"), [*PAIRS, *DAG_PAIRS])
def test_counts_are_those_of_a_loop_over_all_triples(found, reference):
    expected = slow.triplets(found, reference) | {"sampled": False}
    assert asdict(agreement(found, reference)) == expected
    one_by_one = triplet_agreement(*common_leaf_sets(found, reference), None)
    assert asdict(one_by_one) == expected


def test_two_larger_trees_are_counted_as_one_by_one():
    pair = common_leaf_sets(random_tree(0, 120), random_tree(1, 120))
    assert triplet_agreement(*pair, cross(*pair)) == triplet_agreement(*pair, None)


def test_by_hand():
    told = agreement(FOUND, REFERENCE)  # {a b c} {d e} f against {a b} {c d e} f
    assert (told.triples, told.found, told.reference, told.both, told.right) == (20, 13, 13, 10, 6)
    assert told.scores == pytest.approx((6 / 13, 6 / 13, 6 / 13))
    assert (told.wrong, told.unresolved, told.left_alone) == pytest.approx((4 / 13, 3 / 13, 4 / 7))
    assert told.standard_error is None


def test_a_star_resolves_nothing_and_a_binary_tree_everything():
    star = agreement(FLAT, REFERENCE)
    assert (star.scores.recall, star.wrong, star.unresolved, star.left_alone) == (0, 0, 1, 1)
    binary = agreement(BINARY, REFERENCE)
    assert (binary.unresolved, binary.left_alone) == (0, 0)
    assert binary.scores.precision < binary.scores.recall
    assert agreement(REFERENCE, FLAT).wrong is None
    assert agreement(FLAT, FLAT).scores == (1, 1, 1)
    assert agreement(BINARY, BINARY).left_alone is None


def test_shares_of_what_the_reference_resolves_are_all_of_it():
    for seed in range(5):
        told = agreement(random_tree(seed), random_dag(seed + 1))
        assert told.scores.recall + told.wrong + told.unresolved == pytest.approx(1)


def test_a_sample_comes_close_within_its_standard_error(monkeypatch):
    found, reference = random_dag(0, 40), random_dag(1, 40)
    exact = agreement(found, reference)
    monkeypatch.setattr(triplets, "TRIPLES_AT_MOST", 1000)
    monkeypatch.setattr(triplets, "TRIPLES_DRAWN", 20_000)
    drawn = [agreement(found, reference, seed=seed) for seed in range(20)]
    assert agreement(found, reference, seed=3) == drawn[3] != drawn[4]
    assert all(sample.sampled and sample.triples == 20_000 for sample in drawn)
    off = [(sample.scores.recall - exact.scores.recall) / sample.standard_error for sample in drawn]
    assert max(map(abs, off)) < 4
    assert 0.5 < sum(deviation**2 for deviation in off) / len(off) < 2  # neither too small nor too large an error
    for share in ("wrong", "unresolved", "left_alone"):
        assert getattr(drawn[0], share) == pytest.approx(getattr(exact, share), abs=0.03)


def test_nothing_to_resolve_has_no_standard_error():
    assert TripletAgreement(triples=5, found=1, reference=0, both=0, right=0, sampled=True).standard_error is None
