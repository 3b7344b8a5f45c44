from __future__ import annotations

import math
from itertools import pairwise

import pytest

from hierclf.settings import Settings
from hierclf.training.schedule import Schedule, plan_schedule


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine():
    schedule = Schedule(epochs=1, warm_up=0.1)
    factors = [schedule.rate_factor(step, 100) for step in range(100)]
    assert factors[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert factors[10] == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(0.5 * (1 + math.cos(math.pi * 89 / 90)))
    assert all(one > two for one, two in pairwise(factors[10:]))
    assert schedule.rate_factor(200, 100) == pytest.approx(0.0)  # beyond the end


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_short_trainings_have_rates_above_zero(steps):
    assert all(Schedule(epochs=1).rate_factor(step, steps) > 0 for step in range(steps))


@pytest.mark.parametrize(
    ("count", "pretrained", "epochs", "batch_size"),
    [
        (3, False, 60, 8),
        (800, False, 60, 64),
        (8000, False, 24, 64),
        (8000, True, 6, 64),
        (1_000_000, False, 6, 64),
    ],
)
def test_epochs_follow_from_the_number_of_images(count, pretrained, epochs, batch_size):
    schedule = plan_schedule(Settings(), "leaf", count=count, pretrained=pretrained)
    assert (schedule.epochs, schedule.batch_size) == (epochs, batch_size)


@pytest.mark.parametrize(("visited", "epochs"), [(32_000, 6), (16_000, 12), (4000, 48), (None, 24)])
def test_epochs_follow_from_the_number_of_images_that_one_of_them_visits(visited, epochs):
    def planned(**settings):
        return plan_schedule(Settings(**settings), "leaf", count=8000, pretrained=False, visited=visited)

    assert (planned().epochs, planned().batch_size) == (epochs, 64)
    assert planned(epochs=5).epochs == 5


def test_settings_are_handed_on():
    settings = Settings(
        epochs=3, batch_size=16, head_rate=0.5, backbone_rate=0.25, patience=2, seed=7, weight_decay=0.0
    )
    schedule = plan_schedule(settings, (0.25, 1.0), count=1000, pretrained=True)
    assert schedule == Schedule(
        epochs=3,
        batch_size=16,
        head_rate=0.5,
        backbone_rate=0.25,
        weight_decay=0.0,
        patience=2,
        gate_weight=0.25,
        seed=7,
    )


@pytest.mark.parametrize(
    ("pretrained", "projects", "names"), [(False, False, ["supcon"]), (True, False, []), (False, True, [])]
)
def test_supcon_joins_where_a_whole_network_learns_from_random_weights(pretrained, projects, names):
    schedule = plan_schedule(Settings(), "leaf", count=100, pretrained=pretrained, projects=projects)
    assert [choice.name for choice in schedule.embedding_losses] == names


@pytest.mark.parametrize(
    ("settings", "classes", "together"),
    [
        ({}, 10, 1),  # a batch of 64 holds six of each
        ({}, 32, 1),
        ({}, 33, 4),
        ({"batch_size": 256}, 110, 1),
        ({"batch_size": 12}, 110, 3),  # four classes in a batch at least
        ({"batch_size": 2}, 110, 1),
        ({"embedding_loss": None}, 110, 1),  # no loss on pairs, nothing to bring together
        ({"embedding_loss": None, "batch_per_class": 2}, 110, 2),
        ({"batch_per_class": 1}, 110, 1),
        ({"batch_per_class": 8}, 3, 8),
    ],
    ids=str,
)
def test_images_of_many_classes_come_together_for_a_loss_on_pairs(settings, classes, together):
    schedule = plan_schedule(Settings(**settings), "leaf", count=3000, pretrained=False, classes=classes)
    assert schedule.together == together
