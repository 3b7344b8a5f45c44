"""The strategies that come with hierclf, by name: our default and what people try today."""

from __future__ import annotations

from hierclf.registry import Registry
from hierclf.strategies.other_class import fit_with_other_class
from hierclf.strategies.strategy import Strategy

strategies: Registry[Strategy] = Registry("strategy")

strategies.register("hierclf")(Strategy(title="hierclf"))
strategies.register("flat_msp")(
    Strategy(
        title="flat softmax + threshold",
        settings={"head": "flat", "gate": ["msp"], "rule": "leaf", "level_weights": "leaf"},
        uses_other=False,
    )
)
strategies.register("flat_other_class")(
    Strategy(
        title="flat softmax + class 'other'",
        fit_with=fit_with_other_class,
        needs_other=True,
        gate_is_free=False,
    )
)
strategies.register("knn")(Strategy(title="nearest neighbours", settings={"gate": ["knn"]}, uses_other=False))
