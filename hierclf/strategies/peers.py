"""Other libraries on our features, with our promise: what is left to compare is the method.

HiClass's local classifiers reject by the largest leaf probability. pytorch-ood's detectors are gates on a flat softmax:
a few by name, and the one that notices left-out classes best.
"""

from __future__ import annotations

from hierclf.strategies.detector_choice import on_best_detector
from hierclf.strategies.flat import AT_THE_ROOT, FLAT, NETWORK
from hierclf.strategies.local_classifiers import on_local_classifiers
from hierclf.strategies.strategy import Finish, Strategy, fit_gate_only

NAMED = {"ood_mahalanobis": "Mahalanobis", "ood_rmd": "RMD", "ood_vim": "ViM", "ood_energy": "EnergyBased"}
"""Detectors with a row of their own."""


def detector(name: str, title: str, finish: Finish = fit_gate_only) -> Strategy:
    """A flat softmax behind a detector of pytorch-ood."""
    return Strategy(
        title=title,
        finish_with=finish,
        settings={**FLAT, "gate": [f"ood:{name}"]},
        uses_other=False,
        requires=("pytorch_ood",),
    )


RECIPES = {
    "hiclass": Strategy(
        title="HiClass per parent node",
        finish_with=on_local_classifiers,
        settings={**NETWORK, **AT_THE_ROOT, "gate": ["msp"], "rule": "top_down"},
        uses_other=False,
        requires=("hiclass",),
    ),
    **{row: detector(name, f"pytorch-ood's {name}") for row, name in NAMED.items()},
    "ood_best": detector("Mahalanobis", "pytorch-ood's best by left-out classes", on_best_detector),
}
