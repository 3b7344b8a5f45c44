"""Searches in low precision against every distance in float64."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from hierclf.gates import neighbours
from hierclf.gates.neighbours import Bank, SearchedBank

PRECISIONS = (torch.bfloat16, torch.float32)


def rows(kind, count, generator, size=40):
    """Unit vectors of several kinds: the easy, the crowded and the odd."""
    made = torch.randn(count, size, generator=generator)
    if kind == "cone":
        made = 5 + made * torch.arange(1, size + 1).pow(-0.7)
    if kind == "clusters":
        made = made + 6 * torch.eye(size)[torch.arange(count) % size]
    if kind == "copies":
        made = made[torch.arange(count) % 3]
    if kind == "blank":
        made[::3] = 0.0
    return normalize(made, dim=1)


def slow_distance(embedding_BD, bank_MD, k):
    distance_BM = (embedding_BD[:, None].double() - bank_MD[None].double()).norm(dim=2)
    return distance_BM.sort(dim=1).values[:, min(k, len(bank_MD)) - 1]


@pytest.fixture(params=[True, False], ids=["bfloat16", "float32"])
def _low(request, monkeypatch):
    monkeypatch.setattr(neighbours, "bfloat16_pays", lambda: request.param)
    monkeypatch.setattr(neighbours, "WORTH", 0)


@pytest.mark.usefixtures("_low")
@pytest.mark.parametrize("kind", ["noise", "cone", "clusters", "copies", "blank"])
@pytest.mark.parametrize("k", [1, 2, 7])
def test_distances_equal_a_look_at_every_row(kind, k, generator):
    bank_MD, embedding_BD = rows(kind, 700, generator), rows(kind, 300, generator)
    embedding_BD[:5] = bank_MD[:5]
    measured = Bank(bank_MD).distance(embedding_BD, k)
    torch.testing.assert_close(measured, slow_distance(embedding_BD, bank_MD, k), rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("_low")
@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 33])
def test_banks_of_any_size(count, generator):
    bank_MD, embedding_BD = rows("clusters", count, generator), rows("clusters", 9, generator)
    for k in (1, 2, 40):
        measured = Bank(bank_MD).distance(embedding_BD, k)
        torch.testing.assert_close(measured, slow_distance(embedding_BD, bank_MD, k), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", ["noise", "cone", "clusters", "copies", "blank"])
def test_the_error_is_never_larger_than_stated(precision, kind, generator):
    bank_MD, tile_RD = rows(kind, 500, generator, size=300), rows(kind, 100, generator, size=300)
    tile_RD[0] *= 30
    searched = SearchedBank.prepare(bank_MD, precision)
    moved_MD, moved_RD = (values.double() - searched.centre_D.double() for values in (bank_MD, tile_RD))
    exact_RM = moved_RD @ moved_MD.T - moved_MD.square().sum(1) / 2
    error_R = (searched.closeness(tile_RD)[:, :500].double() - exact_RM).abs().amax(1)
    stated_R = searched.error(tile_RD).double()
    assert (error_R <= stated_R).all()
    assert (stated_R[1:] < {torch.bfloat16: 0.03, torch.float32: 1e-4}[precision]).all()  # or it would find nothing


def test_crowded_images_are_left_to_the_next_precision(generator):
    bank_MD, tile_RD = rows("noise", 1, generator).repeat(900, 1), rows("noise", 20, generator)
    assert SearchedBank.prepare(bank_MD, torch.bfloat16).search(tile_RD, 2).isnan().all()
    easy_MD, easy_RD = rows("clusters", 900, generator, size=300), rows("clusters", 20, generator, size=300)
    found_R = SearchedBank.prepare(easy_MD, torch.float32).search(easy_RD, 2)
    torch.testing.assert_close(found_R, slow_distance(easy_RD, easy_MD, 2), rtol=1e-12, atol=1e-12)


def test_a_row_does_not_depend_on_its_batch(generator):
    bank, embedding_BD = Bank(rows("cone", 3000, generator)), rows("cone", 600, generator)
    together = bank.distance(embedding_BD, 2)
    assert torch.equal(together[200:210], bank.distance(embedding_BD[200:210], 2))
    assert bank.distance(embedding_BD[:0], 2).shape == (0,)


def test_coarser_products_on_demand_change_nothing(generator):
    bank_MD, embedding_BD = rows("clusters", 700, generator), rows("clusters", 100, generator)
    usual = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        bank = Bank(bank_MD)
        assert bank._fine.low_DM.dtype == torch.float64
        measured = bank.distance(embedding_BD, 2)
    finally:
        torch.set_float32_matmul_precision(usual)
    torch.testing.assert_close(measured, slow_distance(embedding_BD, bank_MD, 2), rtol=1e-12, atol=1e-12)


def test_the_faster_precision_is_found_out_once():
    assert neighbours.bfloat16_pays() is neighbours.bfloat16_pays()
    assert neighbours.bfloat16_pays.cache_info().currsize == 1
