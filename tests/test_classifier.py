from __future__ import annotations

import os
import pickle
import stat
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from hierclf import Decisions, HierarchicalClassifier, Taxonomy
from hierclf.backbones import Preprocessing
from hierclf.classifier import NotFitted
from hierclf.errors import CalibrationError, ConfigError, DataError, HierclfError, TaxonomyError
from tests.conftest import CHAIN, DEEP_DAG, ONE_LEAF
from tests.synthetic import GLYPHS, LETTERS, SHAPES, STRANGE, clouds, glyphs, write_folder

EXCEPTIONS = {
    "check_fit_score_takes_y": "the second argument of fit is called labels: most sources of images bring their own",
}
QUICK = {"backbone": "small_cnn", "epochs": 2}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERCLF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def on_embeddings():
    return HierarchicalClassifier(LETTERS).fit(*clouds(), other=clouds("xyz", 10)[0])


@pytest.fixture(scope="module")
def on_images():
    return HierarchicalClassifier(SHAPES, backbone="small_cnn", epochs=8, cache=False).fit(*glyphs(count=40))


# -------------------------------------------------------------------------------------------------------- scikit-learn


@parametrize_with_checks([HierarchicalClassifier()], expected_failed_checks=lambda _: EXCEPTIONS)
@pytest.mark.filterwarnings("ignore:.*not checking:sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_parameters_can_be_read_set_and_cloned():
    model = HierarchicalClassifier(LETTERS, keep=0.9, gate=["knn"], node_weights={"vowel": 2.0})
    assert clone(model).get_params() == model.get_params()
    model.set_params(keep=0.8, head="flat")
    assert (model.keep, model.head) == (0.8, "flat")
    with pytest.raises(ValueError, match="kep"):
        model.set_params(kep=0.8)


def test_in_a_pipeline_across_folds_and_in_a_search():
    values, labels = clouds(spread=1.0)
    pipeline = make_pipeline(StandardScaler(), HierarchicalClassifier(head="flat"))
    assert cross_val_score(pipeline, values, labels, cv=2).min() > 0.9
    predicted = cross_val_predict(pipeline, values, labels, cv=2)
    assert accuracy_score(labels, predicted) > 0.9
    search = GridSearchCV(HierarchicalClassifier(head="flat"), {"gate": ["none"], "seed": np.arange(2)}, cv=2)
    assert search.fit(values, labels).best_score_ > 0.9


@pytest.mark.parametrize("kind", [int, float, str, bool])
def test_answers_are_the_labels_as_they_were_given(kind):
    values, labels = clouds("01" if kind is bool else "012", 40)
    labels = labels.astype(int).astype(kind)
    model = HierarchicalClassifier().fit(values, labels)
    np.testing.assert_array_equal(model.classes_, np.unique(labels))
    assert (model.predict(values) == labels).mean() == model.score(values, labels) > 0.95
    assert set(model.predict(values).tolist()) <= set(labels.tolist())


def test_probabilities_of_classes_sum_to_one_also_with_leaves_that_were_never_seen():
    values, labels = clouds("aeb")
    model = HierarchicalClassifier(LETTERS).fit(values, labels)
    probs = model.predict_proba(values)
    assert model.classes_.tolist() == ["a", "b", "c", "e"]
    np.testing.assert_allclose(probs.sum(1), 1)
    np.testing.assert_array_equal(model.classes_[probs.argmax(1)], model.predict(values))
    nodes = model.predict_node_proba(values)
    assert nodes.shape == (len(values), len(LETTERS))
    np.testing.assert_allclose(nodes[:, LETTERS.index("vowel")], probs[:, [0, 3]].sum(1), atol=1e-9)


def test_a_pickle_predicts_and_leaves_the_training_images_behind(on_embeddings):
    values, _ = clouds(seed=1)
    again = pickle.loads(pickle.dumps(on_embeddings))
    assert again.predict(values).to_records() == on_embeddings.predict(values).to_records()
    assert not hasattr(again, "prepared_")
    with pytest.raises(NotFitted, match="only a classifier that was fitted in this process"):
        again.refit_gate(gate="knn")
    assert on_embeddings.refit_gate(gate="knn").refit_gate(gate="energy").prepared_ is on_embeddings.prepared_


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.predict([[0.0]]),
        lambda model: model.predict_proba([[0.0]]),
        lambda model: model.predict_node_proba([[0.0]]),
        lambda model: model.unknown_score([[0.0]]),
        lambda model: model.p_value([[0.0]]),
        lambda model: model.embed(["a.jpg"]),
        lambda model: model.read([[0.0]]),
        lambda model: model.save("model"),
        lambda model: model.refit_gate(gate="knn"),
    ],
    ids=range(9),
)
def test_asked_before_fit(ask):
    with pytest.raises(NotFitted, match="fit"):
        ask(HierarchicalClassifier())


# -------------------------------------------------------------------------------------------------------- determinism


def test_the_same_seed_gives_the_same_answers_and_no_generator_is_touched():
    torch.manual_seed(1)
    np.random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    data, strange = glyphs(count=10), glyphs(STRANGE, 5)[0]
    answers = []
    for _ in range(2):
        model = HierarchicalClassifier(SHAPES, **QUICK, seed=3).fit(*data, other=strange)
        answers.append((model.unknown_score(data[0]).tolist(), model.predict_node_proba(data[0]).tolist(), model.log_))
    assert answers[0] == answers[1]
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    other_seed = HierarchicalClassifier(SHAPES, **QUICK, seed=4).fit(*data, other=strange)
    assert other_seed.unknown_score(data[0]).tolist() != answers[0][0]


