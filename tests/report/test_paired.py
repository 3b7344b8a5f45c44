import math
import statistics

import numpy as np
import pytest
from scipy import stats

from hierclf.report import Column, differences, paired, reading_guide
from hierclf.report.paired import chance_of_clear

HIGHER = Column("x", "X", better="higher", unit="number")
LOWER = Column("x", "X", better="lower", unit="number")
NEITHER = Column("x", "X")


def rows_of(**values):
    return [
        {"strategy": name, "seed": seed, "x": x} for name, numbers in values.items() for seed, x in enumerate(numbers)
    ]


def test_mean_and_standard_error_of_the_seeds_differences_by_hand():
    one = paired(rows_of(a=[1.0, 2.0, 3.0, 4.0], b=[1.5, 2.25, 3.5, 3.75]), "b", "a", HIGHER)
    apart = [0.5, 0.25, 0.5, -0.25]
    assert one.mean == pytest.approx(statistics.fmean(apart))
    assert one.standard_error == pytest.approx(statistics.stdev(apart) / math.sqrt(4))
    assert (one.seeds, one.won, one.wins) == (4, 3, "3/4")
    assert paired(rows_of(a=[1.0, 2.0, 3.0, 4.0], b=[1.5, 2.25, 3.5, 3.75]), "b", "a", LOWER).won == 1
    assert paired(rows_of(a=[1.0], b=[1.5]), "b", "a", NEITHER).won is None


def test_only_seeds_that_both_have_count():
    rows = [*rows_of(a=[1.0, 2.0, None, 4.0], b=[2.0, math.nan, 3.0, 5.0]), {"strategy": "b", "seed": 9, "x": 99.0}]
    one = paired(rows, "b", "a", HIGHER)
    assert (one.mean, one.standard_error, one.seeds) == (1.0, 0.0, 2)
    assert paired(rows_of(a=[None], b=[1.0]), "b", "a", HIGHER) is None
    assert paired([{"strategy": name, "x": 1.0} for name in "ab"], "b", "a", HIGHER) is None, "without seeds no pairs"


@pytest.mark.parametrize(
    ("apart", "column", "verdict", "tied"),
    [
        ([0.1, 0.1, 0.1], HIGHER, "better", False),
        ([0.1, 0.1, 0.1], LOWER, "worse", False),
        ([0.1, 0.1, 0.1], NEITHER, "", False),
        ([0.1, 0.1], HIGHER, "", False),  # too few seeds to say so
        ([0.0, 0.0, 0.0], HIGHER, "", True),
        ([0.1, -0.1, 0.05, -0.04], HIGHER, "", True),
        ([0.1], HIGHER, "", False),
    ],
)
def test_what_is_clear_and_what_is_tied(apart, column, verdict, tied):
    one = paired(rows_of(a=[0.5] * len(apart), b=[0.5 + number for number in apart]), "b", "a", column)
    assert (one.verdict, one.tied) == (verdict, tied)


def test_clear_begins_beyond_two_standard_errors():
    spread = np.array([-1.0, 0.0, 1.0])  # its standard error is 1/√3
    for shift, clear in ((1.1, False), (1.2, True)):
        one = paired(rows_of(a=[0.0] * 3, b=list(spread + shift)), "b", "a", HIGHER)
        assert one.standard_error == pytest.approx(1 / math.sqrt(3))
        assert one.clear is clear


def test_how_often_chance_alone_is_called_clear():
    source = np.random.default_rng(0)
    drawn = source.normal(size=(40_000, 5))
    error = drawn.std(axis=1, ddof=1) / math.sqrt(5)
    assert chance_of_clear(5) == pytest.approx(float((abs(drawn.mean(axis=1)) > 2 * error).mean()), abs=0.006)
    assert chance_of_clear(5) == pytest.approx(2 * (1 - stats.t.cdf(2, 4)))
    assert chance_of_clear(2) == 0


def test_every_strategy_less_the_baseline():
    rows = rows_of(a=[1.0, 2.0], b=[2.0, 3.0], c=[None, None])
    found = differences(rows, "a", [HIGHER, Column("nowhere", "Nowhere")])
    assert list(found) == ["b"]
    assert found["b"][0].mean == 1.0
    assert found["b"][1] is None
    assert differences(rows, "no such strategy", [HIGHER]) == {}


def test_the_guide_is_honest_about_few_seeds():
    def guide(seeds):
        return reading_guide(differences(rows_of(a=[0.0] * seeds, b=[1.0] * seeds), "a", [HIGHER]), "a")

    assert "none is marked" in guide(2)
    assert "with 5 seeds, chance alone does that to 12 in 100" in guide(5)
    assert reading_guide({}, "a") == ""


def test_a_record_holds_plain_values():
    record = paired(rows_of(a=[1.0, 2.0, 2.0], b=[2.0, 3.0, 3.0]), "b", "a", HIGHER).to_record()
    assert record == {
        "strategy": "b",
        "baseline": "a",
        "metric": "x",
        "mean": 1.0,
        "standard_error": 0.0,
        "seeds": 3,
        "won": 3,
        "clear": True,
        "verdict": "better",
    }


@pytest.mark.parametrize(
    ("unit", "mean", "text"),
    [
        ("share", 0.0123, "+1.2 ± 0.0"),
        ("share", -0.00001, "+0.0 ± 0.0"),
        ("number", -0.25, "-0.250 ± 0.000"),
        ("count", 12, "+12.0 ± 0.0"),
    ],
)
def test_differences_as_text(unit, mean, text):
    column = Column("x", "X", better="higher", unit=unit)
    assert paired(rows_of(a=[0.0, 0.0], b=[mean, mean]), "b", "a", column).text == text
