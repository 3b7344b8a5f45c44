"""Gates: is this image any of ours, with a promise about how many known images are turned away."""

from hierclf.gates.combination import PValueMap, combinations
from hierclf.gates.detection import Detection
from hierclf.gates.energy import energy_score
from hierclf.gates.evidence import Evidence
from hierclf.gates.fdbd import BoundaryDistance
from hierclf.gates.fitting import default_scores, fit_gate
from hierclf.gates.gate import Fold, Gate, GatePart, GateReading, unique_names
from hierclf.gates.gen import gen_score
from hierclf.gates.guarantee import (
    Average,
    BothSides,
    Confident,
    Cross,
    ForEachClass,
    Guarantee,
    Statistic,
    Unbound,
    checked_keep,
    guarantees,
)
from hierclf.gates.knn import NearestNeighbours
from hierclf.gates.made import MadeHead
from hierclf.gates.mahalanobis import Mahalanobis
from hierclf.gates.max_logit import max_logit_score
from hierclf.gates.msp import msp_score
from hierclf.gates.node_gates import NodeGates, NodeSurprise, NovelMap, belongs, gated_nodes, raw_scores
from hierclf.gates.node_scores import NodeEvidence, NodeGaussians, node_scores
from hierclf.gates.objectosphere import Objectosphere
from hierclf.gates.one_class import IsolationTrees, LocalDensity, SupportVectors
from hierclf.gates.ood import PytorchOod
from hierclf.gates.outlier import OutlierHead
from hierclf.gates.promise import GatePromise
from hierclf.gates.score import FittedScore, Score, build_score, load_score, logit_score, scores
from hierclf.gates.tables import ClassStatistics, ClassTables
from hierclf.gates.vim import VirtualLogit
from hierclf.promises.conformal import conformal_threshold, minimum_calibration_size, p_values

__all__ = [
    "Average",
    "BothSides",
    "BoundaryDistance",
    "ClassStatistics",
    "ClassTables",
    "Confident",
    "Cross",
    "Detection",
    "Evidence",
    "FittedScore",
    "Fold",
    "ForEachClass",
    "Gate",
    "GatePart",
    "GatePromise",
    "GateReading",
    "Guarantee",
    "IsolationTrees",
    "LocalDensity",
    "MadeHead",
    "Mahalanobis",
    "NearestNeighbours",
    "NodeEvidence",
    "NodeGates",
    "NodeGaussians",
    "NodeSurprise",
    "NovelMap",
    "Objectosphere",
    "OutlierHead",
    "PValueMap",
    "PytorchOod",
    "Score",
    "Statistic",
    "SupportVectors",
    "Unbound",
    "VirtualLogit",
    "belongs",
    "build_score",
    "checked_keep",
    "combinations",
    "conformal_threshold",
    "default_scores",
    "energy_score",
    "fit_gate",
    "gated_nodes",
    "gen_score",
    "guarantees",
    "load_score",
    "logit_score",
    "max_logit_score",
    "minimum_calibration_size",
    "msp_score",
    "node_scores",
    "p_values",
    "raw_scores",
    "scores",
    "unique_names",
]
