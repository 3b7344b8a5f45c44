from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from hierclf.discovery.agreement import common_leaf_sets, cophenetic, cophenetic_correlation, cross
from hierclf.discovery.agreement.cophenetic import weighted_ranks
from tests.discovery.agreement import reference as slow
from tests.discovery.agreement.shapes import BINARY, DAG_PAIRS, FLAT, PAIRS, REFERENCE, random_dag


@pytest.mark.parametrize(("found", "reference"), [*PAIRS, *DAG_PAIRS])
def test_correlations_are_those_of_all_pairs(found, reference):
    leaves = slow.common_leaves(found, reference)
    sizes = [
        [slow.closeness(slow.sets_of(taxonomy, leaves), *pair) for pair in combinations(leaves, 2)]
        for taxonomy in (found, reference)
    ]
    pair = common_leaf_sets(found, reference)
    for crossing in (cross(*pair), None):
        correlation = cophenetic_correlation(*pair, crossing)
        if min(len(set(size)) for size in sizes) == 1:
            assert correlation == (None, None)
        else:
            bits = np.log2(len(leaves) / np.array(sizes))
            assert correlation.pearson == pytest.approx(pearsonr(*bits).statistic)
            assert correlation.spearman == pytest.approx(spearmanr(*bits).statistic)


def test_a_star_has_no_correlation():
    for found, reference in ((FLAT, REFERENCE), (REFERENCE, FLAT), (FLAT, FLAT)):
        pair = common_leaf_sets(found, reference)
        assert cophenetic_correlation(*pair, cross(*pair)) == (None, None)
    pair = common_leaf_sets(BINARY, BINARY)
    assert cophenetic_correlation(*pair, cross(*pair)) == pytest.approx((1, 1))


def test_a_sample_of_pairs_comes_close(monkeypatch):
    pair = common_leaf_sets(random_dag(0, 60), random_dag(1, 60))
    exact = cophenetic_correlation(*pair, None)
    monkeypatch.setattr(cophenetic, "PAIRS_AT_MOST", 1700)
    drawn = cophenetic_correlation(*pair, None, seed=1)
    assert drawn == cophenetic_correlation(*pair, None, seed=1) != exact
    assert drawn == pytest.approx(exact, abs=0.1)


def test_ranks_are_those_of_the_repeated_values():
    random = np.random.default_rng(0)
    values, counts = random.integers(0, 6, size=20), random.integers(1, 5, size=20)
    repeated = rankdata(np.repeat(values, counts))
    starts = np.cumsum(counts) - counts
    np.testing.assert_allclose(weighted_ranks(values, counts), repeated[starts])
