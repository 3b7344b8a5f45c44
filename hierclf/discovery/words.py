"""The words that names of classes are made of, and those that a group of names shares.

``oak_tree``, ``OakTree`` and ``oak trees`` are the same two words: names are split where they hold no letters, where a
small letter meets a capital, and between letters and digits; case and a plural's s do not count. What a group shares is
a *phrase*, one word or several in a row, so that ``red_oak_tree`` and ``white_oak_tree`` have ``oak_tree`` in common
and are not mixed up with every other tree.

>>> shared_phrase(["red_oak_tree", "white_oak_tree", "burOakTree"], 1.0)
('oak_tree', ('oak', 'tree'), 3)
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

Phrase = tuple[str, ...]

SHORTEST = 3
"""Letters of a word that may start or end a phrase; two where there are others than the 26 of English."""
LINKS = frozenset({"and", "the", "for", "with", "from", "not", "other", "von", "und", "del", "des", "les"})
"""Words that say nothing at the ends of a phrase."""

_PIECES = re.compile(r"[^\W\d_]+|\d+")


def shared_phrase(names: Iterable[str], share: float) -> tuple[str, Phrase, int] | None:
    """What the most of some names have in common, as they spell it.

    Args:
        names: different names.
        share: of the names that must hold a phrase, above 0 and at most 1.

    Returns:
        The phrase as most of the names that hold it write it, its words, and how many names hold it; of several that
        equally many names hold the longest. None where there is no such phrase.

    >>> shared_phrase(["oak tree", "pine trees", "mushroom"], 0.6)
    ('tree', ('tree',), 2)
    >>> shared_phrase(["7", "1"], 1.0)
    """
    names = tuple(names)
    spellings: defaultdict[Phrase, Counter[str]] = defaultdict(Counter)
    for name in names:
        for phrase, spelling in phrases(name).items():
            spellings[phrase][spelling] += 1
    found = [
        (-written.total(), -len("".join(phrase)), phrase)
        for phrase, written in spellings.items()
        if written.total() >= share * len(names)
    ]
    if not found:
        return None
    count, _, phrase = min(found)
    spelling = min(spellings[phrase], key=lambda word: (-spellings[phrase][word], len(word), word))
    return spelling, phrase, -count


@lru_cache(maxsize=65536)
def phrases(name: str) -> Mapping[Phrase, str]:
    """Every phrase of a name, folded, with its first spelling.

    >>> dict(phrases("oak-trees 2"))
    {('oak',): 'oak', ('oak', 'tree'): 'oak-trees', ('tree',): 'trees'}
    """
    spans = list(_words(name))
    folded = [_folded(name[start:end]) for start, end in spans]
    telling = [_is_telling(word) for word in folded]
    found: dict[Phrase, str] = {}
    for first in range(len(spans)):
        for last in range(first, len(spans)):
            if telling[first] and telling[last]:
                found.setdefault(tuple(folded[first : last + 1]), name[spans[first][0] : spans[last][1]])
    return MappingProxyType(found)


def _words(name: str) -> Iterator[tuple[int, int]]:
    """Where each word starts and ends."""
    for piece in _PIECES.finditer(name):
        start, end = piece.span()
        for place in range(start + 1, end):
            before, here = name[place - 1], name[place]
            following = name[place + 1] if place + 1 < end else ""
            if here.isupper() and (before.islower() or (before.isupper() and following.islower())):
                yield start, place
                start = place
        yield start, end


def _folded(word: str) -> str:
    word = word.casefold()
    return word[:-1] if len(word) > SHORTEST and word.endswith("s") and word[-2] not in "sui" else word


def _is_telling(word: str) -> bool:
    return word.isalpha() and word not in LINKS and len(word) >= (SHORTEST if word.isascii() else 2)
