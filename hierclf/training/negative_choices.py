"""The setting ``negatives`` in one form: names of transformations."""

from __future__ import annotations

from collections.abc import Sequence

from hierclf.negatives import require_transformations

TRIED = ("mirrored", "upside_down", "rotated_90", "rotated_180", "rotated_270")
"""What "auto" tries: with these the held-out classes of glyphs were noticed best."""


def named_transformations(negatives: str | Sequence[str]) -> tuple[str, ...]:
    """The transformations that the setting ``negatives`` names: none at all for ``"none"``, those tried for ``"auto"``.

    Raises:
        UnknownName: no such transformation.
        ConfigError: an empty list, or one transformation twice.

    >>> named_transformations("none"), named_transformations(["mixed"]), len(named_transformations("auto"))
    ((), ('mixed',), 5)
    """
    if isinstance(negatives, str):
        negatives = {"none": (), "auto": TRIED}.get(negatives, (negatives,))
        if not negatives:
            return ()
    require_transformations(tuple(negatives))
    return tuple(negatives)
