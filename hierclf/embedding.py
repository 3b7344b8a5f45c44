"""From images to embeddings: where data and backbone meet.

Images are read batch by batch, so memory does not grow with their number, and an image that cannot be read costs its
own row and nothing else. With a cache, an image that this backbone has seen before (by content, never by name) is not
embedded again. Where a backbone ends in a projection, it is the frozen part before it that is cached: the projection
costs nothing, and many can be tried on one frozen part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from hierclf.backbones import (
    Backbone,
    EmbeddingCache,
    Preprocessing,
    embed,
    fingerprint,
    project_rows,
    projection_of,
    unprojected,
)
from hierclf.data import ImageDataset, ImageSet, collate, content_hash
from hierclf.errors import ImageError
from hierclf.progress import Progress, silent

# n images, B images of a batch, C channels, H height, W width, D embedding

BATCH = 64
"""Images at a time where nothing has to be learnt."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """Embeddings of some images.

    Args:
        embedding_nD: float32, shape ``(n, D)``; NaN where an image could not be read.
        errors: what was wrong, by place.
    """

    embedding_nD: Tensor
    errors: dict[int, str]

    def __len__(self) -> int:
        return len(self.embedding_nD)


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Some images of a set, ready for the backbone.

    Args:
        images_BCHW: preprocessed, float32; of shape ``(0,)`` when none could be read. Embeddings ``(B, D)`` where these
            take the place of images.
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
        generator=torch.Generator(),  # without one, the loader would draw from the user's own
    )
    for images_BCHW, index_B, errors in loader:
        yield Batch(images_BCHW=images_BCHW, index_B=index_B, errors=tuple(errors))


def embed_batches(
    backbone: Backbone,
    image_set: ImageSet,
    *,
    device: torch.device | str = "cpu",
    batch_size: int = BATCH,
    workers: int = 0,
    progress: Progress = silent,
) -> Iterator[Embedded]:
    """Embeddings of every image of a set, in order, a batch at a time.

    Args:
        backbone: the feature extractor.
        image_set: n images of any kind.
        device: where to compute.
        batch_size: images at a time.
        workers: processes that decode files.
        progress: how to show how far it is.

    Yields:
        Embeddings of the next images; places of errors count from the first of them.
    """
    start, projection = 0, projection_of(backbone)
    stream = batches(image_set, backbone.preprocessing, range(len(image_set)), batch_size=batch_size, workers=workers)
    for batch in progress(stream, -(-len(image_set) // batch_size), "embedding"):
        count = len(batch.index_B) + len(batch.errors)
        rows_BD = embed(unprojected(backbone), [(batch.images_BCHW, batch.index_B - start)], count, device=device)
        if projection is not None:
            rows_BD = project_rows(projection, rows_BD)
        errors = {place - start: error for place, error in batch.errors}
        for row in (~rows_BD.isfinite().all(1)).nonzero()[:, 0].tolist():
            errors.setdefault(row, f"{image_set.names[start + row]}: the backbone gives NaN or infinity for this image")
        rows_BD[list(errors)] = torch.nan
        yield Embedded(embedding_nD=rows_BD, errors=errors)
        start += count


def embed_images(
    backbone: Backbone,
    image_set: ImageSet,
    *,
    device: torch.device | str = "cpu",
    batch_size: int = BATCH,
    workers: int = 0,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
) -> Embedded:
    """Embed every image of a set at once.

    Args:
        backbone: the feature extractor.
        image_set: n images of any kind.
        device: where to compute.
        batch_size: images at a time.
        workers: processes that decode files.
        cache: embeddings by content; None computes all. Items of a torch data set are never looked up, since such a
            set may give another picture each time.
        progress: how to show how far it is.
    """
    projection = projection_of(backbone)
    if projection is not None:
        before = embed_images(
            unprojected(backbone),
            image_set,
            device=device,
            batch_size=batch_size,
            workers=workers,
            cache=cache,
            progress=progress,
        )
        return Embedded(embedding_nD=project_rows(projection, before.embedding_nD), errors=before.errors)
    result_nD = torch.full((len(image_set), backbone.dim), torch.nan)
    errors: dict[int, str] = {}
    todo = list(range(len(image_set)))
    keys: dict[int, str] = {}
    mark = ""
    if cache is not None and image_set.kind != "dataset":
        keys, errors = _content_keys(image_set)
        mark = fingerprint(backbone)
        readable = torch.tensor(list(keys), dtype=torch.int64)
        found_m, rows_mD = cache.lookup(mark, list(keys.values()), dim=backbone.dim)
        result_nD[readable[found_m]] = rows_mD[found_m]
        todo = readable[~found_m].tolist()
    if todo:
        fresh = image_set if len(todo) == len(image_set) else image_set.subset(todo)
        done = 0
        for part in embed_batches(
            backbone, fresh, device=device, batch_size=batch_size, workers=workers, progress=progress
        ):
            result_nD[todo[done : done + len(part)]] = part.embedding_nD
            errors.update((todo[done + place], error) for place, error in part.errors.items())
            done += len(part)
        if cache is not None and keys:
            cache.store(mark, [keys[place] for place in todo], result_nD[todo])
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
