from __future__ import annotations

import numpy as np
import pytest

from hierclf import HierarchicalClassifier, Taxonomy, evaluate
from hierclf.classifier import NotFitted
from hierclf.errors import DataError, UnknownName
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
    assert any(note.startswith("3 unknown images are copies of known ones;") for note in told)
    known = write_folder(tmp_path / "known", count=2, seed=3)
    assert any(note.startswith("8 unknown images are copies") for note in evaluate(on_images, known, other=known).notes)
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


GROUPS = {"vowel": "aeio", "consonant": "bcdf", "digit": "0123"}


def family(groups, count, *, seed):
    """Embeddings of letters around the middle of their group; where a letter lies depends on its names alone."""
    random, values, labels = np.random.default_rng(seed), [], []
    for group, letters in groups.items():
        middle = 2.4 * np.random.default_rng(list(group.encode())).normal(size=24)
        for letter in letters:
            centre = middle + np.random.default_rng(list((group + letter).encode())).normal(size=24)
            values.append(centre + random.normal(size=(count, 24)))
            labels += [letter] * count
    return np.concatenate(values), np.array(labels)


@pytest.fixture(scope="module")
def gated():
    taxonomy = Taxonomy.from_edges({group: list(letters) for group, letters in GROUPS.items()}, root="letter")
    return HierarchicalClassifier(taxonomy).fit(
        *family(GROUPS, 50, seed=0), other=family({"sign": "+-"}, 30, seed=3)[0]
    )


def test_images_of_new_kinds_are_looked_for_at_their_node(gated):
    new = {group: family({group: letters}, 30, seed=2)[0] for group, letters in (("vowel", "yw"), ("consonant", "h"))}
    values, labels = family(GROUPS, 40, seed=1)
    other = family({"sign": "+-"}, 20, seed=4)[0]
    examined = examine(gated, values, labels, other=other, novel=new)
    index = gated.taxonomy_.index
    assert examined.label_n[480:].tolist() == [-1] * 40 + [index("vowel")] * 60 + [index("consonant")] * 30
    assert examined.novel_n.tolist() == [False] * 520 + [True] * 90
    metrics, decisions = examined.report.metrics, examined.decisions
    found = [decision.status == "novel_child" and decision.node == "vowel" for decision in decisions[520:580]]
    found += [decision.status == "novel_child" and decision.node == "consonant" for decision in decisions[580:]]
    assert metrics["novel_at_its_node"] == pytest.approx(np.mean(found))
    assert metrics["novel_at_its_node"] > 0.5
    assert (metrics["n_novel"], metrics["n_other"]) == (90, 40)
    assert metrics["balanced_distance_mix"] < examined.report.baseline["balanced_distance_mix"]
    gates = examined.report.gates
    assert [(gate.node, gate.novel) for gate in gates] == [
        ("letter", 40),
        ("vowel", 60),
        ("consonant", 30),
        ("digit", 0),
    ]
    for gate in gates[1:3]:
        assert gate.expected > 0.8
        assert gate.auroc > 0.8
    only_other = evaluate(gated, values, labels, other=np.concatenate([other, *new.values()])).metrics
    at_the_root = evaluate(gated, values, labels, other=other, novel={"letter": np.concatenate(list(new.values()))})
    assert only_other == at_the_root.metrics  # what is new below the root is other


def test_new_kinds_below_a_class_or_a_node_that_is_not_there_are_refused(gated):
    values, labels = family(GROUPS, 2, seed=1)
    with pytest.raises(DataError, match="'a' is a class and has nothing below it"):
        evaluate(gated, values, labels, novel={"a": values})
    with pytest.raises(UnknownName, match="did you mean 'vowel'"):
        evaluate(gated, values, labels, novel={"vowl": values})
    with pytest.raises(DataError, match=r"(?s)'y' \(1 image.*--novel NODE=DIR"):
        evaluate(gated, values[:2], ["y", "a"])


def test_images_without_labels_are_told_nothing_about_new_kinds(gated):
    values, _ = family(GROUPS, 1, seed=1)
    with pytest.raises(DataError, match="no label at all") as error:
        evaluate(gated, values, [""] * len(values))
    assert "--novel" not in str(error.value)


def test_copies_among_new_kinds_are_noted(gated):
    values, labels = family(GROUPS, 4, seed=1)
    notes = evaluate(gated, values, labels, novel={"vowel": values[:2]}).notes
    assert any(note.startswith("2 unknown images are copies of known ones") for note in notes)


def test_drift_of_embeddings_is_noticed_and_none_is_not(gated):
    values, labels = family(GROUPS, 40, seed=1)
    calm, moved = evaluate(gated, values, labels), evaluate(gated, 1.5 * values, labels)
    assert calm.metrics["drifted"] is False
    assert calm.metrics["drift_p_value"] > 0.01
    assert moved.metrics["drifted"] is True
    assert moved.drift.towards == "more unknown"
    assert any(note.startswith("Drift: these known images") for note in moved.notes)


def test_darker_pictures_drift(on_images):
    pictures, labels = glyphs(count=40, seed=7)
    assert evaluate(on_images, pictures, labels).metrics["drifted"] is False
    assert evaluate(on_images, (pictures * 0.35).astype(np.uint8), labels).metrics["drifted"] is True


@pytest.mark.parametrize(
    ("promise", "count"),
    [("average", 2), ("confident", 2), ("per_class", 3), ("cross", 3), ("two_sided", 3), ("none", 1)],
)
def test_every_kind_of_promise_is_held_to_its_words(promise, count):
    model = HierarchicalClassifier(LETTERS, promise=promise, leave_one_out=False)
    model.fit(*clouds(spread=1.5), other=clouds("xyz", 40, seed=2)[0])
    report = evaluate(model, *clouds(seed=1, spread=1.5), other=clouds("xyz", 40, seed=3)[0])
    assert report.promise == promise
    assert report.promised == model.model_.gate.promise.sentence
    assert len(report.promises) == count
    assert all(one.kept for one in report.promises)
    assert report.metrics["alpha"] == (None if promise == "none" else 0.05)
    assert report.baseline["alpha"] == 0.05


def test_the_calibration_images_test_no_promise(gated):
    values, labels = family(GROUPS, 10, seed=1)
    label_n = np.array([gated.taxonomy_.index(label) for label in labels])
    report = judge(gated, gated.read(values), label_n, fresh=False).report
    assert (report.promises, report.drift, report.metrics["drifted"]) == ((), None, None)
    assert len(report.gates) == 4
