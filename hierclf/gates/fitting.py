"""A gate at the root from images: its scores, its maps, its threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator

from hierclf.errors import DataError
from hierclf.gates.combination import PValueMap, combinations
from hierclf.gates.evidence import Evidence
from hierclf.gates.gate import Gate, GatePart, unique_names
from hierclf.gates.guarantee import Average, checked_keep
from hierclf.gates.score import build_score

ScoreChoice = str | tuple[str, Mapping[str, Any]]


def fit_gate(
    fit: Evidence,
    tune: Evidence,
    calibration: Evidence,
    *,
    scores: Sequence[ScoreChoice],
    generator: Generator,
    other: Evidence | None = None,
    made: Evidence | None = None,
    combine: str = "fisher",
    keep: float = 0.95,
) -> Gate:
    """A calibrated gate at the root.

    Args:
        fit: known images that the scores learn from, with labels.
        tune: other known images, at least one, that the p-value maps are fitted on (split A).
        calibration: further known images, used for the threshold alone (split B). Below
            `minimum_calibration_size` of them nobody is ever turned away, and the gate's `promise` says so.
        scores: names, or pairs of a name and its options.
        generator: the source of randomness.
        other: images of other to learn from, for the scores that can.
        made: negatives that were made of known images, for the score ``made``.
        combine: ``"fisher"``, ``"mean"`` or ``"max"``.
        keep: share of known images that must not be turned away, above 0 and below 1.

    Returns:
        The gate.

    Raises:
        UnknownName: when there is no such score or combination.
        ConfigError: when no score is named, one is named twice, or it has no such option.
        DataError: when a set lacks images or holds NaN or infinity, or a score needs images of other.
        CalibrationError: when `keep` is out of range.

    >>> known, generator = torch.randn(400, 8, generator=torch.Generator().manual_seed(0)), torch.Generator()
    >>> fit, tune, calibration = (Evidence(part, part[:, :2]) for part in known.split([200, 100, 100]))
    >>> gate = fit_gate(fit, tune, calibration, scores=("mahalanobis++", "knn"), generator=generator)
    >>> gate.promise.sentence[:46], float(gate.alpha)
    ('At most 5 % of known images are turned away (c', 0.05)
    """
    chosen = [(choice, {}) if isinstance(choice, str) else (choice[0], dict(choice[1])) for choice in scores]
    unique_names([name for name, _ in chosen])
    combinations[combine]
    keep = checked_keep(keep)
    if len(tune) == 0:
        raise DataError("expected known images to fit the gate's p-values on (split A), got none")
    parts = []
    for name, options in chosen:
        score = build_score(name, **options).fit(fit, generator, made if name == "made" else other)
        parts.append(GatePart(name, options, score, PValueMap.fit(score(tune))))
    shape = (fit.embedding_BD.shape[1], fit.logits_BC.shape[1])
    nobody = Average(keep=keep, scores=torch.empty(0, dtype=torch.float64))
    gate = Gate(parts=tuple(parts), combine=combine, shape=shape, guarantee=nobody)
    return gate.recalibrated(gate.score(calibration))


def default_scores(*, other: bool, trained: bool = False, crowded: bool = False) -> tuple[str, ...]:
    """The scores that suit most models, when the user names none.

    Args:
        other: whether images of other are at hand that no backbone has learnt from; they add the outlier head, never
            replace a one-class score.
        trained: whether the backbone was trained on the known images.
        crowded: whether there are so many classes that they leave few directions of the embedding to anything else.

    Returns:
        Names of scores, always with an absolute distance among them: scores of the logits accept far images, and a
        relative distance ranks them as the most known.

        On features that are left as they are, the nearest neighbours with the generalised entropy of the class
        probabilities noticed held-out classes of photographs best, near ones for the entropy and far ones for the
        neighbours; on glyphs and garments they were level with two distances. Training draws the images of a class
        together, until a Gaussian of them says little about what else there is, while the directions that no class uses
        still show what does not belong: there the nearest neighbours with ViM, which reads these, were the best pair on
        held-out classes of four of five sets. On the fifth a hundred classes leave no such directions, and ViM did
        harm; there one-class machines of the classes take its place, which know how far each class reaches.
    """
    second = "gen" if not trained else "one_class_svm_per_class" if crowded else "vim"
    one_class = ("knn", second)
    return (*one_class, "outlier") if other else one_class
