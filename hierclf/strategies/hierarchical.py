"""Classification along a tree: the declared one, one that is discovered, one that a flat classifier induces.

*Hard* routing takes the likeliest child of every node and never comes back; *soft* routing multiplies the probabilities
along every way and takes the likeliest leaf. Both reject by the largest leaf probability, as people do, and share their
network; those along borrowed trees share the flat one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hierclf.strategies.borrowed_trees import on_discovered_tree, on_induced_tree
from hierclf.strategies.flat import AT_THE_ROOT, NETWORK
from hierclf.strategies.strategy import Finish, Strategy, fit_gate_only

ROUTES = {"hard": "top_down", "soft": "leaf"}
"""How to go down, and the rule that does."""


def routed(title: str, network: Mapping[str, Any], finish: Finish = fit_gate_only) -> dict[str, Strategy]:
    """A classifier along a tree, by hard and by soft routing."""
    return {
        how: Strategy(
            title=f"{title}, {how} routing",
            finish_with=finish,
            settings={**network, **AT_THE_ROOT, "gate": ["msp"], "rule": rule},
            uses_other=False,
        )
        for how, rule in ROUTES.items()
    }


FAMILIES = {
    "declared": routed("declared taxonomy", {**NETWORK, "head": "per_node"}),
    "discovered": routed("discovered taxonomy", NETWORK, on_discovered_tree),
    "nbdt": routed("NBDT's induced tree", NETWORK, on_induced_tree),
}

RECIPES = {f"{tree}_{how}": strategy for tree, ways in FAMILIES.items() for how, strategy in ways.items()}
