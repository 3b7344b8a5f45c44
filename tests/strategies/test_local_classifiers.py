from __future__ import annotations

import builtins

import numpy as np
import pytest
import torch

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.dag import compile_plan
from hierclf.decisions import top_down
from hierclf.errors import ConfigError
from hierclf.strategies import strategies
from hierclf.strategies.local_classifiers import fit_local_classifiers, head_of, on_local_classifiers, ways
from hierclf.strategies.network import Lessons
from tests.conftest import CHAIN, DIAMOND, STAR, TWO_LEVEL

pytest.importorskip("hiclass")

UNEVEN = Taxonomy.from_edges(
    {"all": ["a", "b", "c"], "a": ["a1", "a2", "a3"], "a1": ["x", "y"], "b": ["b1"], "b1": ["u", "v", "w"]}
)
"""Ways of one, two and three steps, an only child, and nodes of two and of three children."""


def drawn(plan, generator, per_class=20, width=6, spread=2.0):
    """Images of every leaf that overlap, so that HiClass makes mistakes, in the way that it makes them."""
    slot_n = torch.arange(plan.num_leaves).repeat_interleave(per_class)
    centre_LD = torch.randn(plan.num_leaves, width, generator=generator, dtype=torch.float64)
    noise_nD = spread * torch.randn(len(slot_n), width, generator=generator, dtype=torch.float64)
    return Lessons(embedding_nD=centre_LD[slot_n] + noise_nD, slot_n=slot_n)


def last_labels(local, embedding_BD):
    """The last label on the way that HiClass predicts."""
    rows = np.asarray(local.predict(embedding_BD.numpy())).reshape(len(embedding_BD), -1)
    return [[name for name in row if name][-1] for row in rows.tolist()]


@pytest.mark.parametrize("taxonomy", [UNEVEN, TWO_LEVEL, STAR], ids=lambda one: one.root)
def test_the_head_gives_the_labels_that_hiclass_predicts(taxonomy, generator):
    plan = compile_plan(taxonomy)
    images = drawn(plan, generator)
    local = fit_local_classifiers(images, plan)
    head = head_of(local, plan)
    new_BD = 3 * torch.randn(400, 6, generator=generator, dtype=torch.float64)
    told = last_labels(local, new_BD)
    ours = [plan.nodes[node] for node in top_down(head.node_log_probs(head(new_BD)), plan)]
    assert ours == told
    assert len(set(told)) > 2


def test_the_probabilities_at_each_node_are_those_of_its_local_classifier(generator):
    plan = compile_plan(UNEVEN)
    images = drawn(plan, generator)
    local = fit_local_classifiers(images, plan)
    head = head_of(local, plan)
    new_BD = torch.randn(30, 6, generator=generator, dtype=torch.float64)
    member_BN = head.node_log_probs(head(new_BD)).exp()
    for node in local.hierarchy_.nodes:
        classifier = local.hierarchy_.nodes[node].get("classifier")
        if classifier is None or len(classifier.classes_) < 2:
            continue
        names = [str(name).split(local.separator_)[-1] for name in classifier.classes_]
        columns = member_BN[:, [UNEVEN.index(name) for name in names]]
        np.testing.assert_allclose(
            columns / columns.sum(1, keepdim=True), classifier.predict_proba(new_BD.numpy()), atol=1e-9
        )


def test_ways_end_in_empty_texts(generator):
    plan = compile_plan(UNEVEN)
    rows = {row[-1] or row[0]: row for row in ways(torch.arange(plan.num_leaves), plan).tolist()}
    assert rows["c"] == ["c", "", ""]
    assert rows["v"] == ["b", "b1", "v"]


def test_a_class_without_images_is_never_answered(generator):
    plan = compile_plan(TWO_LEVEL)
    whole = drawn(plan, generator)
    gone = plan.leaf_slot_N[TWO_LEVEL.index("b")]
    kept = whole.slot_n != gone
    head = head_of(
        fit_local_classifiers(Lessons(embedding_nD=whole.embedding_nD[kept], slot_n=whole.slot_n[kept]), plan),
        plan,
    )
    log_probs_BN = head.node_log_probs(head(whole.embedding_nD))
    assert log_probs_BN.isfinite().all()
    assert log_probs_BN[:, TWO_LEVEL.index("b")].max() < -500


def test_only_children_all_the_way_down(generator):
    plan = compile_plan(CHAIN)
    images = drawn(plan, generator)
    head = head_of(fit_local_classifiers(images, plan), plan)
    torch.testing.assert_close(
        head.node_log_probs(head(images.embedding_nD)), torch.zeros(20, plan.num_nodes, dtype=torch.float64)
    )


def test_a_node_with_two_parents_is_refused(generator):
    plan = compile_plan(DIAMOND)
    with pytest.raises(ConfigError, match="HiClass fits trees, and 'shared' has two parents"):
        fit_local_classifiers(drawn(plan, generator), plan)


def test_without_hiclass_the_message_says_what_to_install(generator, monkeypatch):
    plan, whole = compile_plan(STAR), builtins.__import__

    def without(name, *rest, **more):
        if name == "hiclass":
            raise ImportError(name)
        return whole(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'hierclf\[hiclass\]'"):
        fit_local_classifiers(drawn(plan, generator), plan)


def test_the_strategy_is_hiclass_on_the_images_that_do_not_calibrate(generator):
    plan = compile_plan(UNEVEN)
    images = drawn(plan, generator, per_class=40, spread=1.0)
    trained = HierarchicalClassifier(UNEVEN, head="flat", gate="none").fit(
        images.embedding_nD.numpy(), np.array(images.names(plan))
    )
    gate = {"gate": ["msp"], "node_gates": "none", "rule": "top_down", "leave_one_out": False}
    finished = on_local_classifiers(trained, gate)
    parts = trained.prepared_.parts
    taught = np.concatenate([parts.fit, parts.tune])
    label_n = torch.from_numpy(trained.prepared_.label_n[taught])
    local = fit_local_classifiers(
        Lessons(embedding_nD=trained.fitted_.embedding_nD[taught], slot_n=plan.leaf_slot_N[label_n]), plan
    )
    new_BD = 2 * torch.randn(200, 6, generator=generator, dtype=torch.float64)
    assert finished.predict(new_BD.numpy()).leaf.tolist() == last_labels(local, new_BD)
    assert finished.model_.gate.alpha == pytest.approx(0.05)
    assert finished.head == "per_node"
    assert trained.head == "flat", "the network itself stays as it was"
    assert strategies["hiclass"].finish_with is on_local_classifiers


def test_single_precision_changes_no_label(generator):
    plan = compile_plan(UNEVEN)
    whole = drawn(plan, generator)
    images = Lessons(embedding_nD=whole.embedding_nD.float(), slot_n=whole.slot_n)
    local = fit_local_classifiers(images, plan)
    head = head_of(local, plan)
    told = last_labels(local, images.embedding_nD.double())
    ours = top_down(head.node_log_probs(head(images.embedding_nD.double())), plan)
    assert [plan.nodes[node] for node in ours] == told
