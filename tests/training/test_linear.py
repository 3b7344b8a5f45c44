from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from hierclf.dag import compile_plan
from hierclf.heads import heads
from hierclf.losses import hierarchical_loss, label_weights
from hierclf.taxonomy import Taxonomy
from hierclf.training import LabelledEmbeddings, fit_head
from tests.conftest import DIAMOND
from tests.synthetic import LETTERS, clouds

DIGITS = Taxonomy.from_edges(
    {"round": ["0", "6", "8", "9"], "straight": ["1", "4", "7"], "bent": ["2", "3", "5"]}, root="digit"
)


def labelled(values, labels, taxonomy, weight=None):
    label_B = torch.tensor([taxonomy.index(str(label)) for label in labels], dtype=torch.int64)
    return LabelledEmbeddings(embedding_BD=torch.as_tensor(values), label_B=label_B, weight_B=weight)


def fitted(name, taxonomy, train, held_out, rule="leaf", **options):
    plan = compile_plan(taxonomy)
    head = heads[name](train.embedding_BD.shape[1], plan, generator=torch.Generator().manual_seed(0))
    penalty = fit_head(head, train, held_out, label_weights(plan, rule).float(), **options)
    return head, penalty


def accuracy(head, part):
    with torch.no_grad():
        log_probs_BN = head.node_log_probs(head(part.embedding_BD))
    leaf_B = head.plan.leaf_L[log_probs_BN[:, head.plan.leaf_L].argmax(1)]
    return float((leaf_B == part.label_B).float().mean())


@pytest.fixture(scope="module")
def digits():
    values, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    values, labels = values[order] / 16, labels[order].astype(str)
    parts = {"train": slice(0, 1000), "tune": slice(1000, 1200), "both": slice(0, 1200), "test": slice(1200, None)}
    return {name: (values[rows], labels[rows]) for name, rows in parts.items()}


def flat_reference(values, labels):
    return LogisticRegression(max_iter=2000).fit(values, labels)


class PerNodeReference:
    """A logistic regression at each parent, the probabilities multiplied along the way; scikit-learn and dicts."""

    def fit(self, values, labels):
        self.models = {}
        for parent in ("digit", "round", "straight", "bent"):
            below = {leaf: child for child in DIGITS.children(parent) for leaf in DIGITS.leaves_below(child)}
            chosen = np.array([label in below for label in labels])
            self.models[parent] = flat_reference(values[chosen], [below[label] for label in labels[chosen]])
        return self

    def score(self, values, labels):
        chances = {"digit": np.ones(len(values))}
        for parent, model in self.models.items():
            for child, column in zip(model.classes_, model.predict_proba(values).T, strict=True):
                chances[child] = chances[parent] * column
        table = np.stack([chances[leaf] for leaf in DIGITS.leaves])
        return np.mean(np.array(DIGITS.leaves)[table.argmax(0)] == labels)


@pytest.mark.parametrize(
    ("name", "reference"), [("flat", flat_reference), ("shared", flat_reference), ("per_node", PerNodeReference().fit)]
)
def test_as_accurate_as_scikit_learns_logistic_regression(name, reference, digits):
    head, _ = fitted(name, DIGITS, labelled(*digits["train"], DIGITS), labelled(*digits["tune"], DIGITS))
    ours = accuracy(head, labelled(*digits["test"], DIGITS))
    assert ours >= reference(*digits["both"]).score(*digits["test"]) - 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_head_computes_in_the_precision_of_the_embeddings(dtype):
    values, labels = clouds()
    part = labelled(torch.from_numpy(values).to(dtype), labels, LETTERS)
    head, _ = fitted("shared", LETTERS, part, part)
    assert {parameter.dtype for parameter in head.parameters()} == {dtype}
    assert head(part.embedding_BD).dtype == dtype


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (1e6, 1.0), (0.0, 1e-8), (-5e9, 1e5)])
def test_shift_and_scale_of_the_embeddings_do_not_matter(shift, scale):
    values, labels = clouds(spread=1.0)
    plain = labelled(values, labels, LETTERS)
    moved = labelled(values * scale + shift, labels, LETTERS)
    head, penalty = fitted("shared", LETTERS, plain, plain)
    other, other_penalty = fitted("shared", LETTERS, moved, moved)
    with torch.no_grad():
        expected = head.node_log_probs(head(plain.embedding_BD)).exp()
        came = other.node_log_probs(other(moved.embedding_BD)).exp()
    assert penalty == other_penalty
    torch.testing.assert_close(came, expected, atol=2e-3, rtol=0)


