import pytest

from hierclf.evaluation import NodeReport
from hierclf.report.tree import MOST_BLOCKS, MOST_LINES, taxonomy_tree
from hierclf.taxonomy import Taxonomy


def measured(taxonomy, recall):
    return tuple(
        NodeReport(node=n, level=taxonomy.level(n), support=10, recall=recall.get(n, 1.0), precision=0.5)
        for n in taxonomy.nodes
    )


def test_recall_becomes_text_and_colour(taxonomy):
    leaf = taxonomy.leaves[0]
    tree = taxonomy_tree(taxonomy, measured(taxonomy, {leaf: 0.25}), {})
    facts = {block.node: block.facts for block in tree.blocks}
    assert (facts[leaf].recall, facts[leaf].colour, facts[leaf].support) == ("25.0\u202f%", "good-5", "10")
    assert {line.node for line in tree.lines} == set(taxonomy.nodes)


def test_without_an_evaluation_training_images_add_up(taxonomy):
    tree = taxonomy_tree(taxonomy, (), dict.fromkeys(taxonomy.leaves, 3))
    facts = {block.node: block.facts for block in tree.blocks}
    assert not tree.measured
    for node in taxonomy.nodes:
        assert facts[node].support == str(3 * len(taxonomy.leaves_below(node)))  # distinct leaves, also in a DAG


def test_a_dag_says_that_nodes_are_repeated(taxonomy):
    remarks = " ".join(taxonomy_tree(taxonomy, (), {}).remarks)
    assert ("several parents" in remarks) == (not taxonomy.is_tree)


def test_a_large_taxonomy_is_cut_and_says_so():
    edges = [("r", f"g{i}") for i in range(100)] + [(f"g{i}", f"{i}/{j}") for i in range(100) for j in range(100)]
    large = Taxonomy(root="r", edges=tuple(edges))
    tree = taxonomy_tree(large, measured(large, {"7/7": 0.0}), {})
    assert len(tree.blocks) <= MOST_BLOCKS
    assert sum(line.kind != "close" for line in tree.lines) <= MOST_LINES
    assert "101 of 10,101 nodes" in tree.remarks[0]
    assert tree.weakest[0][0] == "7/7"  # although it is not drawn


@pytest.mark.parametrize("recall", [float("nan"), None])
def test_an_undefined_recall_is_a_dash(recall):
    star = Taxonomy(root="r", edges=(("r", "a"),))
    tree = taxonomy_tree(star, measured(star, {"a": recall}), {})
    assert (tree.blocks[1].facts.recall, tree.blocks[1].facts.colour) == ("–", "none")
