from __future__ import annotations

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.losses import EmbeddingChoice, embedding_losses, level_groups, level_losses
from hierclf.taxonomy import Taxonomy
from tests.conftest import CHAIN, DEEP_DAG, DIAMOND, TWO_LEVEL

PETS = Taxonomy.from_edges({"dog": ["beagle", "pug"], "cat": ["manx", "siamese"]}, root="pet")


def groups_by_walking(taxonomy, level):
    """Label -> the ancestors on a level, as a set of names, from the graph alone."""

    def ancestors(node):
        found, waiting = {node}, [node]
        while waiting:
            for parent in taxonomy.parents(waiting.pop()):
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found

    sets = {}
    for node in taxonomy.nodes:
        there = frozenset(one for one in ancestors(node) if taxonomy.level(one) == level)
        if node in taxonomy.leaves and taxonomy.level(node) < level:
            there = frozenset([node])
        sets[node] = there
    return sets


@pytest.mark.parametrize("taxonomy", [CHAIN, TWO_LEVEL, DIAMOND, DEEP_DAG], ids=lambda t: t.root)
def test_groups_are_the_sets_of_ancestors_on_a_level(taxonomy):
    plan = compile_plan(taxonomy)
    group_VN = level_groups(plan)
    assert len(group_VN) == max(map(taxonomy.level, taxonomy.nodes))
    for level, group_N in enumerate(group_VN.tolist(), start=1):
        sets = groups_by_walking(taxonomy, level)
        assert sorted(set(group_N) - {-1}) == list(range(len(set(sets.values()) - {frozenset()})))
        for one, first in zip(taxonomy.nodes, group_N, strict=True):
            assert (first == -1) == (not sets[one])
            for other, second in zip(taxonomy.nodes, group_N, strict=True):
                assert (first == second) == (sets[one] == sets[other])


def test_the_deepest_level_tells_leaves_apart_and_nothing_else():
    for taxonomy in (CHAIN, TWO_LEVEL, DIAMOND, DEEP_DAG):
        plan = compile_plan(taxonomy)
        group_N = level_groups(plan)[-1]
        assert sorted(group_N[plan.leaf_L].tolist()) == list(range(plan.num_leaves))
        assert (group_N[plan.leaf_slot_N < 0] == -1).all()


def test_a_loss_at_a_level_is_the_loss_on_the_ancestors(generator):
    plan = compile_plan(PETS)
    choice = EmbeddingChoice(name="supcon", weight=0.5, levels=(0.25, 2.0))
    first, second = level_losses(choice, plan, width=6)
    assert [(one.title, one.weight) for one in (first, second)] == [("supcon@1", 0.125), ("supcon@2", 1.0)]
    names = ["beagle", "pug", "manx", "beagle", "dog", "siamese", "pug"]
    label_B = torch.tensor([PETS.index(name) for name in names])
    embedding_BD = torch.randn(len(names), 6, generator=generator)
    kinds = torch.tensor([0, 0, 1, 0, 0, 1, 0])
    plain = embedding_losses["supcon"]()
    assert first(embedding_BD, label_B).item() == pytest.approx(plain(embedding_BD, kinds).item())
    leaves = [place for place, name in enumerate(names) if name != "dog"]  # a dog of no breed takes no part
    breeds = torch.tensor([0, 1, 2, 0, 3, 1])
    assert second(embedding_BD, label_B).item() == pytest.approx(plain(embedding_BD[leaves], breeds).item())


def test_all_levels_share_the_weight():
    losses = level_losses(EmbeddingChoice(name="supcon", weight=0.5, levels="all"), compile_plan(PETS), width=6)
    assert [(one.title, one.weight) for one in losses] == [("supcon@1", 0.25), ("supcon@2", 0.25)]
    (leaf,) = level_losses(EmbeddingChoice(name="supcon", weight=0.5), compile_plan(PETS), width=6)
    assert (leaf.title, leaf.weight) == ("supcon", 0.5)


