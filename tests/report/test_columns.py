import pytest

from hierclf.errors import ConfigError, UnknownName
from hierclf.report import Column


def test_what_is_refused():
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


def test_headlines_say_which_way_is_better():
    assert [Column("a", "A", better).headline for better in ("higher", "lower", "")] == ["A ↑", "A ↓", "A"]
