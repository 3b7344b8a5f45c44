from __future__ import annotations

import pytest

from hierclf.errors import ConfigError, HierclfError, UnknownName
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.training.choices import check_choices, gate_scores, level_rule, level_weights, node_weights
from tests.conftest import TWO_LEVEL


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "mobilnet_v2"}, "no backbone named 'mobilnet_v2'; did you mean 'mobilenet_v2'?"),
        ({"backbone": 18}, "backbone is a name or a torch.nn.Module; got a int"),
        ({"head": "per_nod"}, "no head named 'per_nod'; did you mean 'per_node'?"),
        ({"rule": "treshold"}, "no rule named 'treshold'; did you mean 'threshold'?"),
        ({"gate": "energi"}, "no score named 'energi'; did you mean 'energy'?"),
        ({"gate": ["knn", "mahalanobi"]}, "no score named 'mahalanobi'; did you mean 'mahalanobis'?"),
        ({"gate": [("knn", {"kk": 3})]}, "score 'knn' has no option 'kk'"),
        ({"gate": [("knn", {"k": "three"})]}, "options of the gate score 'knn'"),
        ({"gate": 3}, "gate is 'auto', 'none', or names of scores, got 3"),
        ({"gate": [3]}, "a gate score is a name or a pair"),
        ({"gate": {"knn": 3}}, "options of a gate score are given by name, got 3"),
        ({"combine": "fischer"}, "no combination named 'fischer'; did you mean 'fisher'?"),
        ({"augmentation": "glyph"}, "no augmentation named 'glyph'; did you mean 'glyphs'?"),
        ({"augmentation": "photos+erase"}, "no augmentation named 'erase'; did you mean 'erasing'?"),
        ({"embedding_loss": "triplet"}, "no embedding loss named 'triplet'; did you mean 'triplet_semihard'?"),
        ({"class_weights": "balance"}, "no class_weights named 'balance'; did you mean 'balanced'?"),
        ({"level_weights": "leef"}, "no level_weights named 'leef'; did you mean 'leaf'?"),
        ({"level_weights": "decay"}, "write {'decay': 0.5}"),
        ({"level_weights": {"dekay": 0.5}}, "level_weights as a mapping is"),
        ({"level_weights": []}, "level_weights is a rule, a list of numbers"),
        ({"level_weights": 3}, "level_weights is a rule, a list of numbers"),
        ({"level_weights": ["much", 1]}, "level_weights are numbers, got 'much'"),
        ({"level_weights": [float("nan"), 1]}, "level_weights are finite numbers of at least 0, got nan"),
        ({"level_weights": {"decay": -1}}, "level_weights are finite numbers of at least 0, got -1"),
        ({"device": "cpuu"}, "no device named 'cpuu'; did you mean 'cpu'?"),
        ({"rule": "leaf", "point": 0.5}, "the rule 'leaf' has no operating point; leave point out"),
        ({"point": 1.5}, "the operating point of the rule 'threshold' lies between 0 and 1, got point=1.5"),
        ({"rule": "information", "point": -1}, "'information' lies between 0 and 1e+06, got point=-1"),
    ],
    ids=str,
)
def test_a_name_that_is_wrong_is_told_before_any_data(settings, message):
    with pytest.raises(HierclfError) as caught:
        check_choices(Settings.checked(settings))
    assert message in str(caught.value)
    assert isinstance(caught.value, (ConfigError, UnknownName))


def test_augmentations_may_be_joined():
    for name in ("auto", "glyphs_strong", "photos+erasing", "trivial_augment+erasing"):
        check_choices(Settings(augmentation=name))


def test_the_defaults_are_fine():
    check_choices(Settings())
    check_choices(Settings(gate="none", class_weights="oversample", embedding_loss="supcon", level_weights=[1, 2]))


@pytest.mark.parametrize(
    ("gate", "scores"),
    [
        (None, None),
        ("none", None),
        ("auto", ()),
        ("knn", ("knn",)),
        (["knn", "energy"], ("knn", "energy")),
        (("knn", {"k": 5}), (("knn", {"k": 5}),)),
        ([["knn", {"k": 5}], "energy"], (("knn", {"k": 5}), "energy")),
        ([{"knn": {"k": 5}}], (("knn", {"k": 5}),)),
        ({"knn": {"k": 5}, "energy": None}, (("knn", {"k": 5}), ("energy", {}))),
        ([], ()),
    ],
    ids=str,
)
def test_scores_may_be_written_in_many_ways(gate, scores):
    assert gate_scores(gate) == scores


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ("leaf", "leaf"),
        ({"decay": 0.5}, ("decay", 0.5)),
        (["decay", 0.5], ("decay", 0.5)),
        ([1, 0.5], (1.0, 0.5)),
    ],
    ids=str,
)
def test_level_rules(given, rule):
    assert level_rule(given) == rule


def test_settings_go_before_the_taxonomys_own():
    weighted = Taxonomy(
        root="root",
        edges=(("root", "a"), ("root", "b")),
        level_weights="uniform",
        class_weights=(("a", 2.0), ("b", 3.0)),
        labels=(("letter_a", "a"),),
    )
    assert level_weights(Settings(), weighted) == "uniform"
    assert level_weights(Settings(level_weights="leaf"), weighted) == "leaf"
    assert level_weights(Settings(), TWO_LEVEL) == "leaf"
    assert node_weights(Settings(), weighted) == {"a": 2.0, "b": 3.0}
    assert node_weights(Settings(node_weights={"letter_a": 5.0}), weighted) == {"a": 5.0, "b": 3.0}
    with pytest.raises(ConfigError, match=r"unknown class 'digt' in node_weights; did you mean 'digit'\?"):
        node_weights(Settings(node_weights={"digt": 1.0}), TWO_LEVEL)
