"""What a class may be called.

A name is text and nothing else: it is never a path, a number or markup, so ``../x``, ``010``, ``<script>`` and
``=HYPERLINK()`` are all good names, and ``a`` and ``A`` are two classes. Refused is only what a reader could not tell
apart or could not see: characters that leave no mark (zero-width, right-to-left override, line ends), spaces at the
ends, and names that are too long to read. Names are kept in Unicode normal form C, so that ``é`` typed on a Mac and
``é`` typed elsewhere are one class.

>>> normalise_name("cafe" + chr(0x301)) == "café"
True
>>> complaint_about("a" + chr(0x200B) + "b")
'holds the invisible character U+200B (zero width space)'
>>> complaint_about("../<script>")
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

LONGEST_NAME = 200

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, format, half a surrogate pair, line and paragraph separators


def normalise_name(name: str) -> str:
    """The name in Unicode normal form C."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def complaint_about(name: str) -> str | None:
    """Why a name is refused, as words that follow the name, or None for a good one."""
    if name.isascii() and name.isprintable() and 0 < len(name) <= LONGEST_NAME and name[0] != " " != name[-1]:
        return None
    if not name:
        return "is empty"
    if len(name) > LONGEST_NAME:
        return f"is {len(name):,} characters long; at most {LONGEST_NAME} are allowed"
    for character in name:
        if unicodedata.category(character) in _HIDDEN:
            called = unicodedata.name(character, "control character").lower()
            return f"holds the invisible character U+{ord(character):04X} ({called})"
    if name.strip() != name:
        return "starts or ends with a space"
    return None


def all_plain(names: Collection[str]) -> bool:
    """Whether all names are good and in ASCII, found out at once; False when it takes a closer look at each.

    >>> all_plain(["a", "b c"]), all_plain(["a", ""]), all_plain(["a", " b"]), all_plain(["é"])
    (True, False, False, False)
    """
    text = "/".join(names)
    if not (text.isascii() and text.isprintable()) or not all(names):
        return False
    if text[:1] == " " or text[-1:] == " " or " /" in text or "/ " in text:
        return False
    return max(map(len, names), default=1) <= LONGEST_NAME


def quoted(name: str) -> str:
    """A name in double quotes for a message, with everything invisible spelt out and a long one cut.

    >>> quoted("a" + chr(0x202E) + "b")
    '"a\\\\u202eb"'
    """
    shown = name if len(name) <= 60 else name[:57] + "…"
    return f'"{visible(shown)}"'


def visible(text: str) -> str:
    """Text in which each character that would not show, or would move the cursor, is written as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == " " else ascii(c)[1:-1] for c in text)
