from __future__ import annotations

import torch

from hierclf.dag import segment_log_softmax, segment_logsumexp


def test_equals_a_loop_over_groups(generator):
    values_RB = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    group_R = torch.tensor([0, 0, 2, 2, 2, 3, 3])
    got = segment_logsumexp(values_RB, group_R, 4)
    for group in (0, 2, 3):
        torch.testing.assert_close(got[group], torch.logsumexp(values_RB[group_R == group], 0))
    assert got[1].isneginf().all()  # a group without rows


def test_a_group_far_below_another_keeps_its_precision():
    values_RB = torch.tensor([[500.0], [500.0], [-500.0], [-501.0]])
    got = segment_log_softmax(values_RB, torch.tensor([0, 0, 1, 1]), 2).exp()
    torch.testing.assert_close(got[:, 0], torch.tensor([0.5, 0.5, 0.7310586, 0.2689414]))


def test_gradients_are_those_of_finite_differences(generator):
    values_RB = torch.randn(5, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    group_R = torch.tensor([0, 0, 1, 1, 1])
    assert torch.autograd.gradcheck(lambda values: segment_log_softmax(values, group_R, 2), values_RB)
