"""Fixtures that every test may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hierclf.taxonomy import Taxonomy

torch.set_num_threads(1)  # the tests run in parallel, one process per core

CHAIN = Taxonomy(root="chain", edges=(("chain", "b"), ("b", "c"), ("c", "d")))
STAR = Taxonomy(root="star", edges=(("star", "x"), ("star", "y"), ("star", "z")))
DIAMOND = Taxonomy(
    root="diamond",
    edges=(("diamond", "l"), ("diamond", "r"), ("l", "shared"), ("r", "shared"), ("l", "p"), ("r", "q")),
)
TWO_LEVEL = Taxonomy(
    root="character",
    edges=(
        ("character", "digit"),
        ("character", "letter"),
        ("character", "dot"),  # a leaf right under the root
        ("digit", "0"),
        ("digit", "1"),
        ("digit", "2"),
        ("letter", "a"),
        ("letter", "b"),
    ),
)
DEEP_DAG = Taxonomy(
    root="thing",
    edges=(
        ("thing", "animal"),
        ("thing", "pet"),
        ("thing", "rock"),
        ("animal", "dog"),
        ("animal", "cat"),
        ("animal", "wolf"),
        ("pet", "dog"),
        ("pet", "cat"),
        ("pet", "robot"),
        ("dog", "beagle"),
        ("dog", "basset"),
        ("cat", "tabby"),  # a single child
    ),
)
ONE_LEAF = Taxonomy(root="only", edges=(("only", "leaf"),))
TREES = (CHAIN, STAR, TWO_LEVEL, ONE_LEAF)
DAGS = (DIAMOND, DEEP_DAG)
TAXONOMIES = (*TREES, *DAGS)


@pytest.fixture(params=TAXONOMIES, ids=lambda taxonomy: taxonomy.root)
def taxonomy(request: pytest.FixtureRequest) -> Taxonomy:
    """Each of the shapes that a taxonomy can have, one after the other."""
    return request.param


@pytest.fixture
def generator() -> torch.Generator:
    """A source of randomness with a fixed seed."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of development data, which not everyone has."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the development data (../shared/data) is not here")
    return folder
