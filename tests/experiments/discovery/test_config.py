from __future__ import annotations

from pathlib import Path

import pytest

from experiments.discovery.config import load_discovery
from experiments.discovery.planted import CELLS
from experiments.discovery.ways import ways
from experiments.document import parse, read_document
from hierclf.errors import ConfigError, UnknownName

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs"
SMALL = "name: small\ndata: {source: 'sklearn:digits'}\ntaxonomy: {round: [0, 6-9], open: [2, 3]}\n"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("discovery_*.yaml")), ids=lambda path: path.stem)
def test_every_config_can_be_used(path):
    config = load_discovery(read_document(path))
    assert config.name == path.stem
    assert len(config.seeds) == 5
    assert config.threads == 1
    assert config.about
    assert config.look_at


def test_what_is_left_out_is_all_that_applies():
    small = load_discovery(parse(SMALL, "small"))
    assert small.chosen_ways() == tuple(name for name in ways if name != "ours_plenty")
    assert small.reference().leaves == ("0", "6", "7", "8", "9", "2", "3")
    planted = load_discovery({"name": "small", "planted": {}})
    assert planted.chosen_ways() == ways.names
    assert planted.planted.cells() == CELLS
    one = load_discovery({"name": "small", "planted": {"regimes": ["nuisance"], "noises": ["high"]}})
    assert [cell.name for cell in one.planted.cells()] == ["nuisance even high", "nuisance uneven high"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: a\n", "data, planted: expected one of the two"),
        (SMALL + "planted: {}\n", "data, planted: expected one of the two"),
        ("name: a\ndata: {source: 'sklearn:digits'}\n", "taxonomy: which reference"),
        (SMALL + "seeds: [1, 1]\n", r"seeds: each seed once, got \[1, 1\]"),
        (SMALL + "ways: [ours_plenty]\n", "'ours_plenty' draws more images of planted classes"),
        (SMALL + "embedding: {by: magic}\n", "embedding.by: .*got 'magic'"),
        (SMALL + "embedding: {read: 1}\n", "embedding.read: .*less than 1"),
        ("name: a\nplanted: {shapes: [odd]}\n", "planted.shapes.0: .*got 'odd'"),
        (SMALL + "wayz: [ours]\n", "wayz: there is no such setting; did you mean 'ways'"),
    ],
)
def test_mistakes_are_told(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_discovery(parse(text, "small"))


def test_a_way_that_is_not_there_is_told():
    with pytest.raises(UnknownName, match="did you mean 'kmeans'"):
        load_discovery(parse(SMALL + "ways: [kmean]\n", "small"))
