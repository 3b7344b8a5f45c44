from __future__ import annotations

import numpy as np
import pytest

from hierclf import HierarchicalClassifier, Taxonomy, evaluate
from hierclf.classifier import NotFitted
from hierclf.errors import DataError
from hierclf.examination import examine, judge
from tests.synthetic import LETTERS, SHAPES, STRANGE, clouds, glyphs, write_folder


@pytest.fixture(scope="module")
def model():
    return HierarchicalClassifier(LETTERS).fit(*clouds(spread=1.5))


@pytest.fixture(scope="module")
def on_images():
    model = HierarchicalClassifier(SHAPES, backbone="small_cnn", epochs=5, cache=False)
    return model.fit(*glyphs(), other=glyphs(STRANGE, 5)[0])


def test_what_is_measured_is_what_is_decided(model):
    values, labels = clouds(seed=1, spread=1.5)
    strange = clouds("xyz", 20, seed=2)[0]
    examined = examine(model, values, labels, other=strange, notes=["a note"])
    metrics = examined.report.metrics
    decisions = model.predict(np.concatenate([values, strange]))
    assert examined.decisions.to_records() == decisions.to_records()
    known, other = decisions[:240], decisions[240:]
    assert (metrics["n_known"], metrics["n_other"], metrics["n_errors"]) == (240, 60, 0)
    assert metrics["leaf_accuracy"] == pytest.approx(np.mean(known.leaf == labels))
    away = ("other", "novel_child")
    assert metrics["known_rejected"] == pytest.approx(np.mean(np.isin(known.status, away)))
    assert metrics["known_called_novel"] == pytest.approx(np.mean(known.status == "novel_child"))
    assert metrics["unknown_accepted"] == pytest.approx(np.mean(~np.isin(other.status, away)))
    assert examined.label_n.tolist() == [LETTERS.index(label) for label in labels] + [-1] * 60
    assert examined.images is None
    assert "a note" in examined.report.notes
    assert examined.report.threshold == model.model_.threshold


def test_both_promises_are_held_against_what_was_measured(model):
    values, labels = clouds(seed=1, spread=1.5)
    report = evaluate(model, values, labels)
    gate, rule = report.promises
    assert gate.name == "at most 5 % of known images are turned away"
    assert rule.name == "at most 5 % of the answers about known images are off the true route"
    rows = zip(labels, model.predict(values), strict=True)
    wrong = [
        row.status in ("known", "ambiguous") and label not in LETTERS.leaves_below(row.node) for label, row in rows
    ]
    assert rule.measured == pytest.approx(np.mean(wrong))
    assert gate.kept
    assert rule.kept
    unpromised = evaluate(model.refit_gate(correct=None), values, labels)
    assert len(unpromised.promises) == 1


def test_a_promise_that_is_broken_shows(model):
    values, _ = clouds(seed=1, spread=1.5)
    report = evaluate(model, values, np.random.default_rng(0).choice(list("aebc"), len(values)))
    assert not report.promises[1].kept


def test_the_flat_baseline_stands_beside(model):
    report = evaluate(model, *clouds(seed=1))
    assert report.baseline["n_known"] == 240
    assert report.baseline["leaf_accuracy"] > 0.9


def test_images_in_folders_with_other(on_images, tmp_path):
    known = write_folder(tmp_path / "known", count=5, seed=3)
    other = write_folder(tmp_path / "other", STRANGE, 4, seed=4)
    (known / "bar" / "broken.png").write_bytes(b"no image")
    examined = examine(on_images, known, other=other)
    metrics = examined.report.metrics
    assert (metrics["n_known"], metrics["n_other"], metrics["n_errors"]) == (20, 8, 1)
    assert len(examined.images) == len(examined.label_n) == len(examined.reading) == 29
    assert (examined.label_n == -1).sum() == 8


def test_images_that_are_known_and_other_at_once_are_noted(model, on_images, tmp_path):
    values, labels = clouds(seed=1)
    again = np.concatenate([values[:3], clouds("xyz", 2, seed=2)[0]])
    told = evaluate(model, values, labels, other=again).notes
    assert any(note.startswith("3 images of other are copies of known ones;") for note in told)
    known = write_folder(tmp_path / "known", count=2, seed=3)
    assert any(
        note.startswith("8 images of other are copies") for note in evaluate(on_images, known, other=known).notes
    )
    for other in (clouds("xyz", 2, seed=2)[0], None):
        assert not any("cop" in note for note in evaluate(model, values, labels, other=other).notes)


def test_labels_beside_images_and_labels_that_are_other(on_images):
    taxonomy = Taxonomy(root="shape", edges=SHAPES.edges, other=STRANGE, labels=(("line", "bar"),))
    fitted = HierarchicalClassifier.from_model(on_images.model_)
    fitted.taxonomy_ = taxonomy
    pictures, labels = glyphs(("bar", "dots"), 5, seed=6)
    metrics = evaluate(fitted, pictures, np.where(labels == "bar", "line", labels)).metrics
    assert (metrics["n_known"], metrics["n_other"]) == (5, 5)


def test_labels_may_be_meta_classes(model):
    values, labels = clouds(seed=1)
    report = evaluate(model, values, ["vowel" if label in "ae" else label for label in labels])
    assert report.metrics["level_accuracy"][0] > 0.95


def test_a_reading_that_is_there_already(model):
    values, labels = clouds(seed=1)
    label_n = np.array([LETTERS.index(label) for label in labels])
    judged = judge(model, model.read(values), label_n)
    assert judged.report.metrics == evaluate(model, values, labels).metrics


@pytest.mark.parametrize(
    ("images", "labels", "other", "message"),
    [
        (clouds()[0], None, None, "embeddings need labels"),
        (clouds()[0], ["a"], None, "got 240 embeddings and 1 labels"),
        (clouds()[0], ["vovel"] * 240, None, r"'vovel' \(240 images\); did you mean 'vowel'"),
        (clouds()[0], clouds()[1], np.zeros((2, 3)), "X has 3 features"),
        (clouds(size=5)[0], clouds()[1], None, "X has 5 features"),
        ("data/test", None, None, "reads embeddings"),
    ],
    ids=range(6),
)
def test_embeddings_that_cannot_be_examined(model, images, labels, other, message):
    with pytest.raises(DataError, match=message):
        evaluate(model, images, labels, other=other)


def test_images_that_cannot_be_examined(on_images):
    with pytest.raises(DataError, match="images without labels cannot be evaluated"):
        evaluate(on_images, glyphs(count=1)[0])
    with pytest.raises(DataError, match="no folder"):
        evaluate(on_images, "nowhere")


def test_asked_before_fit():
    with pytest.raises(NotFitted, match="not fitted yet"):
        evaluate(HierarchicalClassifier(), *clouds())
