"""L5: what a model's decisions are worth, as one report about images whose truth is known."""

from hierclf.evaluation.baseline import flat_baseline
from hierclf.evaluation.gates import GateReport
from hierclf.evaluation.judgement import evaluate_reading
from hierclf.evaluation.mistakes import Mistake
from hierclf.evaluation.promise import Promise, hold_against
from hierclf.evaluation.report import Report
from hierclf.evaluation.routes import NO_LEAF, NodeReport
from hierclf.evaluation.terms import Terms

__all__ = [
    "NO_LEAF",
    "GateReport",
    "Mistake",
    "NodeReport",
    "Promise",
    "Report",
    "Terms",
    "evaluate_reading",
    "flat_baseline",
    "hold_against",
]
