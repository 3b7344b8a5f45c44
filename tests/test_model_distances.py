import numpy as np
import pytest
import torch

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.discovery import discover
from hierclf.errors import ConfigError, DataError, UnknownName
from hierclf.model_distances import distances_from_images, distances_from_model
from tests.synthetic import glyphs

NAMES = ("bar", "pole", "square", "dots")


@pytest.fixture(scope="module")
def embedded():
    source = np.random.default_rng(0)
    centre = {"cat": (6, 1), "dog": (6, -1), "car": (-6, 1), "bus": (-6, -1)}
    labels = np.repeat(list(centre), 60)
    embeddings = np.repeat(np.array(list(centre.values()), dtype=float), 60, axis=0) + source.normal(size=(240, 2))
    return embeddings, labels, HierarchicalClassifier(seed=0, gate="none", node_gates="none").fit(embeddings, labels)


def pairs(distances):
    found = discover(distances, bootstraps=0, ratio=1)
    return {frozenset(found.taxonomy.leaves_below(node)) for node in found.taxonomy.internal_nodes}


@pytest.mark.parametrize("view", ["embeddings", "weights", "confusion", "logits"])
def test_every_view_sees_what_is_alike(embedded, view):
    embeddings, labels, model = embedded
    found = distances_from_model(model, embeddings, labels, view=view)
    assert set(found.classes) == {"cat", "dog", "car", "bus"}
    if view != "weights":  # what tells cat from dog weighs more than what they share
        assert {frozenset({"cat", "dog"}), frozenset({"car", "bus"})} <= pairs(found)


def test_weights_need_no_images_and_a_head_of_leaves(embedded):
    embeddings, labels, model = embedded
    assert len(distances_from_model(model, view="weights")) == 4
    taxonomy = Taxonomy.from_edges({"pet": ["cat", "dog"], "wheels": ["car", "bus"]}, root="thing")
    other = HierarchicalClassifier(taxonomy, head="per_node", gate="none", node_gates="none").fit(embeddings, labels)
    with pytest.raises(ConfigError, match="weights for edges"):
        distances_from_model(other, view="weights")


def test_weights_of_a_shared_head_are_those_that_its_scores_use(embedded):
    embeddings, labels, _ = embedded
    taxonomy = Taxonomy.from_edges({"pet": ["cat", "dog"], "wheels": ["car", "bus"]}, root="thing")
    model = HierarchicalClassifier(taxonomy, head="shared", gate="none", node_gates="none").fit(embeddings, labels)
    found = distances_from_model(model, view="weights")
    head = model.model_.head
    corners = torch.tensor([[0.0, 0], [1, 0], [0, 1]], dtype=head.linear.weight.dtype)
    scores = head.leaf_scores(head(corners)).detach().numpy()
    scores = scores[1:] - scores[:1]
    np.testing.assert_allclose(found.point_KD, scores.T, atol=1e-5)


def test_a_confusion_counts_the_classes_that_it_sees(embedded):
    embeddings, labels, model = embedded
    part = labels != "bus"
    found = distances_from_model(model, embeddings[part], labels[part], view="confusion")
    assert set(found.classes) == {"cat", "dog", "car"}
    assert "1 classes without an image" in found.notes[0]


def test_a_view_that_is_none_gets_a_hint(embedded):
    with pytest.raises(UnknownName, match="did you mean 'weights'"):
        distances_from_model(embedded[2], view="weigths")


def test_images_are_looked_at_by_a_network_that_did_not_learn_them():
    images, labels = glyphs(NAMES)
    found = distances_from_images(images, labels, backbone="small_cnn", epochs=2, cache=False)
    assert set(found.classes) == set(NAMES)
    assert any("did not learn from" in note for note in found.notes)
    assert found.can_resample


def test_embeddings_are_taken_as_they_are(embedded):
    embeddings, labels, _ = embedded
    assert len(distances_from_images(embeddings, labels, backbone=None)) == 4


def test_images_without_labels_say_nothing():
    images, labels = glyphs(NAMES)
    model = HierarchicalClassifier(backbone="small_cnn", epochs=1, cache=False, gate="none", node_gates="none")
    model.fit(images, labels)
    with pytest.raises(DataError, match="labels"):
        distances_from_model(model, images)
    assert len(distances_from_model(model, images, view="logits")) == 4
