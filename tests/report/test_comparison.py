import math

import pytest

from hierclf.errors import ConfigError
from hierclf.report import Column, difference_table, differences, markdown_table, write_comparison
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
    flat, ours = compare([row for row in ROWS if row["seed"] == 0], [ACCURACY, SECONDS])
    assert [value.best for value in flat.values] == [False, True]
    assert [value.best for value in ours.values] == [True, False]
    tied = compare([{"strategy": s, "accuracy": 0.9} for s in "ab"], [ACCURACY])
    assert all(strategy.values[0].best for strategy in tied)
    assert not compare([{"strategy": "a", "accuracy": 0.9}], [ACCURACY])[0].values[0].best  # no rival, no best


def test_markdown():
    assert markdown_table(ROWS, [ACCURACY, SECONDS]).splitlines() == [
        "| strategy | Accuracy ↑ | Fit time (s) ↓ |",
        "|:---|---:|---:|",
        "| flat | 82.0 ± 2.0 % | 3.000 ± 1.000 |",
        "| ours | 90.0 % | 2.500 |",
    ], "who lacks a seed is not the best"


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


SEVERAL = [
    {"strategy": name, "seed": seed, "accuracy": value, "seconds": 1.0 + (name == "slow")}
    for name, values in {
        "flat": (0.80, 0.84, 0.82),
        "near": (0.89, 0.95, 0.93),
        "ours": (0.90, 0.94, 0.94),
        "slow": (0.88, 0.92, 0.92),  # always 2 points below ours
    }.items()
    for seed, value in enumerate(values)
]


def test_those_within_a_standard_error_of_the_best_are_tied_with_it():
    lines = {strategy.name: strategy.values[0] for strategy in compare(SEVERAL, [ACCURACY])}
    assert [name for name, value in lines.items() if value.best] == ["ours"]
    assert [name for name, value in lines.items() if value.tied] == ["near"], "slow is as near, but never once better"
    table = markdown_table(SEVERAL, [ACCURACY], ties=True).splitlines()
    assert [line[-3:] for line in table if "≈" in line] == ["≈ |"]
    assert "≈" not in markdown_table(SEVERAL, [ACCURACY])


@pytest.mark.parametrize("lost", ["ours", "near", "flat"])
def test_who_lacks_a_seed_is_neither_best_nor_tied(lost, tmp_path):
    rows = [
        {"strategy": lost, "seed": 0, "error": "no"} if (row["strategy"], row["seed"]) == (lost, 0) else row
        for row in SEVERAL
    ]
    lines = {strategy.name: strategy.values[0] for strategy in compare(rows, [ACCURACY])}
    assert [name for name, value in lines.items() if value.best] == ["near" if lost == "ours" else "ours"]
    assert not lines[lost].tied
    assert lines[lost].mean is not None
    table = markdown_table(rows, [ACCURACY], ties=True)
    assert next(line for line in table.splitlines() if lost in line).endswith("% |")
    for name, given in (("whole", SEVERAL), ("lost", rows)):
        write_comparison(tmp_path / name, title="x", rows=given, columns=[ACCURACY])
        assert ("lacks a seed that others have" in (tmp_path / name).read_text(encoding="utf-8")) == (name == "lost")


def test_a_seed_that_all_lack_takes_nothing_from_anyone():
    rows = [*SEVERAL, *({"strategy": name, "seed": 3, "error": "no"} for name in ("flat", "near", "ours", "slow"))]
    assert [one.values[0].best for one in compare(rows, [ACCURACY])] == [False, False, True, False]


def test_ties_follow_the_direction():
    fast = Column("accuracy", "Distance", "lower", "number")
    assert [s.name for s in compare(SEVERAL, [fast]) if s.values[0].best] == ["flat"]
    assert not any(s.values[0].tied for s in compare(SEVERAL, [fast]))


def test_columns_of_a_group_share_a_headline_on_the_page(tmp_path):
    columns = [Column("accuracy", "A"), Column("b", "B", group="new <kinds>"), Column("c", "C", group="new <kinds>")]
    write_comparison(tmp_path / "a.html", title="x", rows=ROWS, columns=columns)
    assert '<th class="number named" scope="colgroup" colspan="2">new &lt;kinds&gt;</th>' in (
        tmp_path / "a.html"
    ).read_text(encoding="utf-8")
    write_comparison(tmp_path / "b.html", title="x", rows=ROWS, columns=columns[:1])
    assert "colgroup" not in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_the_page_compares_with_a_baseline_seed_by_seed(tmp_path):
    path = tmp_path / "report.html"
    write_comparison(path, title="x", rows=SEVERAL, columns=[ACCURACY, SECONDS], baseline="flat")
    text = path.read_text(encoding="utf-8")
    assert "Less <bdi>flat</bdi>" in text
    assert '<td class="number better">+10.7 ± 0.7<span class="meaning">better, won 3 of 3</span></td>' in text
    assert '<td class="number worse">+1.000 ± 0.000<span class="meaning">worse, won 0 of 3</span></td>' in text
    assert "with 3 seeds, chance alone does that to 18 in 100" in text
    assert "≈: within one standard error of the best" in text
    write_comparison(path, title="x", rows=SEVERAL, columns=[ACCURACY])
    assert "Less <bdi>" not in path.read_text(encoding="utf-8")


def test_a_baseline_that_failed_leaves_the_page_whole(tmp_path):
    path = tmp_path / "report.html"
    rows = [{"strategy": "flat", "seed": 0, "error": "no"}, {"strategy": "ours", "seed": 0, "accuracy": 0.9}]
    write_comparison(path, title="x", rows=rows, columns=[ACCURACY], baseline="flat")
    assert "Less <bdi>" not in path.read_text(encoding="utf-8")


def test_differences_in_markdown():
    columns = [ACCURACY, SECONDS]
    assert difference_table(differences(SEVERAL, "flat", columns), columns).splitlines() == [
        "| strategy | Accuracy ↑ | Fit time (s) ↓ |",
        "|:---|---:|---:|",
        "| near | **+10.3 ± 0.7 better** (3/3) | +0.000 ± 0.000 (0/3) |",
        "| ours | **+10.7 ± 0.7 better** (3/3) | +0.000 ± 0.000 (0/3) |",
        "| slow | **+8.7 ± 0.7 better** (3/3) | **+1.000 ± 0.000 worse** (0/3) |",
    ]
