from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from hierclf.dag import compile_plan
from hierclf.taxonomy import Taxonomy
from hierclf.training.quick_head import PENALTY, quick_head
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.gates.synthetic import planted


def test_it_is_the_softmax_regression_of_scikit_learn(generator):
    images = planted(TWO_LEVEL, generator, count=30, spread=3.0)
    head = quick_head(images.embedding_BD, images.label_B, compile_plan(TWO_LEVEL))
    values = images.embedding_BD.numpy()
    mean, scale = values.mean(0), (values - values.mean(0)).std()
    exact = LogisticRegression(C=1 / (PENALTY * len(values)), tol=1e-10, max_iter=5000)
    exact.fit((values - mean) / scale, images.label_B)
    slow = exact.predict_proba((values - mean) / scale)
    np.testing.assert_allclose(head(images.embedding_BD).softmax(1), slow, atol=0.01)


def test_of_many_directions_the_strongest_are_enough(generator):
    images = planted(DEEP_DAG, generator, count=40, size=200)
    plan = compile_plan(DEEP_DAG)
    learn = torch.arange(len(images)) % 2 == 0
    head = quick_head(images.embedding_BD[learn], images.label_B[learn], plan)
    assert head.weight.shape == (6, 200)
    assert (head(images.embedding_BD[~learn]).argmax(1) == images.label_B[~learn]).double().mean() > 0.98
    # whatever lies across the directions that it reads changes nothing
    centred_BD = images.embedding_BD[learn] - images.embedding_BD[learn].mean(0)
    weakest_DR = torch.linalg.eigh(centred_BD.T @ centred_BD)[1][:, :72]
    torch.testing.assert_close(head.weight @ weakest_DR, torch.zeros(6, 72).double(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e9])
def test_the_unit_of_the_embeddings_does_not_matter(factor, generator):
    images, plan = planted(TWO_LEVEL, generator), compile_plan(TWO_LEVEL)
    plain = quick_head(images.embedding_BD, images.label_B, plan)(images.embedding_BD)
    scaled = quick_head(factor * images.embedding_BD + factor, images.label_B, plan)(
        factor * images.embedding_BD + factor
    )
    torch.testing.assert_close(scaled.softmax(1), plain.softmax(1), atol=0.02, rtol=0)


def test_a_class_without_images_scores_low(generator):
    images, plan = planted(TWO_LEVEL, generator), compile_plan(TWO_LEVEL)
    known = images.label_B != 3
    scores = quick_head(images.embedding_BD[known], images.label_B[known], plan)(images.embedding_BD)
    assert scores.isfinite().all()
    assert not (scores[known].argmax(1) == 3).any()
    assert scores[known].softmax(1)[:, 3].max() < 0.05


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_little_to_learn_from_is_no_hole(count, value):
    plan = compile_plan(Taxonomy(root="all", edges=(("all", "a"), ("all", "b"))))
    head = quick_head(torch.full((count, 3), value), torch.zeros(count).long(), plan)
    scores = head(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))
    assert scores.isfinite().all()
    assert (scores[:, 0] > scores[:, 1]).all()


def test_it_learns_the_same_twice_and_touches_no_generator(generator):
    images, plan = planted(TWO_LEVEL, generator), compile_plan(TWO_LEVEL)
    before = torch.get_rng_state()
    first, second = (quick_head(images.embedding_BD.float(), images.label_B, plan) for _ in range(2))
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(torch.get_rng_state(), before)
    assert first(images.embedding_BD.float()).dtype == torch.float64
