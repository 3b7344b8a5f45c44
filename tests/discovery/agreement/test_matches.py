from __future__ import annotations

import pytest

from hierclf.discovery.agreement import CladeMatch, clade_matches
from hierclf.errors import TaxonomyError
from hierclf.taxonomy import Taxonomy
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.discovery.agreement.shapes import FLAT, FOUND, REFERENCE


def test_every_clade_of_the_reference_has_a_line():
    assert clade_matches(FOUND, REFERENCE) == (
        CladeMatch(reference="ab", found="abc", size=2, shared=2, jaccard=2 / 3),
        CladeMatch(reference="cde", found="de", size=3, shared=2, jaccard=2 / 3),
    )
    assert clade_matches(FLAT, REFERENCE) == (
        CladeMatch(reference="ab", found=None, size=2, shared=0, jaccard=0),
        CladeMatch(reference="cde", found=None, size=3, shared=0, jaccard=0),
    )
    assert clade_matches(REFERENCE, FLAT) == ()


def test_the_topmost_of_a_chain_gives_its_name():
    chain = Taxonomy.from_edges({"r": ["top", "f"], "top": ["middle"], "middle": ["a", "b"]})
    assert [match.reference for match in clade_matches(REFERENCE, chain)] == ["top"]


def test_a_dag_matches_itself():
    assert all(match.reference == match.found and match.jaccard == 1 for match in clade_matches(DEEP_DAG, DEEP_DAG))
    assert [match.reference for match in clade_matches(DEEP_DAG, DEEP_DAG)] == ["animal", "pet", "dog"]  # cat has one


def test_strangers_are_refused():
    with pytest.raises(TaxonomyError, match="in common, got 1"):
        clade_matches(TWO_LEVEL, Taxonomy.from_edges({"r": ["a", "z"]}))