def test_batch_and_order_do_not_change_an_answer(on_embeddings, on_images):
    for model, data in (
        (on_embeddings, clouds("aexq", 40, seed=4)[0]),
        (on_images, glyphs((*GLYPHS, *STRANGE), 8, seed=4)[0]),
    ):
        whole = model.predict(data)
        order = np.random.default_rng(0).permutation(len(data))
        turned = model.predict(data[order])
        assert turned.node.tolist() == whole.node[order].tolist()
        np.testing.assert_allclose(turned.probability, whole.probability[order], atol=1e-5)
        one_by_one = [model.predict(data[place : place + 1])[0] for place in range(0, len(data), 7)]
        assert [decision.node for decision in one_by_one] == whole.node[::7].tolist()


# ----------------------------------------------------------------------------------------------------------- promises


RESAMPLINGS = pytest.mark.parametrize("resamplings", [25, pytest.param(200, marks=pytest.mark.slow)])


@RESAMPLINGS
def test_at_most_five_percent_of_the_known_are_turned_away(resamplings):
    shares = []
    for seed in range(resamplings):
        values, labels = clouds(count=60, spread=1.2, seed=seed)
        model = HierarchicalClassifier(LETTERS, head="flat", gate=["mahalanobis", "knn"], correct=None, seed=seed)
        model.fit(values[:160], labels[:160])
        shares.append(float(np.isin(model.predict(values[160:]).status, ["other", "novel_child"]).mean()))
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert np.mean(shares) <= 0.05 + 2 * error
    assert np.mean(shares) >= 0.015  # and the promise is not kept by letting everybody in


@RESAMPLINGS
def test_wrong_answers_are_as_rare_as_promised(resamplings):
    shares = []
    for seed in range(resamplings):
        values, labels = clouds(count=60, spread=4.0, seed=seed)
        model = HierarchicalClassifier(LETTERS, head="flat", gate="none", correct=0.9, seed=seed)
        model.fit(values[:160], labels[:160])
        decisions = model.predict(values[160:])
        right = [label in LETTERS.leaves_below(node) for label, node in zip(labels[160:], decisions.node, strict=True)]
        shares.append(1 - np.mean(right))
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert np.mean(shares) <= 0.1 + 2 * error
    assert np.mean(shares) >= 0.05


def test_too_strict_a_promise_turns_nobody_away_and_says_so():
    values, labels = clouds(count=20)
    model = HierarchicalClassifier(LETTERS, keep=0.999, correct=0.999).fit(values, labels)
    assert set(model.predict(np.full((3, 8), 1e5)).status) <= {"known", "ambiguous"}
    assert any(
        note.startswith("No gate ever turns an image away: keeping 99.9 % of known images on the whole way takes")
        for note in model.notes_
    )
    assert any("too few to promise 99.9 % correct answers" in note for note in model.notes_)


PROMISES = ("average", "confident", "per_class", "cross", "two_sided", "none")
GROUPS = Taxonomy.from_edges(
    {"digit": ["0", "1", "2", "3"], "letter": ["a", "b", "c"], "mark": ["!", "?"]}, root="sign"
)


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_recognises_the_known_and_notices_the_strange(promise):
    values, labels = clouds(list(GROUPS.leaves), 40, spread=0.6)
    other = clouds("uvwxyz", 20)[0] if promise == "two_sided" else None
    model = HierarchicalClassifier(GROUPS, promise=promise, keep=0.9).fit(values, labels, other=other)
    test, truth = clouds(list(GROUPS.leaves), 20, spread=0.6, seed=5)
    known, strange = model.predict(test), model.predict(clouds("uvwxyz", 20, seed=5)[0])
    assert (known.leaf == truth).mean() > 0.95
    assert np.isin(known.status, ["other", "novel_child"]).mean() < 0.2
    assert np.isin(strange.status, ["other", "novel_child"]).mean() > 0.9
    assert model.model_.gate.promise.holds
    assert model.model_.gate.promise.sentence
    again = model.refit_gate(promise="average")
    assert again.model_.gate.guarantee.name == "average"
    fresh = HierarchicalClassifier(GROUPS, keep=0.9).fit(values, labels, other=other)
    if promise != "confident":  # which had more images set aside
        assert again.predict(test).node.tolist() == fresh.predict(test).node.tolist()


def test_a_new_child_is_told_from_what_is_none_of_ours():
    values, labels = clouds(list(GROUPS.leaves), 40, spread=0.6)
    new = values[labels == "c"]
    model = HierarchicalClassifier(GROUPS, promise="none").fit(values[labels != "c"], labels[labels != "c"])
    decisions = model.predict(new)
    assert np.isin(decisions.status, ["other", "novel_child"]).mean() > 0.9
    below = set(decisions.node[decisions.status == "novel_child"])
    assert below <= {"digit", "letter", "mark"}
    assert set(decisions.node[decisions.status == "other"]) <= {"sign"}


