from __future__ import annotations

import pytest
import torch

from hierclf.errors import ConfigError, HierclfError
from hierclf.losses import classification_losses, other_losses
from hierclf.settings import Settings
from hierclf.training.choices import check_choices
from hierclf.training.loss_choices import (
    check_levels,
    features_learn_from_other,
    head_learns_from_other,
    loss_on_other,
    unused_losses,
)
from hierclf.training.schedule import plan_schedule

LEAVES_ALONE = "loss='one_vs_rest' teaches leaves and knows no levels, got level_weights='uniform'; take level_weights="


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "one_vs_rst"}, "no loss named 'one_vs_rst'; did you mean 'one_vs_rest'?"),
        ({"other_loss": "entropik"}, "no loss on images of other named 'entropik'; did you mean 'entropic'?"),
        ({"embedding_loss": "ProxyAnchorLos"}, "no embedding loss named 'ProxyAnchorLos'; did you mean 'ProxyAnchorLo"),
        ({"embedding_loss": {"supcon": {"heat": 1}}}, "the embedding loss 'supcon' takes no 'heat'"),
        ({"embedding_levels": "leef"}, "no embedding_levels named 'leef'; did you mean 'leaf'?"),
        ({"loss": "one_vs_rest", "level_weights": "uniform"}, LEAVES_ALONE),
        ({"loss": "one_vs_rest", "level_weights": [1.0, 0.5]}, "got level_weights=[1.0, 0.5]; take"),
        ({"loss": "one_vs_rest", "label_smoothing": 0.1}, "label_smoothing=0.1 spreads a label over one softmax"),
        ({"loss": "one_vs_rest", "other_loss": "entropic"}, "leave other_loss out, or take 'none' to learn nothing"),
        ({"loss": "one_vs_rest", "node_weights": {"round": 5}}, "teaches leaves and knows no nodes, got node_weights="),
        ({"embedding_loss": {"supcon": {"temperature": 0}}}, "temperature of the embedding loss 'supcon' is above 0"),
        ({"embedding_loss": {"contrastive": {"negative": float("nan")}}}, "is a finite number, got nan"),
        ({"embedding_loss": {"TripletMarginLoss": {"margin": float("inf")}}}, "is a finite number, got inf"),
        ({"classification_weight": 0, "embedding_loss": None}, "alone, got embedding_loss=None; name one"),
        ({"classification_weight": 0, "embedding_loss": []}, "alone, got embedding_loss=[]; name one"),
        ({"classification_weight": 0, "embedding_weight": 0}, "alone, got an embedding loss of weight 0; name one"),
        (
            {"classification_weight": 0, "embedding_loss": "supcon", "embedding_weight": 0},
            "by the embedding loss alone, got an embedding loss of weight 0; name one",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_before_any_data(settings, message):
    with pytest.raises(HierclfError) as caught:
        check_choices(Settings.checked(settings))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "one_vs_rest", "level_weights": "leaf"},
        {"loss": "one_vs_rest", "other_loss": "none"},
        {"classification_weight": 0, "embedding_loss": {"supcon": {"weight": 1}}, "embedding_weight": 0},
        {"classification_weight": 0},  # fine from random weights; others are told when that is known
        {"label_smoothing": 0.1, "other_loss": "objectosphere", "class_weights": "balanced_batches"},
        {"embedding_loss": ["ProxyAnchorLoss", "contrastive"], "embedding_levels": "all"},
    ],
    ids=str,
)
def test_what_can_be_is_let_through(settings):
    check_choices(Settings.checked(settings))


def test_looking_at_a_loss_with_weights_leaves_chance_alone():
    before = torch.get_rng_state()
    check_choices(Settings(embedding_loss="ProxyAnchorLoss"))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("pretrained", "projects"), [(True, False), (False, True)])
def test_an_automatic_embedding_loss_is_enough_where_it_is_one(pretrained, projects):
    alone = Settings(classification_weight=0)
    (choice,) = plan_schedule(alone, "leaf", count=100, pretrained=False).embedding_losses
    assert choice.name == "supcon"
    with pytest.raises(ConfigError, match="alone, got embedding_loss='auto', which is none for a pretrained backbone"):
        plan_schedule(alone, "leaf", count=100, pretrained=pretrained, projects=projects)


def test_levels_of_the_taxonomy_contradict_as_well():
    check_levels("hierarchical", "uniform")
    with pytest.raises(ConfigError, match=r"got level_weights=\('decay', 0.5\)"):
        plan_schedule(Settings(loss="one_vs_rest"), ("decay", 0.5), count=100, pretrained=False)


