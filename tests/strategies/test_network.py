import numpy as np
import torch

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.heads import FlatHead
from hierclf.strategies.network import lessons, under_head

SIGNS = Taxonomy.from_edges({"sign": ["round", "straight"], "round": ["0", "6"], "straight": ["1"]})


def trained():
    source = np.random.default_rng(0)
    labels = np.repeat(["0", "6", "1", "round"], 50)
    embeddings = source.normal(size=(200, 5)) + 4 * np.eye(4, 5)[np.repeat([0, 1, 2, 0], 50)]
    return HierarchicalClassifier(SIGNS, gate=["msp"], leave_one_out=False).fit(embeddings, labels)


def test_lessons_are_images_of_leaves_that_do_not_calibrate():
    model = trained()
    learnt, chosen = lessons(model)
    parts, label_n = model.prepared_.parts, model.prepared_.label_n
    leaves = {SIGNS.index(leaf) for leaf in SIGNS.leaves}
    for part, rows in ((learnt, parts.fit), (chosen, parts.tune)):
        kept = [row for row in rows if label_n[row] in leaves]
        assert len(part) == len(kept) < len(rows)
        assert part.names(model.model_.plan) == [SIGNS.nodes[label_n[row]] for row in kept]
        torch.testing.assert_close(part.embedding_nD, model.fitted_.embedding_nD[kept])


def test_another_head_leaves_the_first_classifier_as_it_was():
    model = trained()
    plan = model.model_.plan
    head = FlatHead(5, plan, generator=torch.Generator().manual_seed(0)).double().requires_grad_(False)
    changed = under_head(model, head, None).refit_gate()
    new = np.random.default_rng(1).normal(size=(20, 5))
    expected = head.node_log_probs(head(torch.from_numpy(new))).exp()
    np.testing.assert_allclose(changed.predict_node_proba(new), expected, atol=1e-9)
    assert (changed.head, model.head) == ("flat", "shared")
    assert not np.allclose(changed.predict_node_proba(new), model.predict_node_proba(new))
    again = changed.refit_gate(gate=["energy"])
    np.testing.assert_array_equal(again.predict_node_proba(new), changed.predict_node_proba(new))