def test_among_the_turned_away_at_most_a_share_is_known():
    shares = []
    for seed in range(10):
        values, labels = clouds("aebc", 80, spread=1.0, seed=seed)
        model = HierarchicalClassifier(LETTERS, head="flat", gate="mahalanobis", leave_one_out=False, seed=seed)
        model.fit(values[:240], labels[:240])
        batch = np.concatenate([values[240:], clouds("xyz", 20, seed=seed)[0]])
        away = np.isin(model.predict(batch, false_discovery=0.2).status, ["other", "novel_child"])
        shares.append(away[:80].sum() / max(away.sum(), 1))
        assert away[80:].mean() > 0.8
    assert np.mean(shares) <= 0.2 + 2 * np.std(shares, ddof=1) / len(shares) ** 0.5
    with pytest.raises(ConfigError, match="it takes a gate with promise="):
        HierarchicalClassifier(LETTERS, gate="none").fit(values, labels).predict(batch, false_discovery=0.2)
    with pytest.raises(ConfigError, match="it takes a gate with promise="):
        HierarchicalClassifier(LETTERS, promise="none").fit(values, labels).predict(batch, false_discovery=0.2)
    with pytest.raises(ConfigError, match="one set of calibration images"):
        HierarchicalClassifier(LETTERS, promise="cross").fit(values, labels).predict(batch, false_discovery=0.2)


def test_the_share_of_false_discoveries_may_be_a_setting():
    values, labels = clouds("aebc", 80, spread=1.0)
    batch = np.concatenate([values[240:], clouds("xyz", 20)[0]])
    alone = HierarchicalClassifier(LETTERS, gate="knn", leave_one_out=False).fit(values[:240], labels[:240])
    together = alone.refit_gate(false_discovery=0.3)
    expected = list(alone.predict(batch, false_discovery=0.3))
    assert list(together.predict(batch)) == expected
    assert list(alone.predict(batch)) == list(together.predict(batch, false_discovery="none")) != expected
    assert list(together.predict(batch, false_discovery=0.01)) == list(alone.predict(batch, false_discovery=0.01))
    assert len(together.predict(batch[:0])) == 0
    (note,) = [note for note in together.notes_ if "call together" in note]
    assert note.startswith("predict decides about all images of a call together: on average, at most 30 % of those")
    assert list(together.refit_gate(false_discovery="none").notes_) == list(alone.notes_)
    with pytest.raises(ConfigError, match="'none' or None, got 'few'"):
        alone.predict(batch, false_discovery="few")


@pytest.mark.parametrize("given", [{"promise": "per_class"}, {"promise": "cross"}, {"promise": "none"}, {"gate": None}])
def test_false_discoveries_that_cannot_be_counted_are_refused_at_fit(given):
    values, labels = clouds()
    with pytest.raises(ConfigError, match=r"^false_discovery goes with a gate and the promises"):
        HierarchicalClassifier(LETTERS, false_discovery=0.1, **given).fit(values, labels)
    of_taxonomy = replace(LETTERS, false_discovery=0.1)
    with pytest.raises(ConfigError, match=r"change one of them \(false_discovery='none' does without\)"):
        HierarchicalClassifier(of_taxonomy, **given).fit(values, labels)
    quick = {"leave_one_out": False, "node_gates": "none", "rule": "leaf"}
    HierarchicalClassifier(of_taxonomy, false_discovery="none", **given, **quick).fit(values, labels).predict(values)


def test_discoveries_take_no_more_images_than_they_need():
    values, labels = clouds(count=10)
    sure = HierarchicalClassifier(LETTERS, promise="confident", false_discovery=0.2, leave_one_out=False)
    sure.fit(values, labels)
    assert sure.model_.level == 0.0  # too few for the promise, which is about one image at a time
    decisions = sure.predict(np.concatenate([values[:20], clouds("xyz", 20)[0]]))
    assert (decisions.status[20:] != "known").mean() > 0.8


def test_the_reason_of_a_discovery_is_true():
    values, labels = clouds("aebc", 80, spread=1.0)
    model = HierarchicalClassifier(LETTERS, leave_one_out=False).fit(values[:240], labels[:240])
    decisions = model.predict(np.concatenate([values[240:], clouds("xyz", 20)[0]]), false_discovery=0.3)
    for decision in decisions:
        if decision.status in ("other", "novel_child"):
            p_value, level = decision.reason.rpartition("p = ")[2].split(" ≤ ")
            assert float(p_value) <= float(level)


PLAIN = Taxonomy(root="any", edges=(("any", "a"), ("any", "b"), ("any", "c")))
LITTLE = {
    "groups": (GROUPS, {}),
    "side by side": (PLAIN, {}),
    "chain": (CHAIN, {}),
    "two classes": (Taxonomy(root="any", edges=(("any", "a"), ("any", "b"))), {}),
    "one class": (ONE_LEAF, {}),
    "dag": (DEEP_DAG, {}),
    "one image each": (GROUPS, {"count": 1}),
    "two images each": (GROUPS, {"count": 2}),
    "three images each": (GROUPS, {"count": 3}),
    "classes without images": (GROUPS, {"without": "0ab"}),
    "a branch without images": (GROUPS, {"without": "0abc"}),
    "labels at internal nodes": (GROUPS, {"inner": True}),
    "labels at internal nodes of a dag": (DEEP_DAG, {"inner": True}),
    "constant columns": (LETTERS, {"more": 3}),
    "minute numbers": (GROUPS, {"factor": 1e-12}),
    "huge numbers": (GROUPS, {"factor": 1e12}),
}


