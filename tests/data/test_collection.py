from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from hierclf.data.collection import load_array, load_dataset, load_pictures, load_tensor
from hierclf.data.image_set import image_to_pil
from hierclf.data.sources import load_images
from hierclf.errors import DataError, ImageError


class Counted(Dataset):
    """Six grey images whose labels are also listed; counts how many items are fetched."""

    classes = ("cat", "dog")

    def __init__(self, targets=(0, 1, 0, 1, 0, 1)):
        self.targets = list(targets)
        self.fetched = 0

    def __getitem__(self, index):
        self.fetched += 1
        return Image.new("L", (2, 2), index), index % 2

    def __len__(self):
        return 6


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 1), (4, 5, 6, 3)])
def test_arrays_and_tensors_show_the_same_pictures(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    tensor = torch.from_numpy(pixels)
    array_set, tensor_set = load_array(pixels), load_tensor(tensor if tensor.ndim == 3 else tensor.movedim(-1, 1))
    assert (array_set.kind, tensor_set.kind) == ("array", "tensor")
    assert array_set.names == ("#0", "#1", "#2", "#3")
    for place in range(4):
        expected = np.broadcast_to(pixels[place].reshape(5, 6, -1), (5, 6, 3))
        np.testing.assert_array_equal(np.asarray(image_to_pil(array_set, place)), expected)
        np.testing.assert_array_equal(np.asarray(image_to_pil(tensor_set, place)), expected)


def test_floats_become_bytes():
    floats = torch.tensor([[[0.0, 0.5], [1.0, 0.2]]])
    for tensor in (floats, floats.double(), floats.requires_grad_()):
        assert load_tensor(tensor).images.tolist() == [[[0, 128], [255, 51]]]
    assert load_tensor(floats.detach().bfloat16()).images.dtype == torch.uint8


def test_no_images_is_a_set():
    assert len(load_array(np.empty((0, 4, 4), np.uint8))) == 0
    assert len(load_tensor(torch.empty((0, 3, 4, 4)))) == 0


@pytest.mark.parametrize(
    ("load", "images", "words"),
    [
        (load_array, np.zeros((2, 3, 8, 8), np.uint8), r"transpose\(0, 2, 3, 1\)"),
        (load_array, np.zeros((5, 8), np.float32), "backbone=None"),
        (load_array, np.zeros((5, 8, 8), np.int64), "got int64"),
        (load_tensor, torch.zeros((2, 8, 8, 3)), r"permute\(0, 3, 1, 2\)"),
        (load_tensor, torch.full((2, 8, 8), 2.0), "before any normalisation"),
    ],
)
def test_pixels_that_are_none(load, images, words):
    with pytest.raises(DataError, match=words):
        load(images)


def test_pictures_of_different_sizes():
    found = load_pictures([Image.new("RGBA", (3, 2)), np.zeros((4, 5), np.uint8), torch.zeros(3, 6, 7)])
    assert [image_to_pil(found, place).size for place in range(3)] == [(3, 2), (5, 4), (7, 6)]


def test_listed_labels_spare_the_decoding_and_classes_name_them():
    dataset = Counted()
    found = load_dataset(dataset)
    assert found.labels == ("cat", "dog") * 3
    assert found.classes == ("cat", "dog")
    assert dataset.fetched < 6


def test_a_list_that_disagrees_with_the_items_is_not_believed():
    assert load_dataset(Counted(targets=(1, 0, 1, 0, 1, 0))).labels == ("cat", "dog") * 3
    assert load_dataset(Counted(targets=(0, 1))).labels == ("cat", "dog") * 3


def test_a_subset_keeps_names():
    found = load_dataset(Subset(Subset(Counted(), [1, 2, 3]), [2, 1]))
    assert found.labels == ("dog", "cat")
    assert found.classes == ("cat", "dog")


def test_labels_without_classes_are_text():
    found = load_dataset(TensorDataset(torch.zeros(2, 1, 3, 3), torch.tensor([7, 3])))
    assert found.labels == ("7", "3")
    assert image_to_pil(found, 1).size == (3, 3)


def test_items_without_a_label():
    class Bare(Dataset):
        def __getitem__(self, index):
            return torch.zeros(1, 2, 2)

        def __len__(self):
            return 2

    assert load_dataset(Bare()).labels is None


def test_data_sets_that_cannot_be_used():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(())

    with pytest.raises(DataError, match="got Stream; read it into a list"):
        load_dataset(Stream())
    with pytest.raises(DataError, match="got 3 parts"):
        load_dataset(TensorDataset(*[torch.zeros(2, 2)] * 3))
    dataset = Counted()
    dataset.classes = ("cat",)
    with pytest.raises(DataError, match="#1: label '1', but the data set names 1 classes"):
        load_dataset(dataset)


class Failing(Dataset):
    """Pairs of an image and a label, of which some cannot be had."""

    def __init__(self, bad):
        self.bad = bad

    def __len__(self):
        return 6

    def __getitem__(self, place):
        if place in self.bad:
            raise RuntimeError("the disk is gone")
        return Image.new("L", (4, 4)), "ab"[place % 2]


@pytest.mark.parametrize("bad", [{0}, {5}, {0, 3, 5}])
def test_an_item_that_fails_costs_its_own_row(bad):
    images = load_dataset(Failing(bad))
    assert images.labels == tuple("" if place in bad else "ab"[place % 2] for place in range(6))
    for place in range(6):
        if place in bad:
            with pytest.raises(ImageError, match=f"#{place}: RuntimeError: the disk is gone"):
                image_to_pil(images, place)
        else:
            assert image_to_pil(images, place).size == (4, 4)


def test_no_item_is_fetched_for_labels_that_nobody_wants():
    dataset = Counted()
    assert load_images(dataset, labelled=False).labels is None
    assert load_images(dataset, list("abcabc")).labels == tuple("abcabc")
    assert dataset.fetched == 0


@pytest.mark.parametrize("bad", [set(), {0, 1}])
def test_labels_are_collected_in_one_pass(bad):
    class Watched(Failing):
        asked = ()

        def __getitem__(self, place):
            self.asked += (place,)
            return super().__getitem__(place)

    dataset = Watched(bad)
    load_dataset(dataset)
    assert dataset.asked == tuple(range(6))


def test_an_item_without_a_label_among_pairs_is_named():
    class Mixed(Failing):
        def __getitem__(self, place):
            image, label = super().__getitem__(place)
            return image if place == 4 else (image, label)

    with pytest.raises(DataError, match=r"#4: expected an .* pair like the first item, got Image"):
        load_dataset(Mixed(set()))


def test_when_all_items_fail_there_are_no_labels():
    assert load_dataset(Failing(set(range(6)))).labels is None
