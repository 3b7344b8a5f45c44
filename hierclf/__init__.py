"""Hierarchical image classification that can say "none of these".

>>> import hierclf
>>> "HierarchicalClassifier" in hierclf.__all__
True

Names are imported when they are first used, so that ``import hierclf`` takes a moment and loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Backbone": "hierclf.backbones",
    "BackboneError": "hierclf.errors",
    "BundleError": "hierclf.errors",
    "CalibrationError": "hierclf.errors",
    "ConfigError": "hierclf.errors",
    "DataError": "hierclf.errors",
    "Decision": "hierclf.decisions",
    "Decisions": "hierclf.decisions",
    "HierarchicalClassifier": "hierclf.classifier",
    "HierclfError": "hierclf.errors",
    "ImageError": "hierclf.errors",
    "ImageSet": "hierclf.data",
    "Preprocessing": "hierclf.backbones",
    "Reading": "hierclf.reading",
    "Report": "hierclf.evaluation",
    "STATUSES": "hierclf.decisions",
    "Settings": "hierclf.settings",
    "Taxonomy": "hierclf.taxonomy",
    "TaxonomyError": "hierclf.errors",
    "UnknownName": "hierclf.errors",
    "compare_taxonomies": "hierclf.discovery",
    "discover": "hierclf.discovery",
    "discover_taxonomy": "hierclf.discovery",
    "evaluate": "hierclf.examination",
    "list_backbones": "hierclf.backbones",
    "load_images": "hierclf.data",
    "score_drift": "hierclf.promises",
    "write_report": "hierclf.report",
}

__all__ = [  # noqa: PLE0604, RUF100
    "STATUSES",
    "Backbone",
    "BackboneError",
    "BundleError",
    "CalibrationError",
    "ConfigError",
    "DataError",
    "Decision",
    "Decisions",
    "HierarchicalClassifier",
    "HierclfError",
    "ImageError",
    "ImageSet",
    "Preprocessing",
    "Reading",
    "Report",
    "Settings",
    "Taxonomy",
    "TaxonomyError",
    "UnknownName",
    "__version__",
    "compare_taxonomies",
    "discover",
    "discover_taxonomy",
    "evaluate",
    "list_backbones",
    "load_images",
    "score_drift",
    "write_report",
]

if TYPE_CHECKING:
    from hierclf.backbones import Backbone, Preprocessing, list_backbones
    from hierclf.classifier import HierarchicalClassifier
    from hierclf.data import ImageSet, load_images
    from hierclf.decisions import STATUSES, Decision, Decisions
    from hierclf.discovery import compare_taxonomies, discover, discover_taxonomy
    from hierclf.errors import (
        BackboneError,
        BundleError,
        CalibrationError,
        ConfigError,
        DataError,
        HierclfError,
        ImageError,
        TaxonomyError,
        UnknownName,
    )
    from hierclf.evaluation import Report
    from hierclf.examination import evaluate
    from hierclf.promises import score_drift
    from hierclf.reading import Reading
    from hierclf.report import write_report
    from hierclf.settings import Settings
    from hierclf.taxonomy import Taxonomy


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'hierclf' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