@pytest.mark.parametrize(
    "promise", ["average", *(pytest.param(promise, marks=pytest.mark.slow) for promise in PROMISES[1:])]
)
@pytest.mark.parametrize("name", LITTLE)
def test_little_or_odd_data_leaves_no_hole(name, promise):
    taxonomy, odd = LITTLE[name]
    leaves = [leaf for leaf in taxonomy.leaves if leaf not in odd.get("without", "")]
    values, labels = clouds(leaves, odd.get("count", 10), spread=0.8)
    labels = labels.astype(object)
    if odd.get("inner"):
        for place, node in enumerate(node for node in taxonomy.nodes[1:] if node not in taxonomy.leaves):
            labels[place::17] = node
    strange = clouds("uvw", 8)[0]
    values, strange = (
        odd.get("factor", 1.0) * np.pad(table, ((0, 0), (0, odd.get("more", 0))), constant_values=1.0)
        for table in (values, strange)
    )
    head = {"confident": "flat", "per_class": "per_node", "two_sided": "per_node"}.get(promise, "shared")
    model = HierarchicalClassifier(taxonomy, head=head, promise=promise, keep=0.9)
    model.fit(values, labels.astype(str), other=strange if promise == "two_sided" else None)
    asked = np.concatenate([values, strange, np.zeros((1, values.shape[1])), np.full((1, values.shape[1]), 1e6)])
    reading = model.read(asked)
    assert reading.unknown_score_B.isfinite().all()
    assert reading.surprise_BG.shape == (len(asked), len(model.model_.gated_nodes))
    assert reading.surprise_BG.isfinite().all()
    assert ((reading.p_value_B > 0) & (reading.p_value_B <= 1)).all()
    assert (reading.stop_log_probs_BN <= 1e-9).all()
    torch.testing.assert_close(reading.stop_log_probs_BN.exp().sum(1), torch.ones(len(asked)).double())
    assert set(model.predict(asked).status) <= {"known", "ambiguous", "novel_child", "other", "uncertain"}
    gate = model.model_.gate
    if not gate.promise.holds and promise != "two_sided":
        assert not np.isin(model.predict(asked).status, ["novel_child", "other"]).any()
        assert gate.promise.sentence in model.notes_


def test_the_taxonomys_own_share_counts_unless_another_is_set():
    taxonomy = Taxonomy(root="letter", edges=LETTERS.edges, keep=0.8)
    assert HierarchicalClassifier(taxonomy).fit(*clouds()).model_.alpha == pytest.approx(0.2)
    assert HierarchicalClassifier(taxonomy, keep=0.9).fit(*clouds()).model_.alpha == pytest.approx(0.1)


# -------------------------------------------------------------------------------------------------------------- images


def test_glyphs_are_recognised_and_the_rest_is_turned_away(on_images):
    pictures, labels = glyphs(seed=9, count=25)
    decisions = on_images.predict(pictures)
    accepted = decisions.status != "other"
    assert accepted.mean() > 0.85
    assert (decisions.leaf == labels).mean() > 0.95
    assert (on_images.predict(np.full((5, 12, 12), 128, np.uint8)).status == "other").all()
    assert on_images.embed(pictures[:3]).shape == (3, 128)


def test_images_of_other_help_with_their_kind():
    strange = glyphs(STRANGE, 20, seed=1)[0]
    plain = HierarchicalClassifier(SHAPES, backbone="small_cnn", epochs=6).fit(*glyphs())
    taught = HierarchicalClassifier(SHAPES, backbone="small_cnn", epochs=6).fit(*glyphs(), other=strange)
    new = glyphs(STRANGE, 20, seed=2)[0]
    assert (taught.predict(new).status == "other").mean() >= max(0.8, (plain.predict(new).status == "other").mean())


def test_the_same_images_in_every_form(on_images, tmp_path):
    folder = write_folder(tmp_path / "data", count=3)
    paths = sorted(folder.rglob("*.png"))
    pictures = np.stack([np.asarray(Image.open(path)) for path in paths])
    usual = on_images.unknown_score(pictures)

    class Pairs(torch.utils.data.Dataset):
        def __len__(self):
            return len(pictures)

        def __getitem__(self, place):
            return Image.fromarray(pictures[place]), 0

    colour = np.repeat(pictures[..., None], 3, axis=-1)
    for images in (
        [str(path) for path in paths],
        paths,
        folder,
        pictures[..., None],
        colour,
        torch.from_numpy(pictures),
        torch.from_numpy(pictures)[:, None],
        [Image.fromarray(picture) for picture in pictures],
        pictures / np.float32(255),
        Pairs(),
    ):
        np.testing.assert_allclose(on_images.unknown_score(images), usual, atol=1e-4)
    assert on_images.predict(str(paths[0])).image.tolist() == [str(paths[0])]
    assert on_images.predict(Image.open(paths[0])).image.tolist() == ["#0"]


