"""How a run is made, put on record before anything is measured: command, seeds, versions and machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

import hierclf
from experiments.journal import Journal
from experiments.results import ENVIRONMENT, LOG, ExperimentFolder
from hierclf.runs import environment


def begin_record(
    folder: ExperimentFolder, journal: Journal, *, command: str, seeds: Sequence[int], **more: Any
) -> dict[str, Any]:
    """Let the journal keep its lines in the run folder, and write down how the run is made.

    Args:
        folder: of the run.
        journal: who is told.
        command: what was typed.
        seeds: of the run.
        more: further facts, by name; ``threads`` is that of this process where it is not among them.

    Returns:
        What was written, as JSON can hold it.
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
    folder.write_json(ENVIRONMENT, made)
    return made


def made_in_words(made: Mapping[str, Any]) -> dict[str, str]:
    """How a run was made, text by label, for a page.

    >>> made_in_words({"seeds": [0, 1], "packages": {"torch": "2.2"}})
    {'seeds': '0, 1', 'packages': 'torch 2.2'}
    """
    return {label: ", ".join(_listed(value)) for label, value in made.items()}


def _listed(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{name} {version}" for name, version in value.items())
    elif isinstance(value, (list, tuple)):
        yield from map(str, value)
    else:
        yield str(value)
