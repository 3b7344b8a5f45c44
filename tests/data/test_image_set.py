from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from hierclf.data.image_set import ImageSet, content_hash, image_to_pil
from hierclf.errors import DataError, ImageError


class Squares(Dataset):
    """Four images, given in as many ways; the last one cannot be had."""

    def __getitem__(self, index):
        grey = np.full((2, 3), 10 * index, np.uint8)
        return (
            (Image.fromarray(grey), 0),
            (torch.from_numpy(grey)[None].float() / 255, 1),
            np.stack([grey] * 3, axis=-1),
            "no image",
        )[index]

    def __len__(self):
        return 4


def four(kind):
    grey = np.arange(4, dtype=np.uint8)[:, None, None] * np.full((1, 2, 3), 10, np.uint8)
    images = {
        "array": np.stack([grey] * 3, axis=-1),
        "tensor": torch.from_numpy(grey)[:, None],
        "dataset": Squares(),
    }[kind]
    return ImageSet(images=images, names=("a", "b", "c", "d"), labels=("x", "y", "x", "y"), classes=("x", "y", "z"))


@pytest.mark.parametrize("kind", ["array", "tensor", "dataset"])
def test_pictures_and_subsets_of_every_kind(kind):
    image_set = four(kind)
    assert image_set.kind == kind
    assert len(image_set) == 4
    for part in (image_set.subset([2, 0, 2]), image_set.subset(np.array([2, 0, 2])).subset([0, 1, 2])):
        assert part.kind == kind
        assert part.names == ("c", "a", "c")
        assert part.labels == ("x", "x", "x")
        assert part.classes == ("x", "y", "z")
        for place, grey in enumerate((20, 0, 20)):
            picture = image_to_pil(part, place)
            assert (picture.mode, picture.size, picture.getpixel((2, 1))) == ("RGB", (3, 2), (grey,) * 3)


def test_paths(paint):
    path = paint("a.png", 7)
    image_set = ImageSet(images=(path, Path("none.png")), names=("a.png", "none.png"))
    assert image_set.kind == "paths"
    assert image_to_pil(image_set.subset([False, True][::-1]), 0).getpixel((0, 0)) == (7, 7, 7)
    with pytest.raises(ImageError, match=r"none\.png: no such file"):
        image_to_pil(image_set, 1)


def test_an_empty_subset():
    for kind in ("array", "tensor", "dataset"):
        assert len(four(kind).subset([])) == 0
    assert len(ImageSet(images=(), names=()).subset(np.empty(0, np.int64))) == 0


@pytest.mark.parametrize(
    ("index", "words"),
    [([4], "place 4 is outside"), ([-1], "place -1"), ([[0]], "shape"), ([0.5], "float64"), ([True], "bool")],
)
def test_places_outside_the_set(index, words):
    with pytest.raises(DataError, match=words):
        four("array").subset(index)


def test_names_and_labels_are_as_many_as_images():
    with pytest.raises(DataError, match="got 1 images and 2 names"):
        ImageSet(images=(Path("a"),), names=("a", "b"))
    with pytest.raises(DataError, match="got 1 images and 2 labels"):
        ImageSet(images=(Path("a"),), names=("a",), labels=("x", "y"))


def test_a_data_set_that_fails_costs_one_row():
    with pytest.raises(ImageError, match="d: expected a PIL image, a tensor or an array, got str"):
        image_to_pil(four("dataset"), 3)

    class Broken(Dataset):
        def __getitem__(self, index):
            raise KeyError("lost")

        def __len__(self):
            return 1

    with pytest.raises(ImageError, match="#0: KeyError: 'lost'"):
        image_to_pil(ImageSet(images=Broken(), names=("#0",)), 0)


def test_normalised_tensors_are_refused_with_the_reason():
    class Normalised(Dataset):
        def __getitem__(self, index):
            return torch.full((3, 2, 2), -1.5), 0

        def __len__(self):
            return 1

    with pytest.raises(ImageError, match="before any normalisation"):
        image_to_pil(ImageSet(images=Normalised(), names=("#0",)), 0)


def test_a_file_is_hashed_by_its_bytes_and_pixels_by_their_content(paint, tmp_path):
    path = paint("a.png", 7)
    files = ImageSet(images=(path, tmp_path / "b.png", tmp_path), names=("a", "b", "c"))
    assert content_hash(files, 0) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ImageError, match="no such file"):
        content_hash(files, 1)
    with pytest.raises(ImageError, match="found a folder"):
        content_hash(files, 2)
    hashes = [content_hash(four("array"), place) for place in range(3)]
    assert len(set(hashes)) == 3
    assert hashes == [content_hash(four("tensor"), place) for place in range(3)]
    wide, high = (ImageSet(images=np.zeros(shape, np.uint8), names=("#0",)) for shape in ((1, 2, 6), (1, 6, 2)))
    assert content_hash(wide, 0) != content_hash(high, 0)


def test_a_set_can_be_sent_to_another_process_and_shown():
    image_set = pickle.loads(pickle.dumps(four("array")))
    assert image_set.names == ("a", "b", "c", "d")
    assert repr(image_set) == "<ImageSet: 4 images, array, 2 labels>"