def test_a_bad_image_is_a_row_with_an_error_and_stops_what_cannot_leave_it_out(on_images, tmp_path):
    paths = sorted(write_folder(tmp_path / "data", count=1).rglob("*.png"))
    (tmp_path / "page.jpg").write_text("<html>")
    mixed = [*paths[:2], tmp_path / "page.jpg", tmp_path / "missing.png", *paths[2:]]
    decisions = on_images.predict(mixed)
    assert decisions.status[[2, 3]].tolist() == ["", ""]
    assert "it holds HTML or XML" in decisions.error[2]
    assert decisions.error[3].endswith("missing.png: no such file")
    assert decisions[[0, 1, 4, 5]].to_records() == on_images.predict(paths).to_records()
    assert np.asarray(decisions).tolist()[2:4] == ["", ""]
    for ask in (on_images.unknown_score, on_images.p_value, on_images.predict_proba, on_images.embed):
        with pytest.raises(DataError, match=r"page.jpg: .*missing.png: no such file"):
            ask(mixed)


def test_nothing_in_nothing_out(on_images, on_embeddings):
    for model, empty in ((on_images, []), (on_embeddings, []), (on_embeddings, np.zeros((0, 8)))):
        decisions = model.predict(empty)
        assert isinstance(decisions, Decisions)
        assert (len(decisions), decisions.shape, decisions.to_records()) == (0, (0,), [])
        assert model.predict_proba(empty).shape == (0, 4)
        assert model.unknown_score(empty).shape == (0,)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (clouds()[0], "embeddings need backbone=None"),
        (glyphs(count=1)[0][0], "one image needs a leading axis"),
        (3, "expected images as a folder"),
        (None, "expected images as a folder"),
        (b"bytes", "expected images as a folder"),
        (["a.jpg", 3], "item 1 of the list"),
        ("nowhere/at/all", "there is no folder"),
        (np.zeros((2, 3, 12, 12), np.uint8), "move the channels"),
    ],
    ids=range(8),
)
def test_what_is_no_image_is_refused(on_images, images, message):
    with pytest.raises(DataError, match=message):
        on_images.predict(images)


def test_images_for_embeddings_and_the_other_way_round(on_embeddings):
    with pytest.raises(DataError, match=r"reads embeddings of shape \(n, d\), got shape \(4, 12, 12\)"):
        on_embeddings.predict(glyphs(count=1)[0])
    with pytest.raises(DataError, match="for images choose a backbone"):
        on_embeddings.predict(["a.jpg"])
    with pytest.raises(DataError, match="X has 7 features, but HierarchicalClassifier is expecting 8"):
        on_embeddings.predict(np.zeros((2, 7)))
    with pytest.raises(DataError, match="it cannot read images"):
        on_embeddings.embed(["a.jpg"])
    with pytest.raises(DataError, match="small_cnn"):
        HierarchicalClassifier().fit(*glyphs(count=2))


WEIRD = {
    "None": None,
    "number": 3.5,
    "nothing": "",
    "NUL": "\0",
    "bytes": b"abc",
    "dictionary": {"a": 1},
    "set": set(),
    "list of None": [None],
    "ragged": [[], [1]],
    "mixed": [1, [2]],
    "object": object(),
    "array of None": np.array(None),
    "no columns": np.zeros((2, 0)),
    "five axes": np.zeros((2, 2, 2, 2, 2)),
    "text": np.array([["a", "b"]]),
    "dates": np.zeros((4, 12, 12), dtype="M8[s]"),
    "complex": torch.zeros(3, 8, dtype=torch.complex64),
    "whole numbers": torch.zeros(3, 3, 12, 12, dtype=torch.int64),
    "four channels": np.zeros((4, 12, 12, 4), np.uint8),
    "no rows": np.zeros((4, 0, 12), np.uint8),
    "iterator": iter([1, 2]),
    "function": len,
    "range": range(5),
    "long name": "a" * 5000,
    "device": "/dev/null",
    "no such set": "torchvision:NOPE",
    "pattern": "*.nope",
}


@pytest.mark.parametrize("name", WEIRD)
def test_whatever_comes_only_our_own_errors_come_out(on_embeddings, on_images, name, tmp_path):
    weird = WEIRD[name]
    values, labels = clouds(count=5)
    pictures, names = glyphs(count=2)
    plain, seeing = HierarchicalClassifier(LETTERS), HierarchicalClassifier(SHAPES, **QUICK)
    outcomes = []
    for act in (
        lambda: plain.fit(weird, labels),
        lambda: plain.fit(values, weird),
        lambda: seeing.fit(weird, names),
        lambda: seeing.fit(weird),
        lambda: seeing.fit(pictures, 0 if weird is None else weird),
        lambda: seeing.fit(pictures, names, other=0 if weird is None else weird),
        lambda: on_embeddings.predict(weird),
        lambda: on_embeddings.predict_proba(weird),
        lambda: on_images.predict(weird),
        lambda: on_images.embed(weird),
        lambda: on_embeddings.save(tmp_path / "model" if isinstance(weird, str) and "\0" not in weird else weird),
        lambda: HierarchicalClassifier.load(weird),
        lambda: HierarchicalClassifier(0 if weird is None else weird).fit(values, labels),
        *(
            lambda setting=setting: HierarchicalClassifier(LETTERS, **{setting: weird}).fit(values, labels)
            for setting in (
                "head",
                "gate",
                "rule",
                "level_weights",
                "class_weights",
                "node_weights",
                "keep",
                "image_size",
            )
            if weird is not None
        ),
    ):
        try:
            act()
        except HierclfError as error:  # noqa: PERF203
            outcomes.append(str(error))
    assert len(outcomes) >= 10
    assert all(len(message) > 10 for message in outcomes)


