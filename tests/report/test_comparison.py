import math

import pytest

from hierclf.errors import ConfigError, UnknownName
from hierclf.report import Column, markdown_table, write_comparison
from hierclf.report.comparison import compare

ACCURACY = Column("accuracy", "Accuracy", "higher")
SECONDS = Column("seconds", "Fit time (s)", "lower", "number")
ROWS = [
    {"strategy": "flat", "seed": 0, "accuracy": 0.80, "seconds": 2.0},
    {"strategy": "ours", "seed": 0, "accuracy": 0.90, "seconds": 2.5},
    {"strategy": "flat", "seed": 1, "accuracy": 0.84, "seconds": 4.0},
    {"strategy": "ours", "seed": 1, "error": "ran out of <memory>"},
]


def test_mean_and_standard_error_by_hand():
    flat, ours = compare(ROWS, [ACCURACY, SECONDS])
    assert flat.values[0].mean == pytest.approx(0.82)
    deviation = math.sqrt(((0.80 - 0.82) ** 2 + (0.84 - 0.82) ** 2) / (2 - 1))
    assert flat.values[0].standard_error == pytest.approx(deviation / math.sqrt(2))
    assert flat.values[0].text == "82.0 ± 2.0\u202f%"
    assert ours.values[0].standard_error is None
    assert (ours.runs, ours.errors) == (2, ("ran out of <memory>",))


def test_the_best_follows_the_direction_and_ties_share_it():
    flat, ours = compare(ROWS, [ACCURACY, SECONDS])
    assert [value.best for value in flat.values] == [False, False]
    assert [value.best for value in ours.values] == [True, True]
    tied = compare([{"strategy": s, "accuracy": 0.9} for s in "ab"], [ACCURACY])
    assert all(strategy.values[0].best for strategy in tied)
    assert not compare([{"strategy": "a", "accuracy": 0.9}], [ACCURACY])[0].values[0].best  # no rival, no best


def test_markdown():
    assert markdown_table(ROWS, [ACCURACY, SECONDS]).splitlines() == [
        "| strategy | Accuracy ↑ | Fit time (s) ↓ |",
        "|:---|---:|---:|",
        "| flat | 82.0 ± 2.0 % | 3.000 ± 1.000 |",
        "| ours | **90.0 %** | **2.500** |",
    ]


def test_markdown_by_protocol_and_with_awkward_names():
    rows = [{"strategy": "a|b\nc", "protocol": p, "accuracy": None} for p in ("one", "two")]
    assert markdown_table(rows, [ACCURACY]).splitlines()[2:] == [
        "| one | a\\|b c | – |",
        "| two | a\\|b c | – |",
    ]
    assert markdown_table([], [ACCURACY]).splitlines() == ["| strategy | Accuracy ↑ |", "|:---|---:|"]


def test_the_page_shows_failures_and_escapes_them(tmp_path):
    path = tmp_path / "report.html"
    write_comparison(
        path, title="<b>", rows=ROWS, columns=[ACCURACY, SECONDS], notes=["two <seeds>"], made={"command": "run"}
    )
    text = path.read_text(encoding="utf-8")
    assert "failed: ran out of &lt;memory&gt;" in text
    assert "two &lt;seeds&gt;" in text
    assert "&lt;b&gt;" in text
    assert "2 strategies, 4 runs, 2 seeds." in text
    assert "<script" not in text


def test_no_rows_make_a_page_too(tmp_path):
    write_comparison(tmp_path / "report.html", title="Nothing", rows=[], columns=[ACCURACY])
    assert "No run has finished yet." in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"row 0 names no strategy; its keys are accuracy"):
        compare([{"accuracy": 1.0}], [ACCURACY])
    with pytest.raises(ConfigError, match=r"better is 'higher', 'lower' or empty, got 'up'"):
        Column("a", "A", "up")
    with pytest.raises(ConfigError, match=r"unit is one of share, number, count, got 'percent'"):
        Column("a", "A", unit="percent")
    with pytest.raises(UnknownName, match=r"no metric named 'oscar'; did you mean 'oscr'\?"):
        Column.of("oscar")


def test_a_column_from_the_glossary():
    column = Column.of("unknown_accepted")
    assert (column.better, column.unit) == ("lower", "share")


def test_a_verdict_is_compared_as_a_share():
    assert Column.of("drifted").unit == "share"
