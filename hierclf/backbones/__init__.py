"""L3: images to embeddings. What a backbone is, how images are prepared for it, and how embeddings are kept.

``image → preprocessing → (B, C, H, W) → backbone → embedding (B, D)``
"""

from hierclf.backbones.augmentation import augment, augmentations
from hierclf.backbones.backbone import Backbone
from hierclf.backbones.build import backbones, build_backbone, list_backbones
from hierclf.backbones.cache import EmbeddingCache, content_key, default_cache
from hierclf.backbones.device import choose_device
from hierclf.backbones.embedding import embed
from hierclf.backbones.fingerprint import fingerprint
from hierclf.backbones.preprocessing import Preprocessing
from hierclf.backbones.weights import load_weights, read_state_dict

__all__ = [
    "Backbone",
    "EmbeddingCache",
    "Preprocessing",
    "augment",
    "augmentations",
    "backbones",
    "build_backbone",
    "choose_device",
    "content_key",
    "default_cache",
    "embed",
    "fingerprint",
    "list_backbones",
    "load_weights",
    "read_state_dict",
]
