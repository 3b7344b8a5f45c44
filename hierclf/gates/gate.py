"""The gate: known or other, with a promise about how many known images it turns away.

A gate is put together from four sets of images that share none:

* **fit**: known images (and other, where there are any) that its scores learn from;
* **tune** (split A): known images that each score's p-value map is fitted on;
* **calibration** (split B): known images that nothing else has seen; they alone set the threshold;
* whatever comes later, for which the promise is made.

The promise is about known images: at most a share α of them is turned away, for any scores. How many unknown images
are noticed cannot be promised by anybody, since nobody knows what they will look like.

B images, G scores, n calibration images
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import torch
from torch import Generator, Tensor

from hierclf.errors import BundleError, CalibrationError, ConfigError, DataError, HierclfError
from hierclf.gates.combination import PValueMap, combinations
from hierclf.gates.evidence import Evidence
from hierclf.gates.promise import GatePromise
from hierclf.gates.score import FittedScore, build_score, load_score
from hierclf.promises.conformal import conformal_threshold, p_values, raised, sorted_scores

LARGEST = 1_000_000  # size of an embedding or of the logits that a stored gate is believed to read

ScoreChoice = str | tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class GatePart:
    """One score of a gate: what it is called, how it was set, what it learnt and how rare its values are."""

    name: str
    options: Mapping[str, Any]
    score: FittedScore
    surprise: PValueMap


@dataclass(frozen=True, eq=False)
class Gate:
    """Known or other, by several scores and one conformal threshold.

    Args:
        parts: the scores, at least one.
        combine: name of the combination.
        calibration_scores: combined scores of the calibration images, ascending, float64, shape ``(n,)``.
        keep: share of known images that must not be turned away.
        shape: sizes ``(D, C)`` of the embedding and of the logits that the gate reads.
    """

    parts: tuple[GatePart, ...]
    combine: str
    calibration_scores: Tensor
    keep: float
    shape: tuple[int, int]

    @property
    def alpha(self) -> float:
        """Largest share of known images that may be turned away."""
        return float(1 - Fraction(repr(float(self.keep))))

    @cached_property
    def threshold(self) -> float:
        """The combined score above which an image is turned away; infinity where there are too few images."""
        return conformal_threshold(raised(self.calibration_scores), self.alpha)

    @property
    def promise(self) -> GatePromise:
        """What may be expected of this gate."""
        return GatePromise(self.alpha, len(self.calibration_scores))

    def components(self, evidence: Evidence) -> dict[str, Tensor]:
        """Each score's own opinion, larger = more unknown.

        Args:
            evidence: any number of images, none included.

        Returns:
            Raw scores by name, each float64 on the CPU, shape ``(B,)``.

        Raises:
            DataError: when sizes differ from those that the gate was fitted on, or a row holds NaN or infinity.
        """
        came = (evidence.embedding_BD.shape[1], evidence.logits_BC.shape[1])
        if came != self.shape:
            raise DataError(
                f"expected embeddings of {self.shape[0]} numbers and {self.shape[1]} logits, as the gate was fitted "
                f"on, got {came[0]} and {came[1]}"
            )
        return {part.name: part.score(evidence) for part in self.parts}

    def combined(self, components: Mapping[str, Tensor]) -> Tensor:
        """One score from the raw ones: each goes through its p-value map, then they are combined; shape ``(B,)``."""
        surprise_BG = torch.stack([part.surprise(components[part.name]) for part in self.parts], dim=1)
        return combinations[self.combine](surprise_BG)

    def score(self, evidence: Evidence) -> Tensor:
        """How unknown each image looks, larger = more unknown, float64 on the CPU, shape ``(B,)``."""
        return self.combined(self.components(evidence))

    def p_value(self, evidence: Evidence) -> Tensor:
        """Conformal p-value per image, float64, shape ``(B,)``; turn it away if and only if it is at most `alpha`."""
        return self.p_value_of(self.score(evidence))

    def p_value_of(self, score_B: Tensor) -> Tensor:
        """Conformal p-values of combined scores, see `p_value`; rounding tells no image from itself, see `raised`."""
        return p_values(raised(self.calibration_scores), score_B)

    def recalibrated(self, calibration_scores: Tensor, keep: float | None = None) -> Gate:
        """The same scores with another calibration set or another share to keep.

        Args:
            calibration_scores: combined scores (`score`) of known images used for nothing else, shape ``(n,)``.
            keep: share of known images that must not be turned away; None leaves it as it is.

        Raises:
            CalibrationError: when `keep` is out of range or a score is NaN.
        """
        keep = self.keep if keep is None else keep
        return replace(self, calibration_scores=sorted_scores(calibration_scores), keep=checked_keep(keep))

    def tensors(self) -> dict[str, Tensor]:
        """Everything that the gate learnt, under flat names, ready for safetensors."""
        stored = {"calibration_scores": self.calibration_scores}
        for place, part in enumerate(self.parts):
            for name in ("knots", "surprise", "scale"):
                stored[f"{place}.map.{name}"] = getattr(part.surprise, name)
            stored |= {f"{place}.score.{name}": values for name, values in part.score.tensors().items()}
        return {name: values.contiguous() for name, values in stored.items()}

    def settings(self) -> dict[str, Any]:
        """Everything else, as JSON can hold it."""
        return {
            "scores": [{"name": part.name, "options": dict(part.options)} for part in self.parts],
            "combine": self.combine,
            "keep": self.keep,
            "shape": list(self.shape),
        }

    @classmethod
    def from_parts(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Gate:
        """The gate that gave these `settings` and `tensors`.

        Raises:
            BundleError: when they are not whole, not finite, or do not fit each other.
        """
        try:
            gate = cls._assembled(settings, tensors)
            size, classes = gate.shape
            if not (0 < size <= LARGEST and 0 < classes <= LARGEST):
                raise BundleError(f"the stored gate reads {size} numbers and {classes} logits, which no model gives")
            blank = gate.score(Evidence(torch.zeros(1, size), torch.zeros(1, classes)))
        except BundleError:
            raise
        except (HierclfError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise BundleError(f"the stored gate's settings and tensors do not belong together ({error})") from error
        if not blank.isfinite().all():
            raise BundleError("the stored gate gives a score that is not finite; its tensors are damaged")
        return gate

    @classmethod
    def _assembled(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Gate:
        parts = []
        for place, stored in enumerate(settings["scores"]):
            score = load_score(stored["name"], stored["options"], under(f"{place}.score.", tensors))
            surprise = PValueMap(**under(f"{place}.map.", tensors)).checked()
            parts.append(GatePart(stored["name"], dict(stored["options"]), score, surprise))
        size, classes = settings["shape"]
        calibration_scores = sorted_scores(tensors["calibration_scores"])
        unique_names([part.name for part in parts])
        combinations[settings["combine"]]
        keep = checked_keep(settings["keep"])
        return cls(tuple(parts), settings["combine"], calibration_scores, keep, (int(size), int(classes)))


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
    """A calibrated gate.

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
    gate = Gate(tuple(parts), combine, torch.empty(0, dtype=torch.float64), keep, shape)
    return gate.recalibrated(gate.score(calibration))


