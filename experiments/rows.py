"""Which strategies a config compares: its own, those of files that it includes, or some of them.

Several protocols ask the same question of the same strategies, so these stand in a file of their own::

    strategies:                         # strategies/all.yaml
      flat_msp: {}
      knn: {}

and a config takes them over with ``include: strategies/all.yaml``. Its own entries come on top: a new name is added, a
name that is there already is replaced as a whole, and ``knn: null`` takes one away. ``only: ["flat_*"]`` keeps some,
and the ``baseline`` in any case, as differences are taken to it.

>>> whole = {"flat_msp": {}, "flat_max_logit": {}, "knn": {}}
>>> chosen(whole, ["flat_*"])
{'flat_msp': {}, 'flat_max_logit': {}}

What comes out is written into the run folder as if the config had held it all, so a run can be read, and gone on with,
without the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from experiments.document import NOTHING, read_document
from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean

SHIPPED = Path(__file__).parent / "configs"
REMOVED = ("~", "null")
FILES = (".yaml", ".yml")


def gathered(values: Mapping[str, Any], beside: Path | None = None) -> dict[str, Any]:
    """The same config with all its strategies in it.

    Args:
        values: texts, lists and mappings, as `experiments.document` reads them.
        beside: the folder that the config lies in; files that it names are looked up there, and failing that among
            the configs that come with the project.

    Raises:
        ConfigError: a file that is missing or holds something else, a strategy that is to be removed and is not there,
            or a name in ``only`` that matches none.
    """
    own = values.get("strategies", {})
    if not isinstance(own, dict):
        return dict(values)  # the check of the whole config says what is wrong
    rows: dict[str, Any] = {}
    for name in _listed(values.get("include")):
        rows.update(_included(name, beside))
    for name, entry in own.items():
        if entry is not None and entry not in REMOVED:
            rows[name] = _written_out(name, entry, beside)
        elif name in rows:
            del rows[name]
        elif values.get("include"):
            raise ConfigError(
                f"strategies.{name}: null takes away what include brought, and it brought no {name!r}"
                f"{did_you_mean(name, rows)}"
            )
        else:
            rows[name] = ""
    only, baseline = _listed(values.get("only")), values.get("baseline")
    kept = chosen(rows, [*only, baseline] if only and baseline in rows else only)  # differences are taken to it
    left = {key: value for key, value in values.items() if key not in ("include", "only")}
    return {**left, "strategies": kept} if "strategies" in values or "include" in values else left


def chosen(rows: Mapping[str, Any], only: Sequence[str]) -> dict[str, Any]:
    """The rows whose names are among some names or globs, in their own order; all where there are none.

    Raises:
        ConfigError: a name that matches no row.
    """
    for name in only:
        if not any(fnmatchcase(row, name) for row in rows):
            raise ConfigError(
                f"only: no strategy is called {name!r}{did_you_mean(name, rows)} (there are {', '.join(rows)})"
            )
    return {row: entry for row, entry in rows.items() if not only or any(fnmatchcase(row, name) for name in only)}


def _included(name: str, beside: Path | None) -> dict[str, Any]:
    path = _found(name, beside, "include")
    held = read_document(path)
    strange = [key for key in held if key != "strategies"]
    if strange or not isinstance(held.get("strategies"), dict):
        got = f"{strange[0]!r}" if strange else "none"
        raise ConfigError(f"include: {path}: expected 'strategies' with one entry each and nothing else, got {got}")
    return {row: _written_out(row, entry, path.parent) for row, entry in held["strategies"].items()}


def _written_out(row: str, entry: Any, beside: Path | None) -> Any:
    """An entry with its settings: a text is a file that holds them, or the name of the registered base."""
    if not isinstance(entry, str) or entry in NOTHING:
        return entry
    if not entry.endswith(FILES):
        return {"base": entry}
    return read_document(_found(entry, beside, f"strategies.{row}"))


def _found(name: str, beside: Path | None, key: str) -> Path:
    places = [folder / name for folder in (beside or Path(), SHIPPED)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise ConfigError(f"{key}: there is no file {name!r} (looked for {' and '.join(map(str, places))})")
    return path


def _listed(value: Any) -> list[str]:
    return [] if value in (None, *NOTHING) else [str(one) for one in value] if isinstance(value, list) else [str(value)]
