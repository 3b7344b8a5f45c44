"""Differences within seeds against the textbook's paired test."""

import numpy as np
import pytest
from scipy import stats

from experiments.worth.differences import Difference, differences, paired, plain
from hierclf.report import Column

ACCURACY, SEVERITY = Column("x", "accuracy", "higher"), Column("y", "severity", "lower", "number")


def rows_of(values):
    return [
        {"strategy": name, "seed": seed, "x": value, "y": 1 - value if value is not None else None}
        for name, column in values.items()
        for seed, value in enumerate(column)
    ]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [3, 5])
def test_clear_is_what_a_paired_t_test_calls_significant(seed, count):
    source = np.random.default_rng(seed)
    luck = source.normal(size=count)
    first, second = luck + 0.1 + 0.1 * source.normal(size=count), luck + 0.1 * source.normal(size=count)
    one = paired(rows_of({"a": first, "b": second}), "a", "b", "x")
    assert one.mean == pytest.approx(np.mean(first - second))
    assert one.standard_error == pytest.approx(stats.sem(first - second))
    assert one.seeds == count
    assert one.clear == (stats.ttest_rel(first, second).pvalue < 0.05)


def test_only_seeds_that_both_have_count():
    one = paired(rows_of({"a": [1.0, 2.0, None, 4.0], "b": [0.0, 0.5, 1.0]}), "a", "b", "x")
    assert (one.mean, one.seeds) == (1.25, 2)
    assert paired(rows_of({"a": [1.0], "b": [None]}), "a", "b", "x") is None
    assert paired(rows_of({"a": [1.0]}), "a", "b", "x") is None


def test_one_seed_says_nothing_about_chance():
    one = paired(rows_of({"a": [0.9], "b": [0.1]}), "a", "b", "x")
    assert one.standard_error is None
    assert not one.clear
    assert one.text(ACCURACY) == "+80.0"


def test_what_is_better_depends_on_the_column():
    more, less = (Difference(mean=mean, standard_error=0.01, seeds=5) for mean in (0.2, -0.2))
    assert (more.verdict(ACCURACY), less.verdict(ACCURACY)) == ("better", "worse")
    assert (more.verdict(SEVERITY), less.verdict(SEVERITY)) == ("worse", "better")
    assert more.verdict(Column("z", "nodes")) == ""
    assert more.text(ACCURACY) == "**+20.0 ± 1.0 better**"
    assert less.text(SEVERITY) == "**-0.200 ± 0.010 better**"
    assert Difference(mean=0.2, standard_error=0.1, seeds=3).text(ACCURACY) == "+20.0 ± 10.0"


def test_two_seeds_are_too_few_to_tell():
    one = paired(rows_of({"a": [0.9, 0.8], "b": [0.1, 0.0]}), "a", "b", "x")
    assert (one.standard_error, one.clear) == (pytest.approx(0.0), False)


def test_nothing_is_plus_nothing():
    assert Difference(mean=-1e-10, standard_error=0.0, seeds=5).text(SEVERITY) == "+0.000 ± 0.000"
    assert Difference(mean=-1e-9, standard_error=1e-7, seeds=5).text(ACCURACY) == "+0.0 ± 0.0"


def test_no_difference_at_all_is_not_clear():
    assert not Difference(mean=0.0, standard_error=0.0, seeds=5).clear
    assert Difference(mean=0.1, standard_error=0.0, seeds=5).clear


def test_all_pairs_and_columns_that_have_seeds_in_common():
    rows = rows_of({"a": [1.0, 2.0], "b": [0.0, 0.0], "c": [None, None]})
    told = differences(rows, [("a", "b"), ("a", "c")], [ACCURACY, SEVERITY])
    assert set(told) == {("a", "b")}
    listed = plain(told)
    assert [(one["strategy"], one["less"], one["metric"], one["mean"]) for one in listed] == [
        ("a", "b", "x", 1.5),
        ("a", "b", "y", -1.5),
    ]
