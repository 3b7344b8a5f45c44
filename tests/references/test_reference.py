"""What holds for every reference, and the words of its refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError, DataError, UnknownName
from hierclf.references import FittedStops, references
from hierclf.taxonomy import Taxonomy
from tests.conftest import CHAIN, DAGS, ONE_LEAF, STAR, TWO_LEVEL
from tests.gates.synthetic import auroc
from tests.references.synthetic import WITH_STOPS, around, fitted, world

EVERY = tuple(references.names)
ON_TREES_ALONE = ("prohoc", "prohoc_entropy", "prohoc_complement")


def is_leaf(node_B, plan):
    return torch.isin(node_B, plan.leaf_L)


def test_the_names_that_are_promised():
    promised = {"prohoc_entropy", "prohoc_complement", "hnd_td", "hnd_loo", "darts", "climbing", "mos", "openmax"}
    assert promised <= set(EVERY)
    assert all(references[name].name == name for name in EVERY)
    with pytest.raises(UnknownName, match="no reference named 'prohoc_entrpy'; did you mean 'prohoc_entropy'"):
        references["prohoc_entrpy"]


@pytest.mark.parametrize("name", EVERY)
def test_rows_sum_to_one_or_the_method_says_that_it_has_none(name):
    here, method = world(), fitted(name)
    assert method.gives_stops == (name in WITH_STOPS)
    if not method.gives_stops:
        with pytest.raises(ConfigError, match=f"reference '{name}' gives decisions along one knob and no distribution"):
            method(here.test[0])
        return
    for embedding in (here.test[0], here.near[0], here.far, 100 * here.far):
        stops_BN = method(embedding)
        assert stops_BN.dtype == torch.float64
        assert stops_BN.shape == (len(embedding), here.plan.num_nodes)
        torch.testing.assert_close(stops_BN.exp().sum(1), torch.ones(len(embedding), dtype=torch.float64))


@pytest.mark.parametrize("name", EVERY)
def test_a_batch_of_one_is_a_row_of_the_batch(name):
    here, method = world(), fitted(name)
    embedding = torch.cat([here.test[0][::17], here.near[0][::17]])
    for bias in (-1.0, 0.0, 2.0):
        single_B = torch.cat([method.decide(row[None], bias) for row in embedding])
        assert torch.equal(method.decide(embedding, bias), single_B)
    single_B = torch.cat([method.known_score(row[None]) for row in embedding])
    torch.testing.assert_close(method.known_score(embedding), single_B)
    assert method.decide(embedding[:0]).shape == method.known_score(embedding[:0]).shape == (0,)
    torch.testing.assert_close(method.known_score(embedding.double()), single_B)


@pytest.mark.parametrize("name", EVERY)
def test_the_known_score_is_the_bias_at_which_the_leaf_is_given_up(name):
    here, method = world(), fitted(name)
    for embedding in (here.test[0][::7], here.near[0][::7], here.far[::7]):
        for row, critical in zip(embedding, method.known_score(embedding).tolist(), strict=True):
            hair = 1e-9 * max(abs(critical), 1.0)
            if np.isinf(critical):  # no leaf has a majority among the leaves
                assert (name, critical) == ("prohoc", -np.inf)
                continue
            assert is_leaf(method.decide(row[None], critical - hair), here.plan).all()
            assert not is_leaf(method.decide(row[None], critical + hair), here.plan).any()


@pytest.mark.parametrize("name", EVERY)
def test_the_more_bias_the_fewer_leaves_from_all_to_none(name):
    here, method = world(), fitted(name)
    embedding = torch.cat([here.test[0], here.near[0], here.far])
    shares = [
        is_leaf(method.decide(embedding, bias), here.plan).double().mean().item() for bias in np.linspace(-9, 9, 19)
    ]
    assert shares == sorted(shares, reverse=True)
    assert is_leaf(method.decide(embedding, -np.inf), here.plan).all()
    assert not is_leaf(method.decide(embedding, np.inf), here.plan).any()


@pytest.mark.parametrize("name", EVERY)
def test_unseen_classes_look_less_known_than_known_ones(name):
    here, method = world(), fitted(name)
    known = -method.known_score(here.test[0])
    assert auroc(known, -method.known_score(here.near[0])) > (0.55 if name == "mos" else 0.7)  # weak, as published
    assert auroc(known, -method.known_score(here.far)) > 0.7


@pytest.mark.parametrize("name", EVERY)
def test_known_images_get_their_class_when_all_must_be_leaves(name):
    here, method = world(), fitted(name)
    assert (method.decide(here.test[0], -np.inf) == here.test[1]).double().mean() > 0.85


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("taxonomy", [CHAIN, STAR, TWO_LEVEL, ONE_LEAF], ids=lambda taxonomy: taxonomy.root)
def test_every_shape_of_tree(name, taxonomy):
    plan, train, held_out = around(taxonomy)
    method = references[name].fit(*train, plan, held_out=held_out, generator=torch.Generator())
    assert not method.known_score(held_out[0]).isnan().any()
    assert (method.decide(held_out[0], -np.inf) == held_out[1]).double().mean() > 0.7
    if method.gives_stops:
        torch.testing.assert_close(method(held_out[0]).logsumexp(1).exp(), torch.ones(len(held_out[0])).double())


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("taxonomy", DAGS, ids=lambda taxonomy: taxonomy.root)
def test_a_dag_is_taken_or_refused_in_words(name, taxonomy):
    plan, train, held_out = around(taxonomy)
    if name in ON_TREES_ALONE:
        with pytest.raises(ConfigError, match=r"ProHOC is defined on trees.*has several parents"):
            references[name].fit(*train, plan, held_out=held_out, generator=torch.Generator())
        return
    method = references[name].fit(*train, plan, held_out=held_out, generator=torch.Generator())
    assert (method.decide(held_out[0], -np.inf) == held_out[1]).double().mean() > 0.7
    if method.gives_stops:
        torch.testing.assert_close(method(held_out[0]).logsumexp(1).exp(), torch.ones(len(held_out[0])).double())


def test_decisions_of_a_stop_distribution_by_hand():
    plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "dot"], "digit": ["0", "1"]}))
    stops_BN = torch.tensor([[0.1, 0.4, 0.0, 0.2, 0.3], [0.0, 0.0, 0.0, 1.0, 0.0], [0.6, 0.4, 0.0, 0.0, 0.0]]).log()
    method = FittedStops(name="hand", plan=plan, stops=lambda embedding_BD: stops_BN.double())
    torch.testing.assert_close(
        method.known_score(torch.zeros(3, 1)), torch.tensor([0.75, torch.inf, 0.0]).log().double()
    )
    assert [plan.nodes[node] for node in method.decide(torch.zeros(3, 1))] == ["digit", "0", "sign"]
    assert [plan.nodes[node] for node in method.decide(torch.zeros(3, 1), -1.0)] == ["1", "0", "sign"]
    assert is_leaf(method.decide(torch.zeros(3, 1), -np.inf), plan).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedding": torch.zeros(3)}, r"expected embeddings \(n, D\) and labels \(n,\) as the training images"),
        ({"embedding": torch.zeros(0, 2), "label": torch.zeros(0, dtype=torch.int64)}, "at least one image as the tr"),
        ({"embedding": torch.full((3, 2), torch.nan)}, "expected finite embeddings as the training images"),
        ({"label": torch.tensor([1, 0, 2])}, "expected node ids of leaves as labels of the training images.*got 0"),
        ({"held_out": (torch.zeros(1, 5), torch.tensor([1]))}, "embeddings of one width, got 2 and 5 as the held-out"),
        ({"held_out": (torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))}, "at least one image as the held-out"),
    ],
)
def test_what_cannot_be_used_is_named(change, message):
    parts = {
        "embedding": torch.zeros(3, 2),
        "label": torch.tensor([1, 2, 3]),
        "held_out": (torch.zeros(3, 2), torch.tensor([1, 2, 3])),
        **change,
    }
    with pytest.raises(DataError, match=message):
        references["darts"].fit(
            parts["embedding"],
            parts["label"],
            compile_plan(STAR),
            held_out=parts["held_out"],
            generator=torch.Generator(),
        )


@pytest.mark.parametrize("name", EVERY)
def test_embeddings_that_cannot_be_read_are_named(name):
    with pytest.raises(DataError, match=r"expected embeddings of shape \(B, 24\), got \(2, 3\)"):
        fitted(name).decide(torch.zeros(2, 3))
    with pytest.raises(DataError, match="expected finite embeddings, got NaN or infinity"):
        fitted(name).known_score(torch.full((2, 24), torch.inf))
