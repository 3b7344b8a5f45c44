"""L3: images in, whatever the user gave; labels as nodes; parts that share no image.

``load_images`` makes an `ImageSet` of folders, files, tables, arrays, tensors and data sets; ``read_image`` decodes one
file safely; ``scan`` says what is wrong with a set before anything is trained on it; ``label_nodes``,
``stratified_split`` and ``class_balance`` prepare it; ``ImageDataset`` feeds a data loader.
"""

from hierclf.data.balance import BALANCES, Balance, class_balance
from hierclf.data.dataset import ImageDataset, collate
from hierclf.data.decoding import IMAGE_SUFFIXES, MAX_PIXELS, read_image
from hierclf.data.image_set import ImageSet, content_hash, image_to_pil
from hierclf.data.joining import join_sets
from hierclf.data.labels import UnmatchedLabel, label_nodes, label_text, unmatched_labels
from hierclf.data.scan import MAX_CORRUPT_SHARE, Scan, changed_images, require_readable, scan, shared_images
from hierclf.data.sources import load_images
from hierclf.data.splits import part_sizes, stratified_split
from hierclf.data.torchvision_sets import torchvision_sets

__all__ = [
    "BALANCES",
    "IMAGE_SUFFIXES",
    "MAX_CORRUPT_SHARE",
    "MAX_PIXELS",
    "Balance",
    "ImageDataset",
    "ImageSet",
    "Scan",
    "UnmatchedLabel",
    "changed_images",
    "class_balance",
    "collate",
    "content_hash",
    "image_to_pil",
    "join_sets",
    "label_nodes",
    "label_text",
    "load_images",
    "part_sizes",
    "read_image",
    "require_readable",
    "scan",
    "shared_images",
    "stratified_split",
    "torchvision_sets",
    "unmatched_labels",
]
