import json

import networkx as nx
import pytest

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.graph import (
    format_node_link,
    parse_node_link,
    taxonomy_from_edges,
    taxonomy_from_networkx,
    taxonomy_to_networkx,
)

DAG = taxonomy_from_edges({"r": ["a", "b"], "a": ["x"], "b": ["x", "y"]})


def test_networkx_and_back():
    graph = taxonomy_to_networkx(DAG)
    assert isinstance(graph, nx.DiGraph)
    assert tuple(graph) == DAG.nodes
    assert taxonomy_from_networkx(graph) == DAG


def test_names_come_from_an_attribute():
    graph = nx.DiGraph([(0, 1), (0, 2)])
    assert taxonomy_from_networkx(graph).nodes == ("0", "1", "2")
    nx.set_node_attributes(graph, {0: "r", 1: "a", 2: "b"}, "name")
    assert taxonomy_from_networkx(graph, names="name").nodes == ("r", "a", "b")
    graph.nodes[2]["name"] = "a"
    with pytest.raises(TaxonomyError, match="several nodes are named 'a'"):
        taxonomy_from_networkx(graph, names="name")
    with pytest.raises(TaxonomyError, match="no attribute 'title'"):
        taxonomy_from_networkx(graph, names="title")


def test_undirected_graphs_are_refused():
    with pytest.raises(TaxonomyError, match="directed"):
        taxonomy_from_networkx(nx.Graph([(0, 1)]))


@pytest.mark.parametrize("key", ["links", "edges"])
def test_node_link_data_of_networkx(key):
    text = json.dumps(nx.node_link_data(taxonomy_to_networkx(DAG), edges=key))
    assert taxonomy_from_edges(parse_node_link(text)) == DAG


def test_what_is_written_is_what_networkx_reads():
    graph = nx.node_link_graph(json.loads(format_node_link(DAG)), edges="edges")
    assert taxonomy_from_networkx(graph) == DAG


def test_a_label_that_is_not_unique_gives_way_to_the_id():
    nodes = [{"id": "n1", "label": "thing"}, {"id": "n2", "label": "cat"}, {"id": "n3", "label": "cat"}]
    links = [{"source": "n1", "target": "n2"}, {"source": "n1", "target": "n3"}]
    assert parse_node_link(json.dumps({"nodes": nodes, "links": links})) == (("thing", "n2"), ("thing", "n3"))


def test_edges_of_many_kinds():
    assert taxonomy_from_edges([("r", 1), ("r", 2)]).leaves == ("1", "2")
    assert taxonomy_from_edges(iter([["r", "a"]])).root == "r"
    for edges in ([], ["ab"], [("a", "b", "c")]):
        with pytest.raises(TaxonomyError):
            taxonomy_from_edges(edges)
    with pytest.raises(TaxonomyError, match="loop"):
        taxonomy_from_edges([("a", "b"), ("b", "a")])
    with pytest.raises(TaxonomyError, match="name a root"):
        taxonomy_from_edges({"a": ["b"], "c": ["d"]})
