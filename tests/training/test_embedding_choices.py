from __future__ import annotations

import pytest

from hierclf.errors import ConfigError
from hierclf.losses import EmbeddingChoice
from hierclf.settings import Settings
from hierclf.training.embedding_choices import embedding_choices, embedding_levels


@pytest.mark.parametrize(
    ("given", "choices"),
    [
        (None, []),
        ("none", []),
        ("supcon", [{"name": "supcon"}]),
        (["supcon", "contrastive"], [{"name": "supcon"}, {"name": "contrastive"}]),
        ({"supcon": None}, [{"name": "supcon"}]),
        ({"supcon": {"weight": 2, "temperature": 0.2}}, [{"weight": 2.0, "options": (("temperature", 0.2),)}]),
        ({"supcon": {"levels": "all"}, "ProxyAnchorLoss": {}}, [{"levels": "all"}, {"name": "ProxyAnchorLoss"}]),
        ({"supcon": {"levels": [0, 1]}}, [{"levels": (0.0, 1.0)}]),
    ],
    ids=str,
)
def test_one_form_for_all_that_may_be_written(given, choices):
    settings = Settings.checked({"embedding_loss": given})
    assert embedding_choices(settings) == tuple(EmbeddingChoice(**({"name": "supcon"} | choice)) for choice in choices)


def test_auto_is_for_networks_that_learn_from_random_weights():
    assert embedding_choices(Settings()) == ()
    assert embedding_choices(Settings(), from_scratch=True) == (EmbeddingChoice(name="supcon", weight=1.0),)
    assert embedding_choices(Settings(embedding_loss=None), from_scratch=True) == ()
    assert embedding_choices(Settings(embedding_loss="contrastive"), from_scratch=True)[0].name == "contrastive"


def test_weight_and_levels_of_the_settings_are_for_those_without_their_own():
    settings = Settings(
        embedding_loss={"supcon": {"weight": 1.0}, "contrastive": {"levels": "leaf"}},
        embedding_weight=0.25,
        embedding_levels=[1, 2],
    )
    supcon, contrastive = embedding_choices(settings)
    assert (supcon.weight, supcon.levels) == (1.0, (1.0, 2.0))
    assert (contrastive.weight, contrastive.levels) == (0.25, "leaf")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "embedding_loss is a name, names, or a mapping from names to options, got 3"),
        ([3], "embedding_loss is a name, names, or a mapping from names to options, got [3]"),
        (["supcon", "supcon"], "expected each embedding loss once, got embedding_loss=['supcon', 'supcon']"),
        ({"supcon": 2}, "options of the embedding loss 'supcon' are given by name, got 2"),
        ({"supcon": {"weight": -1}}, "the weight of the embedding loss 'supcon' is a finite number of at least 0, got"),
        ({"supcon": {"weight": "much"}}, "the weight of the embedding loss 'supcon' is a number, got 'much'"),
    ],
    ids=str,
)
def test_anything_else_is_told(given, message):
    with pytest.raises(ConfigError) as caught:
        embedding_choices(Settings.checked({"embedding_loss": given}))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("al", "no embedding_levels named 'al'; did you mean 'all'? (known: leaf, all, or one weight per level)"),
        ([], "embedding_levels is 'leaf', 'all', or one weight per level, got []"),
        (1.0, "embedding_levels is 'leaf', 'all', or one weight per level, got 1.0"),
        ([0, 0], "embedding_levels needs a weight above 0, got [0.0, 0.0]"),
        ([True], "a weight in embedding_levels is a number, got True"),
    ],
    ids=str,
)
def test_levels_that_are_none_are_told(given, message):
    with pytest.raises(ConfigError) as caught:
        embedding_levels(given)
    assert message in str(caught.value)
