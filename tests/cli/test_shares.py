import click
import pytest

from hierclf.cli.shares import share_or_none


@pytest.mark.parametrize(("text", "expected"), [("none", "none"), ("0.9", 0.9), ("1e-2", 0.01), ("95", 95.0)])
def test_a_number_or_none(text, expected):
    assert share_or_none(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [("non", "got 'non'; did you mean 'none'"), ("90 %", "expected a share such as 0.9, or none, got '90 %'")],
)
def test_anything_else_is_told(text, told):
    with pytest.raises(click.BadParameter, match=told):
        share_or_none(text)
