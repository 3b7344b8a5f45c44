"""What a report may tell beside its numbers: the data, the training and how the run was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hierclf.taxonomy import Taxonomy


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """Facts of a run, each optional; a report says nothing about what is not given.

    Args:
        taxonomy: what may be recognised; an evaluation's report knows its own.
        counts: images in the training data per class, in the order to show.
        assumptions: sentences about what was assumed, such as a flat taxonomy taken from the folders.
        skipped: pairs of an image's name and the reason why it was left out.
        history: the rows of ``metrics.jsonl``: one mapping per epoch, numbers by name.
        known_scores: unknown scores of the calibration images, any array of numbers.
        other_scores: the same of images of other that were held out.
        threshold: the gate's threshold on those scores.
        alpha: the share of known images that may be turned away.
        metrics: held-out metrics by the names that an evaluation uses, for a report made right after training.
        made: how the run was made, text by label: command, version, seed, device, and so on.
    """

    taxonomy: Taxonomy | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    assumptions: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()
    history: Sequence[Mapping[str, Any]] = ()
    known_scores: Any = None
    other_scores: Any = None
    threshold: float | None = None
    alpha: float | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
