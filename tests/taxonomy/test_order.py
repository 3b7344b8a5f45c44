import itertools

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from hierclf.taxonomy.order import find_loop, order_nodes

UPWARDS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 9)).filter(lambda edge: edge[0] < edge[1]), unique=True)


@given(extra=UPWARDS)
def test_levels_are_the_longest_paths_in_networkx(extra):
    edges = list(
        dict.fromkeys([("0", "1"), *((str(a), str(b)) for a, b in extra), *(("0", str(i)) for i in range(2, 10))])
    )
    graph = nx.DiGraph(edges)
    order = order_nodes("0", edges)
    for level, generation in enumerate(nx.topological_generations(graph)):
        assert {node for node in order.nodes if order.level[node] == level} == set(generation)
    assert all(order.nodes.index(parent) < order.nodes.index(child) for parent, child in edges)


def test_a_loop_is_closed_and_made_of_edges():
    children = {"a": ["b"], "b": ["c"], "c": ["d", "b"], "d": ["a"]}
    loop = find_loop(children)
    assert loop[0] == loop[-1]
    assert all(child in children[parent] for parent, child in itertools.pairwise(loop))
