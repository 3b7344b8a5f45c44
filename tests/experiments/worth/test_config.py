"""What a config may say, and what it is told when it says something else."""

from pathlib import Path

import pytest

from experiments.document import read_document
from experiments.worth.config import Cell, load_worth
from experiments.worth.trees import trees
from hierclf.errors import HierclfError

CONFIGS = sorted((Path(__file__).parents[3] / "experiments" / "configs").glob("worth_*.yaml"))
PLAIN = {
    "name": "small",
    "data": {"source": "idx", "root": "data"},
    "taxonomy": {"low": ["0-4"], "high": ["5-9"]},
    "hold_out": {"leaves": "0.3"},
    "settings": {"rule": "leaf", "backbone": "small_cnn"},
    "variants": {
        "shared": {"title": "shared head", "head": "shared", "level_weights": "uniform"},
        "read": {"head": "flat", "level_weights": "leaf"},
    },
    "features": {
        "frozen": {"how": "flat"},
        "tuned": {"how": "own", "variants": ["shared"], "seeds": "1", "settings": {"epochs": "2"}},
    },
    "trees": ["declared", "random", "flat"],
    "seeds": ["0", "1"],
}


def with_change(**changes):
    return load_worth({**PLAIN, **changes})


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_that_comes_with_the_project_is_good(path):
    config = load_worth(read_document(path))
    assert config.name == path.stem
    assert config.trees == list(trees)
    assert len(config.seeds) >= 5
    assert config.about
    assert config.look_at
    assert {told.how for told in config.features.values()} & {"own"}
    for variant, settings in config.variants.items():
        has_a_say = settings["head"] != "flat" or settings["level_weights"] != "leaf"
        assert has_a_say or all(
            variant not in config.variants_of(f) for f, t in config.features.items() if t.how == "own"
        )


def test_there_are_configs_to_check():
    assert len(CONFIGS) == 5


def test_rows_in_order_and_flat_only_once_per_features():
    config = with_change()
    first = [("frozen", "shared", tree) for tree in ("declared", "random", "flat")]
    first += [("frozen", "read", tree) for tree in ("declared", "random")]
    assert [(c.features, c.variant, c.tree) for c in config.cells(0)] == first
    tuned = [("tuned", "shared", tree) for tree in ("declared", "random", "flat")]
    assert [(c.features, c.variant, c.tree) for c in config.cells(1)] == first + tuned
    assert [(c.features, c.variant, c.tree) for c in config.all_cells()] == first + tuned


def test_a_variant_may_be_measured_with_some_taxonomies_only():
    features = {"x": {"how": "flat", "variants": {"shared": "", "read": ["declared", "flat"]}}}
    config = with_change(features=features)
    assert [(c.variant, c.tree) for c in config.cells(0)] == [
        ("shared", "declared"),
        ("shared", "random"),
        ("shared", "flat"),
        ("read", "declared"),
    ]


def test_two_rows_of_one_title_are_refused():
    variants = {**PLAIN["variants"], "read": {"title": "shared head", "head": "flat"}}
    with pytest.raises(HierclfError, match=r"variants\.read: 'shared' is called 'shared head' in the tables too"):
        with_change(variants=variants)
    with pytest.raises(HierclfError, match=r"features\.tuned: 'frozen' is called 'frozen' in the tables too"):
        with_change(features={"frozen": {"how": "flat"}, "tuned": {"how": "own", "title": "frozen"}})


def test_settings_are_laid_over_each_other():
    settings = with_change().settings_of("tuned", "shared", seed=7)
    assert (settings.backbone, settings.epochs, settings.head, settings.seed) == ("small_cnn", 2, "shared", 7)
    assert with_change().settings_of("frozen", "read", seed=0).epochs is None


def test_titles_say_what_a_row_is():
    config = with_change()
    assert config.title_of(Cell(features="frozen", variant="shared", tree="declared")) == "declared, shared head"
    assert config.title_of(Cell(features="frozen", variant="read", tree="random")) == "random, declared shape, read"
    assert config.title_of(Cell(features="frozen", variant="shared", tree="flat")) == "flat"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trees": ["declared", "rndom"]}, "no taxonomy to compare named 'rndom'; did you mean 'random'"),
        ({"features": {"tuned": {"how": "own"}}}, "features.tuned: the first features also give what discovery reads"),
        (
            {"features": {"x": {"how": "flat", "variants": ["shard"]}}},
            "no variant named 'shard'; did you mean 'shared'",
        ),
        (
            {"features": {"x": {"how": "flat", "variants": {"shared": ["flt"]}}}},
            r"features.x.variants.shared: no taxonomy named 'flt'; did you mean 'flat'",
        ),
        ({"features": {"x": {"how": "flat", "seeds": ["5"]}}}, r"features.x.seeds: expected some of \[0, 1\], got 5"),
        ({"features": {"x": {"how": "thawed"}}}, "features.x.how: "),
        ({"variants": {"x": {"hed": "flat"}}}, "no setting named 'hed'; did you mean 'head'"),
        ({"variants": {"x": {"head": "flt"}}}, "no head named 'flt'; did you mean 'flat'"),
        ({"settings": {"seed": "3"}}, "settings: 'seed' follows from 'seeds' and from 'how'"),
        ({"features": {"x": {"how": "flat", "settings": {"freeze": "true"}}}}, "settings: 'freeze' follows"),
        ({"seeds": ["0", "0"]}, r"seeds: each seed once, got \[0, 0\]"),
        ({"discovry": {}}, "discovry: there is no such setting; did you mean 'discovery'"),
        ({"variants": {}}, "variants: "),
    ],
)
def test_what_cannot_be_used_gets_a_message(changes, message):
    with pytest.raises(HierclfError, match=message):
        with_change(**changes)
