"""What an option holds that is a share, or the word ``none``."""

from __future__ import annotations

import click

from hierclf.registry import did_you_mean
from hierclf.taxonomy.gate_words import NOTHING


def share_or_none(text: str) -> float | str:
    """A number, or the word ``none``; whether the number is a share, the setting says that it goes to.

    Raises:
        click.BadParameter: anything else.

    >>> share_or_none("0.9"), share_or_none("none")
    (0.9, 'none')
    >>> share_or_none("nome")
    Traceback (most recent call last):
        ...
    click.exceptions.BadParameter: expected a share such as 0.9, or none, got 'nome'; did you mean 'none'?
    """
    if text == NOTHING:
        return NOTHING
    try:
        return float(text)
    except ValueError:
        hint = did_you_mean(text, [NOTHING])
        raise click.BadParameter(f"expected a share such as 0.9, or none, got {text!r}{hint}") from None
