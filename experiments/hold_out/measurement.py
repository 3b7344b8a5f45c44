"""All methods of one seed, on one network.

The network is trained and calibrated first, and the tested images are embedded once. References learn on these
embeddings. A strategy of ours that differs from the first in its gate or rule alone shares the network as well; one
that trains otherwise gets a network of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.hold_out.answers import Answers, fit_reference, our_answers, reference_answers
from experiments.hold_out.division import HeldOut
from experiments.hold_out.judgement import Truth, child_gates, judge_answers
from hierclf.backbones import choose_device, default_cache
from hierclf.classifier import HierarchicalClassifier
from hierclf.errors import DataError
from hierclf.metrics import Ancestry
from hierclf.progress import bars
from hierclf.references import references
from hierclf.strategies import Strategy

# n tested images, D embedding


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A fitted classifier, and what its backbone makes of the tested images, part after part, shape ``(n, D)``."""

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
        started = time.perf_counter()
        classifier = strategy.refit(network.classifier) if strategy.gate_is_free else network.classifier
        seconds = time.perf_counter() - started
        return self._judged(
            our_answers(classifier.model_, network.embedding_nD), replace(network, classifier=classifier), seconds
        )

    def measure_reference(self, name: str) -> dict[str, Any]:
        """The metrics of a method from the literature.

        Raises:
            HierclfError: it cannot learn from these images; the message says why.
        """
        network = self._network(self.main)
        classifier = network.classifier
        started = time.perf_counter()
        fitted = fit_reference(references[name], classifier)
        seconds = time.perf_counter() - started
        calibration_nD = classifier.fitted_.embedding_nD[torch.from_numpy(classifier.prepared_.parts.calibration)]
        model = classifier.model_
        answers = reference_answers(
            fitted, calibration_nD, network.embedding_nD, model.plan, alpha=model.alpha or 1 - classifier.keep
        )
        return self._judged(answers, network, seconds)

    def _judged(self, answers: Answers, network: Network, seconds: float) -> dict[str, Any]:
        model = network.classifier.model_
        target_n, class_n = self.held_out.targets()
        places = self.held_out.places()
        truth = Truth(
            target_B=target_n,
            class_B=class_n,
            places=places,
            ancestry=Ancestry.from_plan(model.plan),
            alpha=model.alpha or 1 - network.classifier.keep,
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
            "fit_seconds": round(seconds, 3),
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
        network = Network(classifier=classifier, embedding_nD=torch.cat(pieces))
        if key is not None:
            self._networks[key] = network
        return network
