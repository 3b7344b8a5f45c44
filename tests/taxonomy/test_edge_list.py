import pytest

from hierclf.taxonomy.edge_list import format_csv, format_skos, parse_csv, parse_skos
from hierclf.taxonomy.taxonomy import Taxonomy

EDGES = (("a", "b"), ("a", "c"))


@pytest.mark.parametrize(
    "text",
    [
        "a,b\na,c\n",
        "parent,child\na,b\na,c\n",
        "Parent, Child\na, b\na, c\n",
        "child,parent\nb,a\nc,a\n",
        "\ufeffparent,child\r\na,b\r\n\r\na,c",
        '"a","b"\n"a","c"\n',
        "source,target\na,b\na,c\n",
    ],
)
def test_csv_with_and_without_a_header(text):
    assert parse_csv(text) == EDGES


def test_a_first_line_whose_words_are_classes_is_no_header():
    assert parse_csv("parent,child\nchild,baby\n") == (("parent", "child"), ("child", "baby"))


@pytest.mark.parametrize(
    "text",
    [
        "b broader a\nc broader a\n",
        "a narrower b\na narrower c\n",
        "b\tbroader\ta\n\n# note\na\tnarrower\tc\n",
        "b skos:broader a .\nc skos:broader a .\n",
        "a b\na c\n",
        "a\tb\na\tc\n",
    ],
)
def test_triples_and_pairs(text):
    assert parse_skos(text) == EDGES


def test_names_with_spaces_in_triples():
    assert parse_skos("hot dog broader fast food\n") == (("fast food", "hot dog"),)
    assert parse_skos("fast food\thot dog\n") == (("fast food", "hot dog"),)


def test_written_lines():
    taxonomy = Taxonomy.from_edges([("r", 'a,"b')])
    assert format_csv(taxonomy) == 'parent,child\nr,"a,""b"\n'
    assert format_skos(taxonomy) == 'a,"b\tbroader\tr\n'
