"""One seed's rows: the same images for the same purposes, nothing read that must not be."""

import numpy as np
import pytest
import torch

from experiments.hold_out.division import hold_out, load_material
from experiments.worth.config import Cell, load_worth
from experiments.worth.measurement import Bench, principal

CONFIG = {
    "name": "small",
    "taxonomy": {"a": ["0", "1", "2"], "b": ["3", "4", "5"], "c": ["6", "7"]},
    "hold_out": {"subtrees": "0"},
    "settings": {
        "backbone": "small_cnn",
        "epochs": "1",
        "augmentation": "none",
        "rule": "leaf",
        "leave_one_out": "false",
    },
    "variants": {"shared": {"level_weights": "uniform"}},
    "features": {"frozen": {"how": "flat"}},
    "discovery": {"bootstraps": "0"},
}


def bench_of(idx_folder, learn, **changes):
    data = {"source": "idx", "root": str(idx_folder("01234567", learn, 3))}
    config = load_worth({**CONFIG, "data": data, **changes})
    return Bench(hold_out(load_material(config), config, seed=0), config, seed=0)


@pytest.fixture
def bench(idx_folder):
    return bench_of(idx_folder, 14)


def cell(tree):
    return Cell(features="frozen", variant="shared", tree=tree)


def test_every_taxonomy_learns_from_the_same_images_under_the_same_names(bench):
    names = [bench.prepared.taxonomy.nodes[label] for label in bench.prepared.label_n]
    for tree in ("declared", "random", "nbdt", "flat"):
        taxonomy = bench.tree(tree)
        given = bench._labelled(taxonomy)
        assert [taxonomy.nodes[label] for label in given.label_n] == names
        assert given.parts is bench.prepared.parts
        assert given.images is bench.prepared.images


def test_the_source_of_discovery_holds_no_image_of_test_calibration_or_held_out_class(bench):
    known = bench.held_out.drawing.known
    prepared = bench.prepared
    assert {*bench.ground.label_n} == {*known.leaves}
    assert not {*bench._to_read()} & {*prepared.parts.calibration}
    read = {prepared.images.names[place] for place in bench._to_read()}
    tested = {name for part in bench.held_out.tested for name in bench.held_out.parts[part].names}
    assert not read & tested
    labels = [known.nodes[prepared.label_n[place]] for place in bench._to_read()]
    assert bench.ground.label_n == tuple(labels)


@pytest.mark.parametrize(("learn", "parts"), [(14, ("fit", "tune")), (80, ("tune",))])
def test_what_the_features_learnt_from_is_read_only_where_there_is_too_little_else(idx_folder, learn, parts):
    bench = bench_of(idx_folder, learn)
    expected = np.sort(np.concatenate([getattr(bench.prepared.parts, part) for part in parts]))
    np.testing.assert_array_equal(bench._to_read(), expected)


@pytest.mark.slow
def test_rows_share_embeddings_and_a_row_measured_twice_is_the_same(bench):
    first, again = (bench.measure(cell("declared")) for _ in range(2))
    assert {k: v for k, v in first.items() if "seconds" not in k} == {
        k: v for k, v in again.items() if "seconds" not in k
    }
    frozen = bench._frozen("frozen")
    bench.measure(cell("flat"))
    assert bench._frozen("frozen") is frozen
    assert first["clade_f1"] == 1.0
    assert first["alpha"] == pytest.approx(0.05)
    assert first["images_read"] == len(bench._to_read())


def test_fewer_directions_are_those_that_vary_most(idx_folder):
    bench = bench_of(idx_folder, 14, features={"frozen": {"how": "flat", "directions": "5"}})
    frozen = bench._frozen("frozen")
    assert frozen.embedding_nD.shape == (len(bench.prepared.label_n), 5)
    assert frozen.tested_BD.shape[1] == 5


def test_principal_directions_keep_what_any_others_lose():
    source = torch.Generator().manual_seed(0)
    scale = torch.tensor([5.0, 3.0, 0.1, 0.1])
    turn = torch.linalg.qr(torch.randn(4, 4, generator=source)).Q
    embedding = torch.randn(200, 4, generator=source) * scale @ turn + 7
    mean, basis = principal(embedding, 2)
    left = (embedding - mean) - (embedding - mean) @ basis @ basis.T
    assert left.square().sum(1).mean() < 0.05
    torch.testing.assert_close(basis.T @ basis, torch.eye(2), atol=1e-6, rtol=0)
    assert principal(embedding[:3], 10)[1].shape == (4, 3)
