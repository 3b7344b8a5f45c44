"""The last step of a fit: gate, operating point and the baseline's threshold, on images that nothing else saw.

Everything that is calibrated here belongs to the weights it was calibrated on.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hierclf.decisions import operating_point, rules
from hierclf.gates import Evidence, Gate, msp_score
from hierclf.heads import Head
from hierclf.model import Model, Operation
from hierclf.settings import Settings
from hierclf.training.choices import level_weights
from hierclf.training.gate_images import GateImages
from hierclf.training.gating import build_gate
from hierclf.training.negatives import MadeEmbeddings
from hierclf.training.preparation import Prepared
from hierclf.training.score_choice import crowds, usual_root_scores

# n known images, m images of other, B images, D embedding, L leaves

FEWEST_FOR_SURPRISE = 20
"""Known images of split A without which nobody can tell what is rare among them."""

USUAL_POINT = 0.5
"""Where a rule works when nothing was calibrated."""


def calibrate_model(
    model: Model,
    embedding_nD: Tensor,
    other_mD: Tensor | None,
    prepared: Prepared,
    settings: Settings,
    *,
    made: MadeEmbeddings | None = None,
    earlier: Head | None = None,
    trained: bool = False,
) -> tuple[Model, tuple[str, ...]]:
    """Gate, operating point and the baseline's threshold for a model whose backbone and heads are done.

    Args:
        model: backbone, head and baseline; its gate, operating point and thresholds are replaced.
        embedding_nD: what its backbone makes of the known images, in the order of the prepared set.
        other_mD: the same for images of other, or None.
        prepared: what each image is and what it is kept for.
        settings: of the gate and the rule.
        made: negatives that were made of the known images, or None.
        earlier: the head before it learnt from the images of split A, or None where it has not.
        trained: whether the backbone was trained on these images.

    Returns:
        The finished model, and what could not be promised, in sentences.

    Raises:
        HierclfError: a setting, or too few images for a score.
    """
    images = _gate_images(model, embedding_nD, other_mD, prepared, made, earlier, trained)
    usual = usual_root_scores(
        settings,
        level_weights(settings, prepared.taxonomy),
        other=images.other is not None,
        trained=trained,
        given=model.backbone is None,
        crowded=crowds(images.classes, embedding_nD.shape[1]),
    )
    if made is not None and made.scores:
        usual = made.scores
    gate = build_gate(images, settings, usual)
    notes = [] if gate is None else _estimates(gate, trained)
    if gate is not None and (not gate.promise.holds or settings.promise == "per_class"):
        notes.append(gate.promise.sentence)
    if gate is not None and settings.promise == "none" and len(images.tune) < FEWEST_FOR_SURPRISE:
        notes.append(
            f"What is usual among known images was learnt from {len(images.tune)} of them; with so few, most images "
            "may seem new. Add known images, or ask for a promise."
        )
    calibration = torch.from_numpy(prepared.parts.calibration)
    label_n = torch.from_numpy(prepared.label_n)
    operation = _operation(model, embedding_nD[calibration], label_n[calibration], settings)
    if operation.correct is None and settings.correct is not None and _has_point(settings):
        notes.append(
            f"{len(calibration)} calibration images are too few to promise {100 * settings.correct:.6g} % correct "
            f"answers; the rule {settings.rule!r} works at {operation.point:g} without a promise."
        )
    scores = _msp(model, embedding_nD[calibration]).sort().values
    baseline = replace(model.baseline, calibration_scores=scores)
    return replace(model, gate=gate, operation=operation, baseline=baseline), tuple(notes)


def _gate_images(
    model: Model,
    embedding_nD: Tensor,
    other_mD: Tensor | None,
    prepared: Prepared,
    made: MadeEmbeddings | None,
    earlier: Head | None,
    trained: bool,
) -> GateImages:
    """What the gates learn from."""
    fit, tune, calibration = (
        torch.from_numpy(rows) for rows in (prepared.parts.fit, prepared.parts.tune, prepared.parts.calibration)
    )
    logits_nL = _evidence(model, embedding_nD).logits_BC
    if earlier is not None:  # the head has learnt from split A since
        before = replace(model, head=earlier)
        logits_nL = logits_nL.index_copy(0, tune, _evidence(before, embedding_nD[tune]).logits_BC)
    other = None
    if other_mD is not None and prepared.kind_m is not None:
        other = _evidence(model, other_mD, torch.from_numpy(prepared.kind_m))
    return GateImages(
        plan=model.plan,
        embedding_nD=embedding_nD,
        logits_nL=logits_nL,
        label_n=torch.from_numpy(prepared.label_n),
        fit=fit,
        tune=tune,
        calibration=calibration,
        frozen=not trained,
        other=other,
        made=None if made is None else _evidence(model, made.embedding_MD, made.kind_M),
    )


def _estimates(gate: Gate, trained: bool) -> list[str]:
    """What leave-one-child-out expects of the gates, in a sentence or two."""
    inner = [one for one in gate.detections if one.node != gate_root(gate)]
    told = [one.sentence for one in gate.detections if one.node == gate_root(gate)]
    if len(inner) == 1:
        told.append(inner[0].sentence)
    elif inner:
        mean = sum(one.auroc for one in inner) / len(inner)
        worst = min(inner, key=lambda one: one.auroc)
        told.append(f"{len(inner)} inner nodes: mean AUROC {mean:.2f}; least at {worst.sentence}")
    if not told:
        return []
    flatters = " The backbone was trained on these classes, so new ones will be noticed less well." if trained else ""
    return [f"How well newcomers should be noticed, by leaving children out: {'. '.join(told)}.{flatters}"]


def gate_root(gate: Gate) -> str:
    """The name of the root, or nothing for a gate that knows of no nodes."""
    return gate.plan.nodes[0] if gate.plan is not None else ""


def _evidence(model: Model, embedding_BD: Tensor, label_B: Tensor | None = None) -> Evidence:
    with torch.no_grad():
        logits_BL = model.head.leaf_scores(model.logits(embedding_BD))
    return Evidence(embedding_BD, logits_BL, label_B)


def _has_point(settings: Settings) -> bool:
    return settings.point is None and rules[settings.rule].careful is not None


def _operation(model: Model, embedding_BD: Tensor, label_B: Tensor, settings: Settings) -> Operation:
    """The rule's operating point: given, or calibrated so that answers are correct or an ancestor often enough."""
    if not _has_point(settings) or settings.correct is None:
        return Operation(rule=settings.rule, point=USUAL_POINT if settings.point is None else settings.point)
    log_probs_BN = model.read(embedding_BD).node_log_probs_BN
    point = operating_point(settings.rule, log_probs_BN, label_B, model.plan, correct=settings.correct)
    if point is None:
        return Operation(rule=settings.rule, point=USUAL_POINT)
    return Operation(rule=settings.rule, point=point, correct=settings.correct, calibrated_on=len(label_B))


def _msp(model: Model, embedding_BD: Tensor) -> Tensor:
    with torch.no_grad():
        return msp_score(model.flat_logits(embedding_BD))