@pytest.mark.parametrize(
    ("settings", "learner", "strangers", "notes"),
    [
        ({}, "nothing", False, []),
        ({}, "pretrained", True, []),
        ({"loss": "one_vs_rest"}, "nothing", False, ["loss='one_vs_rest' was not used: the backbone is frozen."]),
        ({"loss": "one_vs_rest", "label_smoothing": 0.1, "other_loss": "entropic"}, "pretrained", True, []),
        (
            {"other_loss": "entropic"},
            "pretrained",
            False,
            ["other_loss='entropic' was not used: there are no images of other."],
        ),
        ({"other_loss": "none", "other_weight": 2.0}, "pretrained", False, []),
        ({"embedding_loss": None}, "nothing", True, []),
        ({"layer_decay": 0.5}, "pretrained", True, []),
        (
            {"layer_decay": 0.5},
            "random",
            True,
            ["layer_decay=0.5 was not used: the backbone learns from random weights."],
        ),
        ({"layer_decay": 0.5}, "projection", True, ["layer_decay=0.5 was not used: the backbone is frozen."]),
        ({"layer_decay": 0.5}, "nothing", True, ["layer_decay=0.5 was not used: the backbone is frozen."]),
        ({"refit_head": False}, "nothing", True, []),
        ({"refit_head": False}, "projection", True, []),
        ({"embedding_weight": 0.5}, "random", False, []),  # of supcon
        (
            {"embedding_weight": 0.5},
            "pretrained",
            True,
            ["embedding_weight=0.5 was not used: there is no embedding loss."],
        ),
        (
            {"embedding_levels": "all", "embedding_loss": None},
            "random",
            False,
            ["embedding_levels='all' was not used: there is no embedding loss."],
        ),
        ({"embedding_levels": [1, 2], "embedding_loss": "supcon"}, "projection", False, []),
        ({"embedding_levels": [1]}, "nothing", False, ["embedding_levels=[1] was not used: the backbone is frozen."]),
        ({"averaging": 0.5}, "nothing", True, ["averaging=0.5 was not used: the backbone is frozen."]),
        ({"other_loss": "none"}, "nothing", True, []),
        ({"other_weight": 2.0}, "pretrained", False, ["other_weight=2.0 was not used: there are no images of other."]),
        (
            {"classification_weight": 0.0, "embedding_loss": "supcon"},
            "pretrained",
            True,
            [
                "Images of other taught the gate alone: with classification_weight=0 the embedding loss of the known "
                "images is all that is trained for."
            ],
        ),
    ],
    ids=str,
)
def test_what_has_no_use_is_said(settings, learner, strangers, notes):
    assert list(unused_losses(Settings(**settings), learner=learner, strangers=strangers)) == notes


@pytest.mark.parametrize(
    ("settings", "levels", "learn"),
    [
        ({}, "leaf", True),
        ({"loss": "one_vs_rest"}, "leaf", True),
        ({"other_loss": "entropic", "other_weight": 0.1}, ("decay", 0.0), True),
        ({"level_weights": [0, 1]}, (0.5, 0.0), True),  # what is in force is given
        ({"other_loss": "none"}, "leaf", False),
        ({"other_weight": 0}, "uniform", False),
        ({"classification_weight": 0}, "leaf", False),
        ({}, (0.0, 1.0), False),
    ],
    ids=str,
)
def test_what_the_features_learn_from_images_of_other(settings, levels, learn):
    chosen = Settings(**settings)
    assert features_learn_from_other(chosen, levels, trained=True) == learn
    assert not features_learn_from_other(chosen, levels, trained=False)


@pytest.mark.parametrize(
    ("settings", "levels", "learns"),
    [
        ({}, "leaf", False),  # kinds of other have a layer of their own
        ({"other_loss": "none"}, "leaf", False),
        ({"other_loss": "entropic"}, "leaf", True),
        ({"other_loss": "outlier_exposure"}, "leaf", True),
        ({"other_loss": "objectosphere"}, "leaf", True),
        ({"loss": "one_vs_rest"}, "leaf", True),
        ({"other_loss": "entropic", "other_weight": 0}, "leaf", False),
        ({"other_loss": "entropic"}, (0.0, 1.0), False),
    ],
    ids=str,
)
def test_what_the_head_learns_from_images_of_other(settings, levels, learns):
    assert head_learns_from_other(Settings(**settings), levels) == learns


def test_a_loss_with_a_way_of_its_own_to_learn_from_other_takes_it():
    assert loss_on_other("one_vs_rest", "kinds", 1.0) is classification_losses["one_vs_rest"].other
    assert loss_on_other("hierarchical", "entropic", 1.0, 2.0) is other_losses["entropic"]
    for nothing in (("one_vs_rest", "none", 1.0), ("one_vs_rest", "kinds", 1.0, 0.0)):
        assert loss_on_other(*nothing) is other_losses["none"]


def test_embeddings_that_were_given_are_named_as_the_reason():
    notes = unused_losses(
        Settings(embedding_loss="supcon"), learner="nothing", strangers=False, why="embeddings were given"
    )
    assert notes == ("embedding_loss='supcon' was not used: embeddings were given.",)
