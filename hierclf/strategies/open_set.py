"""Losses that teach a flat classifier with images of other what not to be sure of.

Entropic open-set and objectosphere: Dhamija, Günther and Boult, *Reducing Network Agnostophobia*, NeurIPS 2018,
arXiv:1811.04110. Outlier exposure: Hendrycks, Mazeika and Dietterich, *Deep Anomaly Detection with Outlier Exposure*,
ICLR 2019, arXiv:1812.04606. One against the rest, with other among the rest: Shu, Xu and Liu, *DOC*, EMNLP 2017,
arXiv:1709.08716.
"""

from __future__ import annotations

from typing import Any

from hierclf.strategies.flat import FLAT
from hierclf.strategies.projected import fit_features
from hierclf.strategies.strategy import Strategy


def taught(title: str, gate: str, **settings: Any) -> Strategy:
    """A flat classifier that learns from images of other by one of these losses, read by one score."""
    return Strategy(title=title, fit_with=fit_features, settings={**FLAT, "gate": [gate], **settings}, needs_other=True)


RECIPES = {
    "one_vs_rest": taught("one against the rest", "max_logit", loss="one_vs_rest"),
    "entropic": taught("entropic open-set", "msp", other_loss="entropic"),
    "objectosphere": taught("objectosphere", "objectosphere", other_loss="objectosphere"),
    "outlier_exposure": taught("outlier exposure", "msp", other_loss="outlier_exposure"),
}
