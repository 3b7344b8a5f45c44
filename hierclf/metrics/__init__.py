"""L3: how good decisions are, as pure functions from numpy arrays to numbers.

Undefined numbers are NaN here and None in `summarise`, which computes all of them at once.
"""

from hierclf.metrics.ancestry import Ancestry, lowest_common_ancestor
from hierclf.metrics.distance import (
    balanced_accuracy,
    balanced_distance,
    closest_known_ancestor,
    distance_matrix,
    hop_distance,
    mix,
)
from hierclf.metrics.glossary import MEASURES, Measure
from hierclf.metrics.hierarchical import HierarchicalScores, hierarchical_scores
from hierclf.metrics.information import InformationScores, OperatingCurve, information_scores, operating_curve
from hierclf.metrics.levels import LevelScores, expected_calibration_error, level_accuracy, level_classes, level_scores
from hierclf.metrics.novelty import NoveltyScores, novelty_scores, stop_curve
from hierclf.metrics.open_set import (
    Curve,
    aupr_known,
    aupr_other,
    auroc,
    correct_at_unknown_accepted,
    known_novel_area,
    known_novel_curve,
    known_rejected_at_unknown,
    novel_accuracy_at_known,
    oscr,
    oscr_curve,
    roc_curve,
    unknown_accepted_at_known,
)
from hierclf.metrics.ranking import best_leaves
from hierclf.metrics.selective import coverage, hierarchical_aurc, risk
from hierclf.metrics.severity import hierarchical_distance, mistake_severity, severity
from hierclf.metrics.summary import Metric, Outcome, Summary, summarise

__all__ = [
    "MEASURES",
    "Ancestry",
    "Curve",
    "HierarchicalScores",
    "InformationScores",
    "LevelScores",
    "Measure",
    "Metric",
    "NoveltyScores",
    "OperatingCurve",
    "Outcome",
    "Summary",
    "aupr_known",
    "aupr_other",
    "auroc",
    "balanced_accuracy",
    "balanced_distance",
    "best_leaves",
    "closest_known_ancestor",
    "correct_at_unknown_accepted",
    "coverage",
    "distance_matrix",
    "expected_calibration_error",
    "hierarchical_aurc",
    "hierarchical_distance",
    "hierarchical_scores",
    "hop_distance",
    "information_scores",
    "known_novel_area",
    "known_novel_curve",
    "known_rejected_at_unknown",
    "level_accuracy",
    "level_classes",
    "level_scores",
    "lowest_common_ancestor",
    "mistake_severity",
    "mix",
    "novel_accuracy_at_known",
    "novelty_scores",
    "operating_curve",
    "oscr",
    "oscr_curve",
    "risk",
    "roc_curve",
    "severity",
    "stop_curve",
    "summarise",
    "unknown_accepted_at_known",
]
