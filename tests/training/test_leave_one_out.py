from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.gates import ClassStatistics, Evidence, NodeGaussians, raw_scores
from hierclf.metrics import auroc
from hierclf.taxonomy import Taxonomy
from hierclf.training.leave_one_out import KnownImages, node_episodes, root_episodes
from hierclf.training.quick_head import quick_head
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.gates.synthetic import planted
from tests.reference import leaves_below

GROUPS = Taxonomy.from_edges(
    {"digit": ["0", "1", "2", "3"], "letter": ["a", "b", "c"], "mark": ["!", "?"]}, root="sign"
)
NAMES = ("node_relative", "knn", "gen")


def known_images(taxonomy, generator, count=20, **options):
    plan = compile_plan(taxonomy)
    images = planted(taxonomy, generator, count, **options)
    learn_n = torch.arange(len(images)) % 4 > 0
    label_n = plan.leaf_L[images.label_B]
    return plan, KnownImages(embedding_nD=images.embedding_BD, label_n=label_n, learn_n=learn_n, frozen=True)


def told(plan, images, names=NAMES, seed=0):
    def refit(embedding_BD, slot_B):
        return quick_head(embedding_BD, slot_B, plan)

    return node_episodes(images, plan, names, refit, torch.Generator().manual_seed(seed))


def told_at_root(plan, images, choices=(("mahalanobis++", {}), ("knn", {"k": 1})), seed=0, **options):
    def refit(embedding_BD, slot_B):
        return quick_head(embedding_BD, slot_B, plan)

    return root_episodes(images, plan, choices, refit, torch.Generator().manual_seed(seed), **options)


def at(episodes, plan, node, child):
    (found,) = [one for one in episodes if plan.nodes[one.node] == node and plan.nodes[one.child] == child]
    return found


def test_every_child_of_every_node_with_three_is_forgotten_once(generator):
    plan, images = known_images(GROUPS, generator)
    found = Counter((plan.nodes[one.node], plan.nodes[one.child]) for one in told(plan, images))
    assert found == Counter([("digit", name) for name in "0123"] + [("letter", name) for name in "abc"])
    at_root = Counter((plan.nodes[one.node], plan.nodes[one.child]) for one in told_at_root(plan, images))
    assert at_root == Counter(("sign", name) for name in ("digit", "letter", "mark"))


def test_a_node_with_more_children_than_rounds_forgets_several_at_once(generator):
    wide = Taxonomy.from_edges({"word": [f"{place:02d}" for place in range(23)], "sign": ["word", "dot", "dash"]})
    plan, images = known_images(wide, generator, count=8)
    learnt = []

    def refit(embedding_BD, slot_B):
        learnt.append(set(slot_B.tolist()))
        return quick_head(embedding_BD, slot_B, plan)

    found = node_episodes(images, plan, ("knn",), refit, torch.Generator().manual_seed(0))
    assert len(found) == 23
    assert len(learnt) == 10  # rounds
    assert [25 - len(slots) for slots in learnt] == [3, 3, 3, *[2] * 7]


def test_what_is_forgotten_teaches_nothing(generator):
    plan, images = known_images(GROUPS, generator)
    poison = plan.nodes.index("1")
    garbage = images.embedding_nD.clone()
    mine = images.label_n == poison
    garbage[mine] = 1e4 * torch.randn(int(mine.sum()), garbage.shape[1], generator=generator).double()
    clean = told(plan, images)
    dirty = told(plan, replace(images, embedding_nD=garbage))
    before, after = at(clean, plan, "digit", "1"), at(dirty, plan, "digit", "1")
    assert torch.equal(before.known, after.known)
    assert not torch.equal(before.novel, after.novel)
    assert not torch.equal(at(clean, plan, "digit", "0").known, at(dirty, plan, "digit", "0").known)
    branch = torch.isin(images.label_n, torch.tensor([plan.nodes.index(name) for name in "0123"]))
    garbage[branch] = 1e4
    before, after = told_at_root(plan, images), told_at_root(plan, replace(images, embedding_nD=garbage))
    assert torch.equal(at(before, plan, "sign", "digit").known, at(after, plan, "sign", "digit").known)


def test_scores_are_those_of_statistics_without_the_child(generator):
    plan, images = known_images(GROUPS, generator)
    images = replace(images, frozen=False)  # then exactly the images that were held out from the start are asked
    found = told(plan, images, names=("node_relative", "mahalanobis++", "knn"))
    one, letter = at(found, plan, "letter", "a"), plan.nodes.index("letter")
    # the first round of this level: the first children of both nodes are forgotten
    gone = torch.tensor([plan.nodes.index("0"), plan.nodes.index("a")])
    learn = images.learn_n & ~torch.isin(images.label_n, gone)
    slot_n = plan.leaf_slot_N[images.label_n]
    nothing = torch.zeros(len(slot_n), plan.num_leaves).double()
    everything = Evidence(images.embedding_nD, nothing, slot_n)
    statistics = ClassStatistics.fit(everything[learn], torch.Generator())
    raw = raw_scores(
        everything,
        ("node_relative", "mahalanobis++", "knn"),
        statistics,
        NodeGaussians.of(statistics, plan),
        plan,
        torch.tensor([letter]),
    )[:, :, 0]
    below = torch.tensor([plan.nodes.index(name) for name in "bc"])
    torch.testing.assert_close(one.known, raw[:, torch.isin(images.label_n, below) & ~images.learn_n])
    torch.testing.assert_close(one.novel, raw[:, images.label_n == plan.nodes.index("a")])


