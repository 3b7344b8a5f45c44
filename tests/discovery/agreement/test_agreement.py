from __future__ import annotations

import json
import math

import pytest

from hierclf.discovery.agreement import compare, triplets
from hierclf.errors import TaxonomyError
from hierclf.taxonomy import Taxonomy, load_taxonomy
from tests.conftest import DEEP_DAG, DIAMOND, STAR, TAXONOMIES, TWO_LEVEL
from tests.discovery.agreement.shapes import (
    BINARY,
    DAG_PAIRS,
    FLAT,
    FOUND,
    PAIRS,
    REFERENCE,
    chained,
    random_dag,
    random_tree,
    relabelled,
    renamed,
    reordered,
)

LEVELS = ("adjusted_mutual_information", "levels", "notes", "dendrogram_purity")
"""What depends on levels, and so on chains."""


def scores(found, reference):
    return compare(found, reference).to_dict()


@pytest.mark.parametrize("taxonomy", [*(t for t in TAXONOMIES if len(t.leaves) > 1), REFERENCE, BINARY, random_tree(1)])
def test_a_taxonomy_agrees_with_itself(taxonomy):
    told = scores(taxonomy, renamed(taxonomy))
    worst = {"triplet_wrong", "triplet_unresolved"}
    for name, value in told.items():
        if name.startswith(("clade_", "triplet_", "ancestor_", "dendrogram", "adjusted", "cophenetic")):
            assert value is None or value == pytest.approx(0 if name in worst else 1), name
    assert (told["clade_f1"], told["triplet_f1"], told["ancestor_f1"]) == (1, 1, 1)


@pytest.mark.parametrize(("found", "reference"), [*PAIRS, *DAG_PAIRS])
def test_names_of_meta_classes_and_order_change_nothing(found, reference):
    told = scores(found, reference)
    assert scores(renamed(found), reference) == scores(found, renamed(reference)) == told
    assert scores(reordered(found, 1), reordered(reference, 2)) == told


@pytest.mark.parametrize(("found", "reference"), [*PAIRS, *DAG_PAIRS])
def test_chains_change_nothing_but_levels(found, reference):
    told = scores(found, reference)
    for twin in (scores(chained(found), reference), scores(found, chained(reference))):
        assert {name: value for name, value in twin.items() if name not in LEVELS} == {
            name: value for name, value in told.items() if name not in LEVELS
        }


@pytest.mark.parametrize(("found", "reference"), [*PAIRS, *DAG_PAIRS])
def test_other_names_for_the_classes_change_nothing(found, reference):
    names = sorted({*found.leaves, *reference.leaves})
    new = {name: f"y{(7 * place) % len(names):03d}-{place}" for place, name in enumerate(names)}
    told, twin = scores(found, reference), scores(relabelled(found, new), relabelled(reference, new))
    for name, value in told.items():
        if isinstance(value, float):
            assert twin[name] == pytest.approx(value), name


def test_by_hand():
    told = scores(FOUND, REFERENCE)
    assert told["leaves"] == 6
    assert (told["found_clades"], told["reference_clades"]) == (2, 2)
    assert (told["clade_f1"], told["clade_jaccard"]) == (0, pytest.approx(2 / 3))
    assert (told["triplet_f1"], told["triplet_wrong"]) == pytest.approx((6 / 13, 4 / 13))
    assert told["ancestor_f1"] == pytest.approx(4 / 5)
    assert told["dendrogram_purity"] == pytest.approx(2 / 3)


def test_a_star_has_found_nothing():
    told = scores(FLAT, REFERENCE)
    assert (told["clade_recall"], told["triplet_recall"], told["triplet_unresolved"]) == (0, 0, 1)
    assert told["cophenetic_correlation"] is None


def test_no_score_favours_a_binary_tree_in_all_ways():
    told = scores(BINARY, REFERENCE)
    assert told["triplet_left_alone"] == 0
    assert told["clade_precision"] < told["clade_recall"]


def test_only_common_classes_count_and_the_others_are_told():
    more = Taxonomy.from_edges(
        {"r": ["abc", "de", "f", "g"], "abc": ["a", "b", "c"], "de": ["d", "e"], "g": ["h", "i"]}
    )
    agreement = compare(more, REFERENCE)
    assert (agreement.found_only, agreement.reference_only) == (("h", "i"), ())
    plain = scores(FOUND, REFERENCE)
    told = agreement.to_dict()
    assert told.pop("found_only") == 2
    assert told.pop("notes") == ["Left out, in the found taxonomy alone: 2 classes (h, i)."]
    assert told == {name: value for name, value in plain.items() if name not in ("found_only", "notes")}
    assert compare(REFERENCE, more).notes == ("Left out, in the reference alone: 2 classes (h, i).",)
    assert compare(Taxonomy.from_edges({"r": [*"abwxyz"]}), REFERENCE).notes[0].endswith("4 classes (w, x, y, …).")


