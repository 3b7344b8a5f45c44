from __future__ import annotations

import math

import pytest
import torch

from hierclf.heads import heads
from hierclf.losses import EmbeddingChoice, hierarchical_loss
from hierclf.training.objective import Objective
from hierclf.training.schedule import Schedule

WIDTH = 5


def objective_of(workshop, *, kinds=0, head="shared", **settings):
    head = heads[head](WIDTH, workshop.plan, generator=torch.Generator().manual_seed(0))
    return head, Objective(head, workshop.weight_NK, Schedule(epochs=4, **settings), in_features=WIDTH, kinds=kinds)


def batch_of(workshop, generator, *, known=6, other=4):
    embedding_BD = torch.randn(known + other, WIDTH, generator=generator)
    leaves = workshop.plan.leaf_L
    label_C = leaves[torch.randint(len(leaves), (known,), generator=generator)]
    return embedding_BD, label_C


def test_the_total_is_the_weighted_sum_of_the_terms(workshop, generator):
    head, objective = objective_of(
        workshop,
        kinds=3,
        classification_weight=0.7,
        other_weight=2.0,
        gate_weight=0.25,
        embedding_losses=(EmbeddingChoice(name="supcon", weight=0.4),),
    )
    embedding_BD, label_C = batch_of(workshop, generator)
    kinds = [torch.tensor([0, 1, 1]), torch.tensor([2])]
    value = objective(embedding_BD, head(embedding_BD), label_C, kinds=kinds)
    terms = {name: float(term) for name, term in value.terms.items()}
    assert list(terms) == ["classification_loss", "other_loss", "embedding_loss"]
    expected = 0.7 * terms["classification_loss"] + 0.5 * terms["other_loss"] + 0.4 * terms["embedding_loss"]
    assert value.total.item() == pytest.approx(expected, rel=1e-5)
    assert not any(term.requires_grad for term in value.terms.values())
    log_probs = head.node_log_probs(head(embedding_BD[:6]))
    alone = hierarchical_loss(log_probs, label_C, workshop.plan.path_NK, workshop.weight_NK)
    assert terms["classification_loss"] == alone.item()


def test_every_source_of_images_of_other_counts_alike(workshop, generator):
    head, objective = objective_of(workshop, kinds=3)
    torch.nn.init.normal_(objective.kinds.weight, generator=generator)
    embedding_BD, label_C = batch_of(workshop, generator)
    logits_BO = head(embedding_BD)
    value = objective(embedding_BD, logits_BO, label_C, kinds=[torch.tensor([0, 1, 1]), torch.tensor([2])])
    everything = torch.cat([head.leaf_scores(logits_BO), objective.kinds(embedding_BD)], 1).detach().double().softmax(1)
    leaves = workshop.plan.num_leaves
    known = sum(-math.log(float(row[:leaves].sum())) for row in everything[:6]) / 6
    first = sum(-math.log(float(everything[6 + place, leaves + kind])) for place, kind in enumerate((0, 1, 1))) / 3
    second = -math.log(float(everything[9, leaves + 2]))
    assert float(value.terms["other_loss"]) == pytest.approx(0.5 * (known + 0.5 * (first + second)), rel=1e-5)


def test_without_images_of_other_there_is_no_layer_and_no_term(workshop, generator):
    head, objective = objective_of(workshop)
    embedding_BD, label_C = batch_of(workshop, generator, other=0)
    assert not objective.reads_other
    assert list(objective.state_dict()) == []
    assert set(objective(embedding_BD, head(embedding_BD), label_C).terms) == {"classification_loss"}


def test_it_owns_the_layer_of_the_kinds_and_not_the_head(workshop):
    assert list(objective_of(workshop, kinds=2)[1].state_dict()) == ["kinds.weight", "kinds.bias"]


def test_other_loss_none_has_no_use_for_images_of_other(workshop):
    _, objective = objective_of(workshop, kinds=2, other_loss="none")
    assert not objective.reads_other
    assert list(objective.state_dict()) == []


def test_an_epoch_is_judged_by_accuracy_then_loss_and_the_last_one_where_there_is_neither(workshop):
    _, objective = objective_of(workshop)
    entry = {"epoch": 2, "held_out_accuracy": 0.5, "held_out_loss": 0.3}
    assert objective.result(entry) == (0.5, -0.3)
    assert objective.result({"epoch": 3}) > objective.result({"epoch": 2})


def test_a_head_that_does_not_learn_gets_no_gradient_and_the_last_epoch_counts(workshop, generator):
    head, objective = objective_of(
        workshop, kinds=2, classification_weight=0.0, embedding_losses=(EmbeddingChoice(name="supcon"),)
    )
    assert not objective.classifies
    assert not objective.reads_other
    embedding_BD, label_C = batch_of(workshop, generator, other=0)
    embedding_BD.requires_grad_()
    value = objective(embedding_BD, head(embedding_BD), label_C)
    value.total.backward()
    assert set(value.terms) == {"embedding_loss"}
    assert embedding_BD.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in head.parameters())
    assert objective.result({"epoch": 3, "held_out_accuracy": 0.1}) > objective.result(
        {"epoch": 2, "held_out_accuracy": 0.9}
    )