def default_scores(*, other: bool) -> tuple[str, ...]:
    """The scores that suit most models, when the user names none.

    Args:
        other: whether images of other are at hand; they add the outlier head, never replace a one-class score.

    Returns:
        Names of scores, always with an absolute distance among them: scores of the logits accept far images, and a
        relative distance ranks them as the most known. The two distances together were the best pair, or close to it,
        on held-out classes of glyphs, digits and clothes, with pretrained networks and with small ones trained from
        scratch; scores of the logits rarely add to them.
    """
    one_class = ("mahalanobis++", "knn")
    return (*one_class, "outlier") if other else one_class


def checked_keep(keep: float) -> float:
    """The share to keep, if it lies between 0 and 1.

    Raises:
        CalibrationError: when it does not.
    """
    if not 0 < keep < 1:
        raise CalibrationError(
            f"expected keep (the share of known images not turned away) above 0 and below 1, got {keep}"
        )
    return float(keep)


def unique_names(names: Sequence[str]) -> None:
    """Refuse no score at all, and the same score twice.

    Raises:
        ConfigError: in these cases.
    """
    if not names:
        raise ConfigError("expected at least one gate score, got none; for instance scores=('mahalanobis++', 'knn')")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"expected each gate score once, got {', '.join(twice)} more than once")


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose name starts with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
