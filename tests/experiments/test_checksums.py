import hashlib
import json

from experiments.checksums import checksum_of, settings_checksum, taxonomy_checksum
from hierclf import Taxonomy
from hierclf.strategies import Strategy, strategies


def test_a_checksum_is_that_of_the_facts_as_json_with_sorted_keys():
    text = json.dumps({"a": [1, None], "b": "ours"}).encode()
    assert checksum_of({"b": "ours", "a": [1, None]}) == hashlib.sha256(text).hexdigest()[:16]


def test_a_taxonomy_has_another_checksum_when_a_class_moves():
    one, other = ({"root": ["x", "y"], "x": ["a", "b"], "y": names} for names in (["c", "d"], ["d", "c"]))
    moved = {"root": ["x", "y"], "x": ["a", "b", "c"], "y": ["d"]}
    taxonomies = [Taxonomy.from_edges(edges) for edges in (one, one, other, moved)]
    found = [taxonomy_checksum(taxonomy) for taxonomy in taxonomies]
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_a_checksum_tells_how_strategies_finish():
    rows = [strategies[name] for name in ("flat_msp", "discovered_soft", "nbdt_soft")]
    assert all(row.settings == rows[0].settings for row in rows[1:]), "they differ in nothing else"
    assert len({settings_checksum(row) for row in rows}) == 3


def test_the_checksum_of_a_strategy_that_fits_a_gate_alone_is_that_of_earlier_runs():
    plain = Strategy(title="plain", settings={"head": "flat", "keep": 0.9})
    assert settings_checksum(plain) == "b1633292be16dbef"
