"""From prepared images to a finished model.

Frozen backbone: embed once, fit the head, fit the gate. Fine-tuned backbone: train backbone and head together, then
embed and fit the gate on what they have become. Either way calibration comes last, on images that nothing else saw, and
everything that was calibrated belongs to the weights it was calibrated on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hierclf.backbones import Backbone, EmbeddingCache, choose_device
from hierclf.dag import DagPlan, compile_plan
from hierclf.data import ImageSet, class_balance
from hierclf.decisions import operating_point, rules
from hierclf.embedding import embed_images
from hierclf.errors import ConfigError, DataError
from hierclf.gates import Evidence, Gate, build_score, default_scores, fit_gate, msp_score
from hierclf.heads import Head, heads
from hierclf.losses import gate_weight, label_weights
from hierclf.model import Baseline, Model, Operation
from hierclf.progress import Progress, silent
from hierclf.settings import Settings
from hierclf.taxonomy import LevelWeights
from hierclf.training.fine_tune import Schedule, TrainingImages, TrainingState, fine_tune
from hierclf.training.linear import LabelledEmbeddings, fit_head
from hierclf.training.preparation import Prepared

# n known images, m images of other, D embedding, N nodes, L leaves, K nodes on the longest path

STEPS_FROM_SCRATCH, STEPS_FINE_TUNING = 3000, 800
FEWEST_EPOCHS, MOST_EPOCHS = 6, 60


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A model and how it came about.

    Args:
        model: ready to decide.
        embedding_nD: embeddings of the known images, in the order of the prepared set.
        other_mD: embeddings of other, or None.
        pretrained: whether the embeddings come from pretrained weights, or were given.
        log: one entry per epoch, empty for a frozen backbone.
        notes: what was chosen or could not be promised, in sentences.
    """

    model: Model
    embedding_nD: Tensor
    other_mD: Tensor | None
    pretrained: bool
    log: list[dict[str, float]]
    notes: tuple[str, ...]


def fit_model(
    prepared: Prepared,
    backbone: Backbone | None,
    settings: Settings,
    *,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
    state: TrainingState | None = None,
    on_epoch: Callable[[TrainingState], None] | None = None,
) -> Fitted:
    """Learn everything that a model needs.

    Args:
        prepared: what there is to learn from.
        backbone: the feature extractor; None when embeddings were prepared.
        settings: how.
        cache: embeddings by content, for a frozen backbone.
        progress: how to show how far it is.
        state: where an earlier training was cut off.
        on_epoch: called after each epoch of training with the state to resume from.

    Raises:
        ConfigError, DataError, CalibrationError: a setting or the images do not allow it; the message says what to do.
    """
    plan = compile_plan(prepared.taxonomy)
    generator = torch.Generator().manual_seed(settings.seed)
    weight_NK = label_weights(plan, _level_weights(settings, prepared), _node_weights(settings, prepared))
    rules[settings.rule]  # a typo is told before anything is learnt
    _score_choices(settings)
    label_n = torch.from_numpy(prepared.label_n)
    log: list[dict[str, float]] = []
    trained: Head | None = None
    if backbone is None:
        assert isinstance(prepared.images, Tensor)
        embedding_nD, other_mD, pretrained = prepared.images, prepared.other, True
        assert other_mD is None or isinstance(other_mD, Tensor)
    else:
        frozen = backbone.pretrained if settings.freeze is None else settings.freeze
        device = choose_device(settings.device)
        if frozen:
            backbone.freeze()
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(settings.seed)
                trained = _head(settings.head, backbone.dim, plan, generator)
            schedule = _schedule(settings, prepared, backbone)
            log = _train(backbone, trained, prepared, weight_NK, settings, schedule, device, progress, state, on_epoch)
            backbone.freeze()
        embedding_nD = _embed(backbone, prepared.images, settings, device, cache if frozen else None, progress)
        other_mD = None
        if prepared.other is not None:
            other_mD = _embed(backbone, prepared.other, settings, device, cache if frozen else None, progress)
        backbone.to("cpu")
        pretrained = frozen and backbone.pretrained
    float_nD = embedding_nD.float()
    leaf_NK = label_weights(plan, "leaf")
    baseline_head = _fit_on(
        _head("flat", embedding_nD.shape[1], plan, generator), float_nD, label_n, prepared, settings, leaf_NK
    )
    head = trained
    if head is None:
        fresh = _head(settings.head, embedding_nD.shape[1], plan, generator)
        same = settings.head == "flat" and torch.equal(weight_NK, leaf_NK)
        head = baseline_head if same else _fit_on(fresh, float_nD, label_n, prepared, settings, weight_NK)
    for part in (head, baseline_head):
        assert isinstance(part, nn.Module)
        part.requires_grad_(False).eval()
        if backbone is None:
            part.double()  # given embeddings may be float64, and a row must not depend on its batch
    ungated = Model(
        plan=plan,
        backbone=backbone,
        head=head,
        gate=None,
        operation=Operation(rule=settings.rule),
        baseline=Baseline(head=baseline_head, calibration_scores=torch.empty(0, dtype=torch.float64)),
        in_features=embedding_nD.shape[1],
    )
    model, notes = calibrate_model(ungated, embedding_nD, other_mD, prepared, settings, pretrained=pretrained)
    return Fitted(
        model=model, embedding_nD=embedding_nD, other_mD=other_mD, pretrained=pretrained, log=log, notes=notes
    )


