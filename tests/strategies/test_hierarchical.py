import numpy as np
import pytest

from hierclf.strategies.hierarchical import FAMILIES


@pytest.mark.parametrize("tree", FAMILIES)
def test_hard_and_soft_routing_see_the_same_and_answer_by_their_rules(tree, fitted, fresh):
    hard, soft = fitted(f"{tree}_hard"), fitted(f"{tree}_soft")
    np.testing.assert_array_equal(hard.predict_node_proba(fresh), soft.predict_node_proba(fresh))
    np.testing.assert_array_equal(hard.p_value(fresh), soft.p_value(fresh))
    assert (hard.model_.operation.rule, soft.model_.operation.rule) == ("top_down", "leaf")
    likeliest = soft.classes_[soft.predict_proba(fresh).argmax(1)]
    np.testing.assert_array_equal(soft.predict(fresh).leaf.astype(str), likeliest.astype(str))


def test_the_declared_way_takes_the_likeliest_child_of_every_node(fitted, fresh):
    model = fitted("declared_hard")
    taxonomy, proba = model.taxonomy_, model.predict_node_proba(fresh)
    for row, leaf in zip(proba, model.predict(fresh).leaf, strict=True):
        node = taxonomy.root
        while taxonomy.children(node):
            node = max(taxonomy.children(node), key=lambda child: row[taxonomy.index(child)])
        assert leaf == node
