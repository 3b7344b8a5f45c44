import pytest

from hierclf.taxonomy.document import parse_taxonomy
from hierclf.taxonomy.starter import starter_text
from hierclf.taxonomy.taxonomy import Taxonomy


@pytest.mark.parametrize("names", [["cat", "dog"], ["no", "a: b"], ["0"]])
def test_the_starter_is_a_taxonomy_with_and_without_its_comments(names):
    taxonomy = Taxonomy.from_edges({"root": names})
    text = starter_text(taxonomy)
    assert parse_taxonomy(text) == taxonomy
    start = text.index("# labels:")
    opened = text[:start] + "\n".join(line.removeprefix("# ").removeprefix("#") for line in text[start:].splitlines())
    richer = parse_taxonomy(opened)
    assert richer.edges == taxonomy.edges
    assert (richer.keep, richer.other) == (0.95, ("clutter",))
    assert (richer.promise, richer.node_gates) == ("average", "auto")
    assert (richer.correct, richer.false_discovery) == (0.95, 0.1)
    assert richer.class_weights == ((names[0], 2.0),)
