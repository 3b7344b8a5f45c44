"""Names in the data, and the nodes of the taxonomy that they mean.

Every label is text: ``no``, ``010`` and ``0`` stay what was typed, ``3`` and ``np.int64(3)`` are both ``"3"``. Text is
compared in Unicode's composed form (NFC), because one file system writes "é" as one character and another as two.
Characters that cannot be seen, or that turn the text around them, make two labels look alike, so they are refused.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierclf.errors import DataError
from hierclf.registry import did_you_mean
from hierclf.taxonomy import Taxonomy

_JOINERS = "\u200c\u200d"  # Persian, Hindi and emoji need them
_MOST_HINTS = 20  # a search through all names takes its time


@dataclass(frozen=True, kw_only=True)
class UnmatchedLabel:
    """A name in the data that no node bears.

    Args:
        label: the name; ``""`` stands for images without a label.
        images: number of images that carry it.
        hint: ``"; did you mean 'digit'?"``, or nothing.
    """

    label: str
    images: int
    hint: str = ""

    def __str__(self) -> str:
        count = "1 image" if self.images == 1 else f"{self.images} images"
        return f"{self.label!r} ({count}){self.hint}" if self.label else f"no label at all ({count})"


def label_text(label: object) -> str:
    """A label as text in composed form, without blanks around it; None and NaN give ``""``.

    Raises:
        DataError: the label holds a character that cannot be seen, or it is no single value.

    >>> label_text(np.int64(3)), label_text(" no "), label_text(None)
    ('3', 'no', '')
    """
    value: Any = label
    if not isinstance(value, str) and hasattr(value, "item"):
        try:
            value = value.item()
        except (ValueError, RuntimeError):
            shape = tuple(value.shape)
            raise DataError(f"expected one label per image, got numbers of shape {shape}; give one name each") from None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, (list, dict, set)):
        raise DataError(f"expected one label per image, got {value!r}; give one name or number each")
    text = unicodedata.normalize("NFC", str(value)).strip()
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _JOINERS:
            raise DataError(
                f"the label {text!a} holds a character that cannot be seen (U+{ord(character):04X}); rename it"
            )
    return text


def unmatched_labels(
    labels: Iterable[str], taxonomy: Taxonomy, other: Collection[str] = ()
) -> tuple[UnmatchedLabel, ...]:
    """The names that mean no node and are not known to be other, the most frequent first.

    Args:
        labels: one name per image.
        taxonomy: what may be recognised; its side tables ``labels`` and ``other`` count.
        other: more names that are known to be none of the classes.
    """
    meaning = _meanings(taxonomy, other)
    counts = Counter(label for label in labels if label not in meaning)
    unmatched = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(
        UnmatchedLabel(
            label=label, images=count, hint=did_you_mean(label, meaning) if label and place < _MOST_HINTS else ""
        )
        for place, (label, count) in enumerate(unmatched)
    )


def label_nodes(labels: Iterable[Any], taxonomy: Taxonomy, other: Collection[str] = ()) -> NDArray[np.int64]:
    """The node that each label means.

    Args:
        labels: one name per image, for any node of the taxonomy, leaf or not; anything hashable is taken as text.
        taxonomy: what may be recognised; its side tables ``labels`` and ``other`` count.
        other: more names that are to count as none of the classes, even where a node bears them.

    Returns:
        Places in ``taxonomy.nodes``, int64, shape ``(n,)``; -1 for what is known to be other.

    Raises:
        DataError: some labels mean no node; the message lists each with its number of images and the nearest name.

    >>> signs = Taxonomy(root="sign", edges=(("sign", "digit"), ("digit", "7")), other=("blot",))
    >>> label_nodes([7, "digit", "blot"], signs)
    array([ 2,  1, -1])
    """
    texts = [label_text(label) for label in labels]
    meaning = _meanings(taxonomy, other)
    try:
        return np.fromiter((meaning[text] for text in texts), dtype=np.int64, count=len(texts))
    except KeyError:
        unmatched = unmatched_labels(texts, taxonomy, other)
        raise DataError(unmatched_message(unmatched)) from None


def unmatched_message(unmatched: Collection[UnmatchedLabel]) -> str:
    """All unmatched labels in one message, a line each, and what to do about them."""
    if all(not one.label for one in unmatched):
        count = sum(one.images for one in unmatched)
        have = "1 image has" if count == 1 else f"{count} images have"
        return f"{have} no label at all: put them into class folders, give each a label, or move them away"
    matches = "1 label matches" if len(unmatched) == 1 else f"{len(unmatched)} labels match"
    lines = "".join(f"\n  {label}" for label in unmatched)
    return (
        f"{matches} no class of the taxonomy:{lines}\nrename them in the data, map them to a class under `labels:` of "
        "the taxonomy, or list them under `other: data:` when they are none of the classes"
    )


def _meanings(taxonomy: Taxonomy, other: Collection[str]) -> dict[str, int]:
    """Every name that the data may use, in composed form, with its node's place or -1."""
    meaning = {_composed(name): -1 for name in taxonomy.other}
    meaning.update((_composed(node), place) for place, node in enumerate(taxonomy.nodes))
    meaning.update((_composed(name), taxonomy.index(node)) for name, node in taxonomy.labels)
    meaning.update((_composed(name), -1) for name in other)
    return meaning


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", str(name)).strip()