def test_the_last_weight_repeats_and_levels_without_weight_or_choice_are_left_out():
    plan = compile_plan(DEEP_DAG)
    depth = len(level_groups(plan))
    weights = [one.weight for one in level_losses(EmbeddingChoice(name="supcon", weight=1.0, levels=(2.0,)), plan, 6)]
    assert weights == [2.0] * len(weights)
    assert len(weights) >= depth - 1
    only = level_losses(EmbeddingChoice(name="supcon", levels=(0.0, 1.0)), compile_plan(PETS), width=6)
    assert [one.title for one in only] == ["supcon@2"]
    assert level_losses(EmbeddingChoice(name="supcon", levels="all"), compile_plan(CHAIN), width=6) == ()
    assert level_losses(EmbeddingChoice(name="supcon", weight=0.0, levels="all"), compile_plan(PETS), width=6) == ()


def test_more_weights_than_levels_are_an_error():
    choice = EmbeddingChoice(name="supcon", levels=(1.0, 1.0, 1.0))
    with pytest.raises(ConfigError, match="has 3 weights and the taxonomy 2 levels below its root; give at most 2"):
        level_losses(choice, compile_plan(PETS), width=6)


def test_proxies_are_as_many_as_the_groups_of_the_level():
    losses = level_losses(EmbeddingChoice(name="ProxyAnchorLoss", levels="all"), compile_plan(PETS), width=6)
    assert [tuple(one.loss.proxies.shape) for one in losses] == [(2, 6), (4, 6)]
    assert [name for one in losses for name, _ in one.named_parameters()] == ["loss.proxies"] * 2


@pytest.mark.parametrize("labels", [["pet", "dog", "dog"], ["dog", "beagle"], []], ids=str)
def test_images_labelled_above_the_level_take_no_part(labels, generator):
    (loss,) = level_losses(EmbeddingChoice(name="supcon"), compile_plan(PETS), width=6)
    embedding_BD = torch.randn(len(labels), 6, generator=generator, requires_grad=True)
    value = loss(embedding_BD, torch.tensor([PETS.index(name) for name in labels], dtype=torch.int64))
    value.backward()
    assert value.item() == 0.0
    assert not embedding_BD.grad.any()


def test_following_all_levels_brings_siblings_nearer_than_strangers(generator):
    plan = compile_plan(PETS)
    label_B = plan.leaf_L.repeat_interleave(6)
    dog_B = torch.tensor([PETS.nodes[label] in ("beagle", "pug") for label in label_B.tolist()])
    sibling_BB = (dog_B[:, None] == dog_B) & (label_B[:, None] != label_B)
    stranger_BB = dog_B[:, None] != dog_B

    def gap(levels):
        embedding_BD = torch.randn(24, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
        losses = level_losses(EmbeddingChoice(name="supcon", levels=levels), plan, width=8)
        optimizer = torch.optim.Adam([embedding_BD], lr=0.05)
        for _ in range(80):
            optimizer.zero_grad()
            sum(loss.weight * loss(embedding_BD, label_B) for loss in losses).backward()
            optimizer.step()
        unit_BD = torch.nn.functional.normalize(embedding_BD.detach(), dim=1)
        cosine_BB = unit_BD @ unit_BD.T
        return (cosine_BB[sibling_BB].mean() - cosine_BB[stranger_BB].mean()).item()

    assert gap("all") > gap("leaf") + 0.3


def test_a_loss_that_cannot_do_with_a_batch_says_so(generator):
    (loss,) = level_losses(EmbeddingChoice(name="SmoothAPLoss"), compile_plan(PETS), width=6)
    label_B = torch.tensor([PETS.index(name) for name in ("pug", "pug", "pug", "manx")])
    with pytest.raises(ConfigError, match="the embedding loss 'SmoothAPLoss' cannot learn from such a batch: "):
        loss(torch.randn(4, 6, generator=generator), label_B)
