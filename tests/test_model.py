from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from hierclf import HierarchicalClassifier
from hierclf.dag import stop_log_probs
from hierclf.data import load_images
from hierclf.errors import ConfigError, DataError, UnknownName
from hierclf.gates import Evidence, p_values
from hierclf.model import Operation
from hierclf.reading import Reading
from tests.conftest import DEEP_DAG
from tests.reference import sum_of_leaves
from tests.synthetic import LETTERS, SHAPES, clouds, glyph, glyphs, write_folder


@pytest.fixture(scope="module")
def on_embeddings():
    values, labels = clouds()
    return HierarchicalClassifier(LETTERS, seed=0).fit(values, labels, other=clouds("xyz", 10)[0]).model_


@pytest.fixture(scope="module")
def on_images():
    return HierarchicalClassifier(SHAPES, backbone="small_cnn", epochs=2, seed=0).fit(*glyphs()).model_


def columns(reading):
    return {
        "node_log_probs": reading.node_log_probs_BN,
        "unknown_score": reading.unknown_score_B,
        "p_value": reading.p_value_B,
        "baseline": reading.baseline_log_probs_BL,
        "stops": reading.stop_log_probs_BN,
        "surprise": reading.surprise_BG,
        **reading.components,
    }


@pytest.mark.parametrize("size", [1, 3, 64, 200])
def test_a_row_does_not_depend_on_its_batch(on_embeddings, size):
    values = torch.from_numpy(clouds("aexq", 50, seed=5, spread=2.0)[0])
    whole = on_embeddings.read(values)
    parts = Reading.joined([on_embeddings.read(part) for part in torch.split(values, size)])
    for name, column in columns(whole).items():
        torch.testing.assert_close(columns(parts)[name], column, atol=1e-10, rtol=1e-10, msg=name)
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(0))
    turned = on_embeddings.read(values[order])
    for name, column in columns(whole).items():
        torch.testing.assert_close(columns(turned)[name], column[order], atol=1e-10, rtol=1e-10, msg=name)
    assert on_embeddings.decide(turned).node.tolist() == on_embeddings.decide(whole).node[order.numpy()].tolist()


def test_decisions_about_the_images_it_was_calibrated_on_do_not_depend_on_their_batch(on_images):
    images = load_images(glyphs()[0])
    whole = [row.to_record() for row in on_images.decide(Reading.joined(list(on_images.readings(images))))]
    for size in (1, 5):
        parts = on_images.readings(images, batch_size=size)
        assert [row.to_record() for part in parts for row in on_images.decide(part)] == whole


def test_readings_of_images_do_not_depend_on_their_batch(on_images):
    images = load_images(glyphs(count=10, seed=3)[0])
    whole = Reading.joined(list(on_images.readings(images)))
    for size in (1, 7):
        parts = list(on_images.readings(images, batch_size=size))
        assert [len(part) for part in parts[:2]] == [size, size]
        joined = Reading.joined(parts)
        assert joined.names == whole.names == images.names
        for name, column in columns(whole).items():
            if name != "p_value":  # it counts calibration images below a score, and may go by one of them
                torch.testing.assert_close(columns(joined)[name], column, atol=1e-4, rtol=1e-4, msg=name)


def test_a_reading_is_the_head_and_the_gate(on_embeddings):
    values = torch.from_numpy(clouds(count=5, seed=1)[0])
    reading = on_embeddings.read(values)
    with torch.no_grad():
        logits = on_embeddings.head(values)
        expected = on_embeddings.head.node_log_probs(logits)
    torch.testing.assert_close(reading.node_log_probs_BN, expected)
    evidence = Evidence(values, on_embeddings.head.leaf_scores(logits).detach())
    gate = on_embeddings.gate
    torch.testing.assert_close(reading.unknown_score_B, gate.score(evidence))
    torch.testing.assert_close(reading.p_value_B, p_values(gate.calibration_scores, gate.score(evidence)))
    assert set(reading.components) == {part.name for part in gate.parts}