def test_strangers_are_refused():
    with pytest.raises(TaxonomyError, match="at least 2 classes in common, got 0"):
        compare(TWO_LEVEL, STAR)


def test_two_classes_leave_little_to_compare():
    told = scores(Taxonomy.from_edges({"r": ["a", "b"]}), REFERENCE)
    assert (told["leaves"], told["triples"], told["clade_f1"], told["triplet_f1"]) == (2, 0, 1, 1)
    assert told["adjusted_mutual_information"] is told["cophenetic_correlation"] is None
    assert "The reference groups nothing, so there is no level to compare." in told["notes"]


def test_the_dictionary_is_plain():
    for found, reference in (*PAIRS, *DAG_PAIRS):
        told = scores(found, reference)
        assert json.loads(json.dumps(told, allow_nan=False)) == told
        assert all(math.isfinite(value) for value in told.values() if isinstance(value, float))


def test_the_table_holds_every_score():
    agreement = compare(FOUND, REFERENCE)
    table = agreement.to_markdown()
    assert table.startswith("6 classes in common; 2 meta-classes found, the reference has 2 (the root not counted).\n")
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 2 + len(agreement.rows())
    assert "| Triplets wrong ↓ | 0.308 | of these, two others put together |" in lines
    assert any(
        line.startswith("| AMI at level 1 ↑ |") and "3 groups against 3 at the found level 1; purity 0.667 |" in line
        for line in lines
    )
    assert "| Cophenetic correlation ↑ | – |" in compare(FLAT, REFERENCE).to_markdown()


def test_as_text_it_reads_like_the_table():
    agreement = compare(FOUND, Taxonomy.from_edges({"r": ["ab", "cde", "f", "g"], "ab": ["a", "b"], "cde": [*"cde"]}))
    lines = str(agreement).splitlines()
    assert lines[0].startswith("6 classes in common; 2 meta-classes found")
    assert " ".join(lines[1].split()) == "Clade F1 ↑ 0.000 the harmonic mean of the next two"
    assert len({line.index("  ", 30) for line in lines[1:-2]}) == 1  # the values end in one column
    assert len(lines) == len(agreement.rows()) + 3
    assert lines[-1] == "note: Left out, in the reference alone: 1 class (g)."


def test_levels_and_samples_that_leave_a_doubt_are_told(monkeypatch):
    assert compare(DEEP_DAG, DEEP_DAG).notes == (
        "No AMI at level 1 of the reference: a class is in several groups there, of either side.",
    )
    assert compare(DEEP_DAG, DEEP_DAG).dendrogram_purity == 1  # of level 2
    monkeypatch.setattr(triplets, "TRIPLES_AT_MOST", 100)
    monkeypatch.setattr(triplets, "TRIPLES_DRAWN", 5000)
    told = compare(random_dag(0), random_dag(1), seed=1)
    assert told == compare(random_dag(0), random_dag(1), seed=1) != compare(random_dag(0), random_dag(1), seed=2)
    error = told.triplet.standard_error
    assert told.notes[0].startswith(
        f"Triplets are a random sample of 5,000 (standard error of the recall {error:.4f});"
    )
    assert told.to_markdown().endswith(f"- {told.notes[-1]}\n")


def test_a_diamond_is_compared_as_it_is():
    tree = Taxonomy.from_edges({"diamond": ["l", "q"], "l": ["shared", "p"]})
    told = scores(tree, DIAMOND)  # {p shared} against {p shared} {q shared}
    assert (told["clade_precision"], told["clade_recall"]) == (1, 0.5)
    assert (told["triples"], told["triplet_f1"]) == (1, 0)  # shared is as close to p as to q
    assert told["triplet_left_alone"] == 0
    assert told["ancestor_recall"] == 0.5


def test_ten_thousand_species_are_counted_exactly(shared_data):
    species = load_taxonomy(shared_data / "taxonomies" / "hiercls" / "inat21.csv")
    told = scores(species, renamed(species))
    assert (told["leaves"], told["clade_f1"], told["triplet_f1"], told["adjusted_mutual_information"]) == (
        10_000,
        1,
        1,
        1,
    )
    assert told["triples"] == 10_000 * 9_999 * 9_998 // 6
    assert told["triplet_standard_error"] is None
    assert [level["groups"] for level in told["levels"]] == [3, 13, 51, 273, 1103, 4900]
