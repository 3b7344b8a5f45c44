"""Far images in the form of the data."""

import numpy as np
import pytest

from experiments.config import DataConfig
from experiments.hold_out.config import FarConfig, load_hold_out
from experiments.hold_out.far import drawn_far, formed, load_far
from hierclf.data import image_to_pil, load_images
from tests.experiments.conftest import glyphs


@pytest.fixture
def images():
    pictures, labels = glyphs("01", 3)
    return load_images(pictures, [str(label) for label in labels])


def pixels(images, place):
    return np.asarray(image_to_pil(images, place))


def test_nothing_to_do_leaves_the_images_alone(images):
    assert formed(images, FarConfig(source="idx")) is images


def test_inverted_and_binary_pixels(images):
    inverted = formed(images, FarConfig(source="idx", inverted=True))
    both = formed(images, FarConfig(source="idx", inverted=True, binary=True))
    for place in range(len(images)):
        before = pixels(images, place).astype(int)
        np.testing.assert_array_equal(pixels(inverted, place), 255 - before)
        np.testing.assert_array_equal(pixels(both, place), np.where(255 - before >= 128, 255, 0))
    assert inverted.labels == images.labels
    assert inverted.names == images.names


def test_a_size_is_rows_and_columns(images):
    assert pixels(formed(images, FarConfig(source="idx", size=(16, 8))), 0).shape == (16, 8, 3)


def test_images_of_several_sizes_stay_apart(class_folders):
    root = class_folders({"train": {"bird": 2}})
    small = load_images(root / "train")
    (path,) = (root / "train" / "bird").glob("0.png")
    image_to_pil(small, 0).resize((5, 5)).save(path)
    inverted = formed(load_images(root / "train"), FarConfig(source="folder", inverted=True))
    assert sorted(pixels(inverted, place).shape for place in range(2)) == [(5, 5, 3), (8, 8, 3)]


@pytest.fixture
def config(idx_folder, class_folders):
    idx_folder("0123", 8, 4)
    root = class_folders({"train": {"bird": 4, "fish": 4}, "test": {"bird": 2, "fish": 2}})
    return load_hold_out(
        {
            "name": "far",
            "data": {"source": "idx", "root": str(root.parent / "idx")},
            "taxonomy": {"low": ["0", "1"], "high": ["2", "3"]},
            "hold_out": {
                "far": {
                    "animals": {"source": "folder", "root": "../folders", "limit": "5"},
                    "glyphs": {"source": "idx", "root": ".", "limit": "100", "inverted": "true"},
                }
            },
            "strategies": {"hierclf": None},
            "references": [],
        }
    )


def test_far_sets_are_found_beside_the_data_and_drawn_by_the_seed(config):
    sets = load_far(config)
    assert {name: len(images) for name, images in sets.items()} == {"animals": 12, "glyphs": 48}
    one, same, other = (drawn_far(sets, config, seed=seed) for seed in (0, 0, 1))
    assert one.labels == ("animals",) * 5 + ("glyphs",) * 48
    assert one.names == same.names
    assert one.names != other.names
    assert len(set(one.names)) == len(one)


def test_without_far_sets_there_is_nothing_to_draw(config):
    bare = config.model_copy(update={"hold_out": config.hold_out.model_copy(update={"far": {}})})
    assert drawn_far(load_far(bare), bare, seed=0) is None


@pytest.mark.parametrize(
    ("root", "beside", "found"),
    [("../mnist", "data/fashion", "data/fashion/../mnist"), ("/m", "data", "/m"), ("m", None, "m"), (None, "d", None)],
)
def test_a_root_is_looked_up_from_that_of_the_data(root, beside, found):
    far = FarConfig(source="idx", root=root)
    assert far.data(beside) == DataConfig(source="idx", root=found)