# ------------------------------------------------------------------------------------------------------ odd known data


def test_two_classes_of_three_images():
    pictures, labels = glyphs(("bar", "pole"), 3)
    model = HierarchicalClassifier(backbone="small_cnn", epochs=2).fit(pictures, labels)
    assert np.isfinite(model.predict_node_proba(pictures)).all()
    assert any("No image is ever turned away" in note for note in model.notes_)
    values, labels = clouds("ab", 3)
    assert (HierarchicalClassifier().fit(values, labels).predict(values) == labels).all()


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_handful_of_examples(count):
    values, labels = clouds("ab", 2)
    model = HierarchicalClassifier().fit(values[:count], labels[:count])
    assert np.isfinite(model.predict_proba(values)).all()
    with pytest.raises(DataError, match="got 1 sample"):
        HierarchicalClassifier().fit(values[:1], labels[:1])


def test_one_class_alone_still_has_a_gate():
    values = clouds("a", 100)[0]
    model = HierarchicalClassifier(ONE_LEAF).fit(values, ["leaf"] * 100)
    assert (model.predict(values).status == "known").mean() > 0.85
    assert (model.predict(values + 50).status == "other").all()
    assert (model.predict_proba(values) == 1).all()
    assert HierarchicalClassifier(CHAIN).fit(values, ["d"] * 100).predict(values[:1]).route[0][-1] in ("d", "chain")


def test_a_class_with_one_image_and_a_leaf_without_any():
    values, labels = clouds("aeb")
    rare = np.full((1, 8), 20.0)
    taxonomy = Taxonomy.from_edges({"vowel": ["a", "e"], "consonant": ["b", "c", "q"]}, root="letter")
    model = HierarchicalClassifier(taxonomy).fit(np.concatenate([values, rare]), [*labels, "c"])
    assert np.isfinite(model.predict_node_proba(values)).all()
    assert any("1 leaves of the taxonomy have no example: 'q'" in note for note in model.notes_)


def test_labels_at_internal_nodes_of_some_classes():
    values, labels = clouds()
    coarse = np.where(np.isin(labels, ["b", "c"]), "consonant", labels)
    model = HierarchicalClassifier(LETTERS).fit(values, coarse)
    decisions = model.predict(values)
    assert (decisions.status != "other").mean() > 0.85
    level_1 = [route[1] for route in decisions.route if len(route) > 1]
    truth = [
        "vowel" if label in "ae" else "consonant"
        for label, route in zip(labels, decisions.route, strict=True)
        if len(route) > 1
    ]
    assert np.mean(np.array(level_1) == truth) > 0.98
    only_coarse = HierarchicalClassifier(LETTERS).fit(
        values, np.where(np.isin(labels, ["a", "e"]), "vowel", "consonant")
    )
    assert np.isfinite(only_coarse.predict_proba(values)).all()


@pytest.mark.parametrize("head", ["flat", "shared", "per_node"])
def test_a_dag_with_all_its_side_tables(head):
    taxonomy = Taxonomy(
        root="thing",
        edges=DEEP_DAG.edges,
        labels=(("dogge", "beagle"),),
        level_weights="uniform",
        class_weights=(("pet", 2.0),),
        other=("clutter",),
        keep=0.9,
    )
    names = [*taxonomy.leaves, "clutter"]
    values, labels = clouds(names, 40)
    labels = np.where(labels == "beagle", "dogge", labels)
    model = HierarchicalClassifier(taxonomy, head=head).fit(values, labels)
    assert model.model_.alpha == pytest.approx(0.1)
    assert "outlier" in [part.name for part in model.model_.gate.parts]
    test, truth = clouds(names, 20, seed=5)
    known = truth != "clutter"
    decisions = model.predict(test)
    assert (decisions.leaf[known] == truth[known]).mean() > 0.9
    assert (decisions.status[~known] == "other").mean() > 0.9
    assert decisions.tolist()[int(np.flatnonzero(decisions.leaf == "beagle")[0])] == "dogge"


