"""Configs as text: YAML without its surprises, and ``key=value`` from the command line.

Every scalar is read as the text that was typed, so the classes ``010`` and ``no`` stay what they are; numbers are made
where a setting wants one. Aliases and keys that stand twice are refused.

>>> parse("classes: {known: [0, 010]}", "example")
{'classes': {'known': ['0', '010']}}
>>> plain({"epochs": "3", "gate": ["knn"], "freeze": "true"})
{'epochs': 3, 'gate': ['knn'], 'freeze': True}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from hierclf.errors import ConfigError

MOST_BYTES = 1 << 20
NOTHING = ("", "~", "null", "none", "None")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


class _TextLoader(yaml.BaseLoader):
    """Texts, lists and mappings; no aliases, no key twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not read; write the value out", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands here twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_document(path: Path) -> dict[str, Any]:
    """The mapping that a file holds.

    Raises:
        ConfigError: it is missing, too large, no UTF-8, no YAML, or holds something else.
    """
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path}: {path.stat().st_size >> 20} MiB are too much for a config")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read this config: {error.strerror or error}{_configs_beside(path)}"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    values = parse(text, str(path))
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected settings as 'name: value', got {type(values).__name__}")
    return values


def parse(text: str, called: str) -> Any:
    """YAML text as texts, lists and mappings.

    Raises:
        ConfigError: no YAML; the message gives the place.
    """
    try:
        return yaml.load(text, Loader=_TextLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigError(f"{called}{place}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{called}: not YAML: {str(error).splitlines()[0]}") from None


def with_assignments(values: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """The same settings with some of them replaced.

    Args:
        values: settings as read from a file.
        assignments: ``"data.root=PATH"``, ``"seeds=[0, 1]"``; dots lead into mappings, values are YAML.

    Raises:
        ConfigError: no ``=``, or a way that leads through something that is no mapping.

    >>> with_assignments({"data": {"source": "idx"}}, ["data.root=fonts", "seeds=[0, 1]"])
    {'data': {'source': 'idx', 'root': 'fonts'}, 'seeds': ['0', '1']}
    """
    changed = _copied(values)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        steps = key.strip().split(".")
        if not equals or not all(steps):
            raise ConfigError(f"expected key=value, such as data.root=PATH or seeds=[0,1], got {assignment!r}")
        here = changed
        for step in steps[:-1]:
            if here.get(step) in (None, *NOTHING):
                here[step] = {}
            if not isinstance(here[step], dict):
                raise ConfigError(f"{assignment!r}: {step!r} is {here[step]!r} and holds no {steps[-1]!r}")
            here = here[step]
        here[steps[-1]] = parse(text, assignment) if text.strip() else ""
    return changed


def plain(value: Any) -> Any:
    """Texts that look like numbers, truth values or nothing as such, within lists and mappings too; keys stay text."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, str):
        return value
    if value in ("", "~", "null"):
        return None
    if value in ("true", "false"):
        return value == "true"
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _NUMBER.fullmatch(value) else value


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _configs_beside(path: Path) -> str:
    """A hint at the configs that come with the project."""
    shipped = sorted(Path(__file__).parent.glob("configs/*.yaml"))
    return f"; there are {', '.join(str(_short(config)) for config in shipped)}" if shipped else ""


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