@pytest.mark.parametrize("head", ["shared", "flat", "per_node"])
@pytest.mark.parametrize("taxonomy", [LETTERS, DEEP_DAG], ids=lambda taxonomy: taxonomy.root)
def test_stops_are_one_distribution_of_classes_and_of_what_is_new_below_each_gate(taxonomy, head):
    leaves = list(taxonomy.leaves)
    model = HierarchicalClassifier(taxonomy, head=head).fit(*clouds(leaves, 30)).model_
    reading = model.read(torch.from_numpy(clouds([*leaves, "?"], 5, seed=3, spread=2.0)[0]))
    stops_BN = reading.stop_log_probs_BN.exp()
    torch.testing.assert_close(stops_BN.sum(1), torch.ones(len(reading)).double())
    gated = [taxonomy.index(node) for node in model.gated_nodes]
    assert gated[0] == 0
    surprise_BN = torch.zeros_like(stops_BN)
    surprise_BN[:, gated] = reading.surprise_BG
    novel_BN = model.gate.novel(surprise_BN)
    torch.testing.assert_close(
        reading.stop_log_probs_BN, stop_log_probs(reading.node_log_probs_BN, novel_BN, model.plan)
    )
    torch.testing.assert_close(stops_BN[:, 0], novel_BN[:, 0].exp())
    ungated = [place for place in range(len(taxonomy)) if place not in gated and taxonomy.nodes[place] not in leaves]
    assert (stops_BN[:, ungated] == 0).all()


def test_a_gate_holds_an_image_against_the_leaf_that_it_is_taken_for():
    """Also where a head's scores of leaves are built from other numbers, as on edges of a DAG."""
    leaves = list(DEEP_DAG.leaves)
    values = torch.from_numpy(clouds(leaves, 20, seed=4, spread=3.0)[0])
    for head in ("shared", "flat", "per_node"):
        model = HierarchicalClassifier(DEEP_DAG, head=head).fit(*clouds(leaves, 30)).model_
        taken_for = model.gate.read(Evidence(values, model.head.leaf_scores(model.logits(values)))).statistic.node_B
        assert [model.plan.nodes[node] for node in taken_for] == model.decide(model.read(values)).leaf.tolist()


def test_memberships_on_a_dag_are_sums_over_distinct_leaves():
    leaves = list(DEEP_DAG.leaves)
    values, labels = clouds(leaves, 30)
    model = HierarchicalClassifier(DEEP_DAG, gate="none").fit(values, labels).model_
    probs = model.read(torch.from_numpy(values[:20])).node_log_probs_BN.exp()
    below = probs[:, [DEEP_DAG.index(leaf) for leaf in leaves]]
    torch.testing.assert_close(probs, sum_of_leaves(DEEP_DAG, below), atol=1e-9, rtol=0)
    assert probs.max() <= 1.0


def test_without_a_gate_everyone_is_let_in(on_embeddings):
    values, labels = clouds()
    model = HierarchicalClassifier(LETTERS, gate="none").fit(values, labels).model_
    reading = model.read(torch.full((3, 8), 1e6, dtype=torch.float64))
    assert reading.p_value_B.tolist() == [1.0, 1.0, 1.0]
    assert reading.unknown_score_B.tolist() == [0.0, 0.0, 0.0]
    assert reading.components == {}
    assert (model.alpha, model.threshold, model.baseline_threshold) == (0.0, float("inf"), float("inf"))
    assert set(model.decide(reading).status) <= {"known", "ambiguous"}
    assert (model.gated_nodes, model.knows_novelty, model.level) == ((), False, 0.0)
    assert reading.surprise_BG.shape == (3, 0)
    torch.testing.assert_close(reading.stop_log_probs_BN.exp().sum(1), torch.ones(3).double())
    assert on_embeddings.threshold < float("inf")


def test_rows_that_could_not_be_read_are_nan_and_rows_with_an_error(on_embeddings):
    values = torch.from_numpy(clouds(count=2, seed=1)[0])
    holes = values.clone()
    holes[[0, 5]] = torch.nan
    reading = on_embeddings.read(holes, errors={0: "gone", 5: "broken"})
    whole = on_embeddings.read(values)
    for name, column in columns(reading).items():
        bad = column.isnan() if column.ndim == 1 else column.isnan().all(1)
        assert bad.nonzero()[:, 0].tolist() == [0, 5], name
        torch.testing.assert_close(column[~bad], columns(whole)[name][~bad])
    decisions = on_embeddings.decide(reading)
    assert decisions.error.tolist() == ["gone", "", "", "", "", "broken", "", ""]
    assert decisions.status[0] == ""