def test_labels_are_text():
    values, labels = clouds("abc", 40)
    labels = np.select([labels == "a", labels == "b"], ["no", "010"], "0")
    model = HierarchicalClassifier().fit(values, labels)
    assert model.taxonomy_.leaves == ("0", "010", "no")
    assert set(model.predict(values).leaf) == {"no", "010", "0"}


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head": "flatt"}, "did you mean 'flat'"),
        ({"gate": ["energi"]}, "did you mean 'energy'"),
        ({"rule": "leef"}, "did you mean 'leaf'"),
        ({"backbone": "smal_cnn"}, "did you mean 'small_cnn'"),
        ({"embedding_loss": "supcom"}, "did you mean 'supcon'"),
        ({"loss": "one_vs_rst"}, "did you mean 'one_vs_rest'"),
        ({"loss": "one_vs_rest", "level_weights": "uniform"}, "teaches leaves and knows no levels"),
        ({"classification_weight": 0, "embedding_loss": None}, "got embedding_loss=None"),
        ({"embedding_loss": "supcon", "embedding_levels": [1, 1, 1]}, "has 3 weights and the taxonomy 2 levels"),
        ({"class_weights": "balance"}, "did you mean 'balanced'"),
        ({"class_weights": {"barr": 2.0}}, "did you mean 'bar'"),
        ({"node_weights": {"strait": 2.0}}, "did you mean 'straight'"),
        ({"combine": "fischer"}, "did you mean 'fisher'"),
        ({"keep": 1.5}, "keep: input should be less than 1"),
        ({"gate": "outlier"}, "needs images of other to learn from"),
        ({"taxonomy": 3}, "taxonomy is a Taxonomy, a path or None, got int"),
        ({"taxonomy": "nowhere.yaml"}, "nowhere.yaml"),
    ],
    ids=str,
)
def test_a_mistake_is_told(settings, message):
    model = HierarchicalClassifier(**({"taxonomy": SHAPES} | QUICK | settings))
    with pytest.raises(HierclfError) as caught:
        model.fit(*glyphs(count=10))
    assert message in str(caught.value)


def test_predicting_by_another_rule(on_embeddings):
    values, _ = clouds(seed=3)
    decisions = on_embeddings.predict(values, rule="leaf")
    assert "ambiguous" not in decisions.status
    assert len(on_embeddings.predict(values, rule="information")) == len(values)
    with pytest.raises(HierclfError, match="did you mean 'leaf'"):
        on_embeddings.predict(values, rule="leav")


def test_refitting_the_gate_gives_what_a_fit_would_have_given(on_embeddings):
    values, labels = clouds()
    strange = clouds("xyz", 10)[0]
    for settings in (
        {"gate": ["energy"]},
        {"gate": "none"},
        {"rule": "information", "correct": 0.8},
        {"combine": "max"},
    ):
        refitted = on_embeddings.refit_gate(**settings)
        fitted = HierarchicalClassifier(LETTERS, **settings).fit(values, labels, other=strange)
        assert refitted.predict(values).to_records() == fitted.predict(values).to_records()
        assert refitted.notes_ == fitted.notes_
    assert on_embeddings.gate == "auto"
    with pytest.raises(ConfigError, match="'head' is no setting of the gate"):
        on_embeddings.refit_gate(head="flat")
    with pytest.raises(CalibrationError, match="keep"):
        on_embeddings.model_.gate.recalibrated(torch.zeros(3), keep=1.0)


def test_around_a_finished_model(on_embeddings):
    values, labels = clouds()
    wrapped = HierarchicalClassifier.from_model(on_embeddings.model_, notes=["by hand"], keep=0.9)
    assert wrapped.predict(values).to_records() == on_embeddings.predict(values).to_records()
    assert wrapped.notes_ == ("by hand",)
    assert wrapped.classes_.tolist() == ["a", "b", "c", "e"]
    assert wrapped.score(values, labels) > 0.9


def test_weights_of_levels_and_nodes_have_an_effect():
    values, labels = clouds(spread=4.0, count=100)
    vowel = LETTERS.index("vowel")
    truth = np.isin(labels, ["a", "e"])

    def fitted(**settings):
        return HierarchicalClassifier(LETTERS, head="per_node", gate="none", **settings).fit(values, labels)

    usual, coarse = fitted(), fitted(level_weights=[1.0, 1.0, 0.0])
    assert coarse.score(values, labels) < usual.score(values, labels) - 0.2  # nobody taught it the leaves
    assert np.mean((coarse.predict_node_proba(values)[:, vowel] > 0.5) == truth) > 0.7
    heavy = fitted(level_weights="uniform", node_weights={"vowel": 30.0})
    assert heavy.predict_node_proba(values)[:, vowel].mean() > usual.predict_node_proba(values)[:, vowel].mean() + 0.1


@pytest.mark.parametrize("class_weights", ["balanced", "effective", "oversample", "undersample", {"e": 10.0}])
def test_weights_of_classes_raise_the_recall_of_a_rare_one(class_weights):
    values, labels = clouds("ae", count=300, spread=8.0)
    keep = (labels == "a") | (np.arange(len(labels)) % 10 == 0)

    def recall(weights):
        model = HierarchicalClassifier(gate="none", class_weights=weights).fit(values[keep], labels[keep])
        return np.mean(model.predict(values[labels == "e"]).leaf == "e")

    assert recall(class_weights) > recall(None) + 0.05


def test_integer_labels_may_be_weighed_by_integers():
    values, labels = clouds("01", count=50, spread=12.0)
    model = HierarchicalClassifier(class_weights={0: 1, 1: 100}).fit(values, labels.astype(int))
    assert np.mean(model.predict(values).tolist()) > 0.9


# ----------------------------------------------------------------------------------------------- backbones and caching


class Corners(nn.Module):
    """A user's own features: the image averaged over a grid, times a weight; counts what it sees."""

    seen = 0

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(36))
        self.preprocessing = Preprocessing(height=12, width=12, mode="L", mean=(0.5,), std=(0.5,))

    def forward(self, images):
        Corners.seen += len(images.unique(dim=0))  # a slice is filled up with copies
        return nn.functional.adaptive_avg_pool2d(images, 6).flatten(1) * self.weight


