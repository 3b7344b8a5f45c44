from hierclf.metrics import MEASURES
from hierclf.report.measures import (
    PLACING,
    RECOGNISING,
    REJECTING,
    TOLD_ELSEWHERE,
    further_rows,
    measure_rows,
    write_value,
)


def test_every_name_is_in_the_glossary():
    assert set(RECOGNISING) | set(REJECTING) | set(PLACING) | set(TOLD_ELSEWHERE) <= set(MEASURES)


def test_the_better_one_wins_whichever_way_is_better():
    rows = measure_rows(
        ("leaf_accuracy", "unknown_accepted", "severity"),
        {"leaf_accuracy": 0.9, "unknown_accepted": 0.1, "severity": 2.0},
        {"leaf_accuracy": 0.95, "unknown_accepted": 0.2, "severity": 2.00001},
    )
    assert [row.winner for row in rows] == ["baseline", "ours", ""]  # what reads the same is the same
    assert (rows[0].ours, rows[0].baseline) == ("90.0\u202f%", "95.0\u202f%")


def test_a_missing_side_is_a_dash_and_a_missing_row_is_left_out():
    rows = measure_rows(REJECTING, {"oscr": 0.5, "auroc_other": None}, {"aupr_other": 0.25})
    assert [(row.title, row.ours, row.baseline) for row in rows] == [
        ("AUPR, other", "–", "25.0\u202f%"),
        ("OSCR", "50.0\u202f%", "–"),
    ]
    assert {row.winner for row in rows} == {""}


def test_one_line_per_level():
    rows = measure_rows(("level_accuracy",), {"level_accuracy": [0.9, None]}, {"level_accuracy": [0.8]})
    assert [(row.title, row.ours, row.baseline) for row in rows] == [
        ("Accuracy at level 1", "90.0\u202f%", "80.0\u202f%"),
        ("Accuracy at level 2", "–", "–"),
    ]


def test_all_other_numbers_are_told_further_down():
    metrics = {"oscr": 0.5, "n_errors": 3, "level_brier": [0.25, None], "my_own": 0.5, "risk": None, "lists": [None]}
    rows = further_rows(metrics, {"n_errors": 3})
    assert [(row.title, row.ours) for row in rows] == [
        ("Unreadable images", "3"),
        ("Brier score per level", "0.250, –"),
        ("my_own", "0.500"),
    ]


def test_a_verdict_is_a_word_and_what_a_table_shows_is_not_told_again():
    assert [write_value(value, "verdict") for value in (True, False, None)] == ["yes", "no", "–"]
    metrics = {"novel_accepted": 0.5, "drifted": True}
    assert [row.title for row in further_rows(metrics, None)] == ["New kinds accepted"]
    assert further_rows(metrics, None, PLACING) == ()
