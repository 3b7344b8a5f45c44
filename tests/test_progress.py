from __future__ import annotations

import io
import sys

import pytest

from hierclf.progress import bars, silent


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("progress", [silent, bars])
def test_items_pass_through_lazily(progress):
    taken = []

    def items():
        for number in range(3):
            taken.append(number)
            yield number

    stream = iter(progress(items(), 3, "counting"))
    assert taken == []
    assert next(stream) == 0
    assert taken == [0]
    assert list(stream) == [1, 2]


def test_bars_are_quiet_when_nobody_watches(capsys):
    assert list(bars(range(5), 5, "counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_bars_tell_a_terminal_what_is_done_and_keep_off_standard_output(monkeypatch, capsys):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    assert list(bars(range(5), 5, "counting")) == [0, 1, 2, 3, 4]
    assert "counting" in screen.getvalue()
    assert "5/5" in screen.getvalue()
    assert capsys.readouterr().out == ""


def test_an_error_inside_the_loop_comes_out(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())

    def items():
        yield 1
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        list(bars(items(), 2, "counting"))