def test_known_images_of_an_episode_were_not_learnt_from(generator):
    """Were an image in the bank, its nearest neighbour would be itself."""
    plan, images = known_images(GROUPS, generator)
    for one in told_at_root(plan, images, choices=(("knn", {"k": 1}),)):
        assert one.known.min() > 1e-4
        assert one.novel.min() > 1e-4


@pytest.mark.parametrize(("spread", "low", "high"), [(0.3, 0.95, 1.0), (300.0, 0.3, 0.7)])
def test_planted_children_are_noticed_as_well_as_they_differ(spread, low, high, generator):
    plan, images = known_images(GROUPS, generator, count=40, spread=spread)
    for episodes in (told(plan, images, names=("node_relative", "knn")), told_at_root(plan, images)):
        for score in range(2):
            found = np.mean([auroc(one.known[score].numpy(), one.novel[score].numpy()) for one in episodes])
            assert low <= found <= high


def test_on_a_dag_a_leaf_that_is_known_by_another_parent_stays(generator):
    plan, images = known_images(DEEP_DAG, generator)
    episodes = told(plan, images)
    found = {(plan.nodes[one.node], plan.nodes[one.child]) for one in episodes}
    # dogs and cats are animals and pets, but each a child of its own below either; dog has two children only
    assert found == {
        (node, child) for node, last in (("animal", "wolf"), ("pet", "robot")) for child in ("dog", "cat", last)
    }
    at_root = {plan.nodes[one.child] for one in told_at_root(plan, images)}
    # without animals dogs are still pets: of the root's children only wolf, robot and rock go with one alone
    assert at_root == {"animal", "pet", "rock"}
    wolves = (images.label_n == plan.nodes.index("wolf")).sum()
    assert at(told_at_root(plan, images), plan, "thing", "animal").novel.shape[1] == wolves


def test_renaming_nodes_changes_nothing(generator):
    plan, images = known_images(GROUPS, generator)
    name = {node: f"{place:02d} {node}" for place, node in enumerate(GROUPS.nodes)}
    other = compile_plan(Taxonomy(root=name["sign"], edges=tuple((name[a], name[b]) for a, b in GROUPS.edges)))
    assert [name[node] for node in plan.nodes] == list(other.nodes)
    for first, second in zip(told(plan, images), told(other, images), strict=True):
        assert torch.equal(first.known, second.known)
        assert torch.equal(first.novel, second.novel)


def test_labels_at_internal_nodes_take_no_part(generator):
    plan, images = known_images(GROUPS, generator)
    more = images.embedding_nD[:30] + 1
    mixed = KnownImages(
        embedding_nD=torch.cat([images.embedding_nD, more]),
        label_n=torch.cat([images.label_n, torch.full((30,), plan.nodes.index("digit"))]),
        learn_n=torch.cat([images.learn_n, torch.arange(30) < 20]),
        frozen=True,
    )
    for one in told(plan, replace(mixed, frozen=False)):
        siblings = len(leaves_below(GROUPS, plan.nodes[one.node])) - 1
        assert (one.known.shape[1], one.novel.shape[1]) == (5 * siblings, 20)


@pytest.mark.parametrize(
    "taxonomy",
    [
        TWO_LEVEL,
        Taxonomy(root="all", edges=(("all", "a"), ("all", "b"))),
        Taxonomy(root="all", edges=(("all", "a"),)),
    ],
    ids=["two level", "two classes", "one class"],
)
@pytest.mark.parametrize("count", [1, 2, 6])
def test_with_too_little_to_forget_nothing_is_told(taxonomy, count, generator):
    plan, images = known_images(taxonomy, generator, count=count)
    for one in (*told(plan, images), *told_at_root(plan, images)):
        assert min(one.known.shape[1], one.novel.shape[1]) >= 2
        assert one.known.isfinite().all()
        assert one.novel.isfinite().all()
    if len(taxonomy.leaves) < 3:
        assert told(plan, images) == told_at_root(plan, images) == []


def test_a_backbone_that_was_trained_on_images_is_asked_about_the_others(generator):
    plan, images = known_images(GROUPS, generator)
    held_out = int((~images.learn_n & (images.label_n == plan.nodes.index("b"))).sum())
    one = at(told(plan, replace(images, frozen=False)), plan, "letter", "a")
    assert one.known.shape[1] == 2 * held_out
    assert one.novel.shape[1] == 20


def test_images_of_other_teach_the_scores_that_learn_from_them(generator):
    plan, images = known_images(GROUPS, generator)
    other = Evidence(images.embedding_nD[:20] + 20, torch.zeros(20, plan.num_leaves).double(), torch.zeros(20).long())
    choices = (("knn", {}), ("outlier", {}))
    for one in told_at_root(plan, images, choices=choices, other=other):
        assert one.known.shape[0] == 2
        assert one.novel.isfinite().all()
