from __future__ import annotations

import numpy as np
import pytest

from hierclf.dag import compile_plan
from hierclf.errors import DataError
from hierclf.evaluation.evidence import label_nodes
from tests.conftest import STAR


def test_labels_become_node_ids_and_other_stays_minus_one():
    labels = label_nodes([0, 3, -1], compile_plan(STAR), 3)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 3, -1]


@pytest.mark.parametrize("label", [-2, 4])
def test_labels_that_are_no_nodes_are_refused(label):
    with pytest.raises(DataError, match=f"node ids below 4, or -1 for other; got {label} to {label}"):
        label_nodes([label], compile_plan(STAR), 1)
