"""How a run is made, put on record before anything is measured: command, seeds, versions and machine.

A run that is taken up again was made by several processes. The record stays that of the first, and each later one adds
under ``resumed`` when it began, what was typed, and what else differs from the first: another version or machine, say.
Only ``seeds`` are those of the last, as the tables are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

import hierclf
from experiments.journal import Journal, times
from experiments.results import ENVIRONMENT, LOG, ExperimentFolder
from hierclf.runs import RunFolder, environment


def begin_record(
    folder: ExperimentFolder, journal: Journal, *, command: str, seeds: Sequence[int], **more: Any
) -> dict[str, Any]:
    """Let the journal keep its lines in the run folder, and write down how the run is made, or by what it is resumed.

    Args:
        folder: of the run.
        journal: who is told.
        command: what was typed.
        seeds: of the run.
        more: further facts, by name; ``threads`` is that of this process where it is not among them.

    Returns:
        What was written, as JSON can hold it.

    Raises:
        ConfigError: the record of an earlier process cannot be read.
    """
    journal.keep_in(folder.path / LOG)
    journal.note(command)
    made = {
        "command": command,
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        "seeds": list(seeds),
        "threads": torch.get_num_threads(),
        **more,
        "version": hierclf.__version__,
        **environment(),
    }
    if (folder.path / ENVIRONMENT).is_file():
        made = _resumed(RunFolder(folder.path).read_json(ENVIRONMENT), made)
    folder.write_json(ENVIRONMENT, made)
    return made


def _resumed(first: Mapping[str, Any], again: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a run with one more process that went on with it."""
    always = ("command", "started", "version")
    told = {name: value for name, value in again.items() if name in always or first.get(name) != value}
    return {**first, "seeds": again["seeds"], "resumed": [*first.get("resumed", ()), told]}


def made_in_words(made: Mapping[str, Any]) -> dict[str, str]:
    """How a run was made, text by label, for a page.

    >>> made_in_words({"seeds": [0, 1], "packages": {"torch": "2.2"}})
    {'seeds': '0, 1', 'packages': 'torch 2.2'}
    >>> made_in_words({"version": "0.1", "resumed": [{"version": "0.1"}, {"version": "0.2"}]})
    {'version': '0.1', 'resumed': 'twice, with hierclf 0.1, 0.2'}
    """
    told = {label: ", ".join(_listed(value)) for label, value in made.items() if label != "resumed"}
    resumed = made.get("resumed", ())
    if resumed:
        versions = list(dict.fromkeys(str(one.get("version")) for one in resumed))
        others = "" if versions == [made.get("version")] else f", with hierclf {', '.join(versions)}"
        told["resumed"] = times(len(resumed)) + others
    return told


def _listed(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{name} {version}" for name, version in value.items())
    elif isinstance(value, (list, tuple)):
        yield from map(str, value)
    else:
        yield str(value)
