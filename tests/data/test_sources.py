from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from hierclf.data.image_set import image_to_pil
from hierclf.data.sources import load_images
from hierclf.errors import DataError, ImageError, UnknownName


@pytest.fixture
def pets(paint, tmp_path):
    for place, name in enumerate(("cat/a.png", "cat/b.jpg", "dog/c.png")):
        paint(f"pets/{name}", place)
    (tmp_path / "pets" / "list.csv").write_text("cat/a.png,cat\ndog/c.png,dog\n")
    return tmp_path / "pets"


def files(image_set):
    return [path.name for path in image_set.images]


def test_every_way_to_name_files(pets):
    assert load_images(pets).labels == ("cat", "cat", "dog")
    assert load_images(str(pets)).labels == ("cat", "cat", "dog")
    assert load_images(pets / "list.csv").labels == ("cat", "dog")
    assert files(load_images(pets / "cat" / "a.png")) == ["a.png"]
    assert files(load_images(str(pets / "*" / "*.png"))) == ["a.png", "c.png"]
    assert files(load_images(str(pets / "**" / "*.png"))) == ["a.png", "c.png"]
    assert files(load_images([pets / "dog" / "c.png", str(pets / "cat")])) == ["c.png", "a.png", "b.jpg"]
    assert files(load_images(np.array([str(pets / "dog" / "c.png")]))) == ["c.png"]
    assert files(load_images(path for path in [pets / "dog" / "c.png"])) == ["c.png"]


def test_every_kind_in_memory():
    pixels = np.zeros((2, 4, 4), np.uint8)
    assert load_images(pixels).kind == "array"
    assert load_images(torch.from_numpy(pixels)).kind == "tensor"
    assert load_images(TensorDataset(torch.zeros(2, 1, 4, 4), torch.tensor([0, 1]))).labels == ("0", "1")
    assert len(load_images(Image.new("RGB", (2, 2)))) == 1
    assert len(load_images([Image.new("RGB", (2, 2)), pixels[0]])) == 2
    assert len(load_images([])) == 0
    image_set = load_images(pixels)
    assert load_images(image_set) is image_set


def test_a_missing_file_is_a_row_that_fails_when_read(pets):
    for source in (["none.jpg", pets / "dog" / "c.png"], ["no/such/*.png", pets / "dog" / "c.png"], "none.jpg"):
        found = load_images(source)
        with pytest.raises(ImageError, match="no such file"):
            image_to_pil(found, 0)
        if len(found) == 2:
            assert image_to_pil(found, 1).size == (6, 4)


def test_names_are_as_given(pets, monkeypatch):
    monkeypatch.chdir(pets)
    assert load_images(["./cat/a.png", "none.jpg"]).names == ("./cat/a.png", "none.jpg")
    assert load_images("cat/*.png").names == ("cat/a.png",)


def test_a_file_whose_name_looks_like_a_pattern(paint):
    path = paint("odd/[a].png")
    assert load_images([path]).images == (path,)
    assert load_images(str(path)).images == (path,)


def test_a_pattern_keeps_images_and_counts_the_rest(pets, tmp_path):
    (pets / "cat" / "notes.txt").write_text("x")
    found = load_images(str(pets / "cat" / "*"))
    assert (files(found), found.ignored) == (["a.png", "b.jpg"], 1)
    assert len(load_images(str(tmp_path / "pe*"))) == 3


def test_several_folders_are_labelled_when_all_are(pets, paint, tmp_path):
    paint("more/dog/d.png")
    both = load_images([pets, tmp_path / "more"])
    assert both.labels == ("cat", "cat", "dog", "dog")
    assert both.classes == ("cat", "dog")
    assert load_images([pets, pets / "cat"]).labels is None


def test_labels_beside_the_images():
    pixels = np.zeros((3, 4, 4), np.uint8)
    for labels in ([3, "a", None], np.array(["3", "a", ""]), ("3", "a", float("nan"))):
        assert load_images(pixels, labels).labels == ("3", "a", "")
    assert load_images(pixels, torch.tensor([0, 1, 0])).labels == ("0", "1", "0")
    assert load_images(["a.jpg", "b.jpg"], ["no", "010"]).labels == ("no", "010")
    with pytest.raises(DataError, match="got 3 images and 2 labels"):
        load_images(pixels, [1, 2])
    with pytest.raises(DataError, match="got 'abc'"):
        load_images(pixels, "abc")
    with pytest.raises(DataError, match="expected one label per image"):
        load_images(pixels, np.eye(3))


def test_labels_beside_a_folder_are_refused(pets):
    for source in (pets, pets / "cat", pets / "list.csv"):
        with pytest.raises(DataError, match="labels or an order of its own"):
            load_images(source, [1, 2, 3])


@pytest.mark.parametrize("source", [3, None, b"bytes", {"a": 1}, {1}, object()])
def test_what_holds_no_images_is_refused(source):
    with pytest.raises(DataError, match=f"expected images as .* got {type(source).__name__}"):
        load_images(source)


def test_a_list_with_something_else_in_it():
    with pytest.raises(DataError, match="item 1 of the list: expected a path or an image, got int"):
        load_images(["a.jpg", 3])


def test_sources_that_lead_nowhere(pets, tmp_path):
    with pytest.raises(DataError, match=r"no folder or file '.*pest'; did you mean 'pets'"):
        load_images(tmp_path / "pest")
    with pytest.raises(DataError, match=r"no image matches '.*\*\.gif'"):
        load_images(str(tmp_path / "*.gif"))
    with pytest.raises(DataError, match="an empty path"):
        load_images("")
    with pytest.raises(DataError, match=r"no file '.*lst.csv'; did you mean 'list.csv'"):
        load_images(pets / "lst.csv")
    with pytest.raises(UnknownName, match="no torchvision data set named 'Nothing'"):
        load_images("torchvision:Nothing")


@pytest.mark.parametrize(
    "name", ["x" * 300, "x" * 300 + "/a", "x" * 300 + ".csv", "x" * 5000 + ".tsv", "a\0b", "a\0b.csv"]
)
def test_impossible_names_are_refused_or_fail_when_read(name):
    with pytest.raises(DataError, match=r"no (folder or )?file"):
        load_images(name)
    with pytest.raises(ImageError, match=r"no such file|cannot be opened|not a possible file name"):
        image_to_pil(load_images([name]), 0)


def test_the_shared_photos(shared_data: Path):
    found = load_images(shared_data / "clothing" / "test")
    assert len(found) == 372
    assert len(found.classes) == 10
    assert image_to_pil(found, 0).mode == "RGB"
