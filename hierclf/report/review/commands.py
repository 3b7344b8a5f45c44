"""What a person may do with a discovered taxonomy, as command lines to copy."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from hierclf.report.review.cuts import local_cut_of

if TYPE_CHECKING:
    from hierclf.discovery import Discovery

CERTAIN, LIKELY = 0.9, 0.5
"""Support to ask for where surer, or less sure, groups are wanted."""
NARROW = 10
"""Children of a node, where fewer are wanted."""


def next_steps(
    discovery: Discovery, *, fit: Sequence[str] = ("DATA",), taxonomy: str = "taxonomy.yaml", again: str | None = None
) -> dict[str, str]:
    """Accept it, edit it and compare, or find fewer or more groups: command lines, by what each is good for.

    Args:
        discovery: the taxonomy that was found. What would make no difference to it is not offered.
        fit: what to train on, as words of ``hierclf fit``, not quoted: where the images are, and options.
        taxonomy: the file that it was written to, not quoted.
        again: the command line that found it, quoted, to which options can be added; None makes one up.
    """
    edited = str(PurePath(taxonomy).with_name("edited.yaml"))
    again = again or shlex.join(["hierclf", "discover", fit[0], "-o", taxonomy, "--force"])
    return {
        "accept it and train with it": shlex.join(["hierclf", "fit", *fit, "--taxonomy", taxonomy]),
        "or edit a copy: rename groups, move classes, add and remove groups": shlex.join(["cp", taxonomy, edited]),
        "see whether the edited file is in order": shlex.join(["hierclf", "taxonomy", "check", edited]),
        "see what you changed": shlex.join(["hierclf", "taxonomy", "diff", taxonomy, edited]),
        **{words: f"{again} {options}" for words, options in _changes(discovery).items()},
    }


def _changes(discovery: Discovery) -> dict[str, str]:
    settings, found = discovery.settings, dict[str, str]()
    support, largest, cut = settings["support"], settings["largest"], local_cut_of(discovery)
    if settings["bootstraps"] and support < 1:
        found["keep surer groups only"] = f"--support {CERTAIN if support < CERTAIN else (support + 1) / 2:.3g}"
    if settings["bootstraps"] and support > LIKELY:
        found["keep less sure ones, too"] = f"--support {LIKELY:g}"
    if cut is not None and cut.ratio < 1:
        found["find more groups, also looser ones"] = f"--ratio {(cut.ratio + 1) / 2:.2g}"
    if cut is not None:
        found["find the tightest groups only"] = f"--ratio {cut.ratio * 0.8:.2g}"
    if discovery.dendrogram is not None:
        fewer = NARROW if largest is None or largest > NARROW else max(2, largest // 2)
        found[f"divide what has more than {fewer} children"] = f"--largest {fewer}"
    return found
