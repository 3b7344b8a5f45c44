"""One strategy on one protocol: learn, look at the test images once, measure.

The test images are read when everything is fixed: after training, calibration and all choices. Strategies that differ
in their gate alone share a network (and what it makes of the test images), so each pays for its gate; the time to fit
that is reported counts the shared part in full, as if the strategy had come alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from experiments.protocol import Division
from hierclf.backbones import choose_device, default_cache
from hierclf.classifier import HierarchicalClassifier
from hierclf.data import ImageSet, join_sets, label_nodes
from hierclf.embedding import Embedded
from hierclf.examination import Examination, judge
from hierclf.progress import bars
from hierclf.reading import Reading
from hierclf.strategies import Strategy
from hierclf.taxonomy import Taxonomy

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

# n test images, N nodes


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A fitted classifier, what its backbone makes of the test images, and how long both took."""

    classifier: HierarchicalClassifier
    embedded: Embedded
    fit_seconds: float
    embed_seconds: float


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
        taxonomy: what may be recognised.
        division: which images are for what.
        seed: of every fit.
    """

    def __init__(self, taxonomy: Taxonomy, division: Division, *, seed: int) -> None:
        self.taxonomy, self.division, self.seed = taxonomy, division, seed
        parts = [part for part in (division.test, division.seen, division.unseen) if part is not None]
        self.tested: ImageSet = join_sets(parts)
        known_n = label_nodes(division.test.labels or (), taxonomy)
        self.label_n = np.concatenate([known_n, np.full(len(self.tested) - len(known_n), -1)])
        self._networks: dict[str, Network] = {}

    def measure(self, strategy: Strategy) -> Measurement:
        """Fit a strategy and test it.

        Raises:
            HierclfError: the strategy cannot learn from these images; the message says why.
        """
        network = self._network(strategy.but(seed=self.seed))
        started = time.perf_counter()
        model = network.classifier.model_
        reading = model.read(network.embedded.embedding_nD, names=self.tested.names, errors=network.embedded.errors)
        seconds = {"fit_seconds": network.fit_seconds, "predict_seconds": network.embed_seconds + _since(started)}
        examination = judge(network.classifier, reading, self.label_n, images=self.tested)
        whole = examination.report.metrics
        metrics = {
            **whole,
            "promise_kept": promise_kept(whole),
            **seconds,
            **self._per_kind(network.classifier, reading),
        }
        return Measurement(classifier=network.classifier, examination=examination, metrics=metrics)

    def _network(self, strategy: Strategy) -> Network:
        """The strategy fitted: on the network of an earlier one where they share it."""
        key = strategy.training_key
        if key in self._networks:
            trained = self._networks[key]
            started = time.perf_counter()
            refitted = strategy.refit(trained.classifier)
            return replace(trained, classifier=refitted, fit_seconds=trained.fit_seconds + _since(started))
        started = time.perf_counter()
        classifier = strategy.fit(self.taxonomy, self.division.train, other=self.division.other)
        fit_seconds, started = _since(started), time.perf_counter()
        embedded = classifier.model_.embed(
            self.tested,
            device=choose_device(str(strategy.settings.get("device", "auto"))),
            workers=int(strategy.settings.get("workers", 0)),
            cache=default_cache() if strategy.settings.get("cache", True) and not classifier.log_ else None,
            progress=bars,
        )
        network = Network(
            classifier=classifier, embedded=embedded, fit_seconds=fit_seconds, embed_seconds=_since(started)
        )
        if key is not None:
            self._networks[key] = network
        return network

    def _per_kind(self, classifier: HierarchicalClassifier, reading: Reading) -> dict[str, Any]:
        """The metrics about other for seen and unseen kinds apart, each against all known test images."""
        told: dict[str, Any] = {}
        known = np.arange(len(self.division.test))
        start = len(known)
        for kind, images in (("seen", self.division.seen), ("unseen", self.division.unseen)):
            if images is None:
                continue
            places = np.concatenate([known, np.arange(start, start + len(images))])
            start += len(images)
            report = judge(classifier, reading.rows(places), self.label_n[places]).report
            told |= {f"{name}_{kind}": report.metrics[name] for name in ABOUT_OTHER}
            accepted = report.metrics["unknown_accepted"]
            told[f"unknown_rejected_{kind}"] = None if accepted is None else 1 - accepted  # type: ignore[operator]
        return told


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
