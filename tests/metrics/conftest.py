"""A taxonomy's tables and random images to judge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hierclf.dag import DagPlan, compile_plan, membership_of_leaves
from hierclf.metrics import Ancestry
from hierclf.taxonomy import Taxonomy


@pytest.fixture
def plan(taxonomy: Taxonomy) -> DagPlan:
    return compile_plan(taxonomy)


@pytest.fixture
def ancestry(plan: DagPlan) -> Ancestry:
    return Ancestry.from_plan(plan)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def log_probs_BN(plan: DagPlan, random: np.random.Generator) -> np.ndarray:
    """Memberships of 60 images; rounded, so that thresholds tie."""
    leaf_BL = random.dirichlet(np.full(plan.num_leaves, 0.5), size=60).round(1) + 1e-3
    leaf_BL /= leaf_BL.sum(axis=1, keepdims=True)
    return membership_of_leaves(torch.from_numpy(leaf_BL).log(), plan).numpy()
