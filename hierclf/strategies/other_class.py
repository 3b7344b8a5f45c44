"""What most people try first: one more class, "other", in the softmax.

The network is trained on the known classes and "other" side by side. Its answer is then read as two: which class it
is, given that it is known (the softmax over the known classes alone), and how much speaks for "other" (the log odds of
that class against all others). The second is a gate score like any other and gets the same conformal threshold, so the
strategy makes the same promise as every other one and can be compared with them.

What people do about its being broad and of another size than the classes are rows of their own: weights by class,
over- and under-sampling, batches in which every class is there equally often. "other" counts as a class in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hierclf.classifier import KEEP, HierarchicalClassifier
from hierclf.dag import DagPlan, compile_plan
from hierclf.data import ImageSet, join_sets
from hierclf.errors import ConfigError
from hierclf.gates import Average, Evidence, Gate, GatePart, PValueMap, load_score, msp_score
from hierclf.heads import FlatHead
from hierclf.model import Baseline, Model, Operation
from hierclf.strategies.strategy import Strategy
from hierclf.taxonomy import Taxonomy
from hierclf.training.fit import Fitted
from hierclf.training.parts import Parts
from hierclf.training.preparation import Prepared

# B images, D embedding, L known leaves, O all leaves, "other" among them

FIXED: dict[str, Any] = {
    "head": "flat",
    "gate": "none",
    "rule": "leaf",
    "level_weights": "leaf",
    "loss": "hierarchical",
}
"""What makes this strategy; none of it may be set otherwise."""

PROMISE = "average"


def fit_with_other_class(
    taxonomy: Taxonomy | None, images: Any, other: Any, settings: Mapping[str, Any], **training: Any
) -> HierarchicalClassifier:
    """A flat classifier with one more class, turned into one on the taxonomy whose gate is that class.

    Args:
        taxonomy: the known classes; None puts those of the images side by side.
        images: labelled images of them.
        other: images of other.
        settings: of `HierarchicalClassifier`; ``class_weights`` counts "other" as a class.
        training: see `Strategy.fit`.

    Raises:
        ConfigError: a setting that the strategy itself decides, another promise, or no images of other.
    """
    taken = [name for name in FIXED if name in settings and settings[name] != FIXED[name]]
    if taken:
        raise ConfigError(f"the class 'other' decides {taken[0]!r} itself; leave this setting out")
    if other is None:
        raise ConfigError("a class 'other' needs images of other to learn from")
    narrow = HierarchicalClassifier(taxonomy, **{**settings, **FIXED, "gate": ["outlier"], "class_weights": None})
    prepared = narrow.prepare(images, other=other)
    taxonomy = prepared.taxonomy
    promise = settings.get("promise", taxonomy.promise or PROMISE)
    if promise != PROMISE:
        raise ConfigError(f"the class 'other' makes the promise {PROMISE!r} alone, not {promise!r}")
    name = next(word for word in ("other", "none of these", "not a class") if word not in taxonomy)
    wider = replace(taxonomy, edges=(*taxonomy.edges, (taxonomy.root, name)), other=(), level_weights=None)
    together = side_by_side(prepared, wider, name, seed=narrow.seed)
    trained = HierarchicalClassifier(wider, **{**settings, **FIXED}).fit_prepared(together, **training)
    fitted = _apart(trained, taxonomy, known=len(prepared.label_n))
    model = _narrowed(trained, prepared, fitted, settings.get("keep", taxonomy.keep or KEEP))
    said = {**settings, **FIXED, "gate": ["outlier"]}
    narrowed = HierarchicalClassifier.from_model(model, notes=trained.notes_, **said)
    narrowed.log_, narrowed.favoured_ = trained.log_, trained.favoured_
    narrowed.prepared_, narrowed.fitted_ = prepared, replace(fitted, model=model)
    return narrowed


def side_by_side(prepared: Prepared, wider: Taxonomy, name: str, *, seed: int) -> Prepared:
    """Known images and those of other as one set, in this order; the known ones stay what they are kept for.

    The promise speaks of known images alone, so no image of other is set aside for it: a tenth of them joins the images
    for choices, and all others are learnt from.
    """
    strangers = prepared.other
    assert isinstance(prepared.images, ImageSet)
    if not isinstance(strangers, ImageSet):
        raise ConfigError("a class 'other' needs images of other to learn from")
    known = len(prepared.label_n)
    shuffled = np.random.default_rng([seed, 0x07E2]).permutation(len(strangers)) + known
    chosen = len(strangers) // 10
    node_N = np.array([wider.index(node) for node in prepared.taxonomy.nodes])
    return replace(
        prepared,
        taxonomy=wider,
        images=join_sets([prepared.images, replace(strangers, labels=(name,) * len(strangers), classes=())]),
        label_n=np.concatenate([node_N[prepared.label_n], np.full(len(strangers), wider.index(name))]),
        parts=Parts(
            fit=np.concatenate([prepared.parts.fit, np.sort(shuffled[chosen:])]),
            tune=np.concatenate([prepared.parts.tune, np.sort(shuffled[:chosen])]),
            calibration=prepared.parts.calibration,
        ),
        other=None,
        kind_m=None,
        kinds=(),
    )


def _apart(trained: HierarchicalClassifier, taxonomy: Taxonomy, *, known: int) -> Fitted:
    """What was learnt, the images of other told apart from the known ones, which come first."""
    fitted, earlier = trained.fitted_, trained.fitted_.earlier
    return replace(
        fitted,
        embedding_nD=fitted.embedding_nD[:known],
        other_mD=fitted.embedding_nD[known:],
        earlier=None if earlier is None else _known_part(earlier, fitted.model.plan, compile_plan(taxonomy)),
    )


def _narrowed(trained: HierarchicalClassifier, prepared: Prepared, fitted: Fitted, keep: float) -> Model:
    """The model on the known classes: their part of the head, and the class "other" as its gate."""
    wide, plan = trained.model_, compile_plan(prepared.taxonomy)
    head, baseline = (_known_part(part, wide.plan, plan) for part in (wide.head, wide.baseline.head))

    def evidence(places: np.ndarray) -> Evidence:
        embedding_BD = fitted.embedding_nD[torch.from_numpy(places)].to(head.linear.weight.dtype)
        return Evidence(embedding_BD, head(embedding_BD))

    tune, calibration = evidence(prepared.parts.tune), evidence(prepared.parts.calibration)
    assert isinstance(wide.head, FlatHead)
    is_other_O = torch.tensor([wide.plan.nodes[node] not in plan.taxonomy for node in wide.plan.leaf_L.tolist()])
    linear = wide.head.linear
    learnt = {"weight": linear.weight.double(), "bias": linear.bias.double(), "is_other": is_other_O}
    score = load_score("outlier", {}, learnt)
    part = GatePart("outlier", {}, score, PValueMap.fit(score(tune)))
    nobody = Average(keep=keep, scores=torch.empty(0, dtype=torch.float64))
    gate = Gate(parts=(part,), combine="fisher", shape=(wide.in_features, plan.num_leaves), guarantee=nobody)
    return Model(
        plan=plan,
        backbone=wide.backbone,
        head=head,
        gate=gate.recalibrated(gate.score(calibration)),
        operation=Operation(rule="leaf"),
        baseline=Baseline(head=baseline, calibration_scores=_msp(baseline, calibration.embedding_BD)),
        in_features=wide.in_features,
    )


def _known_part(head: object, wide: DagPlan, narrow: DagPlan) -> FlatHead:
    """The rows of a flat head that speak for the known leaves, in their own order."""
    assert isinstance(head, FlatHead)
    row_of = {wide.nodes[node]: row for row, node in enumerate(wide.leaf_L.tolist())}
    rows_L = torch.tensor([row_of[narrow.nodes[node]] for node in narrow.leaf_L.tolist()])
    part = FlatHead(head.linear.weight.shape[1], narrow).to(head.linear.weight.dtype)
    part.load_state_dict({"linear.weight": head.linear.weight[rows_L], "linear.bias": head.linear.bias[rows_L]})
    part.requires_grad_(False).eval()
    return part


def _msp(head: FlatHead, embedding_BD: Tensor) -> Tensor:
    return msp_score(head(embedding_BD).double()).sort().values


def with_other_class(title: str, class_weights: str | None = None) -> Strategy:
    """A flat softmax with one more class, and something done about its size."""
    return Strategy(
        title=f"flat softmax + class 'other'{title}",
        fit_with=fit_with_other_class,
        settings={"embedding_loss": None, "refit_head": False}
        | ({} if class_weights is None else {"class_weights": class_weights}),
        needs_other=True,
        gate_is_free=False,
    )


RECIPES = {
    "flat_other_class": with_other_class(""),
    "flat_other_class_weighted": with_other_class(", weighted", "balanced"),
    "flat_other_class_oversampled": with_other_class(", over-sampled", "oversample"),
    "flat_other_class_undersampled": with_other_class(", under-sampled", "undersample"),
    "flat_other_class_balanced_batches": with_other_class(", balanced batches", "balanced_batches"),
}
