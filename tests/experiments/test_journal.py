from experiments.journal import Journal


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
