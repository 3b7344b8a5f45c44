import numpy as np
import pytest
import torch
from torch import nn

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.heads import FlatHead, PerNodeHead, SharedHead
from hierclf.training.temperature import FEWEST_IMAGES, fitted_temperature, tempered

SIGNS = Taxonomy.from_edges({"sign": ["round", "straight"], "round": ["0", "6"], "straight": ["1", "7"]})
PLAN = compile_plan(SIGNS)


def head_of(kind, width=4):
    return kind(width, PLAN, generator=torch.Generator().manual_seed(0)).double()


def drawn(head, count, sharper=1.0, seed=0):
    """Embeddings with labels that are drawn as a head says, made sharper or blunter."""
    generator = torch.Generator().manual_seed(seed)
    embedding_BD = 6 * torch.randn(count, 4, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        leaf_BL = head.node_log_probs(sharper * head(embedding_BD))[:, PLAN.leaf_L].exp()
    return embedding_BD, PLAN.leaf_L[torch.multinomial(leaf_BL, 1, generator=generator)[:, 0]]


@pytest.mark.parametrize("kind", [FlatHead, SharedHead, PerNodeHead])
@pytest.mark.parametrize("true", [0.5, 1.0, 4.0])
def test_the_temperature_that_the_labels_were_drawn_at_is_found(kind, true):
    head = head_of(kind)
    with torch.no_grad():
        head.linear.weight.mul_(3)
    embedding_BD, label_B = drawn(head, 20_000, sharper=1 / true)
    assert fitted_temperature(head, embedding_BD, label_B) == pytest.approx(true, rel=0.06)


def test_no_temperature_on_a_grid_is_better():
    head = head_of(FlatHead)
    embedding_BD, label_B = drawn(head, 200, sharper=3.0)
    found = fitted_temperature(head, embedding_BD, label_B)

    def loss(temperature):
        logits = (head(embedding_BD) / temperature).detach().numpy()
        log_probs = logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
        log_probs -= logits.max(1, keepdims=True)
        picked = [row[PLAN.leaf_L.tolist().index(int(y))] for row, y in zip(log_probs, label_B, strict=True)]
        return -np.sum(picked) + 2 * np.log(temperature) ** 2

    assert loss(found) <= min(loss(one) for one in np.geomspace(0.05, 20, 200)) + 1e-6


@pytest.mark.parametrize("kind", [FlatHead, SharedHead, PerNodeHead])
def test_the_order_of_leaves_stays_and_the_given_head_too(kind):
    head = head_of(kind)
    before = head.linear.weight.clone()
    embedding_BD, _ = drawn(head, 100)
    cooler = tempered(head, 0.3)
    torch.testing.assert_close(cooler(embedding_BD), head(embedding_BD) / 0.3)
    assert torch.equal(head.linear.weight, before)
    if kind is not PerNodeHead:
        leaves = [one.node_log_probs(one(embedding_BD))[:, PLAN.leaf_L].argmax(1) for one in (head, cooler)]
        assert torch.equal(*leaves)


def test_a_head_that_is_always_right_stays_about_as_sure_as_it_was():
    head = head_of(FlatHead)
    embedding_BD, _ = drawn(head, 40)
    likeliest_B = PLAN.leaf_L[head.leaf_scores(head(embedding_BD)).argmax(1)]
    assert 0.3 < fitted_temperature(head, embedding_BD, likeliest_B) < 1.0


def test_few_images_or_labels_that_say_nothing_give_one():
    head = head_of(FlatHead)
    embedding_BD, label_B = drawn(head, FEWEST_IMAGES - 1)
    assert fitted_temperature(head, embedding_BD, label_B) == 1.0
    assert fitted_temperature(head, torch.randn(500, 4).double(), torch.zeros(500, dtype=torch.int64)) == 1.0


def test_a_head_of_another_kind_is_left_alone():
    assert fitted_temperature(nn.Linear(4, 4), torch.randn(50, 4), torch.ones(50, dtype=torch.int64)) == 1.0
    with pytest.raises(ConfigError, match="needs a head with one linear layer; leave it at 'auto'"):
        tempered(nn.Linear(4, 4), 2.0)


def overlapping(count, seed):
    source = np.random.default_rng(seed)
    labels = np.repeat(["0", "1", "6", "7"], count)
    places = np.repeat([[0, 0], [0, 2], [2, 0], [2, 2]], count, axis=0)
    noise = source.normal(size=(len(labels), 40))
    return np.hstack([places + source.normal(size=places.shape), noise]), labels


def test_a_classifier_is_as_sure_as_it_is_right_and_answers_as_before():
    embeddings, labels = overlapping(60, seed=0)
    new, truth = overlapping(300, seed=1)
    found = {}
    for temperature in ("auto", 1.0, 0.2):
        model = HierarchicalClassifier(SIGNS, temperature=temperature, head="flat", seed=0).fit(embeddings, labels)
        probabilities = model.predict_proba(new)
        right = probabilities[np.arange(len(new)), np.searchsorted(model.classes_, truth)]
        found[temperature] = (-np.log(right).mean(), model.classes_[probabilities.argmax(1)])
    assert (found["auto"][1] == found[1.0][1]).all()
    assert (found["auto"][1] == found[0.2][1]).all()
    assert found["auto"][0] < found[0.2][0]
    assert found["auto"][0] < found[1.0][0] + 0.01
