from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from hierclf.errors import ConfigError
from hierclf.gates import Evidence, build_score
from hierclf.gates.knn import even_sample


def both(generator, known=120, new=25):
    sets = (torch.randn(count, 9, generator=generator) for count in (known, new))
    return [Evidence(rows, torch.zeros(len(rows), 2)) for rows in sets]


@pytest.mark.parametrize("k", [1, 4, 120, 500])
def test_distances_equal_those_of_scikit_learn(k, generator):
    known, new = both(generator)
    unit_known, unit_new = (torch.nn.functional.normalize(one.embedding_BD.double()).numpy() for one in (known, new))
    model = NearestNeighbors(n_neighbors=min(k, len(known)), algorithm="brute").fit(unit_known)
    expected = torch.from_numpy(model.kneighbors(unit_new)[0][:, -1])
    torch.testing.assert_close(build_score("knn", k=k).fit(known, generator)(new), expected, rtol=1e-5, atol=1e-6)


def test_distances_equal_those_of_pytorch_ood(generator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_ood.detector import KNN
    known, new = both(generator)
    detector = KNN(None, k=7).fit_features(known.embedding_BD, torch.zeros(len(known), dtype=torch.int64))
    expected = detector.predict_features(new.embedding_BD)
    torch.testing.assert_close(build_score("knn", k=7).fit(known, generator)(new), expected, rtol=1e-5, atol=1e-6)


def test_a_known_image_is_at_distance_zero_of_itself_and_near_copies_are_told_apart(generator):
    known, _ = both(generator)
    fitted = build_score("knn", k=1).fit(known, generator)
    assert fitted(known).tolist() == [0.0] * len(known)
    nudged = known.embedding_BD.clone()
    nudged[:, 0] += 1e-4
    assert (fitted(Evidence(nudged, known.logits_BC)) > 1e-6).all()


def test_the_second_of_very_near_neighbours_is_the_second(generator):
    """Their products with the embedding agree in float32, so the product alone picks any of them."""
    apart = torch.tensor([5e-5, 1e-5, 4e-5, 2e-5, 3e-5])
    bank = torch.cat([torch.ones(5, 1), apart[:, None]], dim=1)
    fitted = build_score("knn", k=2).fit(Evidence(bank, torch.zeros(5, 2)), generator)
    assert fitted(Evidence(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2))).item() == pytest.approx(2e-5, rel=1e-3)


def test_a_blank_embedding_is_defined(generator):
    known, _ = both(generator)
    blank = Evidence(torch.zeros(1, 9), torch.zeros(1, 2))
    assert build_score("knn").fit(known, generator)(blank).tolist() == pytest.approx([1.0])


def test_rare_classes_stay_whole_in_a_bank_that_is_thinned_out(generator):
    label_B = torch.tensor([0] * 900 + [1] * 80 + [2] * 20)
    rows = even_sample(label_B, 200, generator)
    assert torch.bincount(label_B[rows]).tolist() == [100, 80, 20]
    assert len(set(rows.tolist())) == 200


def test_bank_is_bounded_and_repeats_with_the_seed():
    known, _ = both(torch.Generator().manual_seed(0))
    banks = [build_score("knn", bank=30).fit(known, torch.Generator().manual_seed(3)).learnt["bank"] for _ in range(2)]
    assert banks[0].shape == (30, 9)
    assert torch.equal(*banks)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1, 5), max_size=60), st.integers(1, 40))
def test_even_samples_are_even(labels, size):
    label_B = torch.tensor(labels, dtype=torch.int64)
    rows = even_sample(label_B, size, torch.Generator().manual_seed(0)).tolist()
    assert len(rows) == len(set(rows)) == min(size, len(labels))
    drawn = {one: sum(labels[row] == one for row in rows) for one in set(labels)}
    for one, count in drawn.items():  # a label gives way only to labels that got no more than one image more
        assert count == labels.count(one) or count >= max(drawn.values()) - 1


@pytest.mark.parametrize("options", [{"k": 0}, {"bank": 0}])
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="k and bank of at least 1"):
        build_score("knn", **options)