def seen_by(act):
    before = Corners.seen
    act()
    return Corners.seen - before - 1  # the dry run that finds the width


def test_a_second_fit_with_another_taxonomy_computes_no_embedding(tmp_path):
    folder = write_folder(tmp_path / "data", count=10)
    flat = Taxonomy.from_edges({"any": list(GLYPHS)})
    assert seen_by(lambda: HierarchicalClassifier(SHAPES, backbone=Corners()).fit(folder)) == 40
    assert seen_by(lambda: HierarchicalClassifier(flat, backbone=Corners(), head="flat").fit(folder)) == 0
    assert seen_by(lambda: HierarchicalClassifier(flat, backbone=Corners(), cache=False).fit(folder)) == 40


def test_arrays_are_cached_too_and_a_trained_backbone_is_not(cache):
    data = glyphs(count=10)
    assert seen_by(lambda: HierarchicalClassifier(SHAPES, backbone=Corners()).fit(*data)) == 40
    assert seen_by(lambda: HierarchicalClassifier(SHAPES, backbone=Corners()).fit(*data)) == 0
    size = sum(path.stat().st_size for path in cache.iterdir())
    HierarchicalClassifier(SHAPES, backbone=Corners(), freeze=False, epochs=1).fit(*data)
    assert sum(path.stat().st_size for path in cache.iterdir()) == size


def test_without_a_cache_nothing_is_written(cache):
    HierarchicalClassifier(SHAPES, backbone=Corners(), cache=False).fit(*glyphs(count=10))
    assert not cache.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_costs_a_warning(cache):
    cache.mkdir()
    cache.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.warns(RuntimeWarning, match="cannot be used to write"):
        HierarchicalClassifier(SHAPES, backbone=Corners()).fit(*glyphs(count=10))


def test_a_cache_that_is_no_folder_costs_a_warning(cache):
    cache.write_text("a file")
    with pytest.warns(RuntimeWarning, match="cannot be used to write"):
        model = HierarchicalClassifier(SHAPES, backbone=Corners()).fit(*glyphs(count=10))
    assert model.score(*glyphs(count=10)) > 0.8


@pytest.mark.parametrize("freeze", [True, False, None])
def test_a_users_own_module_stays_as_it_is(freeze):
    module = Corners()
    settings = {"backbone": module, "freeze": freeze, "epochs": 2, "head_rate": 0.01, "backbone_rate": 0.01}
    first = HierarchicalClassifier(SHAPES, **settings).fit(*glyphs(count=20))
    assert torch.equal(module.weight, torch.ones(36))
    assert module.weight.requires_grad
    assert module.training
    trained = first.model_.backbone.features.weight
    assert torch.equal(trained, module.weight) == (freeze is not False)
    second = HierarchicalClassifier(SHAPES, **settings).fit(*glyphs(count=20))
    assert torch.equal(second.model_.backbone.features.weight, trained)


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "one_vs_rest", "gate": ["max_logit"]},
        {"other_loss": "objectosphere", "label_smoothing": 0.1},
        {"embedding_loss": ["supcon", "ProxyAnchorLoss"], "embedding_levels": "all"},
        {"embedding_loss": {"contrastive": {"levels": [1, 0.5]}}, "classification_weight": 0},
        {"class_weights": "balanced_batches", "other_loss": "none"},
    ],
    ids=str,
)
def test_ways_to_train_end_in_a_model_that_works_and_can_be_saved(settings, tmp_path):
    pictures, labels = glyphs(count=30)
    model = HierarchicalClassifier(SHAPES, backbone="small_cnn", epochs=6, batch_size=16, **settings)
    model.fit(pictures, labels, other=glyphs(STRANGE, 20)[0])
    later, truth = glyphs(count=10, seed=9)
    answers = model.predict(later)
    assert (answers.leaf == truth).mean() >= 0.9
    model.save(tmp_path / "model")
    again = HierarchicalClassifier.load(tmp_path / "model")
    assert again.predict(later).to_records() == answers.to_records()
    assert {name: again.get_params()[name] for name in settings} == settings


def test_surprising_choices_are_told():
    frozen = HierarchicalClassifier(SHAPES, backbone="small_cnn", freeze=True, embedding_loss="supcon").fit(*glyphs())
    assert any("frozen although its weights are random" in note for note in frozen.notes_)
    assert any("embedding_loss='supcon' was not used" in note for note in frozen.notes_)


def test_training_can_be_resumed():
    data = glyphs(count=10)
    settings = {"backbone": "small_cnn", "epochs": 3}
    states = []
    whole = HierarchicalClassifier(SHAPES, **settings).fit(*data, on_epoch=states.append)
    resumed = HierarchicalClassifier(SHAPES, **settings).fit(*data, state=states[0])
    assert resumed.log_ == whole.log_
    assert resumed.predict(data[0]).to_records() == whole.predict(data[0]).to_records()


def test_a_taxonomy_with_faults_says_where(tmp_path):
    (tmp_path / "taxonomy.yaml").write_text("tree: {straight: [bar, bar]}")
    with pytest.raises(TaxonomyError, match=r"taxonomy.yaml:1:"):
        HierarchicalClassifier(tmp_path / "taxonomy.yaml", **QUICK).fit(*glyphs(count=2))
