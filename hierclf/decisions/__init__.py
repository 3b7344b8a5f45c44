"""L3: from memberships and a p-value to an answer for one image."""

from hierclf.decisions.decisions import STATUSES, Decision, Decisions, decide
from hierclf.decisions.rules import Point, Rule, climb, correct_or_ancestor, likeliest_leaf, operating_point, rules

__all__ = [
    "STATUSES",
    "Decision",
    "Decisions",
    "Point",
    "Rule",
    "climb",
    "correct_or_ancestor",
    "decide",
    "likeliest_leaf",
    "operating_point",
    "rules",
]
