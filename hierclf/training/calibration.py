"""The last step of a fit: gate, operating point and the baseline's threshold, on images that nothing else saw.

Everything that is calibrated here belongs to the weights it was calibrated on.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hierclf.decisions import operating_point, rules
from hierclf.gates import Evidence, Gate, default_scores, fit_gate, msp_score
from hierclf.model import Model, Operation
from hierclf.settings import Settings
from hierclf.training.choices import gate_scores
from hierclf.training.negatives import MadeEmbeddings
from hierclf.training.preparation import Prepared

# n known images, m images of other, B images, D embedding, L leaves

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
) -> tuple[Model, tuple[str, ...]]:
    """Gate, operating point and the baseline's threshold for a model whose backbone and heads are done.

    Args:
        model: backbone, head and baseline; its gate, operating point and thresholds are replaced.
        embedding_nD: what its backbone makes of the known images, in the order of the prepared set.
        other_mD: the same for images of other, or None.
        prepared: what each image is and what it is kept for.
        settings: of the gate and the rule.
        made: negatives that were made of the known images, or None.

    Returns:
        The finished model, and what could not be promised, in sentences.

    Raises:
        HierclfError: a setting, or too few images for a score.
    """
    gate = _gate(model, embedding_nD, other_mD, prepared, settings, made)
    notes = [gate.promise.sentence] if gate is not None and not gate.promise.holds else []
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


def _gate(
    model: Model,
    embedding_nD: Tensor,
    other_mD: Tensor | None,
    prepared: Prepared,
    settings: Settings,
    made: MadeEmbeddings | None,
) -> Gate | None:
    chosen = gate_scores(settings.gate)
    if chosen is None:
        return None
    slot_n = model.plan.leaf_slot_N[torch.from_numpy(prepared.label_n)]
    fit, tune, calibration = (
        _evidence(model, embedding_nD[rows], slot_n[rows])
        for rows in map(torch.from_numpy, (prepared.parts.fit, prepared.parts.tune, prepared.parts.calibration))
    )
    other = None
    if other_mD is not None and prepared.kind_m is not None:
        other = _evidence(model, other_mD, torch.from_numpy(prepared.kind_m))
    return fit_gate(
        fit,
        tune,
        calibration,
        scores=chosen or (made.scores if made else _usual_scores(model, other=other is not None)),
        generator=torch.Generator().manual_seed(settings.seed),
        other=other,
        made=None if made is None else _evidence(model, made.embedding_MD, made.kind_M),
        combine=settings.combine,
        keep=settings.keep,
    )


def _usual_scores(model: Model, *, other: bool) -> tuple[str, ...]:
    usual = default_scores(other=other)
    if model.backbone is None and "mahalanobis" not in usual:
        return ("mahalanobis", *usual)  # given embeddings may differ in length as well as in direction
    return usual


def _evidence(model: Model, embedding_BD: Tensor, label_B: Tensor) -> Evidence:
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
