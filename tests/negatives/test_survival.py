from __future__ import annotations

import pytest
import torch

from hierclf.negatives import pass_for_known, survival_rates


def test_rates_are_counts_drawn_to_the_mean_of_the_transformation(generator):
    how, label = (torch.randint(high, (300,), generator=generator) for high in (3, 5))
    passes = torch.rand(300, generator=generator) < 0.3 + 0.2 * how
    rates = survival_rates(passes, how, label, (4, 5))
    for one in range(3):
        mine = [bool(passed) for passed, which in zip(passes, how, strict=True) if which == one]
        mean = sum(mine) / len(mine)
        for node in range(5):
            here = [bool(passed) for passed, w, x in zip(passes, how, label, strict=True) if (w, x) == (one, node)]
            assert float(rates[one, node]) == pytest.approx((sum(here) + 4 * mean) / (len(here) + 4))
    assert rates[3].eq(1).all()  # never tried: nothing speaks for it


SCORES = torch.arange(20.0)  # of known images: 17 of 20 look at least as unknown as one with a score of 3


def test_passing_takes_confidence_and_an_ordinary_look():
    sure, unsure = torch.tensor([0.98, 0.02]).log(), torch.tensor([0.45, 0.55 / 2]).log()
    log_probs = torch.stack([sure, sure, sure, unsure])
    score = torch.tensor([3.0, 17.0, 17.5, 3.0])
    assert pass_for_known(log_probs, score, sure.expand(20, 2), SCORES).tolist() == [True, True, False, False]


def test_a_network_that_is_unsure_of_all_known_images_is_asked_no_more_of_negatives():
    unsure = torch.tensor([0.4, 0.3, 0.3]).log()
    score = torch.full((3,), 5.0)
    assert pass_for_known(unsure.expand(3, 3), score, unsure.expand(20, 3), SCORES).all()
    assert not pass_for_known(unsure.expand(3, 3), score, torch.tensor([[0.9, 0.1, 0.0]]).log(), SCORES).any()


@pytest.mark.parametrize("count", [1, 5])
def test_what_looks_more_unknown_than_all_of_a_few_known_images_does_not_pass(count):
    sure = torch.tensor([[0.98, 0.02]]).log()
    known = SCORES[:count]
    assert pass_for_known(sure, known[-1:], sure, known).all()
    assert not pass_for_known(sure, known[-1:] + 1, sure, known).any()