def test_all_rows_may_be_unreadable_and_there_may_be_none(on_embeddings):
    nothing = on_embeddings.read(torch.full((2, 8), torch.nan), errors={0: "gone", 1: "gone"})
    assert nothing.node_log_probs_BN.isnan().all()
    empty = on_embeddings.read(torch.empty(0, 8))
    assert empty.node_log_probs_BN.shape == (0, len(LETTERS))
    assert len(on_embeddings.decide(empty)) == len(empty) == 0


def test_images_that_cannot_be_read_keep_their_places(on_images, tmp_path):
    paths = sorted(write_folder(tmp_path, count=1).rglob("*.png"))
    paths.insert(2, tmp_path / "missing.png")
    readings = list(on_images.readings(load_images(paths), batch_size=2))
    joined = Reading.joined(readings)
    assert list(joined.errors) == [2]
    assert joined.unknown_score_B.isnan().tolist() == [False, False, True, False, False]
    assert on_images.decide(joined).error[2].endswith("missing.png: no such file")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.zeros(3, 7), r"expected embeddings of shape \(n, 8\), as the model was fitted on, got \(3, 7\)"),
        (torch.zeros(8), r"got \(8,\)"),
        (torch.full((3, 8), torch.nan), "NaN or infinity in 3 of 3 rows"),
    ],
    ids=range(3),
)
def test_embeddings_that_cannot_be_read_are_refused(on_embeddings, values, message):
    with pytest.raises(DataError, match=message):
        on_embeddings.read(values)


def test_a_model_without_a_backbone_reads_no_images(on_embeddings):
    images = load_images(glyphs(count=1)[0])
    with pytest.raises(DataError, match=r"fitted on embeddings \(backbone=None\)"):
        on_embeddings.embed(images)
    with pytest.raises(DataError, match=r"fitted on embeddings \(backbone=None\)"):
        next(on_embeddings.readings(images))


def test_readings_of_embeddings_are_named_by_their_place(on_embeddings, monkeypatch):
    monkeypatch.setattr("hierclf.model.MOST_ROWS", 100)
    values = torch.from_numpy(clouds(count=60)[0])
    parts = list(on_embeddings.readings(values))
    assert [len(part) for part in parts] == [100, 100, 40]
    assert Reading.joined(parts).names == tuple(f"#{place}" for place in range(240))


def test_reading_is_the_same_whatever_fits_at_once(on_embeddings, monkeypatch):
    values = torch.from_numpy(clouds(count=60)[0])
    whole = on_embeddings.read(values)
    monkeypatch.setattr("hierclf.model.LARGEST_TABLE", 1)
    assert on_embeddings.rows_at_once == 64
    for name, column in columns(on_embeddings.read(values)).items():
        torch.testing.assert_close(column, columns(whole)[name], atol=1e-10, rtol=1e-10)


def test_memory_of_readings_does_not_grow_with_the_number_of_images(on_images):
    source = np.random.default_rng(0)
    few = np.stack([glyph("bar", source) for _ in range(64)])

    def peak(count):
        images = load_images(np.broadcast_to(few[None], (count, *few.shape)).reshape(-1, 12, 12))
        tracemalloc.start()
        for _ in on_images.readings(images):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(1)
    assert peak(24) < peak(4) + 200_000  # the names of all images, and nothing else


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"rule": "treshold"}, UnknownName, "did you mean 'threshold'"),
        ({"point": float("nan")}, ConfigError, "a finite number, got nan"),
        ({"correct": 1.0}, ConfigError, "correct is a share between 0 and 1, or None, got 1.0"),
    ],
)
def test_an_operation_is_checked_once(settings, error, message):
    with pytest.raises(error, match=message):
        Operation(**settings)


def test_another_operation_for_one_decision(on_embeddings):
    reading = on_embeddings.read(torch.from_numpy(clouds(count=5, seed=1)[0]))
    climbing = on_embeddings.decide(reading, operation=Operation(rule="threshold", point=1.1))
    assert set(climbing.node) == {"letter"}
    assert set(on_embeddings.decide(reading, operation=Operation(rule="leaf")).node) <= set(LETTERS.leaves) | {"letter"}
