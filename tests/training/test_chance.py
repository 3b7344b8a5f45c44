from __future__ import annotations

import torch

from hierclf.training.chance import seeded


def test_the_same_seed_gives_the_same_numbers_and_another_others():
    drawn = []
    for seed in (3, 3, 4):
        with seeded(seed):
            drawn.append(torch.rand(5))
    torch.testing.assert_close(drawn[0], drawn[1], rtol=0, atol=0)
    assert not torch.equal(drawn[0], drawn[2])


def test_the_users_own_generator_stays_where_it_was():
    torch.manual_seed(11)
    torch.rand(2)
    before = torch.get_rng_state()
    with seeded(3):
        torch.rand(100)
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)


def test_also_when_something_goes_wrong_inside():
    before = torch.get_rng_state()
    try:
        with seeded(3):
            torch.rand(2)
            raise KeyError
    except KeyError:
        pass
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
