from __future__ import annotations

import pytest
import torch

from hierclf.training.threads import SMALL, few_threads


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("numbers", "threads"), [(0, 1), (SMALL, 1), (SMALL + 1, 2)])
def test_only_small_problems_are_solved_on_one_thread(two_threads, numbers, threads):
    with few_threads(numbers):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 2


def test_threads_come_back_after_an_error(two_threads):
    with pytest.raises(ValueError, match="out"), few_threads(1):
        raise ValueError("out")
    assert torch.get_num_threads() == 2