def test_the_same_start_or_another_the_problem_is_convex():
    values, labels = clouds(spread=1.5)
    part = labelled(values, labels, LETTERS)
    plan = compile_plan(LETTERS)
    weights = label_weights(plan, "leaf").float()
    results = []
    for seed in (0, 0, 1):
        head = heads["flat"](8, plan, generator=torch.Generator().manual_seed(seed))
        fit_head(head, part, part, weights, penalties=(0.1,), steps=500)
        results.append(head.linear.weight.detach())
    assert torch.equal(results[0], results[1])
    torch.testing.assert_close(results[2], results[0], atol=1e-3, rtol=0)


def test_the_optimum_is_a_stationary_point():
    values, labels = clouds(spread=1.5)
    values = (values - values.mean(0)) / np.sqrt(values.var(0).mean())
    part = labelled(torch.from_numpy(values).float(), labels, LETTERS)
    head, _ = fitted(
        "flat", LETTERS, part, labelled(values[:0].astype(np.float32), labels[:0], LETTERS), penalties=(0.1,)
    )
    plan = head.plan
    weights = label_weights(plan, "leaf").float()
    loss = hierarchical_loss(head.node_log_probs(head(part.embedding_BD)), part.label_B, plan.path_NK, weights)
    (loss + 0.05 * head.linear.weight.square().sum()).backward()
    assert head.linear.weight.grad.abs().max() < 2e-3


def test_noise_gets_a_strong_penalty_and_clear_classes_a_weak_one():
    random = np.random.default_rng(0)
    noise = random.normal(size=(300, 30)).astype(np.float32)
    labels = random.permutation(np.repeat(list("aebc"), 75))
    _, strong = fitted(
        "flat", LETTERS, labelled(noise[:150], labels[:150], LETTERS), labelled(noise[150:], labels[150:], LETTERS)
    )
    values, labels = clouds(count=75, spread=0.3)
    _, weak = fitted(
        "flat", LETTERS, labelled(values[:150], labels[:150], LETTERS), labelled(values[150:], labels[150:], LETTERS)
    )
    assert strong == 1.0
    assert weak <= 0.003


def test_labels_at_internal_nodes_teach_the_levels_above():
    values, labels = clouds(spread=3.0, count=200, size=20)
    parents = [LETTERS.parents(label)[0] for label in labels]
    test = labelled(values[400:], parents[400:], LETTERS)

    def right_at_level_1(mixed):
        part = labelled(values[: len(mixed)], mixed, LETTERS)
        head, _ = fitted("shared", LETTERS, part, part, "uniform", penalties=(0.1,))
        with torch.no_grad():
            log_probs_BN = head.node_log_probs(head(test.embedding_BD))
        level_1 = torch.tensor([LETTERS.index("vowel"), LETTERS.index("consonant")])
        return float((level_1[log_probs_BN[:, level_1].argmax(1)] == test.label_B).float().mean())

    few = list(labels[:20])
    assert right_at_level_1(few + parents[20:400]) > right_at_level_1(few) + 0.04


def test_weights_of_images_raise_the_recall_of_their_class():
    values, labels = clouds("ae", count=200, spread=4.0)
    keep = (labels == "a") | (np.arange(len(labels)) % 10 == 0)
    values, labels = values[keep], labels[keep]
    weight = torch.tensor([1.0 if label == "a" else 10.0 for label in labels])

    def recall(weight):
        part = labelled(values, labels, LETTERS, weight)
        head, _ = fitted("flat", LETTERS, part, part, penalties=(0.1,))
        rare = labelled(values[labels == "e"], labels[labels == "e"], LETTERS)
        return accuracy(head, rare)

    assert recall(weight) > recall(None) + 0.1


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_equal_rows_gives_finite_weights(count):
    part = labelled(np.ones((count, 4)), ["shared"] * count, DIAMOND)
    head, _ = fitted("per_node", DIAMOND, part, labelled(np.ones((0, 4)), [], DIAMOND))
    assert all(parameter.isfinite().all() for parameter in head.parameters())
    assert accuracy(head, part) == 1.0


def test_a_head_without_a_linear_layer_is_refused():
    part = labelled(np.ones((2, 4)), ["p", "q"], DIAMOND)
    head = torch.nn.Identity()
    with pytest.raises(TypeError, match="has one layer named 'linear', Identity has none"):
        fit_head(head, part, part, label_weights(compile_plan(DIAMOND), "leaf"))
