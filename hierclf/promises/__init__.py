"""Promises: what can be said about every future image from a few that were kept for it, exactly and for any model."""

from hierclf.promises.confident import (
    ConfidentPromise,
    confident_level,
    confident_rank,
    confident_threshold,
    minimum_confident_size,
)
from hierclf.promises.conformal import conformal_threshold, minimum_calibration_size, p_values
from hierclf.promises.cross import CrossPromise, cross_bound, cross_p_values, stratified_folds
from hierclf.promises.discovery import DiscoveryPromise, adjusted_p_values, discoveries, fewest_discoveries
from hierclf.promises.drift import Drift, score_drift
from hierclf.promises.per_class import PerClass, PerClassPromise
from hierclf.promises.pooling import pool_classes
from hierclf.promises.route import RoutePromise, entering_surprise, route_surprise, stopping_node, surprise_at
from hierclf.promises.sentence import Promise
from hierclf.promises.two_sided import TwoSided, acceptance_threshold, other_p_values

__all__ = [
    "ConfidentPromise",
    "CrossPromise",
    "DiscoveryPromise",
    "Drift",
    "PerClass",
    "PerClassPromise",
    "Promise",
    "RoutePromise",
    "TwoSided",
    "acceptance_threshold",
    "adjusted_p_values",
    "confident_level",
    "confident_rank",
    "confident_threshold",
    "conformal_threshold",
    "cross_bound",
    "cross_p_values",
    "discoveries",
    "entering_surprise",
    "fewest_discoveries",
    "minimum_calibration_size",
    "minimum_confident_size",
    "other_p_values",
    "p_values",
    "pool_classes",
    "route_surprise",
    "score_drift",
    "stopping_node",
    "stratified_folds",
    "surprise_at",
]
