"""The best detector of pytorch-ood for these images, chosen without an image of other.

Known classes are left out in turn, on the images to learn from alone: each detector is fitted without them and asked
about them, and the mean AUROC decides. The test images have no say, so the row is what a careful user would get who
tries them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from hierclf.classifier import HierarchicalClassifier
from hierclf.dag import DagPlan
from hierclf.eigen import symmetric_eigen
from hierclf.errors import HierclfError
from hierclf.metrics import auroc
from hierclf.strategies.network import lessons
from hierclf.training.leave_one_out import KnownImages, root_episodes
from hierclf.training.quick_head import quick_head

# n images, D embedding, R directions

DETECTORS = ("Mahalanobis", "RMD", "ViM", "KNN", "fDBD", "EnergyBased", "MaxLogit", "MaxSoftmax", "GEN")
"""Those that are asked; the first where nothing can be left out."""

CANNOT_BE_FITTED = (HierclfError, ValueError, RuntimeError)
"""What a detector raises that wants more images than there are (50 neighbours, say)."""

DIRECTIONS = 384
"""To which embeddings are brought for the choice, the strongest ones: it fits dozens of covariances."""


def on_best_detector(trained: HierarchicalClassifier, gate: Mapping[str, Any]) -> HierarchicalClassifier:
    """The network of a fitted classifier behind the detector that notices left-out classes best.

    Args:
        trained: fitted in this process.
        gate: settings of the gate and the rule, but for the scores.
    """
    values = detector_aurocs(trained, DETECTORS)
    best = max(DETECTORS, key=lambda name: values.get(name, 0.0))
    finished = trained.refit_gate(**{**gate, "gate": [f"ood:{best}"]})
    told = ", ".join(f"{name} {values[name]:.3f}" for name in sorted(values, key=lambda name: -values[name]))
    why = f"AUROC on left-out classes: {told}" if told else "there were too few classes to leave any out"
    finished.notes_ = (*finished.notes_, f"pytorch-ood's {best} was chosen; {why}.")
    return finished


def detector_aurocs(trained: HierarchicalClassifier, detectors: Sequence[str]) -> dict[str, float]:
    """How well each detector tells left-out classes from known ones, the mean over the rounds.

    Args:
        trained: fitted in this process.
        detectors: names of pytorch-ood's.

    Returns:
        Nothing where there are too few classes to leave any out; without the detectors that cannot be fitted on so few
        images.
    """
    plan = trained.model_.plan
    learnt, chosen = lessons(trained)
    embedding_nD = torch.cat([learnt.embedding_nD, chosen.embedding_nD]).double()
    if embedding_nD.shape[1] > DIRECTIONS:
        centred_nD = embedding_nD - embedding_nD.mean(0)
        embedding_nD = embedding_nD @ symmetric_eigen(centred_nD.T @ centred_nD)[1][:, -DIRECTIONS:]
    images = KnownImages(
        embedding_nD=embedding_nD,
        label_n=plan.leaf_L[torch.cat([learnt.slot_n, chosen.slot_n])],
        learn_n=torch.arange(len(embedding_nD)) < len(learnt),
        frozen=not trained.fitted_.trained,
    )
    try:
        return _mean_aurocs(images, plan, detectors, trained.seed)
    except CANNOT_BE_FITTED:
        if len(detectors) == 1:
            return {}
    return {key: value for name in detectors for key, value in detector_aurocs(trained, [name]).items()}


def _mean_aurocs(images: KnownImages, plan: DagPlan, detectors: Sequence[str], seed: int) -> dict[str, float]:
    """The mean over the rounds; nothing where there are none."""
    choices = [(f"ood:{name}", dict[str, Any]()) for name in detectors]
    generator = torch.Generator().manual_seed(seed)
    episodes = root_episodes(images, plan, choices, partial(quick_head, plan=plan), generator)
    if not episodes:
        return {}
    values = [
        [auroc(known.numpy(), novel.numpy()) for known, novel in zip(one.known, one.novel, strict=True)]
        for one in episodes
    ]
    means = torch.tensor(values, dtype=torch.float64).mean(0).tolist()
    return dict(zip(detectors, means, strict=True))
