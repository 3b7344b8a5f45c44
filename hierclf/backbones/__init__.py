"""L3: images to embeddings. What a backbone is, how images are prepared for it, and how embeddings are kept.

``image → preprocessing → (B, C, H, W) → backbone → embedding (B, D)``
"""

from hierclf.backbones.augmentation import augment, augmentations, named_changes
from hierclf.backbones.backbone import Backbone
from hierclf.backbones.build import backbones, build_backbone, list_backbones
from hierclf.backbones.cache import EmbeddingCache, content_key, default_cache
from hierclf.backbones.depth import blocks_by_depth, depth_factors
from hierclf.backbones.device import choose_device
from hierclf.backbones.embedding import embed
from hierclf.backbones.fingerprint import fingerprint
from hierclf.backbones.light_augmentation import change_glyphs, change_photos
from hierclf.backbones.policy_augmentation import rand_augment, trivial_augment
from hierclf.backbones.preprocessing import Preprocessing
from hierclf.backbones.projection import Projection, project_rows, projected, projection_of, unprojected
from hierclf.backbones.strong_augmentation import change_glyphs_strongly, change_photos_strongly, erase_parts
from hierclf.backbones.weights import load_weights, read_state_dict

__all__ = [
    "Backbone",
    "EmbeddingCache",
    "Preprocessing",
    "Projection",
    "augment",
    "augmentations",
    "backbones",
    "blocks_by_depth",
    "build_backbone",
    "change_glyphs",
    "change_glyphs_strongly",
    "change_photos",
    "change_photos_strongly",
    "choose_device",
    "content_key",
    "default_cache",
    "depth_factors",
    "embed",
    "erase_parts",
    "fingerprint",
    "list_backbones",
    "load_weights",
    "named_changes",
    "project_rows",
    "projected",
    "projection_of",
    "rand_augment",
    "read_state_dict",
    "trivial_augment",
    "unprojected",
]
