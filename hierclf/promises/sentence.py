"""Promises in words: one plain sentence each, which stays true when there are too few images to promise anything.

Whoever reads a promise decides by it, so its sentence holds who is protected, how far, on what average, by how many
images, and what is not promised. A promise that cannot be kept with the images at hand is replaced by what happens
instead ("no image is ever turned away") and by the number of images that it would take.
"""

from __future__ import annotations

from typing import Protocol


class Promise(Protocol):
    """What every promise can say of itself."""

    @property
    def holds(self) -> bool:
        """Whether there are enough images for the promise to mean anything."""

    @property
    def sentence(self) -> str:
        """The promise in words, or what happens instead."""


def percent(share: float) -> str:
    """A share in words, without digits that mean nothing.

    >>> percent(0.05), percent(1 - 0.001)
    ('5 %', '99.9 %')
    """
    return f"{100 * share:.6g} %"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number and what it counts.

    >>> counted(1, "known image"), counted(20, "known image"), counted(2, "class", "classes")
    ('1 known image', '20 known images', '2 classes')
    """
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
