"""All methods of one seed, on one network.

The network is trained and calibrated first, and the tested images are embedded once. References learn on these
embeddings. A strategy of ours that differs from the first in its gate or rule alone shares the network as well; one
that trains otherwise gets a network of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.hold_out.answers import Answers, fit_reference, our_answers, our_distribution, reference_answers
from experiments.hold_out.division import HeldOut
from experiments.hold_out.judgement import Truth, child_gates, judge_answers
from hierclf.backbones import choose_device, default_cache
from hierclf.classifier import HierarchicalClassifier
from hierclf.errors import DataError
from hierclf.metrics import Ancestry
from hierclf.model import Model
from hierclf.progress import bars
from hierclf.references import references
from hierclf.strategies import Strategy

# n tested images, D embedding

BY_DISTRIBUTION = "by_distribution"
"""The name of the row that asks our stop distribution as a reference is asked."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A fitted classifier, and what its backbone makes of the tested images, part after part, shape ``(n, D)``."""

    strategy: Strategy
    classifier: HierarchicalClassifier
    embedding_nD: Tensor


class Bench:
    """Measures methods on the images of one seed; remembers networks.

    Args:
        held_out: which images are for what.
        main: the strategy whose network and share of the known the references take.
        seed: of every fit.
    """

    def __init__(self, held_out: HeldOut, main: Strategy, *, seed: int) -> None:
        self.held_out, self.seed = held_out, seed
        self.main = main.but(seed=seed)
        self._networks: dict[str, Network] = {}

    def measure_ours(self, strategy: Strategy) -> dict[str, Any]:
        """The metrics of one of our strategies.

        Raises:
            HierclfError: it cannot learn from these images; the message says why.
        """
        strategy = strategy.but(seed=self.seed)
        network = self._network(strategy)
        classifier, seconds = network.classifier, None
        if strategy != network.strategy:
            started = time.perf_counter()
            classifier = strategy.refit(network.classifier)
            seconds = time.perf_counter() - started
            network = replace(network, classifier=classifier)
        metrics = self._judged(our_answers(classifier.model_, network.embedding_nD), network, seconds)
        return metrics | _estimated(classifier.model_, metrics["auroc_by_node"])

    def measure_reference(self, name: str) -> dict[str, Any]:
        """The metrics of a method from the literature, or of `BY_DISTRIBUTION`.

        Raises:
            HierclfError: it cannot learn from these images; the message says why.
        """
        network = self._network(self.main)
        classifier = network.classifier
        model = classifier.model_
        started = time.perf_counter()
        fitted = our_distribution(model) if name == BY_DISTRIBUTION else fit_reference(references[name], classifier)
        seconds = time.perf_counter() - started
        calibration_nD = classifier.fitted_.embedding_nD[torch.from_numpy(classifier.prepared_.parts.calibration)]
        answers = reference_answers(fitted, calibration_nD, network.embedding_nD, model.plan, alpha=_alpha(classifier))
        return self._judged(answers, network, seconds)

    def _judged(self, answers: Answers, network: Network, seconds: float | None) -> dict[str, Any]:
        model = network.classifier.model_
        target_n, class_n = self.held_out.targets()
        places = self.held_out.places()
        truth = Truth(
            target_B=target_n,
            class_B=class_n,
            places=places,
            ancestry=Ancestry.from_plan(model.plan),
            alpha=_alpha(network.classifier),
            calibrated_on=len(network.classifier.prepared_.parts.calibration),
        )
        known = places["test"]
        leaves_nL = model.read(network.embedding_nD[known]).node_log_probs_BN[:, model.plan.leaf_L]
        right_n = model.plan.leaf_L[leaves_nL.argmax(1)] == torch.from_numpy(target_n[known])
        return {
            **judge_answers(answers, truth),
            "auroc_by_node": {
                model.taxonomy.nodes[node]: None if np.isnan(value) else value
                for node, value in child_gates(answers, truth).items()
            },
            "network_leaf_accuracy": float(right_n.double().mean()),
            "fit_seconds": None if seconds is None else round(seconds, 3),
        }

    def _network(self, strategy: Strategy) -> Network:
        """The network of a strategy: trained now, or that of an earlier one where they share it."""
        key = strategy.training_key
        if key is not None and key in self._networks:
            return self._networks[key]
        classifier = strategy.fit(self.held_out.drawing.known, self.held_out.parts["train"])
        settings = strategy.settings
        pieces: list[Tensor] = []
        for part in self.held_out.tested:
            embedded = classifier.model_.embed(
                self.held_out.parts[part],
                device=choose_device(str(settings.get("device", "auto"))),
                workers=int(settings.get("workers", 0)),
                cache=default_cache() if settings.get("cache", True) and not classifier.log_ else None,
                progress=bars,
            )
            if embedded.errors:
                raise DataError(f"images to test on cannot be read: {'; '.join(embedded.errors.values())}")
            pieces.append(embedded.embedding_nD)
        network = Network(strategy=strategy, classifier=classifier, embedding_nD=torch.cat(pieces))
        if key is not None:
            self._networks[key] = network
        return network


def _estimated(model: Model, measured: Mapping[str, float | None]) -> dict[str, Any]:
    """What the model itself expected of its gates with held-out children, by leaving known children out.

    Only nodes that were both estimated and measured count, and their measured mean stands beside the estimate.
    """
    found = {one.node: one.auroc for one in (model.gate.detections if model.gate is not None else ())}
    pairs = [(found[node], value) for node, value in measured.items() if value is not None and node in found]
    estimate, mean = np.mean(pairs, axis=0).tolist() if pairs else (None, None)
    return {"estimated_novel_child": estimate, "estimated_nodes_measured": mean, "estimated_by_node": found}


def _alpha(classifier: HierarchicalClassifier) -> float:
    """The share of the known that may be called novel, also where a classifier has no gate."""
    return classifier.model_.alpha or 1 - classifier.keep
