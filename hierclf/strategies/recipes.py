"""The strategies that come with hierclf, by name: what people try today, family by family, and our default.

A strategy of one's own is entered beside them::

    strategies.register("mine")(strategies["hierclf"].but(head="flat", gate=["energy"]))
"""

from __future__ import annotations

from hierclf.registry import Registry
from hierclf.strategies import flat, hierarchical, metric, one_class, open_set, other_class, peers
from hierclf.strategies.strategy import Strategy

strategies: Registry[Strategy] = Registry("strategy")

strategies.register("hierclf")(Strategy(title="hierclf"))
for family in (flat, other_class, open_set, one_class, metric, hierarchical, peers):
    for name, strategy in family.RECIPES.items():
        strategies.register(name)(strategy)
