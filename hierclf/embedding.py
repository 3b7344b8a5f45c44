"""From images to embeddings: where data and backbone meet.

Images are read batch by batch, so memory does not grow with their number, and an image that cannot be read costs its
own row and nothing else. With a cache, an image that this backbone has seen before (by content, never by name) is not
read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from hierclf.backbones import Backbone, EmbeddingCache, Preprocessing, embed, fingerprint
from hierclf.data import ImageDataset, ImageSet, collate, content_hash
from hierclf.errors import ImageError
from hierclf.progress import Progress, silent

# n images, B images of a batch, C channels, H height, W width, D embedding


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """Embeddings of an image set.

    Args:
        embedding_nD: float32, shape ``(n, D)``; NaN where an image could not be read.
        errors: what was wrong, by place.
    """

    embedding_nD: Tensor
    errors: dict[int, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Some images of a set, ready for the backbone.

    Args:
        images_BCHW: preprocessed, float32.
        index_B: their places in the set, int64.
        errors: pairs (place, what was wrong) of images of this batch that could not be read.
    """

    images_BCHW: Tensor
    index_B: Tensor
    errors: tuple[tuple[int, str], ...] = ()


def batches(
    image_set: ImageSet, preprocessing: Preprocessing, places: Iterable[int], *, batch_size: int, workers: int = 0
) -> Iterator[Batch]:
    """Preprocessed images of a set, in the order of ``places``.

    Args:
        image_set: any kind of images.
        preprocessing: the backbone's.
        places: which images, in which order; a place may come twice.
        batch_size: images per batch; the last may be smaller.
        workers: processes that decode files; arrays and tensors are prepared in this process, a batch at once.
    """
    places = list(places)
    pixels = _pixels(image_set)
    if pixels is not None:
        for start in range(0, len(places), batch_size):
            index = np.asarray(places[start : start + batch_size], dtype=np.int64)
            yield Batch(images_BCHW=preprocessing.batch(pixels[index]), index_B=torch.from_numpy(index))
        return
    loader = DataLoader(
        Subset(ImageDataset(image_set, preprocessing), places),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=collate,
    )
    for images_BCHW, index_B, errors in loader:
        yield Batch(images_BCHW=images_BCHW, index_B=index_B, errors=tuple(errors))


def embed_images(
    backbone: Backbone,
    image_set: ImageSet,
    *,
    device: torch.device | str = "cpu",
    batch_size: int = 64,
    workers: int = 0,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
) -> Embedded:
    """Embed every image of a set.

    Args:
        backbone: the feature extractor.
        image_set: n images of any kind.
        device: where to compute.
        batch_size: images at a time.
        workers: processes that decode files.
        cache: embeddings by content, for files; None computes all.
        progress: how to show how far it is.
    """
    result_nD = torch.full((len(image_set), backbone.dim), torch.nan)
    errors: dict[int, str] = {}
    todo = list(range(len(image_set)))
    keys: dict[int, str] = {}
    if cache is not None and image_set.kind == "paths":
        keys, errors = _content_keys(image_set)
        todo = list(keys)
        mark = fingerprint(backbone)
        found_m, rows_mD = cache.lookup(mark, [keys[place] for place in todo], dim=backbone.dim)
        result_nD[torch.tensor(todo, dtype=torch.int64)[found_m]] = rows_mD[found_m]
        todo = [place for place, found in zip(todo, found_m.tolist(), strict=True) if not found]

    def read() -> Iterator[tuple[Tensor, Tensor]]:
        stream = batches(image_set, backbone.preprocessing, todo, batch_size=batch_size, workers=workers)
        for batch in progress(stream, -(-len(todo) // batch_size), "embedding"):
            errors.update(batch.errors)
            yield batch.images_BCHW, batch.index_B

    if todo:
        fresh_nD = embed(backbone, read(), len(image_set), device=device)
        done = torch.tensor(todo, dtype=torch.int64)
        result_nD[done] = fresh_nD[done]
        if keys and cache is not None:
            cache.store(mark, [keys[place] for place in todo], fresh_nD[done])
    return Embedded(embedding_nD=result_nD, errors=dict(sorted(errors.items())))


def _content_keys(image_set: ImageSet) -> tuple[dict[int, str], dict[int, str]]:
    """The content hash of each image that can be read, and what is wrong with the others, by place."""
    keys: dict[int, str] = {}
    errors: dict[int, str] = {}
    for place in range(len(image_set)):
        try:
            keys[place] = content_hash(image_set, place)
        except ImageError as error:  # noqa: PERF203
            errors[place] = str(error)
    return keys, errors


def _pixels(image_set: ImageSet) -> np.ndarray | None:
    """The pixels of an array or tensor as ``(n, h, w[, c])``, or None for files and data sets."""
    images = image_set.images
    if isinstance(images, np.ndarray):
        return images
    if isinstance(images, Tensor):
        array: np.ndarray = images.cpu().numpy()
        return np.moveaxis(array, 1, -1) if array.ndim == 4 else array
    return None
