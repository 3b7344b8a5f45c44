"""Promises: what can be said about every future image from a few that were kept for it, exactly and for any model."""

from hierclf.promises.conformal import conformal_threshold, minimum_calibration_size, p_values

__all__ = ["conformal_threshold", "minimum_calibration_size", "p_values"]
