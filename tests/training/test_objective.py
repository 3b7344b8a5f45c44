from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.heads import heads
from hierclf.losses import EmbeddingChoice, hierarchical_loss, label_weights
from hierclf.negatives import NegativeRecipe
from hierclf.training import fine_tune
from hierclf.training.objective import Objective
from hierclf.training.schedule import Schedule
from tests.conftest import CHAIN
from tests.training.conftest import Workshop

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


@pytest.mark.parametrize("weight", ["other_weight", "gate_weight"])
def test_at_weight_0_images_of_other_and_negatives_leave_no_trace(workshop, weight):
    """They would move the statistics of batch norm if they were in a batch."""
    allowed = torch.zeros(1, workshop.plan.num_nodes, dtype=torch.bool)
    allowed[:, workshop.plan.leaf_L] = True
    recipe = NegativeRecipe(names=("mixed",), allowed_TN=allowed)

    def network(**strange):
        backbone, head = workshop.network()
        known = workshop.images(), workshop.images(8, seed=1)
        log = fine_tune(backbone, head, *known, workshop.weight_NK, workshop.schedule(**{weight: 0.0}), **strange)
        return log, backbone.state_dict()

    (plain, before), (taught, after) = network(), network(other=workshop.other(), negatives=recipe)
    assert plain == taught
    assert all(torch.equal(values, before[name]) for name, values in after.items())
    assert not objective_of(workshop, kinds=2, **{weight: 0.0})[1].reads_other


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


def test_several_embedding_losses_are_told_apart_and_summed_by_weight(workshop, generator):
    choices = (
        EmbeddingChoice(name="supcon", weight=0.4, levels=(0.5, 2.0)),
        EmbeddingChoice(name="contrastive", weight=0.3),
    )
    head, objective = objective_of(workshop, embedding_losses=choices)
    embedding_BD, label_C = batch_of(workshop, generator, known=12, other=0)
    value = objective(embedding_BD, head(embedding_BD), label_C)
    terms = {name: term.item() for name, term in value.terms.items()}
    weights = {"supcon@1": 0.2, "supcon@2": 0.8, "contrastive": 0.3}
    assert list(terms) == ["classification_loss", "embedding_loss", *(f"embedding_loss:{name}" for name in weights)]
    together = sum(weight * terms[f"embedding_loss:{name}"] for name, weight in weights.items())
    assert terms["embedding_loss"] == pytest.approx(together, rel=1e-5)
    assert value.total.item() == pytest.approx(terms["classification_loss"] + together, rel=1e-5)


def test_it_owns_the_parameters_of_embedding_losses(workshop, generator):
    head, objective = objective_of(workshop, embedding_losses=(EmbeddingChoice(name="ProxyAnchorLoss"),))
    assert {name: tuple(value.shape) for name, value in objective.state_dict().items()} == {
        "embedding_losses.0.loss.proxies": (workshop.plan.num_leaves, WIDTH)
    }
    embedding_BD, label_C = batch_of(workshop, generator, other=0)
    objective(embedding_BD, head(embedding_BD), label_C).total.backward()
    (proxies,) = objective.parameters()
    assert proxies.grad.abs().sum() > 0


def test_one_against_the_rest_takes_images_of_other_as_negatives_instead_of_kinds(workshop, generator):
    head, objective = objective_of(workshop, kinds=2, loss="one_vs_rest", other_weight=0.5)
    assert list(objective.state_dict()) == []
    embedding_BD, label_C = batch_of(workshop, generator)
    logits_BO = head(embedding_BD)
    value = objective(embedding_BD, logits_BO, label_C, kinds=[torch.tensor([0, 1, 1, 0])])
    scores = head.leaf_scores(logits_BO).detach().double()
    slots = workshop.plan.leaf_slot_N[label_C].tolist()
    known = 0.0
    for row, slot in zip(scores[:6].tolist(), slots, strict=True):
        known += sum(math.log1p(math.exp(-score if leaf == slot else score)) for leaf, score in enumerate(row)) / 6
    other = sum(math.log1p(math.exp(score)) for row in scores[6:].tolist() for score in row) / 4
    assert value.terms["classification_loss"].item() == pytest.approx(known, rel=1e-5)
    assert value.terms["other_loss"].item() == pytest.approx(other, rel=1e-5)
    assert value.total.item() == pytest.approx(known + 0.5 * other, rel=1e-5)
    assert not objective_of(workshop, kinds=2, loss="one_vs_rest", other_loss="none")[1].reads_other


def test_outlier_exposure_joins_in_late_and_the_last_epoch_counts(workshop, generator):
    head, objective = objective_of(workshop, kinds=2, other_loss="outlier_exposure")
    embedding_BD, label_C = batch_of(workshop, generator)

    def share(done):
        value = objective(embedding_BD, head(embedding_BD), label_C, kinds=[torch.tensor([0, 1, 1, 0])], done=done)
        total, terms = value.total.item(), value.terms
        return (total - terms["classification_loss"].item()) / terms["other_loss"].item()

    assert share(0.49) == 0.0
    assert share(0.5) == share(1.0) == pytest.approx(0.5, rel=1e-5)
    best = {"epoch": 1, "held_out_accuracy": 1.0, "held_out_loss": 0.0}
    last = {"epoch": 4, "held_out_accuracy": 0.0, "held_out_loss": 99.0}
    assert objective.result(last) > objective.result(best)