def calibrate_model(
    model: Model,
    embedding_nD: Tensor,
    other_mD: Tensor | None,
    prepared: Prepared,
    settings: Settings,
    *,
    pretrained: bool,
) -> tuple[Model, tuple[str, ...]]:
    """The last step of a fit, when backbone and heads are done: gate, operating point, the baseline's threshold.

    Args:
        model: backbone, head and baseline; its gate, operating point and thresholds are replaced.
        embedding_nD: what its backbone makes of the known images, in the order of the prepared set.
        other_mD: the same for images of other, or None.
        prepared: what each image is and what it is kept for.
        settings: of the gate and the rule.
        pretrained: whether the embeddings come from pretrained weights, or were given.

    Returns:
        The finished model, and what was chosen or could not be promised, in sentences.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    label_n = torch.from_numpy(prepared.label_n)
    gate = _gate(model, embedding_nD, other_mD, prepared, settings, pretrained=pretrained, generator=generator)
    notes = [gate.promise.sentence] if gate is not None and not gate.promise.holds else []
    calibration = torch.from_numpy(prepared.parts.calibration)
    operation, more = _operation(model, embedding_nD[calibration], label_n[calibration], settings)
    scores = _msp(model.baseline.head, embedding_nD[calibration]).sort().values
    baseline = replace(model.baseline, calibration_scores=scores)
    return replace(model, gate=gate, operation=operation, baseline=baseline), (*notes, *more)


def _level_weights(settings: Settings, prepared: Prepared) -> LevelWeights:
    given = settings.level_weights if settings.level_weights is not None else prepared.taxonomy.level_weights
    if given is None:
        return "leaf"
    if isinstance(given, Mapping):
        if set(given) != {"decay"}:
            raise ConfigError(f"level_weights as a mapping is {{'decay': number}}, got {dict(given)!r}")
        return ("decay", given["decay"])
    if isinstance(given, str):
        return given
    if isinstance(given, Sequence):
        return tuple(given)
    raise ConfigError(f"level_weights is a rule, a list of numbers or {{'decay': number}}, got {given!r}")


def _node_weights(settings: Settings, prepared: Prepared) -> dict[str, float]:
    return dict(prepared.taxonomy.class_weights) | (settings.node_weights or {})


def _head(name: str, in_features: int, plan: DagPlan, generator: torch.Generator) -> Head:
    return heads[name](in_features, plan, generator=generator)  # type: ignore[return-value]  # a builder gives a module that is a head


def _image_weights(label_n: np.ndarray, settings: Settings, plan: DagPlan) -> tuple[np.ndarray, np.ndarray]:
    """Places to use and a weight for each, from ``class_weights``."""
    chosen = settings.class_weights
    if isinstance(chosen, dict):
        unknown = [name for name in chosen if name not in plan.taxonomy]
        if unknown:
            raise ConfigError(f"unknown class {unknown[0]!r} in class_weights (known: {', '.join(plan.nodes[:20])})")
        factor_N = np.ones(plan.num_nodes)
        for name, factor in chosen.items():
            factor_N[plan.taxonomy.index(name)] = factor
        return np.arange(len(label_n)), factor_N[label_n]
    how = {None: "none", "balanced": "weights"}.get(chosen, chosen)
    balance = class_balance(label_n, str(how), generator=np.random.default_rng(settings.seed))
    return balance.index, balance.weight


def _fit_on(
    head: Head, embedding_nD: Tensor, label_n: Tensor, prepared: Prepared, settings: Settings, weight_NK: Tensor
) -> Head:
    parts = []
    for places in (prepared.parts.fit, prepared.parts.tune):
        index, weight = _image_weights(prepared.label_n[places], settings, head.plan)
        rows = torch.from_numpy(places[index])
        weight_B = torch.from_numpy(weight).float() if settings.class_weights is not None else None
        parts.append(LabelledEmbeddings(embedding_BD=embedding_nD[rows], label_B=label_n[rows], weight_B=weight_B))
    fit_head(head, parts[0], parts[1], weight_NK.float())
    return head


def _schedule(settings: Settings, prepared: Prepared, backbone: Backbone) -> Schedule:
    count = len(prepared.parts.fit)
    batch_size = int(min(settings.batch_size, max(8, count // 8)))
    steps = STEPS_FINE_TUNING if backbone.pretrained else STEPS_FROM_SCRATCH
    epochs = settings.epochs or int(np.clip(round(steps * batch_size / count), FEWEST_EPOCHS, MOST_EPOCHS))
    return Schedule(
        epochs=epochs,
        batch_size=batch_size,
        head_rate=settings.head_rate,
        backbone_rate=settings.backbone_rate,
        weight_decay=settings.weight_decay,
        patience=settings.patience,
        augmentation=settings.augmentation,
        embedding_loss=settings.embedding_loss,
        embedding_weight=settings.embedding_weight,
        gate_weight=gate_weight(_level_weights(settings, prepared)),
        seed=settings.seed,
    )


def _train(
    backbone: Backbone,
    head: Head,
    prepared: Prepared,
    weight_NK: Tensor,
    settings: Settings,
    schedule: Schedule,
    device: torch.device,
    progress: Progress,
    state: TrainingState | None,
    on_epoch: Callable[[TrainingState], None] | None,
) -> list[dict[str, float]]:
    assert isinstance(prepared.images, ImageSet)
    assert prepared.other is None or isinstance(prepared.other, ImageSet)
    places = prepared.parts.fit
    labels = prepared.label_n[places]
    draw = None
    weight_n = None
    if settings.class_weights in ("oversample", "undersample"):
        how = str(settings.class_weights)
        draw = lambda source: class_balance(labels, how, generator=source).index  # noqa: E731
    elif settings.class_weights is not None:
        weight_n = torch.from_numpy(_image_weights(labels, settings, head.plan)[1]).float()
    other = None
    if prepared.other is not None and prepared.kind_m is not None:
        other = TrainingImages(images=prepared.other, label_n=torch.from_numpy(prepared.kind_m))
    held_out = prepared.parts.tune
    return fine_tune(
        backbone,
        head,
        TrainingImages(
            images=prepared.images.subset(places), label_n=torch.from_numpy(labels), weight_n=weight_n, draw=draw
        ),
        TrainingImages(images=prepared.images.subset(held_out), label_n=torch.from_numpy(prepared.label_n[held_out])),
        weight_NK.float(),
        schedule,
        other=other,
        device=device,
        workers=settings.workers,
        progress=progress,
        state=state,
        on_epoch=on_epoch,
    )


def _embed(
    backbone: Backbone,
    images: Any,
    settings: Settings,
    device: torch.device,
    cache: EmbeddingCache | None,
    progress: Progress,
) -> Tensor:
    embedded = embed_images(
        backbone, images, device=device, batch_size=64, workers=settings.workers, cache=cache, progress=progress
    )
    if embedded.errors:
        place, error = next(iter(embedded.errors.items()))
        raise DataError(f"{images.names[place]} could be read a moment ago and cannot any more: {error}")
    return embedded.embedding_nD


def _score_choices(settings: Settings) -> list[Any] | None:
    """The gate's scores as names or pairs (name, options), each known to exist; None leaves the choice to the gate."""
    given = settings.gate
    if given in (None, "none", "auto"):
        return None
    if isinstance(given, str):
        given = (given,)
    choices = [choice if isinstance(choice, str) else (str(choice[0]), dict(choice[1])) for choice in given]
    for choice in choices:
        build_score(choice) if isinstance(choice, str) else build_score(choice[0], **choice[1])
    return choices


