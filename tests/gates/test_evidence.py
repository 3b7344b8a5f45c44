from __future__ import annotations

import pytest
import torch

from hierclf.errors import DataError
from hierclf.gates import Evidence
from hierclf.gates.evidence import at_least_single, in_chunks


def test_rows_are_taken_from_every_column(generator):
    everything = Evidence(torch.randn(5, 3, generator=generator), torch.randn(5, 2), torch.arange(5))
    some = everything[torch.tensor([4, 0])]
    torch.testing.assert_close(some.embedding_BD, everything.embedding_BD[[4, 0]])
    torch.testing.assert_close(some.logits_BC, everything.logits_BC[[4, 0]])
    assert some.label_B.tolist() == [4, 0]


@pytest.mark.parametrize("count", [0, 1, 7, 8])
def test_chunks_hold_every_image_once(count):
    evidence = Evidence(torch.arange(float(count))[:, None], torch.zeros(count, 1))
    values = [chunk.embedding_BD for chunk in evidence.chunks(size=4)]
    assert torch.cat(values).flatten().tolist() == list(range(count))
    assert all(len(part) <= 4 for part in values)


def test_nothing_gives_nothing():
    assert in_chunks(lambda chunk: chunk.logits_BC.sum(1), Evidence(torch.zeros(0, 3), torch.zeros(0, 2))).shape == (0,)


def test_holes_are_named_by_row():
    logits_BC = torch.zeros(9, 2)
    logits_BC[[2, 7], 1] = torch.tensor([torch.nan, torch.inf])
    with pytest.raises(DataError, match=r"NaN or infinity for 2 of 9 images \(rows #2, #7\)"):
        Evidence(torch.zeros(9, 3), logits_BC).require_finite()


def test_opposite_infinities_do_not_hide_each_other():
    embedding_BD = torch.zeros(2, 2)
    embedding_BD[0, 0], embedding_BD[1, 0] = torch.inf, -torch.inf
    with pytest.raises(DataError, match="rows #0, #1"):
        Evidence(embedding_BD, torch.zeros(2, 1)).require_finite()


def test_large_but_finite_values_pass():
    Evidence(torch.full((4, 4), 3e38), torch.zeros(4, 1)).require_finite()


@pytest.mark.parametrize(
    ("embedding", "logits", "label", "message"),
    [
        (
            torch.zeros(3),
            torch.zeros(3, 2),
            None,
            r"embeddings as floats of shape .* got torch.float32 of shape \(3,\)",
        ),
        (torch.zeros(3, 2), torch.zeros(3, 0), None, r"logits as floats"),
        (torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, 1), None, "got torch.int64"),
        (torch.zeros(3, 2), torch.zeros(4, 2), None, "got 3 embeddings and 4 rows of logits"),
        (torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64), r"each of 3 images.*shape \(2,\)"),
        (torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(3), "int64 label"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(embedding, logits, label, message):
    with pytest.raises(DataError, match=message):
        Evidence(embedding, logits, label)


def test_every_value_is_looked_at_once_however_many_scores_read_it(monkeypatch):
    evidence, looks = Evidence(torch.zeros(4, 3), torch.zeros(4, 2)), []
    usual = torch.Tensor.isfinite
    monkeypatch.setattr(torch.Tensor, "isfinite", lambda values: looks.append(values) or usual(values))
    for _ in range(3):
        evidence.require_finite()
    assert len(looks) == 2


def test_holes_are_refused_again_and_again():
    evidence = Evidence(torch.full((1, 2), torch.nan), torch.zeros(1, 2))
    for _ in range(2):
        with pytest.raises(DataError, match="rows #0"):
            evidence.require_finite()


def test_half_precision_is_raised_and_nothing_is_lowered():
    for given, raised in (("float16", "float32"), ("bfloat16", "float32"), ("float32",) * 2, ("float64",) * 2):
        values = torch.tensor([0.1], dtype=getattr(torch, given))
        assert at_least_single(values).dtype == getattr(torch, raised)
        assert at_least_single(values).double() == values.double()
