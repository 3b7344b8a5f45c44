from __future__ import annotations

import pytest

from experiments.weights.shifts import shift_table, shifts


def rows_of(**recalls):
    """One row per strategy and seed, from lists of recalls by class."""
    return [
        {"strategy": name, "seed": seed, "recalls": {label: values[seed] for label, values in by_class.items()}}
        for name, by_class in recalls.items()
        for seed in range(len(next(iter(by_class.values()))))
    ]


ROWS = rows_of(
    usual={"hat": [0.5, 0.6, 0.7], "coat": [0.9, 0.8, 0.9], "shoe": [0.4, 0.4, 0.4]},
    raised={"hat": [0.7, 0.8, 0.9], "coat": [0.8, 0.75, 0.85], "shoe": [0.5, 0.3, 0.4]},
)


def test_changes_are_taken_within_each_seed():
    found = shifts(ROWS, "raised", "usual")
    (hat,) = found.gains
    assert (hat.name, hat.mean) == ("hat", pytest.approx(0.2))
    assert hat.standard_error == pytest.approx(0, abs=1e-12)
    (coat,) = found.pays
    differences = [-0.1, -0.05, -0.05]
    mean = sum(differences) / 3
    error = (sum((one - mean) ** 2 for one in differences) / 2 / 3) ** 0.5
    assert (coat.name, coat.mean, coat.standard_error) == ("coat", pytest.approx(mean), pytest.approx(error))


def test_a_change_within_its_own_noise_is_not_named():
    assert "shoe" not in {
        one.name for one in (*shifts(ROWS, "raised", "usual").gains, *shifts(ROWS, "raised", "usual").pays)
    }


def test_with_one_seed_there_is_no_error():
    one = [row for row in ROWS if row["seed"] == 0]
    assert [shift.text for shift in shifts(one, "raised", "usual").pays] == ["coat -10.0"]


def test_the_largest_come_first_and_the_rest_is_counted():
    rows = rows_of(
        usual={name: [0.5, 0.5] for name in "abcdef"},
        raised={name: [0.5 + place / 10] * 2 for place, name in enumerate("abcdef")},
    )
    line = shift_table(rows, ["raised"], "usual").splitlines()[-1]
    assert line == "| raised | f +50.0 ± 0.0, e +40.0 ± 0.0, d +30.0 ± 0.0, c +20.0 ± 0.0 and 1 more | – |"


def test_a_row_that_failed_changes_nothing():
    rows = [*ROWS[:3], {"strategy": "raised", "seed": 0, "error": "by nought"}]
    assert shifts(rows, "raised", "usual").gains == ()
