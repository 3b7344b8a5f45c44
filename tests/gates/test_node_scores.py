from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import normalize

from hierclf.dag import compile_plan
from hierclf.errors import UnknownName
from hierclf.gates import ClassStatistics, Evidence, NodeEvidence, NodeGaussians, node_scores
from hierclf.taxonomy import Taxonomy
from tests.conftest import CHAIN, DEEP_DAG, DIAMOND, STAR, TWO_LEVEL
from tests.gates.synthetic import auroc, planted
from tests.reference import leaves_below

SHAPES = pytest.mark.parametrize(
    "taxonomy", [CHAIN, STAR, TWO_LEVEL, DIAMOND, DEEP_DAG], ids=lambda taxonomy: taxonomy.root
)
EVERY = tuple(node_scores.names)


def read(known, new, taxonomy, seed=0):
    plan = compile_plan(taxonomy)
    statistics = ClassStatistics.fit(known, torch.Generator().manual_seed(seed))
    return NodeEvidence(tables=statistics.tables(new), gaussians=NodeGaussians.of(statistics, plan), plan=plan)


def slow_shares(taxonomy, probs_L):
    """P(child | parent): the walk up from the leaves that takes each parent alike, in dictionaries."""
    graph = nx.DiGraph(taxonomy.edges)
    flow = dict.fromkeys(graph, 0.0) | dict(zip(taxonomy.leaves, probs_L, strict=True))
    for node in reversed(list(nx.topological_sort(graph))):
        for parent in graph.predecessors(node):
            flow[parent] += flow[node] / graph.in_degree(node)
    return {
        parent: np.array([flow[child] / graph.in_degree(child) / flow[parent] for child in graph.successors(parent)])
        for parent in graph
    }


def slow_scores(known, new, taxonomy):
    """Every score at every internal node, from explicit Gaussians, all distances and one image at a time."""
    unit, strange, labels = normalize(known.embedding_BD), normalize(new.embedding_BD), known.label_B.numpy()
    leaves = list(taxonomy.leaves)
    means = np.stack([unit[labels == slot].mean(0) for slot in range(len(leaves))])
    within = ledoit_wolf(unit - means[labels], assume_centered=True)[0]
    to_means = cdist(strange, means, "mahalanobis", VI=np.linalg.inv(within)) ** 2
    gaps = cdist(strange, unit)
    found = {name: {} for name in EVERY}
    for node in taxonomy.nodes:
        below = [leaves.index(leaf) for leaf in leaves_below(taxonomy, node)]
        if len(list(taxonomy.children(node))) == 0:
            continue
        mine = np.isin(labels, below)
        share = np.bincount(labels[mine], minlength=len(leaves)) / mine.sum()
        centre = share @ means
        around = within + (means - centre).T @ np.diag(share) @ (means - centre)
        own = cdist(strange, centre[None], "mahalanobis", VI=np.linalg.inv(around))[:, 0] ** 2
        found["mahalanobis++"][node] = to_means[:, below].min(1)
        found["node_relative"][node] = to_means[:, below].min(1) - own
        second = [np.sort(gaps[:, labels == slot], axis=1)[:, 1] for slot in below]
        found["knn"][node] = np.min(second, axis=0)
        logits = new.logits_BC.numpy()
        found["energy"][node] = -logsumexp(logits[:, below], axis=1)
        found["max_logit"][node] = -logits[:, below].max(1)
        child = [slow_shares(taxonomy, probs)[node] for probs in softmax(logits, axis=1)]
        found["msp"][node] = np.array([-probs.max() for probs in child])
        found["gen"][node] = np.array([(probs**0.1 * (1 - probs).clip(0) ** 0.1).sum() for probs in child])
    return found


@SHAPES
def test_every_score_equals_a_slow_one(taxonomy, generator):
    known = planted(taxonomy, generator)
    new = planted(taxonomy, generator, count=3, spread=1.5)
    evidence = read(known, new, taxonomy)
    for name, by_node in slow_scores(known, new, taxonomy).items():
        fast_BN = node_scores[name](evidence)
        assert fast_BN.shape == (len(new), len(taxonomy))
        for node, expected in by_node.items():
            # near 1 a probability of one child is rounded, and 0.1 is a steep power
            tolerance = 1e-2 if name == "gen" and len(list(taxonomy.children(node))) == 1 else 1e-6
            np.testing.assert_allclose(
                fast_BN[:, taxonomy.index(node)], expected, rtol=1e-6, atol=tolerance, err_msg=f"{name} at {node}"
            )


def test_an_example_by_hand(generator):
    taxonomy = Taxonomy.from_edges({"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a"]})
    known = planted(taxonomy, generator)
    evidence = read(known, Evidence(known.embedding_BD[:1], torch.tensor([[0.5, 0.3, 0.2]]).log()), taxonomy)
    digit, letter = 1, 2
    assert node_scores["msp"](evidence)[0, digit] == pytest.approx(-0.625)  # 0.5 of 0.8
    assert node_scores["msp"](evidence)[0, letter] == pytest.approx(-1)
    assert node_scores["energy"](evidence)[0, digit] == pytest.approx(-np.log(0.8))
    assert node_scores["max_logit"](evidence)[0, digit] == pytest.approx(-np.log(0.5))
    assert node_scores["gen"](evidence)[0, digit] == pytest.approx(2 * (0.625 * 0.375) ** 0.1)
    assert node_scores["gen"](evidence)[0, letter] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", EVERY)
