from __future__ import annotations

from hierclf.metrics import MEASURES


def test_titles_are_distinct_and_fit_into_a_table():
    titles = [measure.title for measure in MEASURES.values()]
    assert len(set(titles)) == len(titles)
    for name, measure in MEASURES.items():
        assert "|" not in measure.title + measure.words, name
        assert len(measure.words.split()) >= 4, name


def test_counts_and_shares_are_marked_as_such():
    counts = {"n_known", "n_other", "n_novel", "n_errors"}
    assert {name for name, measure in MEASURES.items() if measure.unit == "count"} == counts
    assert [name for name, measure in MEASURES.items() if measure.unit == "verdict"] == ["drifted"]
    assert MEASURES["leaf_accuracy"].better == MEASURES["oscr"].better == "higher"
    assert MEASURES["unknown_accepted"].better == MEASURES["severity"].better == "lower"
