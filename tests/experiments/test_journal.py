import pytest

from experiments.journal import Journal, Outlook


def test_lines_are_told_and_kept_with_the_time(tmp_path, capsys):
    journal = Journal()
    journal.say("before there is a folder")
    journal.keep_in(tmp_path / "log.txt")
    journal.say("after")
    journal.note("in silence")
    told = capsys.readouterr()
    assert told.err.splitlines() == ["before there is a folder", "after"]
    assert told.out == ""
    kept = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in kept] == ["before there is a folder", "after", "in silence"]


def test_a_log_is_continued(tmp_path):
    for word in ("one", "two"):
        journal = Journal()
        journal.keep_in(tmp_path / "log.txt")
        journal.note(word)
    assert [line[-3:] for line in (tmp_path / "log.txt").read_text().splitlines()] == ["one", "two"]


def test_the_outlook_goes_by_the_same_strategy_with_other_seeds():
    outlook = Outlook(processes=2)
    assert outlook.left(["slow"]) is None
    for strategy, seconds in (("slow", 100.0), ("quick", 2.0), ("quick", 4.0)):
        outlook.add(strategy, seconds)
    assert outlook.left(["slow", "quick", "quick"]) == pytest.approx((100 + 3 + 3) / 2)
    assert outlook.left([]) == 0
    assert outlook.left(["slow", "new"]) is None
