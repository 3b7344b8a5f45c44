from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from experiments.discovery import material
from experiments.discovery.config import load_discovery
from experiments.discovery.material import load_material, problem_from
from hierclf.errors import ConfigError


def config(root, **more):
    values = {
        "name": "small",
        "data": {"source": "idx", "root": str(root)},
        "taxonomy": {"low": ["0", "1"], "high": ["2", "3"], "absent": ["8", "9"]},
        "embedding": {"by": "pixels", "read": "0.25"},
    }
    return load_discovery({**values, **more})


@pytest.fixture
def root(idx_folder):
    return idx_folder("0123AN", 12, 4)


def test_only_classes_of_the_reference_that_the_data_holds_count_and_the_test_part_is_left_alone(root):
    held = load_material(config(root))
    assert held.reference.leaves == ("0", "1", "2", "3")
    assert len(held.images) == 48
    assert all(name.startswith("train") for name in held.images.names)


def test_pixels_are_read_of_the_share_that_the_seed_draws(root):
    held = load_material(config(root))
    one, again, two = (problem_from(held, config(root), seed) for seed in (0, 0, 1))
    assert {label: one.labels.count(label) for label in set(one.labels)} == dict.fromkeys("0123", 3)
    assert one.embedding_nD.shape == (12, 64)
    np.testing.assert_array_equal(one.embedding_nD, again.embedding_nD)
    assert one.checksum == again.checksum != two.checksum
    rows = list(csv.DictReader(io.StringIO(one.listed)))
    assert {row["part"] for row in rows} == {"look"}
    pixels = held.images.images.reshape(48, 64)[[held.images.names.index(row["image"]) for row in rows]]
    np.testing.assert_array_equal(one.embedding_nD, pixels)


def test_a_network_is_fitted_on_other_images_than_discovery_reads_and_knows_no_taxonomy(root, monkeypatch):
    fitted = {}
    whole = material.HierarchicalClassifier.fit

    def fit(self, images, *args, **kwargs):
        fitted.update(names=images.names, taxonomy=self.taxonomy, head=self.head)
        return whole(self, images, *args, **kwargs)

    monkeypatch.setattr(material.HierarchicalClassifier, "fit", fit)
    settings = {"backbone": "small_cnn", "epochs": "1", "augmentation": "none", "cache": "false"}
    trained = config(root, embedding={"by": "trained", "read": "0.25"}, settings=settings)
    problem = problem_from(load_material(trained), trained, 0)
    assert len(problem.embedding_nD) == len(problem.labels) == 12
    assert fitted["head"] == "flat"
    assert fitted["taxonomy"].internal_nodes == (fitted["taxonomy"].root,)
    rows = list(csv.DictReader(io.StringIO(problem.listed)))
    parts = {part: {row["image"] for row in rows if row["part"] == part} for part in ("learn", "look")}
    assert set(fitted["names"]) == parts["learn"]
    assert len(parts["learn"]) == 36
    assert not parts["learn"] & parts["look"]
    assert [row["label"] for row in rows if row["part"] == "look"] == list(problem.labels)


def test_a_frozen_network_takes_the_settings_of_a_backbone(root, tmp_path, monkeypatch):
    monkeypatch.setenv("HIERCLF_CACHE", str(tmp_path / "cache"))
    frozen = config(root, embedding={"by": "frozen"}, settings={"backbone": "small_cnn", "image_size": "8"})
    problem = problem_from(load_material(frozen), frozen, 0)
    assert len(problem.embedding_nD) == len(problem.labels) == 38
    assert {problem.labels.count(label) for label in "0123"} == {9, 10}
    assert np.isfinite(problem.embedding_nD).all()
    wrong = config(root, embedding={"by": "frozen"}, settings={"backbone": "small_cnn", "epochs": "3"})
    with pytest.raises(ConfigError, match="settings: a frozen backbone takes image_size, weights and grey"):
        problem_from(load_material(wrong), wrong, 0).embedding_nD


def test_data_without_classes_of_the_reference_is_refused(root):
    with pytest.raises(ConfigError, match=r"the data holds 1 of its classes \(it holds 0, 1, 2, 3, A, N\)"):
        load_material(config(root, taxonomy={"low": ["0", "7"], "high": ["8", "9"]}))
