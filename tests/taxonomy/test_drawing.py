import itertools

from hierclf.taxonomy.drawing import draw_taxonomy, summarise
from hierclf.taxonomy.taxonomy import Taxonomy

DAG = Taxonomy.from_edges({"r": ["a", "b"], "a": ["x"], "b": ["x"], "x": ["y", "z"]})


def test_a_second_parent_is_marked_and_drawn_out_once():
    assert draw_taxonomy(DAG).splitlines() == [
        "r  (level 0, 2 children)",
        "├── a  (level 1, 1 child)",
        "│   └── x  (level 2, 2 children, also under b)",
        "│       ├── y  (level 3)",
        "│       └── z  (level 3)",
        "└── b  (level 1, 1 child)",
        "    └── x  (level 2, 2 children, also under a, drawn above)",
    ]


def test_the_depth_can_be_limited():
    assert draw_taxonomy(DAG, max_depth=0) == "r  (level 0, 2 children)\n└── …"
    assert draw_taxonomy(DAG, max_depth=1).splitlines()[2] == "│   └── …"


def test_a_long_chain_is_drawn_in_part():
    names = [f"n{i}" for i in range(50_000)]
    drawn = draw_taxonomy(Taxonomy(root="n0", edges=tuple(itertools.pairwise(names))))
    assert len(drawn.splitlines()) == 66
    assert drawn.endswith("└── …")


def test_the_summary():
    assert summarise(DAG) == "6 nodes, 2 leaves, 3 levels, dag"
