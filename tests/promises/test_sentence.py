from __future__ import annotations

import pytest

from hierclf.promises.sentence import counted, percent


@pytest.mark.parametrize(
    ("share", "words"), [(0.05, "5 %"), (1 - 0.05, "95 %"), (0.025, "2.5 %"), (1 - 0.001, "99.9 %")]
)
def test_shares_read_as_they_were_written(share, words):
    assert percent(share) == words


def test_one_is_singular_and_none_is_plural():
    assert [counted(number, "class", "classes") for number in (0, 1, 2)] == ["0 classes", "1 class", "2 classes"]
