"""Losses that shape the features need features that can be shaped, also where the backbone is frozen.

A fine-tuned backbone learns from such a loss itself. A frozen one cannot: there a linear layer with batch norm on top
learns instead (the setting ``projection``), from embeddings that are computed once, so every loss can be tried cheaply
on the same pretrained features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hierclf.classifier import HierarchicalClassifier
from hierclf.data import load_images
from hierclf.settings import Settings
from hierclf.strategies.strategy import fit_classifier
from hierclf.taxonomy import Taxonomy
from hierclf.training import choose_backbone

WIDTH = 128
"""Of the projection, where the user names none."""


def fit_features(
    taxonomy: Taxonomy | None, images: Any, other: Any, settings: Mapping[str, Any], **training: Any
) -> HierarchicalClassifier:
    """As `fit_classifier`, with a projection on a backbone that is frozen.

    Args:
        taxonomy: what may be recognised, or None.
        images: labelled images of its classes.
        other: images of other, or None.
        settings: of `HierarchicalClassifier`; a ``projection`` among them is kept.
        training: see `Strategy.fit`.
    """
    wanted = Settings.checked(settings)
    if wanted.projection is None and is_frozen(wanted, images):
        settings = {**settings, "projection": WIDTH}
    return fit_classifier(taxonomy, images, other, settings, **training)


def is_frozen(settings: Settings, images: Any) -> bool:
    """Whether these settings leave the backbone as it is: they say so, or it is pretrained and they say nothing."""
    if settings.backbone is None or settings.freeze is not None:
        return bool(settings.freeze) and settings.backbone is not None
    backbone, _ = choose_backbone(load_images(images), settings)
    return backbone.pretrained
