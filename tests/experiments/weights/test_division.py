from __future__ import annotations

import numpy as np
import pytest

from experiments.weights.config import load_weights
from experiments.weights.division import divide, load_material
from hierclf.errors import DataError


@pytest.fixture
def config(idx_folder):
    """A config on tiny glyphs, with some settings changed."""

    def make(data=(), **change):
        root = str(idx_folder("012345", 12, 4))
        values = {
            "name": "small",
            "data": {"source": "idx", "root": root, **dict(data)},
            "taxonomy": {"a": ["0", "1"], "b": ["2", "3"]},
            "features": "own",
            "levels": {"leaf": "leaf"},
            "classes": {"none": None},
        }
        return load_weights(values | change)

    return make


def labels(images):
    return {name: images.labels.count(name) for name in sorted(set(images.labels))}


def test_classes_outside_the_taxonomy_are_left_out_and_the_test_is_the_datas_own(config):
    loaded = config()
    divided = divide(load_material(loaded), loaded, seed=0)
    assert labels(divided.train) == dict.fromkeys("0123", 12)
    assert labels(divided.test) == dict.fromkeys("0123", 4)
    assert [divided.taxonomy.nodes[place] for place in divided.truth()] == list(divided.test.labels)


@pytest.mark.parametrize("resplit", [False, True])
def test_validation_leaves_the_test_unread(config, resplit):
    loaded = config({"resplit": resplit}, validation=True)
    material = load_material(loaded)
    assert material.pool.test is None
    divided = divide(material, loaded, seed=0)
    assert len(divided.train) + len(divided.test) == 48
    assert set(divided.train.names).isdisjoint(divided.test.names)
    assert all(name.startswith("train") for name in divided.test.names)


def test_a_limit_holds_for_each_class_and_seeds_draw_differently(config):
    loaded = config({"limit": 5, "resplit": True})
    material = load_material(loaded)
    one, again, other = (divide(material, loaded, seed=seed) for seed in (0, 0, 1))
    assert labels(one.train) == dict.fromkeys("0123", 5)
    assert one.checksum == again.checksum != other.checksum
    assert len(one.to_csv().splitlines()) == 1 + len(one.train) + len(one.test)


def test_no_image_to_learn_from_equals_one_to_test_on(config):
    loaded = config({"resplit": True})
    divided = divide(load_material(loaded), loaded, seed=0)
    hashes = [np.array([divided.hashes[name] for name in part.names]) for part in (divided.train, divided.test)]
    assert not set(hashes[0]) & set(hashes[1])


def test_data_without_a_class_of_the_taxonomy(config):
    with pytest.raises(DataError, match=r"the data holds no class of it \(the data holds 0, 1, 2"):
        load_material(config(taxonomy={"a": ["x", "y"]}))
