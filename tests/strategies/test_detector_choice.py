import numpy as np
import pytest

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.strategies.detector_choice import DETECTORS, detector_aurocs, on_best_detector

pytest.importorskip("pytorch_ood")

CLASSES = Taxonomy.from_edges({"all": [f"c{number}" for number in range(6)]})
GATE = {"gate": ["ood:Mahalanobis"], "node_gates": "none", "leave_one_out": False, "rule": "leaf"}


def points(classes, count=40, seed=0):
    source = np.random.default_rng(seed)
    number = np.repeat(np.arange(classes), count)
    return source.normal(size=(len(number), 12)) + 7 * np.eye(classes, 12)[number], [f"c{one}" for one in number]


@pytest.fixture(scope="module")
def trained():
    return HierarchicalClassifier(CLASSES, head="flat", gate="none").fit(*points(6))


def test_detectors_are_told_apart_by_classes_that_were_left_out(trained):
    values = detector_aurocs(trained, ("Mahalanobis", "MaxSoftmax"))
    assert list(values) == ["Mahalanobis", "MaxSoftmax"]
    assert values["Mahalanobis"] > 0.95, "classes far from all others, in a space that Gaussians fit exactly"
    assert all(0 < value <= 1 for value in values.values())
    assert detector_aurocs(trained, ("Mahalanobis", "MaxSoftmax")) == values


def test_the_best_becomes_the_gate_and_says_why(trained):
    finished = on_best_detector(trained, GATE)
    values = detector_aurocs(trained, DETECTORS)
    best = max(DETECTORS, key=lambda name: values[name])
    assert finished.gate == [f"ood:{best}"]
    assert [part.name for part in finished.model_.gate.parts] == [f"ood:{best}"]
    assert f"pytorch-ood's {best} was chosen" in finished.notes_[-1]
    assert np.mean(finished.predict(np.full((20, 12), 9.0)).status == "other") == 1


def test_with_two_classes_nothing_can_be_left_out():
    trained = HierarchicalClassifier(head="flat", gate="none").fit(*points(2))
    assert detector_aurocs(trained, ("Mahalanobis",)) == {}
    finished = on_best_detector(trained, GATE)
    assert finished.gate == [f"ood:{DETECTORS[0]}"]
    assert "too few classes" in finished.notes_[-1]


def test_a_detector_that_wants_more_images_is_left_out_of_the_choice():
    trained = HierarchicalClassifier(CLASSES, head="flat", gate="none", calibration_share=0.3).fit(*points(6, count=8))
    values = detector_aurocs(trained, DETECTORS)
    assert "KNN" not in values, "50 neighbours of some 30 images"
    assert "MaxSoftmax" in values
    finished = on_best_detector(trained, GATE)
    assert finished.gate == [f"ood:{max(values, key=lambda name: values[name])}"]
