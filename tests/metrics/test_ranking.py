from __future__ import annotations

import numpy as np
import pytest

from hierclf.errors import DataError
from hierclf.metrics import best_leaves


@pytest.mark.parametrize("count", [1, 3, 100])
@pytest.mark.parametrize("cells", [1, 1 << 22])
def test_ranking_equals_a_stable_sort(ancestry, random, count, cells, monkeypatch):
    monkeypatch.setattr("hierclf.metrics.ranking.CELLS_AT_ONCE", cells)
    log_probs = -random.integers(0, 3, size=(20, ancestry.num_nodes)).astype(float)
    log_probs[log_probs == -2] = -np.inf
    slow = np.array([sorted(ancestry.leaf_L, key=lambda leaf: -row[leaf])[:count] for row in log_probs])
    np.testing.assert_array_equal(best_leaves(log_probs, ancestry, count), slow)


def test_no_images_have_no_best_leaves(ancestry):
    assert best_leaves(np.empty((0, ancestry.num_nodes)), ancestry).shape == (0, 1)


def test_a_wrong_shape_is_refused(ancestry):
    with pytest.raises(DataError, match="expected log-probabilities of shape"):
        best_leaves(np.zeros((2, ancestry.num_nodes + 1)), ancestry)
