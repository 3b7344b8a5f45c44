from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from hierclf.classifier import HierarchicalClassifier
from hierclf.errors import ConfigError
from hierclf.settings import Settings


def test_the_classifier_and_the_settings_have_the_same_names_and_defaults():
    parameters = list(inspect.signature(HierarchicalClassifier).parameters.values())[1:]  # the taxonomy is no setting
    defaults = Settings().model_dump()
    assert {one.name: one.default for one in parameters} == defaults
    assert [one.name for one in parameters] == list(defaults)
    for name in defaults:
        assert f"        {name}: " in HierarchicalClassifier.__doc__, f"the class says nothing about {name}"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kep": 0.9}, "no setting named 'kep'; did you mean 'keep'? (known: backbone, "),
        ({"keep": 1.0}, "keep: input should be less than 1, got 1.0"),
        ({"keep": 0}, "keep: input should be greater than 0, got 0"),
        ({"keep": float("nan")}, "keep: input should be less than 1, got nan"),
        ({"keep": "much"}, "keep: input should be a valid number, unable to parse string as a number, got 'much'"),
        ({"epochs": 0}, "epochs: input should be greater than or equal to 1, got 0"),
        ({"batch_size": 1}, "batch_size: input should be greater than or equal to 2, got 1"),
        ({"seed": -1}, "seed: input should be greater than or equal to 0, got -1"),
        ({"seed": 2**31}, "seed: input should be less than 2147483648, got 2147483648"),
        ({"head_rate": float("inf")}, "head_rate: input should be less than or equal to 10, got inf"),
        ({"head_rate": 1e300}, "head_rate: input should be less than or equal to 10, got 1e+300"),
        ({"backbone_rate": 11}, "backbone_rate: input should be less than or equal to 10, got 11"),
        ({"point": float("nan")}, "point: input should be a finite number, got nan"),
        ({"node_weights": {"a": -1}}, "node_weights: input should be greater than or equal to 0, got -1"),
        ({"class_weights": 3}, "class_weights: input should be a valid string, got 3; or input should be a valid dic"),
        ({"image_size": "large"}, "image_size: input should be a valid integer, unable to parse string as an integer"),
        ({"correct": 1}, "correct: input should be less than 1, got 1"),
        ({"correct": "nome"}, "correct: input should be a valid number"),
        ({"false_discovery": 1}, "false_discovery: input should be less than 1, got 1; or input should be 'none'"),
        ({"fals_discovery": 0.1}, "no setting named 'fals_discovery'; did you mean 'false_discovery'?"),
        ({3: 4}, "no setting named '3' (known: "),
    ],
)
def test_a_wrong_setting_is_told_with_what_came(given, sentence):
    with pytest.raises(ConfigError) as caught:
        Settings.checked(given)
    assert str(caught.value).startswith(sentence)


def test_all_faults_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        Settings.checked({"kep": 0.9, "epochs": -3, "correct": 2})
    assert len(str(caught.value).splitlines()) == 3


DISCOVERING = "false_discovery goes with a gate and the promises 'average', 'confident' and 'two_sided', got "


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ({"promise": "per_class"}, "promise='per_class'"),
        ({"promise": "cross"}, "promise='cross'"),
        ({"promise": "none"}, "promise='none'"),
        ({"gate": "none"}, "gate='none'"),
        ({"gate": None}, "gate=None"),
    ],
)
def test_false_discoveries_that_cannot_be_counted_are_one_sentence(given, got):
    with pytest.raises(ConfigError) as caught:
        Settings.checked({"false_discovery": 0.1} | given)
    told = f"{got} and false_discovery=0.1; change one of them (false_discovery='none' does without)"
    assert str(caught.value) == DISCOVERING + told
    for nothing in (None, "none"):
        assert Settings.checked({"false_discovery": nothing} | given).false_discovery == nothing


@pytest.mark.parametrize("promise", ["average", "confident", "two_sided", "confidnt"])
def test_false_discoveries_go_with_other_promises_and_a_typo_is_left_to_be_told_as_one(promise):
    assert Settings.checked({"false_discovery": 0.1, "promise": promise, "gate": ["knn"]}).false_discovery == 0.1


def test_the_word_none_promises_nothing():
    assert Settings.checked({"correct": "none"}).correct is None


def test_what_users_write_is_taken():
    settings = Settings.checked(
        {
            "seed": np.int64(3),
            "keep": np.float64(0.9),
            "weights": Path("net.pth"),
            "class_weights": {0: 2, np.int64(1): np.float32(0.5)},
            "image_size": [32, 24],
            "epochs": "12",
        }
    )
    assert settings.seed == 3
    assert type(settings.seed) is int
    assert settings.weights == "net.pth"
    assert settings.class_weights == {"0": 2.0, "1": 0.5}
    assert settings.image_size == (32, 24)
    assert settings.epochs == 12


def test_settings_are_a_value():
    settings = Settings.checked({"keep": 0.9})
    with pytest.raises(ValueError, match="frozen"):
        settings.keep = 0.5
    assert settings == Settings(keep=0.9)


@pytest.mark.parametrize("name", [0, np.int64(0), "0"])
def test_a_favoured_class_may_be_a_number(name):
    assert Settings.checked({"favour": name}).favour == "0"