def _evidence(model: Model, embedding_BD: Tensor, label_B: Tensor | None) -> Evidence:
    with torch.no_grad():
        logits_BL = model.head.leaf_scores(model.head(embedding_BD.to(model.dtype)))
    return Evidence(embedding_BD, logits_BL, label_B)


def _gate(
    model: Model,
    embedding_nD: Tensor,
    other_mD: Tensor | None,
    prepared: Prepared,
    settings: Settings,
    *,
    pretrained: bool,
    generator: torch.Generator,
) -> Gate | None:
    if settings.gate in (None, "none"):
        return None
    chosen = _score_choices(settings)
    if chosen is None:
        chosen = list(default_scores(pretrained=pretrained, other=other_mD is not None))
        if model.backbone is None:  # given embeddings may differ in length as well as in direction
            chosen.insert(0, "mahalanobis")
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
        scores=chosen,
        generator=generator,
        other=other,
        combine=settings.combine,
        keep=settings.keep,
    )


def _operation(model: Model, embedding_BD: Tensor, label_B: Tensor, settings: Settings) -> tuple[Operation, list[str]]:
    """The rule's operating point: given, or calibrated so that answers are correct or an ancestor often enough."""
    rule = rules[settings.rule]
    if rule.careful is None:
        return Operation(rule=settings.rule), []
    default = 0.5
    if settings.point is not None:
        return Operation(rule=settings.rule, point=settings.point), []
    if settings.correct is None:
        return Operation(rule=settings.rule, point=default), []
    log_probs_BN = model.read(embedding_BD).node_log_probs_BN
    point = operating_point(settings.rule, log_probs_BN, label_B, model.plan, correct=settings.correct)
    if point is None:
        note = (
            f"{len(label_B)} calibration images are too few to promise {100 * settings.correct:.6g} % correct answers; "
            f"the rule {settings.rule!r} works at {default:g} without a promise."
        )
        return Operation(rule=settings.rule, point=default), [note]
    return Operation(rule=settings.rule, point=point, correct=settings.correct, calibrated_on=len(label_B)), []


def _msp(head: Head, embedding_BD: Tensor) -> Tensor:
    assert isinstance(head, nn.Module)
    with torch.no_grad():
        return msp_score(head(embedding_BD.to(next(head.parameters()).dtype)).double())
