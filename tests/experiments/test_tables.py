import csv
import io

from experiments.config import load_config
from experiments.tables import aligned, as_csv, as_table, columns_with_values, means, promise_sentences

ROWS = [
    {
        "strategy": "a",
        "seed": 0,
        "error": None,
        "leaf_accuracy": 0.9,
        "known_rejected": 0.04,
        "alpha": 0.05,
        "promise_kept": 1,
    },
    {
        "strategy": "a",
        "seed": 1,
        "error": None,
        "leaf_accuracy": 0.8,
        "known_rejected": 0.16,
        "alpha": 0.05,
        "promise_kept": 0,
    },
    {
        "strategy": "b",
        "seed": 0,
        "error": None,
        "leaf_accuracy": 0.7,
        "known_rejected": 0.02,
        "alpha": 0.05,
        "promise_kept": 1,
    },
    {"strategy": "b", "seed": 1, "error": "out of\npatience | really"},
]


def config(**more):
    given = {"name": "small", "data": {"source": "idx"}, "strategies": {"hierclf": ""}, "about": "What it is.\nMore."}
    return load_config({**given, "look_at": "The first column.", **more})


def test_a_table_tells_what_was_done_what_came_out_and_what_went_wrong():
    columns = columns_with_values(["leaf_accuracy", "known_rejected", "oscr_unseen"], ROWS)
    text = as_table(config(), ROWS, columns, ["Known: 0, 1."])
    lines = text.splitlines()
    assert lines[0] == "# small"
    assert "What it is. More." in lines
    assert "- Known: 0, 1." in lines
    head = next(line for line in lines if line.startswith("| strategy"))
    assert "right class ↑" in head
    assert "known turned away (promised ≤ 5 %) ↓" in head
    assert "OSCR" not in head, "a column without a single value is left out"
    first = next(line for line in lines if line.startswith("| a "))
    assert "85.0 ± 5.0" in first
    assert any(line.startswith("| b (failed for seed 1: out of patience") for line in lines)
    assert "Failed: b, seed 1: out of patience | really" in lines
    assert "A row that lacks a seed that others have is marked neither as best nor as tied." in lines
    assert "**" not in next(line for line in lines if line.startswith("| b "))
    assert "The first column." in lines
    assert any("known images that were taken for other" in line for line in lines)


def test_columns_line_up_even_where_a_cell_holds_a_bar():
    table = "| strategy | x ↑ |\n|:---|---:|\n| a \\| b | **1.0** |\n| c | 2 |"
    lines = aligned(table).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[2].split(" | ")[0] == "| a \\| b  "


def test_promises_are_counted():
    assert "was kept in 2 of 3 runs" in promise_sentences(ROWS)[0]
    assert "images like those that it was calibrated on" in promise_sentences(ROWS)[1]
    assert len(promise_sentences(ROWS[:1])) == 1
    assert "was kept (" in promise_sentences(ROWS[:1])[0]
    assert promise_sentences(ROWS[3:]) == []


def test_means_are_over_seeds():
    found = means(ROWS)
    assert found["a"]["leaf_accuracy"]["mean"] == (0.9 + 0.8) / 2
    assert abs(found["a"]["leaf_accuracy"]["standard_error"] - 0.05) < 1e-12
    assert found["b"]["leaf_accuracy"] == {"mean": 0.7, "standard_error": None}
    assert "seed" not in found["a"]


def test_csv_holds_every_row_and_column():
    lines = list(csv.DictReader(io.StringIO(as_csv([*ROWS, {"strategy": "c", "level_accuracy": [0.5, None]}]))))
    assert [line["strategy"] for line in lines] == ["a", "a", "b", "b", "c"]
    assert lines[3]["error"] == "out of\npatience | really"
    assert lines[4]["level_accuracy"] == "0.5 None"
    assert lines[3]["leaf_accuracy"] == ""


def test_columns_about_one_kind_of_images_stand_together():
    names = ["leaf_accuracy", "oscr_unseen", "oscr_seen", "auroc_other_unseen", "hierarchical_f1", "fit_seconds"]
    columns = columns_with_values(names, [dict.fromkeys(names, 0.5)])
    assert [(column.key, column.group) for column in columns] == [
        ("leaf_accuracy", ""),
        ("hierarchical_f1", ""),
        ("oscr_unseen", "new other"),
        ("auroc_other_unseen", "new other"),
        ("oscr_seen", "given other"),
        ("fit_seconds", "time"),
    ]


def test_a_table_on_validation_images_says_so():
    columns = columns_with_values(["leaf_accuracy"], ROWS)
    text = as_table(config(validation="true"), ROWS, columns, ["Known: 0, 1."])
    assert text.startswith("# small: VALIDATION, the test is unopened\n")
    assert "VALIDATION" not in as_table(config(), ROWS, columns, ["Known: 0, 1."])


SEVERAL = [
    {"strategy": name, "seed": seed, "error": None, "leaf_accuracy": value}
    for name, values in {"a": (0.80, 0.82, 0.90), "b": (0.90, 0.93, 0.99), "c": (0.905, 0.92, 0.99)}.items()
    for seed, value in enumerate(values)
]


def test_a_second_table_tells_differences_and_the_first_who_is_tied():
    columns = columns_with_values(["leaf_accuracy"], SEVERAL)
    text = as_table(config(), SEVERAL, columns, [], baseline="a", footer="Opened once.")
    assert "## Less a" in text
    assert "**+10.0 ± 0.6 better** (3/3)" in text
    assert next(line for line in text.splitlines() if line.startswith("| c ")).endswith("≈ |")
    assert "≈: within one standard error of the best" in " ".join(text.split())
    assert "\nOpened once.\n" in text
    one_seed = [row for row in SEVERAL if row["seed"] == 0]
    assert "## Less" not in as_table(config(), one_seed, columns, [], baseline="a")
    assert "## Less" not in as_table(config(), SEVERAL, columns, [])


def test_csv_without_rows_has_its_columns():
    assert as_csv([], ("strategy", "mean")) == "strategy,mean\n"
    assert as_csv([{"mean": 1, "more": 2}], ("strategy", "mean")).splitlines() == ["strategy,mean,more", ",1,2"]
