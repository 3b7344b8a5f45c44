"""One strategy on one protocol: learn, look at the test images once, measure.

The test images are handed out when everything is fixed: after training, calibration and all choices (see
`experiments.sealed`). Strategies that differ in their gate alone share a network (and what it makes of the test
images), so each pays for its gate; the time to fit that is reported counts the shared part in full, as if the strategy
had come alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.checksums import settings_checksum
from experiments.sealed import Exam, Judging, Lessons
from experiments.warming import Warmer
from hierclf.backbones import choose_device, default_cache, projection_of
from hierclf.classifier import HierarchicalClassifier
from hierclf.dag import DagPlan
from hierclf.embedding import Embedded
from hierclf.examination import Examination, judge
from hierclf.metrics import Ancestry, novelty_scores
from hierclf.progress import bars
from hierclf.reading import Reading
from hierclf.report.numbers import defined
from hierclf.strategies import Strategy

ABOUT_OTHER = (
    "n_other",
    "unknown_accepted",
    "unknown_accepted_at_95_known",
    "known_rejected_at_95_unknown",
    "auroc_other",
    "aupr_other",
    "aupr_known",
    "oscr",
    "ccr_at_fpr_0.001",
    "ccr_at_fpr_0.01",
    "ccr_at_fpr_0.1",
)
"""Metrics that are told for seen and for unseen other apart."""

# n images to judge on


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A fitted classifier, how long that took, and whether an earlier strategy has trained it."""

    classifier: HierarchicalClassifier
    fit_seconds: float
    shared: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What the backbone of a finished classifier makes of the images to judge on, and how long that took."""

    embedded: Embedded
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurement:
    """What one strategy came to.

    Args:
        classifier: fitted.
        examination: of all test images at once: the report behind the page.
        metrics: by name, undefined ones None; those about other end in ``_seen`` or ``_unseen``.
    """

    classifier: HierarchicalClassifier
    examination: Examination
    metrics: dict[str, Any]


class Bench:
    """Measures strategies on one division of the images; remembers the networks that they can share.

    Args:
        lessons: the images to learn from, and the taxonomy of their classes.
        judging: gives the images to judge on to a classifier that is finished.
        seed: of every fit.
        warmer: takes turns at embedding, where other processes share the cache of embeddings; None where none do.
    """

    def __init__(self, lessons: Lessons, judging: Judging, *, seed: int, warmer: Warmer | None = None) -> None:
        self.lessons, self.judging, self.seed = lessons, judging, seed
        self._warmer = warmer
        self._networks: dict[str, Network] = {}
        self._seen: dict[str, Seen] = {}

    def measure(self, strategy: Strategy, name: str | None = None) -> Measurement:
        """Fit a strategy and test it.

        Args:
            strategy: what to measure.
            name: its name in the config, for the record of who opened the test; its title where there is none.

        Raises:
            HierclfError: the strategy cannot learn from these images; the message says why.
        """
        name = name or strategy.title
        settings, strategy = settings_checksum(strategy), strategy.but(seed=self.seed)
        network = self._network(strategy)
        classifier = network.classifier
        exam = self.judging.open(classifier, strategy=name, seed=self.seed, settings=settings)
        seen = self._look(exam, strategy, classifier)
        started = time.perf_counter()
        reading = classifier.model_.read(
            seen.embedded.embedding_nD, names=exam.images.names, errors=seen.embedded.errors
        )
        seconds = {"fit_seconds": network.fit_seconds, "predict_seconds": seen.seconds + _since(started)}
        examination = judge(classifier, reading, exam.label_n, images=exam.images)
        whole = examination.report.metrics
        metrics = {
            **whole,
            **by_place(examination, exam, classifier.model_.plan),
            "promise_kept": promise_kept(whole),
            "trainings": int(not network.shared),
            **seconds,
            **per_kind(classifier, reading, exam),
        }
        return Measurement(classifier=classifier, examination=examination, metrics=metrics)

    def _network(self, strategy: Strategy) -> Network:
        """The strategy fitted: on the network of an earlier one where they share it."""
        key = strategy.training_key
        if key in self._networks:
            trained = self._networks[key]
            started = time.perf_counter()
            refitted = strategy.refit(trained.classifier)
            seconds = trained.fit_seconds + _since(started)
            return Network(classifier=refitted, fit_seconds=seconds, shared=True)
        started = time.perf_counter()
        if self._warmer is not None:
            self._warmer.warm(strategy, self.lessons, self.judging.split)
        classifier = strategy.fit(self.lessons.taxonomy, self.lessons.train, other=self.lessons.other)
        network = Network(classifier=classifier, fit_seconds=_since(started))
        if key is not None:
            self._networks[key] = network
        return network

    def _look(self, exam: Exam, strategy: Strategy, classifier: HierarchicalClassifier) -> Seen:
        """The embeddings of the images to judge on; those of a shared network are computed once."""
        key = strategy.training_key
        if key in self._seen:
            return self._seen[key]
        started = time.perf_counter()
        model = classifier.model_
        backbone = model.backbone
        known_before = not classifier.log_ or (backbone is not None and projection_of(backbone) is not None)
        cache = default_cache() if strategy.settings.get("cache", True) and known_before else None
        with self._warmer.turn(model.backbone, cache) if self._warmer is not None else nullcontext():
            embedded = model.embed(
                exam.images,
                device=choose_device(str(strategy.settings.get("device", "auto"))),
                workers=int(strategy.settings.get("workers", 0)),
                cache=cache,
                progress=bars,
            )
        seen = Seen(embedded=embedded, seconds=_since(started))
        if key is not None:
            self._seen[key] = seen
        return seen


def per_kind(classifier: HierarchicalClassifier, reading: Reading, exam: Exam) -> dict[str, Any]:
    """The metrics about other for each kind of it apart, against all known images; ``_seen`` and so on at the end."""
    told: dict[str, Any] = {}
    for kind, places in exam.places():
        report = judge(classifier, reading.rows(places), exam.label_n[places]).report
        told |= {f"{name}_{kind}": report.metrics[name] for name in ABOUT_OTHER}
        accepted = report.metrics["unknown_accepted"]
        told[f"unknown_rejected_{kind}"] = None if accepted is None else 1 - accepted  # type: ignore[operator]
    return told


def by_place(examination: Examination, exam: Exam, plan: DagPlan) -> dict[str, float | None]:
    """Distance from where each image belongs: of a held-out class, at the closest known node above it (`Exam.place_n`).

    Every true class counts the same; None where no such image could be read. The report by itself takes all that is
    not known for something that belongs at the root.
    """
    decisions, nodes = examination.decisions, examination.report.taxonomy.nodes
    index = {name: node for node, name in enumerate(nodes)}
    status_n = np.asarray(decisions.status, dtype=object).astype(str)
    read = np.flatnonzero(status_n != "")
    silent_B = np.isin(status_n[read], ("other", "uncertain"))
    decided = [0 if silent else index[decisions.node[place]] for place, silent in zip(read, silent_B, strict=True)]
    scores = novelty_scores(
        np.array(decided, dtype=np.int64),
        exam.place_n[read],
        exam.label_n[read] < 0,
        Ancestry.from_plan(plan),
        exam.class_n[read],
    )
    return {
        "balanced_distance_known": defined(scores.bmhd_known),
        "balanced_distance_novel": defined(scores.bmhd_novel),
        "balanced_distance_mix": defined(scores.bmhd_mix),
    }


def promise_kept(metrics: Mapping[str, Any]) -> int | None:
    """1 when at most the promised share of known images was turned away, two standard errors of chance allowed for.

    >>> promise_kept({"known_rejected": 0.06, "alpha": 0.05, "known_rejected_standard_error": 0.01})
    1
    >>> promise_kept({"known_rejected": 0.06, "alpha": None})
    """
    rejected, alpha, error = (metrics.get(key) for key in ("known_rejected", "alpha", "known_rejected_standard_error"))
    if rejected is None or not alpha or error is None:
        return None
    return int(rejected <= alpha + 2 * error)


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)
