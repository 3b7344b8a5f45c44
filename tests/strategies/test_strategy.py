import numpy as np
import pytest

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.errors import ConfigError, HierclfError, UnknownName
from hierclf.strategies import Strategy, strategies

SIGNS = Taxonomy.from_edges({"sign": ["round", "straight"], "round": ["0", "6"], "straight": ["1"]})


def fit_and_count(calls):
    """A way to fit that writes down what it was given, on embeddings instead of images."""

    def fit(taxonomy, images, other, settings):
        calls.append((other, dict(settings)))
        return HierarchicalClassifier(taxonomy, **settings).fit(*images, other=other)

    return fit


@pytest.fixture
def signs():
    source = np.random.default_rng(0)
    labels = np.repeat(["0", "6", "1"], 80)
    return source.normal(size=(240, 6)) + 4 * np.eye(3, 6)[np.repeat([0, 1, 2], 80)], labels


def test_changed_settings_win_and_the_original_stays():
    flat = strategies["hierclf"].but(head="flat").but(epochs=3)
    assert flat.settings == {"head": "flat", "epochs": 3}
    assert strategies["hierclf"].settings == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"haed": "flat"}, "no setting named 'haed'; did you mean 'head'?"),
        ({"head": "flt"}, "no head named 'flt'; did you mean 'flat'?"),
        ({"rule": "treshold"}, "did you mean 'threshold'?"),
        ({"combine": "fischer"}, "did you mean 'fisher'?"),
        ({"other_loss": "entropc"}, "did you mean 'entropic'?"),
        ({"class_weights": "balancd"}, "did you mean 'balanced'?"),
        ({"classification_weight": 0.0, "embedding_loss": None}, "the backbone learns by the embedding loss alone"),
        ({"gate": ["kn"]}, "no score named 'kn'; did you mean 'knn'?"),
        ({"gate": [["knn", {"neighbours": 3}]]}, "score 'knn' has no option 'neighbours'"),
        ({"gate": [["knn", 3]]}, "a gate score is a name or a pair of a name and its options, got ['knn', 3]"),
        ({"keep": 1.5}, "keep"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_before_anything_is_fitted(settings, message):
    with pytest.raises(HierclfError) as caught:
        strategies["hierclf"].but(**settings).checked()
    assert message in str(caught.value)


def test_a_mistyped_strategy_gets_a_hint():
    with pytest.raises(UnknownName, match="no strategy named 'hierclff'; did you mean 'hierclf'"):
        strategies["hierclff"]


def test_images_of_other_reach_only_strategies_that_use_them(signs):
    calls = []
    other = np.full((20, 6), -5.0)
    for uses_other in (True, False):
        Strategy(title="one", fit_with=fit_and_count(calls), uses_other=uses_other).fit(SIGNS, signs, other=other)
    assert calls[0][0] is other
    assert calls[1][0] is None


def test_a_strategy_that_needs_other_says_so(signs):
    with pytest.raises(ConfigError, match="learns from images of other, and there are none"):
        strategies["flat_other_class"].fit(SIGNS, signs)
    with pytest.raises(ConfigError, match="cannot do without"):
        Strategy(title="x", needs_other=True, uses_other=False).checked()


@pytest.mark.parametrize("settings", [{"gate": ["energy"], "rule": "leaf"}, {"gate": "none"}, {"keep": 0.95}])
def test_a_refitted_gate_equals_a_whole_fit(signs, settings):
    strategy = Strategy(title="one", fit_with=fit_and_count([]), settings=settings)
    trained = Strategy(title="two", fit_with=fit_and_count([])).fit(SIGNS, signs)
    shared, alone = strategy.refit(trained), strategy.fit(SIGNS, signs)
    np.testing.assert_array_equal(shared.p_value(signs[0]), alone.p_value(signs[0]))
    np.testing.assert_array_equal(shared.unknown_score(signs[0]), alone.unknown_score(signs[0]))
    assert shared.predict(signs[0]).to_records() == alone.predict(signs[0]).to_records()
    assert trained.gate == "auto", "the first classifier stays as it was"


def test_refitting_takes_back_what_the_first_gate_was_set_to(signs):
    first = Strategy(title="one", fit_with=fit_and_count([]), settings={"gate": ["msp"], "rule": "leaf"})
    default = Strategy(title="two", fit_with=fit_and_count([]))
    shared, alone = default.refit(first.fit(SIGNS, signs)), default.fit(SIGNS, signs)
    np.testing.assert_array_equal(shared.unknown_score(signs[0]), alone.unknown_score(signs[0]))
    assert shared.model_.operation == alone.model_.operation


def test_networks_are_shared_by_what_they_are_trained_with_alone():
    ours = strategies["hierclf"]
    assert ours.but(gate=["gen"], keep=0.9, rule="leaf").training_key == ours.training_key
    assert ours.but(epochs=3).training_key != ours.training_key
    assert Strategy(title="x", uses_other=False).training_key != ours.training_key
    assert strategies["flat_other_class"].training_key is None


def test_only_the_gate_can_be_refitted(signs):
    fitted = HierarchicalClassifier(SIGNS).fit(*signs)
    with pytest.raises(ConfigError, match="'gat' is no setting of the gate; did you mean 'gate'"):
        fitted.refit_gate(gat=["knn"])
    with pytest.raises(HierclfError, match="call fit first"):
        HierarchicalClassifier.from_model(fitted.model_).refit_gate(gate=["knn"])


def under_another_rule(trained, gate):
    """A second half of one's own: the usual one, and a note."""
    finished = trained.refit_gate(**gate)
    finished.notes_ = (*finished.notes_, "finished in a way of its own")
    return finished


def test_strategies_share_a_network_whichever_of_them_came_first(signs):
    plain = Strategy(title="plain", fit_with=fit_and_count([]), settings={"gate": ["energy"], "rule": "leaf"})
    own = Strategy(title="own", fit_with=fit_and_count([]), finish_with=under_another_rule, settings={"gate": ["knn"]})
    assert plain.training_key == own.training_key
    one, two = plain.fit(SIGNS, signs), own.fit(SIGNS, signs)
    for strategy, alone in ((plain, one), (own, two)):
        for first in (one, two):
            shared = strategy.refit(first)
            np.testing.assert_array_equal(shared.p_value(signs[0]), alone.p_value(signs[0]))
            assert ("finished in a way of its own" in shared.notes_) == (strategy is own)


def test_a_second_half_gets_a_network_without_a_gate(signs):
    calls = []
    own = Strategy(
        title="own",
        fit_with=fit_and_count(calls),
        finish_with=under_another_rule,
        settings={"gate": ["knn"], "keep": 0.9, "rule": "leaf", "head": "flat"},
    )
    own.fit(SIGNS, signs)
    trained_with = calls[0][1]
    assert trained_with == {
        "head": "flat",
        "keep": 0.9,
        "gate": "none",
        "node_gates": "none",
        "leave_one_out": False,
    }


def test_a_module_that_is_not_there_is_named_with_its_extra(signs):
    lacking = Strategy(title="x", requires=("pytorch_ood_that_is_not_there",))
    for ask in (lacking.checked, lambda: lacking.fit(SIGNS, signs)):
        with pytest.raises(ConfigError, match=r"pip install 'hierclf\[pytorch_ood_that_is_not_there\]'"):
            ask()


def test_what_resumes_a_training_reaches_it(signs):
    given = []

    def fit(taxonomy, images, other, settings, **training):
        given.append(training)

    Strategy(title="x", fit_with=fit).fit(SIGNS, signs, on_epoch=print)
    assert given == [{"on_epoch": print}]
