from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import normalize

from hierclf.errors import BundleError
from hierclf.gates import ClassStatistics, Evidence
from tests.conftest import DEEP_DAG
from tests.gates.synthetic import planted


@pytest.fixture
def known(generator):
    return planted(DEEP_DAG, generator)


@pytest.fixture
def new(generator):
    return planted(DEEP_DAG, generator, count=4, spread=2.0)


def same(left, right):
    return all(torch.equal(values, right.tensors()[name]) for name, values in left.tensors().items())


def test_distances_are_those_to_the_means_under_one_shared_covariance(known, new, generator):
    unit, labels = normalize(known.embedding_BD), known.label_B.numpy()
    means = np.stack([unit[labels == label].mean(0) for label in range(6)])
    covariance = ledoit_wolf(unit - means[labels], assume_centered=True)[0]
    slow = cdist(normalize(new.embedding_BD), means, "mahalanobis", VI=np.linalg.inv(covariance)) ** 2
    fast = ClassStatistics.fit(known, generator).tables(new)
    np.testing.assert_allclose(fast.distance_BL, slow, rtol=1e-9)
    white = fast.white_BD @ fast.white_BD.T  # whitened: products are those under the inverse covariance
    moved = normalize(new.embedding_BD) - means.mean(0)
    np.testing.assert_allclose(white, moved @ np.linalg.inv(covariance) @ moved.T, rtol=1e-8, atol=1e-8)


def test_neighbours_are_the_second_nearest_images_of_each_class(known, new, generator):
    gaps = cdist(normalize(new.embedding_BD), normalize(known.embedding_BD))
    slow = np.stack([np.sort(gaps[:, known.label_B.numpy() == label], axis=1)[:, 1] for label in range(6)], axis=1)
    np.testing.assert_allclose(ClassStatistics.fit(known, generator).tables(new).neighbour_BL, slow, atol=1e-6)


def test_an_example_by_hand(generator):
    known = Evidence(
        torch.tensor([[2.0, 0.0], [0.0, 3.0], [4.0, 4.0], [-5.0, 0.0]]), torch.zeros(4, 2), torch.tensor([0, 0, 0, 1])
    )
    tables = ClassStatistics.fit(known, generator).tables(Evidence(torch.tensor([[9.0, 0.0]]), torch.zeros(1, 2)))
    # of length 1: (1, 0) itself, (0, 1) at √2, (√½, √½) at √(2 - √2), the second nearest; one image of the other class
    torch.testing.assert_close(
        tables.neighbour_BL, torch.tensor([[(2 - 2**0.5) ** 0.5, 2.0]]).double(), atol=1e-6, rtol=0
    )


def test_a_class_without_images_is_infinitely_far_and_without_influence(known, new, generator):
    rest = known[known.label_B != 2]
    statistics = ClassStatistics.fit(rest, generator)
    tables = statistics.tables(new)
    assert tables.distance_BL[:, 2].tolist() == tables.neighbour_BL[:, 2].tolist() == [torch.inf] * len(new)
    assert tables.scores_BL[:, 2].tolist() == [-torch.inf] * len(new)
    kept = [0, 1, 3, 4, 5]
    closer = Evidence(rest.embedding_BD, rest.logits_BC[:, kept], torch.tensor([0, 1, -9, 2, 3, 4])[rest.label_B])
    without = ClassStatistics.fit(closer, generator).tables(Evidence(new.embedding_BD, new.logits_BC[:, kept]))
    for kind in ("white_BD", "distance_BL", "neighbour_BL", "scores_BL"):
        values = getattr(tables, kind)
        torch.testing.assert_close(values if kind == "white_BD" else values[:, kept], getattr(without, kind))


def test_images_without_a_class_are_left_out(known):
    strange = Evidence(1e3 * torch.ones(5, 9).double(), torch.ones(5, 6).double(), torch.full((5,), -1))
    mixed = Evidence(
        torch.cat([known.embedding_BD, strange.embedding_BD]),
        torch.cat([known.logits_BC, strange.logits_BC]),
        torch.cat([known.label_B, strange.label_B]),
    )
    first, second = (ClassStatistics.fit(images, torch.Generator().manual_seed(1)) for images in (mixed, known))
    assert same(first, second)


