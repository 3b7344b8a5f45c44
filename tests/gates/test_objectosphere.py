from __future__ import annotations

import math

import torch

from hierclf.gates import Evidence, build_score


def test_it_is_the_length_times_the_largest_probability(generator):
    evidence = Evidence(torch.randn(9, 4, generator=generator), 3 * torch.randn(9, 5, generator=generator))
    measured = build_score("objectosphere").fit(evidence, generator)(evidence)
    for row in range(9):
        length = math.sqrt(sum(float(value) ** 2 for value in evidence.embedding_BD[row]))
        powers = [math.exp(float(value)) for value in evidence.logits_BC[row]]
        assert math.isclose(measured[row], -length * max(powers) / sum(powers), rel_tol=1e-6)


def test_short_embeddings_look_unknown_however_sure_the_softmax_is(generator):
    logits_BC = torch.tensor([[9.0, 0.0], [9.0, 0.0]])
    evidence = Evidence(torch.tensor([[0.1, 0.0], [4.0, 0.0]]), logits_BC)
    short, long = build_score("objectosphere").fit(evidence, generator)(evidence)
    assert short > long
