"""L3: from memberships and a p-value to an answer for one image."""

from hierclf.decisions.decisions import STATUSES, Decision, Decisions, decide
from hierclf.decisions.novelty import Novelty, likeliest_answer, likeliest_novelty, nearest_to_stops
from hierclf.decisions.rules import (
    Point,
    Rule,
    climb,
    correct_or_ancestor,
    likeliest_leaf,
    operating_point,
    route_along,
    rules,
    top_down,
)

__all__ = [
    "STATUSES",
    "Decision",
    "Decisions",
    "Novelty",
    "Point",
    "Rule",
    "climb",
    "correct_or_ancestor",
    "decide",
    "likeliest_answer",
    "likeliest_leaf",
    "likeliest_novelty",
    "nearest_to_stops",
    "operating_point",
    "route_along",
    "rules",
    "top_down",
]
