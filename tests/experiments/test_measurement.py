from types import SimpleNamespace

import numpy as np
import pytest

from experiments.config import load_config
from experiments.measurement import Bench, by_place, promise_kept
from experiments.protocol import content_hashes, divide, protocol_taxonomy
from experiments.sealed import Exam, Lessons, Openings, SealedTest
from hierclf import Taxonomy, evaluate
from hierclf.dag import compile_plan
from hierclf.data import load_images
from hierclf.strategies import strategies
from tests.experiments.test_protocol import pool_of

SMALL = {"backbone": "small_cnn", "epochs": 3, "augmentation": "none", "cache": False}


@pytest.fixture(scope="module")
def division():
    pool = pool_of("012ANxy", learn=60)
    classes = {"known": ["0", "1", "2"], "other": ["A", "x"], "unseen": ["N", "y"]}
    config = load_config({"name": "x", "data": {"source": "idx"}, "classes": classes, "strategies": {"hierclf": ""}})
    taxonomy = protocol_taxonomy(config, pool)
    return divide(pool, config, taxonomy, content_hashes(pool), seed=0)


def bench_of(division, folder):
    return Bench(Lessons.of(division), SealedTest(division, Openings.begin(folder)), seed=0)


@pytest.fixture(scope="module")
def bench(division, tmp_path_factory):
    return bench_of(division, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def measured(bench):
    return bench.measure(strategies["hierclf"].but(**SMALL))


def test_it_measures_what_an_evaluation_of_each_kind_would(division, measured):
    for kind, other in (("seen", division.seen), ("unseen", division.unseen)):
        alone = evaluate(measured.classifier, division.test, other=other).metrics
        for name in ("auroc_other", "unknown_accepted", "unknown_accepted_at_95_known", "oscr", "n_other"):
            assert measured.metrics[f"{name}_{kind}"] == pytest.approx(alone[name], abs=1e-9), name
        assert measured.metrics[f"unknown_rejected_{kind}"] == pytest.approx(1 - alone["unknown_accepted"])
        for name in ("leaf_accuracy", "known_rejected", "n_known"):
            assert measured.metrics[name] == pytest.approx(alone[name])
    assert measured.metrics["n_other"] == len(division.seen) + len(division.unseen)


def test_a_held_out_class_is_measured_from_the_node_above_it():
    exam = Exam(
        images=load_images(np.zeros((5, 2, 2), dtype=np.uint8)),
        label_n=np.array([3, -1, -1, -1, -1]),
        place_n=np.array([3, 1, 1, 2, 0]),
        class_n=np.array([0, 1, 1, 2, 3]),
        counts={"test": 1, "unseen": 4},
    )
    decisions = SimpleNamespace(
        status=["known", "known", "novel_child", "", "other"],
        node=["0", "0", "even", "odd", "number"],
    )
    report = SimpleNamespace(taxonomy=SimpleNamespace(nodes=("number", "even", "odd", "0", "1")))
    cut = Taxonomy.from_edges({"number": ["even", "odd"], "even": ["0"], "odd": ["1"]})
    assert cut.nodes == report.taxonomy.nodes
    told = by_place(SimpleNamespace(decisions=decisions, report=report), exam, compile_plan(cut))
    # Of the held-out class below "even" one image is one step too deep and one is right; the odd one was not read.
    assert told == {"balanced_distance_known": 0, "balanced_distance_novel": 0.25, "balanced_distance_mix": 0.125}


def test_distances_are_undefined_without_images_and_can_be_written():
    exam = Exam(
        images=load_images(np.zeros((1, 2, 2), dtype=np.uint8)),
        label_n=np.array([1]),
        place_n=np.array([1]),
        class_n=np.array([0]),
        counts={"test": 1},
    )
    plan = compile_plan(Taxonomy.from_edges({"number": ["0", "1"]}))
    report = SimpleNamespace(taxonomy=SimpleNamespace(nodes=plan.nodes))
    decisions = SimpleNamespace(status=["known"], node=["0"])
    told = by_place(SimpleNamespace(decisions=decisions, report=report), exam, plan)
    assert told == {"balanced_distance_known": 0, "balanced_distance_novel": None, "balanced_distance_mix": None}


def test_the_promise_is_judged(measured):
    promise = next(one for one in measured.examination.report.promises if "turned away" in one.name)
    assert measured.metrics["promise_kept"] == int(promise.kept)
    assert promise_kept({"known_rejected": 0.08, "alpha": 0.05, "known_rejected_standard_error": 0.01}) == 0
    assert promise_kept({"known_rejected": 0.0, "alpha": 0.0, "known_rejected_standard_error": 0.0}) is None, "no gate"


def test_a_shared_network_measures_the_same_as_one_of_its_own(bench, division, measured, tmp_path):
    strategy = strategies["hierclf"].but(**SMALL, gate=["energy"], rule="leaf")
    shared = bench.measure(strategy, "shared")
    alone = bench_of(division, tmp_path).measure(strategy)
    own = ("fit_seconds", "predict_seconds", "trainings")
    assert {name: value for name, value in shared.metrics.items() if name not in own} == {
        name: value for name, value in alone.metrics.items() if name not in own
    }
    assert shared.classifier.model_.backbone is measured.classifier.model_.backbone
    assert shared.metrics["fit_seconds"] >= measured.metrics["fit_seconds"], "as if it had come alone"
    assert [one.metrics["trainings"] for one in (measured, shared, alone)] == [1, 0, 1]


def test_the_seed_is_that_of_the_bench(bench, measured):
    assert measured.classifier.seed == bench.seed == 0


def test_rows_of_a_reading_are_those_asked_for(bench, measured):
    reading = measured.examination.reading
    places = np.array([5, 0, 7])
    part = reading.rows(places)
    assert part.names == tuple(reading.names[place] for place in (5, 0, 7))
    np.testing.assert_array_equal(part.p_value_B.numpy(), reading.p_value_B.numpy()[places])
    np.testing.assert_array_equal(part.node_log_probs_BN.numpy(), reading.node_log_probs_BN.numpy()[places])


def test_errors_of_a_reading_follow_their_rows(measured):
    from dataclasses import replace

    broken = replace(measured.examination.reading, errors={0: "torn", 3: "wet"})
    assert broken.rows(np.array([5, 3, 1])).errors == {1: "wet"}
