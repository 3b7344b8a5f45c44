"""The text of a taxonomy file, read with care, and the faults found in it.

A file is measured before it is opened and decoded before it is parsed, so that a gigabyte, a device, a stray NUL or an
invisible byte order mark is refused by one line, quickly.
"""

from __future__ import annotations

import codecs
import re
import stat
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path

from hierclf.errors import TaxonomyError
from hierclf.registry import closest
from hierclf.taxonomy.fault import Fault, error_from

MOST_BYTES = 16 * 2**20
MOST_FAULTS = 1000

_MOST_HINTS = 20  # looking for a near name takes a while in a large taxonomy
_MOST_COMPARED = 2000
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LEADING_TAB = re.compile(r"^ *\t", re.MULTILINE)
_LINE_END = re.compile(r"\r\n|\r|\n")


class TooManyFaults(Exception):  # noqa: D101 - only stops the reading; never leaves this package
    pass


@dataclass(kw_only=True)
class Source:
    """A text with its name, and the list of faults that grows while it is read.

    Args:
        path: what to call the text in messages.
        text: the text itself.
    """

    path: str
    text: str
    faults: list[Fault] = field(default_factory=list)
    _hints: int = 0

    @cached_property
    def lines(self) -> list[str]:
        """The lines as YAML counts them: only CR, LF and CR LF end one."""
        return _LINE_END.split(self.text)

    def report(self, rule: str, message: str, *, line: int, column: int, span: int = 1, help: str = "") -> None:
        """Note a fault; line and column count from 0, as the parser's marks do.

        Raises:
            TooManyFaults: the list is full.
        """
        source = self.lines[line] if line < len(self.lines) else ""
        is_full = len(self.faults) >= MOST_FAULTS
        if is_full:
            rule, message, help = "too-many", f"more than {MOST_FAULTS:,} faults; mend these first", ""
        self.faults.append(
            Fault(
                path=self.path,
                line=line + 1,
                column=column + 1,
                rule=rule,
                message=message,
                help=help,
                source=source,
                span=span,
            )
        )
        if is_full:
            raise TooManyFaults

    def did_you_mean(self, name: str, known: list[str]) -> str:
        """A hint at the known name nearest to a mistyped one, or nothing; gives up quietly after a few."""
        self._hints += 1
        if self._hints > _MOST_HINTS or len(name) > 100:
            return ""
        if len(known) > _MOST_COMPARED:
            known = [word for word in known if word[:1] == name[:1] and abs(len(word) - len(name)) < 3]
        near = closest(name, known[:_MOST_COMPARED])
        return f'did you mean "{near}"?' if near is not None else ""

    def check_characters(self) -> bool:
        """Note the first character that YAML or a reader's eye cannot take; whether there was none."""
        if found := _FORBIDDEN.search(self.text):
            code = ord(found[0])
            called = {0: "a NUL", 0xFEFF: "a byte order mark"}.get(code, "a control character")
            self._report_at(found.start(), f"{called} (U+{code:04X}) does not belong in a taxonomy", "remove it")
            return False
        if tab := _LEADING_TAB.search(self.text):
            self._report_at(tab.end() - 1, "a tab at the start of a line", "YAML is indented by spaces")
            return False
        return True

    def _report_at(self, offset: int, message: str, help: str) -> None:
        before = _LINE_END.split(self.text[:offset])
        self.report("syntax", message, line=len(before) - 1, column=len(before[-1]), help=help)


def read_text(path: str | PathLike[str], *, may_be_marked: bool = False) -> str:
    """The text of a file of reasonable size.

    Args:
        path: the file.
        may_be_marked: whether a byte order mark in UTF-8 is passed over, as spreadsheets write it before a table.

    Raises:
        TaxonomyError: it is missing, no plain file, larger than 16 MiB, or not UTF-8. Only the last two are faults of
            its content, so only they come with a `Fault`.
    """
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):
            raise TaxonomyError(f"{path}: expected a file with a taxonomy, found something else (a folder or a device)")
        if found.st_size > MOST_BYTES:
            message = f"{found.st_size / 2**20:,.0f} MiB are too much for a taxonomy; at most {MOST_BYTES // 2**20} MiB"
            raise _refusal(path, "too-large", message, "is this the right file?")
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, TaxonomyError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise TaxonomyError(f"{path}: cannot read this taxonomy: {reason}") from error
    return decode(content.removeprefix(codecs.BOM_UTF8) if may_be_marked else content, path)


def decode(content: bytes, path: str | PathLike[str]) -> str:
    """Bytes as text, refusing with the place what is not UTF-8 or starts with a byte order mark."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or content[:3] == b"\xef\xbb\xbf":
        message = "the file starts with a byte order mark"
        raise _refusal(path, "unreadable", message, "save it as UTF-8 without a byte order mark (BOM)")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        lines = _LINE_END.split(before)
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        place = (len(lines), len(lines[-1]) + 1, lines[-1])
        raise _refusal(path, "unreadable", message, "save the file as UTF-8", *place) from None


def _refusal(
    path: str | PathLike[str], rule: str, message: str, help: str, line: int = 1, column: int = 1, source: str = ""
) -> TaxonomyError:
    return error_from(
        (Fault(path=str(path), line=line, column=column, rule=rule, message=message, help=help, source=source),)
    )
