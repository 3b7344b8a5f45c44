import numpy as np
import pytest

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.errors import ConfigError
from hierclf.held_out import examine_held_out
from hierclf.strategies import fit_with_other_class
from hierclf.strategies.other_class import side_by_side
from tests.strategies.conftest import SIGNS, SMALL, glyphs


@pytest.fixture(scope="module")
def fitted(known, other):
    return fit_with_other_class(SIGNS, known, other, SMALL)


@pytest.fixture(scope="module")
def wide(known, other):
    """The same training, written down by hand: one more class in a flat softmax."""
    taxonomy = Taxonomy(root="sign", edges=(*SIGNS.edges, ("sign", "other")))
    flat = {"head": "flat", "gate": "none", "rule": "leaf", **SMALL}
    prepared = HierarchicalClassifier(SIGNS, **flat).prepare(known, other=other)
    return HierarchicalClassifier(taxonomy, **flat).fit_prepared(side_by_side(prepared, taxonomy, "other", seed=0))


def test_its_classes_are_the_known_part_of_the_softmax(fitted, wide, fresh):
    ours, theirs = fitted.predict_node_proba(fresh), wide.predict_node_proba(fresh)
    for leaf in SIGNS.leaves:
        given_known = theirs[:, wide.taxonomy_.index(leaf)] / (1 - theirs[:, wide.taxonomy_.index("other")])
        np.testing.assert_allclose(ours[:, SIGNS.index(leaf)], given_known, atol=2e-4)


def test_its_gate_orders_images_as_the_probability_of_the_class_other_does(fitted, wide, fresh):
    other_n = wide.predict_node_proba(fresh)[:, wide.taxonomy_.index("other")]
    score_n = fitted.read(fresh).components["outlier"].numpy()
    np.testing.assert_allclose(score_n, np.log(other_n / (1 - other_n)), rtol=1e-3, atol=1e-3)


def test_it_recognises_the_known_and_turns_the_given_other_away(fitted, fresh):
    decisions = fitted.predict(fresh)
    assert np.mean(decisions.node[:120] == np.array(fresh.labels[:120])) > 0.85
    assert np.mean(decisions.status[120:] == "other") > 0.9
    assert "other" not in fitted.taxonomy_


def test_its_promise_rests_on_known_calibration_images_alone(fitted, known):
    gate = fitted.model_.gate
    assert 0.1 * len(known) < len(gate.calibration_scores) < 0.35 * len(known)
    assert len(fitted.model_.baseline.calibration_scores) == len(gate.calibration_scores)
    assert gate.keep == 0.95


def test_no_image_of_other_is_set_aside_for_a_promise_about_known_ones(known, other):
    few = known.subset(np.arange(0, len(known), 2))
    prepared = HierarchicalClassifier(SIGNS, **SMALL).prepare(few, other=other)
    taxonomy = Taxonomy(root="sign", edges=(*SIGNS.edges, ("sign", "other")))
    together = side_by_side(prepared, taxonomy, "other", seed=0)
    parts = {part: places[places >= len(few)] for part, places in vars(together.parts).items()}
    assert [len(parts[part]) for part in ("fit", "tune", "calibration")] == [54, 6, 0]
    assert sorted(np.concatenate([parts["fit"], parts["tune"]]) - len(few)) == list(range(60))
    for part, places in vars(prepared.parts).items():
        np.testing.assert_array_equal(vars(together.parts)[part][: len(places)], places)
    assert together.images.labels[-60:] == ("other",) * 60
    assert [taxonomy.nodes[node] for node in together.label_n] == list(together.images.labels)


def test_many_images_of_other_leave_enough_known_ones_to_calibrate_on(known):
    few = known.subset(np.arange(0, len(known), 2))
    many = glyphs("abcd", 120, seed=3)
    fitted = fit_with_other_class(SIGNS, few, many, {**SMALL, "epochs": 1})
    assert len(fitted.model_.gate.calibration_scores) == 30
    assert np.isfinite(fitted.model_.gate.threshold)


def test_it_makes_the_usual_promise_alone(known, other):
    with pytest.raises(ConfigError, match="makes the promise 'average' alone, not 'confident'"):
        fit_with_other_class(SIGNS, known, other, {**SMALL, "promise": "confident"})


def test_it_keeps_apart_what_it_has_learnt_from_so_it_can_say_how_good_it_is(fitted, known, other):
    prepared = fitted.prepared_
    assert [SIGNS.nodes[node] for node in prepared.label_n] == list(prepared.images.labels)
    assert len(prepared.images) == len(known)
    assert len(prepared.other) == len(other)
    report, images = examine_held_out(fitted)
    assert report.metrics["n_known"] == len(prepared.parts.calibration) == len(fitted.model_.gate.calibration_scores)
    assert report.metrics["leaf_accuracy"] > 0.85
    assert len(images) == report.metrics["n_known"] + report.metrics["n_other"]
    scores = fitted.read(prepared.images.subset(prepared.parts.calibration)).unknown_score_B.sort().values
    np.testing.assert_allclose(scores, fitted.model_.gate.calibration_scores, atol=1e-4)


def test_it_is_saved_and_loaded_like_any_other(fitted, fresh, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = HierarchicalClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.p_value(fresh), fitted.p_value(fresh))


def test_what_it_decides_itself_cannot_be_set(known, other):
    with pytest.raises(ConfigError, match="decides 'head' itself"):
        fit_with_other_class(SIGNS, known, other, {**SMALL, "head": "shared"})
    with pytest.raises(ConfigError, match="needs images of other"):
        fit_with_other_class(SIGNS, known, None, SMALL)


def test_a_taxonomy_with_a_class_called_other_keeps_it(known, other):
    taxonomy = Taxonomy(
        root="sign", edges=(("sign", "0"), ("sign", "other")), labels=(("1", "other"), ("6", "other"), ("7", "other"))
    )
    fitted = fit_with_other_class(taxonomy, known, other, {**SMALL, "epochs": 1})
    assert fitted.taxonomy_.leaves == ("0", "other")


def test_without_a_taxonomy_the_known_classes_stand_side_by_side(known, other):
    fitted = fit_with_other_class(None, known, other, {**SMALL, "epochs": 1})
    assert set(fitted.taxonomy_.leaves) == {"0", "1", "6", "7"}
    assert "other" not in fitted.taxonomy_