def test_a_row_does_not_depend_on_its_batch(known, new, generator):
    statistics = ClassStatistics.fit(known, generator)
    whole = statistics.tables(new)
    for row in range(len(new)):
        alone = statistics.tables(new[row : row + 1])
        for kind in ("white_BD", "distance_BL", "neighbour_BL", "scores_BL"):
            torch.testing.assert_close(getattr(alone, kind)[0], getattr(whole, kind)[row], rtol=1e-10, atol=1e-10)
    assert len(statistics.tables(new[:0])) == 0


def test_single_precision_and_gradients_are_taken_as_they_come(known, new, generator):
    statistics = ClassStatistics.fit(known, generator)
    single = Evidence(new.embedding_BD.float().requires_grad_(), new.logits_BC.float())
    tables = statistics.tables(single)
    assert tables.distance_BL.dtype == torch.float64
    assert not tables.distance_BL.requires_grad
    torch.testing.assert_close(tables.distance_BL, statistics.tables(new).distance_BL, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda known: known[torch.arange(6) * 12],  # one image of each class
        lambda known: known[(torch.arange(6) * 12).repeat(3)],  # copies
        lambda known: known[:2],  # one class
        lambda known: known[:1],  # one image
        lambda known: Evidence(torch.ones_like(known.embedding_BD), known.logits_BC, known.label_B),  # nothing varies
        lambda known: Evidence(torch.zeros_like(known.embedding_BD), known.logits_BC, known.label_B),
        lambda known: Evidence(
            torch.cat([known.embedding_BD, torch.ones(len(known), 2)], dim=1), known.logits_BC, known.label_B
        ),
    ],
    ids=["one each", "copies", "one class", "one image", "constant", "zero", "constant columns"],
)
def test_little_to_learn_from_leaves_no_hole(known, generator, change):
    some = change(known)
    tables = ClassStatistics.fit(some, generator).tables(some)
    present = torch.bincount(some.label_B, minlength=6) > 0
    for kind in ("distance_BL", "neighbour_BL", "scores_BL"):
        values = getattr(tables, kind)
        assert values[:, present].isfinite().all(), kind
        assert not values.isnan().any(), kind
    assert tables.white_BD.isfinite().all()


@pytest.mark.parametrize(("bank", "kept"), [(72, [12] * 6), (30, [5] * 6), (1, [2] * 6)])
def test_a_large_bank_is_thinned_class_by_class(known, generator, bank, kept):
    statistics = ClassStatistics.fit(known, generator, bank=bank)
    assert torch.bincount(statistics.bank_label).tolist() == kept
    assert statistics.bank_label.tolist() == sorted(statistics.bank_label.tolist())
    rows = torch.nn.functional.normalize(known.embedding_BD, dim=1).float()
    for row, label in zip(statistics.bank, statistics.bank_label, strict=True):
        assert (rows[known.label_B == label] == row).all(1).any()
    assert statistics.count.tolist() == [12] * 6


def test_they_come_back_from_tensors(known, new, generator):
    statistics = ClassStatistics.fit(known, generator)
    again = ClassStatistics.from_tensors(statistics.tensors(), size=9, classes=6)
    assert same(again, statistics)
    assert torch.equal(again.tables(new).distance_BL, statistics.tables(new).distance_BL)


@pytest.mark.parametrize(
    ("size", "classes", "change", "message"),
    [
        (8, 6, {}, r"do not fit the model: centre is no \(8,\)"),
        (9, 5, {}, r"do not fit the model: mean is no \(5, 9\)"),
        (9, 6, {"bank_label": torch.zeros(3).long()}, r"bank_label is no \(72,\)"),
        (9, 6, {"bank_label": torch.full((72,), 6)}, "name classes that there are none of; save it anew"),
        (9, 6, {"bank_label": torch.full((72,), -1)}, "name classes that there are none of; save it anew"),
        (9, 6, {"bank_label": torch.arange(72).flip(0) // 12}, "name classes that there are none of; save it anew"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(known, generator, size, classes, change, message):
    statistics = replace(ClassStatistics.fit(known, generator), **change)
    with pytest.raises(BundleError, match=message):
        ClassStatistics.from_tensors(statistics.tensors(), size=size, classes=classes)