def test_held_out_images_are_judged_without_smoothing(workshop, generator):
    head, objective = objective_of(workshop, label_smoothing=0.3)
    embedding_BD, label_C = batch_of(workshop, generator, other=0)
    logits_BO = head(embedding_BD)
    plain = hierarchical_loss(head.node_log_probs(logits_BO), label_C, workshop.plan.path_NK, workshop.weight_NK)
    assert objective.classification(logits_BO, label_C).item() == plain.item()
    assert objective(embedding_BD, logits_BO, label_C).terms["classification_loss"].item() != plain.item()


def test_nothing_to_learn_is_an_error(workshop):
    plan = compile_plan(CHAIN)
    head = heads["flat"](WIDTH, plan)
    schedule = Schedule(epochs=1, classification_weight=0.0, embedding_losses=(EmbeddingChoice(name="supcon"),))
    with pytest.raises(ConfigError, match="classification_weight=0 leaves nothing to learn"):
        Objective(head, label_weights(plan), schedule, in_features=WIDTH)


# ------------------------------------------------------------------------------------------------------------ trainings


def trained(workshop, *, other=True, seed=0, **settings):
    """What a short training makes of new images, known ones and those of other: embeddings and leaf scores."""
    backbone, head = workshop.network(seed)
    before = head.linear.weight.detach().clone()
    schedule = workshop.schedule(**({"epochs": 8} | settings))
    strange = workshop.other(20) if other else None
    log = fine_tune(
        backbone,
        head,
        workshop.images(30),
        workshop.images(8, seed=1),
        workshop.weight_NK,
        schedule,
        other=strange,
    )
    known, stranger = workshop.images(10, seed=5), workshop.other(20)
    with torch.no_grad():
        embedding = [backbone(backbone.preprocessing.batch(part.images.images)) for part in (known, stranger)]
        scores = [head.leaf_scores(head(part)) for part in embedding]
    slot_B = workshop.plan.leaf_slot_N[known.label_n]
    return Outcome(
        known=embedding[0],
        other=embedding[1],
        known_scores=scores[0],
        other_scores=scores[1],
        accuracy=(scores[0].argmax(1) == slot_B).double().mean().item(),
        slot=slot_B,
        log=log,
        head_moved=bool((head.linear.weight != before).any()),
    )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    known: torch.Tensor
    other: torch.Tensor
    known_scores: torch.Tensor
    other_scores: torch.Tensor
    accuracy: float
    slot: torch.Tensor
    log: list
    head_moved: bool


def surest(scores):
    return scores.softmax(1).amax(1).mean().item()


@pytest.fixture(scope="module")
def plain():
    return trained(Workshop(), other_loss="none")


@pytest.mark.parametrize("name", ["entropic", "outlier_exposure", "objectosphere"])
def test_a_network_becomes_undecided_about_images_of_other(workshop, plain, name):
    taught = trained(workshop, other_loss=name)
    assert taught.accuracy >= 0.9
    assert surest(taught.known_scores) > 0.8
    assert surest(taught.other_scores) < min(0.5, surest(plain.other_scores) - 0.2)
    assert "other_loss" in taught.log[-1]
    assert "other_loss" not in plain.log[-1]


def test_objectosphere_leaves_other_with_shorter_embeddings(workshop, plain):
    def ratio(outcome):
        return (outcome.other.norm(dim=1).median() / outcome.known.norm(dim=1).median()).item()

    assert ratio(trained(workshop, other_loss="objectosphere", other_weight=10.0)) < 0.6 * ratio(plain)


def test_one_against_the_rest_turns_images_of_other_down(workshop):
    taught = trained(workshop, loss="one_vs_rest")
    assert taught.accuracy >= 0.9
    right = taught.known_scores.sigmoid()[torch.arange(len(taught.slot)), taught.slot]
    assert right.median() > 0.8
    assert taught.other_scores.sigmoid().amax(1).median() < 0.2


def nearest_mean_accuracy(outcome):
    unit = torch.nn.functional.normalize(outcome.known, dim=1)
    right = 0
    for place in range(len(unit)):
        others = torch.arange(len(unit)) != place
        means = torch.stack([unit[others & (outcome.slot == slot)].mean(0) for slot in outcome.slot.unique()])
        right += int((unit[place] @ means.T).argmax()) == int(outcome.slot[place])
    return right / len(unit)


@pytest.mark.parametrize("name", ["supcon", "ProxyAnchorLoss"])
def test_an_embedding_loss_alone_brings_classes_together_and_leaves_the_head_alone(workshop, name):
    choice = EmbeddingChoice(name=name, weight=1.0)
    alone = trained(workshop, other=False, classification_weight=0.0, embedding_losses=(choice,), epochs=10)
    assert not alone.head_moved
    assert nearest_mean_accuracy(alone) >= 0.9
    assert set(alone.log[-1]) == {"epoch", "loss", "embedding_loss", "skipped_steps"}
    assert alone.log[-1]["embedding_loss"] < alone.log[0]["embedding_loss"]


def test_a_training_with_proxies_goes_on_where_it_was_cut_off(workshop):
    schedule = workshop.schedule(
        epochs=3, embedding_losses=(EmbeddingChoice(name="ProxyAnchorLoss", levels="all"),), loss="one_vs_rest"
    )
    states = []

    def run(state=None):
        backbone, head = workshop.network()
        log = fine_tune(
            backbone,
            head,
            workshop.images(),
            workshop.images(8, seed=1),
            workshop.weight_NK,
            schedule,
            other=workshop.other(),
            state=state,
            on_epoch=states.append,
        )
        return log, head.linear.weight.tolist()

    whole = run()
    assert any("proxies" in name for name in states[0].tensors["networks"])
    assert run(states[0]) == whole