def test_new_children_of_a_node_score_higher_than_the_known_ones(name, generator):
    known, new = (planted(TWO_LEVEL, generator, count) for count in (30, 30))
    plan, digit = compile_plan(TWO_LEVEL), TWO_LEVEL.index("digit")
    hidden = TWO_LEVEL.leaves.index("2")
    rest = known[known.label_B != hidden]
    is_new = new.label_B == hidden
    logits_BL = torch.where(is_new[:, None], torch.randn(new.logits_BC.shape, generator=generator), new.logits_BC)
    evidence = read(rest, Evidence(new.embedding_BD, logits_BL), TWO_LEVEL)
    score_B = node_scores[name](evidence)[:, digit]
    old = torch.isin(new.label_B, plan.closure_leaf_P[plan.closure_node_P == digit]) & ~is_new
    assert auroc(score_B[old], score_B[is_new]) > 0.8


@SHAPES
def test_other_names_and_another_order_change_nothing(taxonomy, generator):
    known, new = planted(taxonomy, generator), planted(taxonomy, generator, count=3)
    name = {node: f"{99 - place} {node}" for place, node in enumerate(taxonomy.nodes)}
    turned = Taxonomy(
        root=name[taxonomy.root], edges=tuple((name[above], name[node]) for above, node in reversed(taxonomy.edges))
    )
    order = torch.tensor([list(turned.leaves).index(name[leaf]) for leaf in taxonomy.leaves])

    def moved(evidence):
        return Evidence(evidence.embedding_BD, evidence.logits_BC[:, order.argsort()], order[evidence.label_B])

    first, second = read(known, new, taxonomy), read(moved(known), moved(new), turned)
    internal = [node for node in taxonomy.nodes if list(taxonomy.children(node))]
    for score in EVERY:
        before = node_scores[score](first)[:, [taxonomy.index(node) for node in internal]]
        after = node_scores[score](second)[:, [turned.index(name[node]) for node in internal]]
        torch.testing.assert_close(after, before, rtol=1e-8, atol=1e-8 if score != "gen" else 1e-2, msg=score)


@pytest.mark.parametrize("name", EVERY)
def test_a_row_does_not_depend_on_its_batch(name, generator):
    known, new = planted(DEEP_DAG, generator), planted(DEEP_DAG, generator, count=2)
    whole = node_scores[name](read(known, new, DEEP_DAG))
    for row in range(len(new)):
        alone = node_scores[name](read(known, new[row : row + 1], DEEP_DAG))
        torch.testing.assert_close(alone[0], whole[row], rtol=1e-8, atol=1e-8 if name != "gen" else 1e-2)


@pytest.mark.parametrize("name", EVERY)
def test_classes_without_images_are_never_the_nearest(name, generator):
    known, new = planted(TWO_LEVEL, generator), planted(TWO_LEVEL, generator, count=3)
    hidden = [TWO_LEVEL.leaves.index(leaf) for leaf in ("2", "a", "b")]
    rest = known[~torch.isin(known.label_B, torch.tensor(hidden))]
    loud = new.logits_BC.clone()
    loud[:, hidden] = 1e3  # whatever the head says about what nobody has seen
    quiet_BN, loud_BN = (
        node_scores[name](read(rest, Evidence(new.embedding_BD, logits), TWO_LEVEL)) for logits in (new.logits_BC, loud)
    )
    digit = TWO_LEVEL.index("digit")
    assert torch.equal(quiet_BN[:, digit], loud_BN[:, digit])
    assert quiet_BN[:, [0, digit]].isfinite().all()
    assert not quiet_BN.isnan().any()


def test_of_many_directions_the_strongest_tell_the_classes_apart(generator):
    wide = Taxonomy(root="all", edges=tuple(("all", f"{place:03d}") for place in range(90)))
    known = planted(wide, generator, count=3, size=100)
    new = planted(wide, generator, count=1, size=100)
    evidence = read(known, new, wide)
    white_BD, mean_LD = evidence.tables.white_BD.numpy(), evidence.gaussians.mean[1:].numpy()
    scatter = (mean_LD - mean_LD.mean(0)).T @ (mean_LD - mean_LD.mean(0)) / len(mean_LD)
    values, vectors = np.linalg.eigh(scatter)
    values[:-64] = 0  # those that are left out count as within a class
    inverse = np.linalg.inv(np.eye(100) + (vectors * values) @ vectors.T)
    slow = cdist(white_BD, mean_LD.mean(0)[None], "mahalanobis", VI=inverse)[:, 0] ** 2
    assert len(evidence.gaussians.direction) == 64
    np.testing.assert_allclose(evidence.gaussians.distance(evidence.tables.white_BD)[:, 0], slow, rtol=1e-6)


def test_no_images_below_a_node_is_no_hole(generator):
    known = planted(TWO_LEVEL, generator)
    only_digits = known[torch.isin(known.label_B, torch.tensor([TWO_LEVEL.leaves.index(leaf) for leaf in "012"]))]
    evidence = read(only_digits, known, TWO_LEVEL)
    assert evidence.gaussians.distance(evidence.tables.white_BD).isfinite().all()
    letter = TWO_LEVEL.index("letter")
    assert (node_scores["mahalanobis++"](evidence)[:, letter] == torch.inf).all()
    assert (node_scores["node_relative"](evidence)[:, letter] == torch.inf).all()


def test_names_are_looked_up():
    with pytest.raises(UnknownName, match="no node score named 'node_relativ'; did you mean 'node_relative'"):
        node_scores["node_relativ"]
