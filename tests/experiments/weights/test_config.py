from __future__ import annotations

from pathlib import Path

import pytest

from experiments.document import read_document
from experiments.weights.config import Cell, load_weights
from hierclf.errors import ConfigError, HierclfError

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs"

SMALL = {
    "name": "small",
    "data": {"source": "sklearn:digits"},
    "taxonomy": {"round": ["0", "6"], "straight": ["1", "4"]},
    "features": "own",
    "levels": {"leaf": "leaf", "half": {"decay": 0.5}},
    "classes": {"none": None, "raised": {"class_weights": {"6": 4}}},
    "raised": ["6", "round"],
}


def test_rows_are_all_levels_times_all_classes_and_the_first_is_the_usual_one():
    config = load_weights(SMALL)
    assert [cell.name for cell in config.cells()] == ["leaf/none", "leaf/raised", "half/none", "half/raised"]
    assert config.usual == Cell(level="leaf", way="none")


def test_a_row_has_its_own_weights_and_no_gate():
    config = load_weights(SMALL | {"settings": {"backbone": "small_cnn", "epochs": 2}})
    settings = config.settings_of(Cell(level="half", way="raised"), seed=7)
    assert settings.level_weights == {"decay": 0.5}
    assert settings.class_weights == {"6": 4}
    assert (settings.epochs, settings.seed, settings.gate, settings.rule) == (2, 7, "none", "leaf")
    plain = config.settings_of(Cell(level="leaf", way="none"), seed=7)
    assert (plain.level_weights, plain.class_weights) == ("leaf", None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": [1, 1]}, "seeds: each seed once"),
        ({"settings": {"level_weights": "leaf"}}, "settings: 'level_weights' follows from"),
        ({"settings": {"gate": ["knn"]}}, "settings: 'gate' follows from"),
        ({"classes": {"none": {"head": "flat"}}}, "classes.none: 'head' weighs no classes"),
        ({"classes": {"none": {"class_weight": "balanced"}}}, "did you mean 'class_weights'"),
        ({"classes": {"none": {"class_weights": "balance"}}}, "no class_weights named 'balance'"),
        ({"levels": {"half": "decay"}}, "no level_weights named 'decay'"),
        ({"levels": {}}, "levels"),
        ({"raised": ["rond"]}, "raised: no class named 'rond'; did you mean 'round'"),
        ({"raised": ["anything"]}, "raised: no class named 'anything'"),
        ({"level": {}}, "did you mean 'levels'"),
        ({"features": "tuned"}, "features"),
    ],
    ids=str,
)
def test_a_mistake_is_told(change, message):
    with pytest.raises(HierclfError, match=message):
        load_weights(SMALL | change)


def test_nothing_is_weighed_twice():
    with pytest.raises(ConfigError, match="'favour' follows from"):
        load_weights(SMALL | {"settings": {"favour": "6"}})


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("weights_*.yaml")), ids=lambda path: path.stem)
def test_shipped_configs_can_be_used(path):
    config = load_weights(read_document(path))
    assert config.name == path.stem
    assert config.usual.name == "leaf/none"
    assert len(config.raised) == 2
