"""Which class is known, which is given as other, and which nobody has seen before the test.

==========  ==========================================================================================================
``known``   to be recognised
``other``   some images are given to learn what is none of the classes; the test holds more of the same kinds
``unseen``  nothing of them is there before the test
``far``     the same, but of another kind altogether: told apart from ``unseen`` in the columns "near" and "far"
==========  ==========================================================================================================

A name may be a glob: ``Greek__*``. A class that is written out in one role is not taken by a glob of another, so
``known: ["Greek__*"]`` and ``unseen: [Greek__omega]`` divide an alphabet. A class without a role plays no part.

Seeds may differ in their classes: ``splits`` has one entry a seed, and whoever it does not name takes the role that is
left, ``known`` where the entry names none, else ``unseen``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from experiments.config import ClassesConfig
from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean
from hierclf.taxonomy import Taxonomy

ROLES = ("known", "other", "unseen", "far")


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The classes of each role, by the names that the data has for them."""

    known: tuple[str, ...]
    other: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    far: tuple[str, ...] = ()


def assigned(classes: ClassesConfig, held: Sequence[str], taxonomy: Taxonomy | None, *, seed: int) -> Roles:
    """The role of each class for a seed.

    Args:
        classes: what the config says.
        held: the classes that the data holds.
        taxonomy: where the config names no known class, those that it holds are known; None: all are.
        seed: says which of the ``splits``.

    Raises:
        ConfigError: a class that the data does not hold or the taxonomy does not know, or one with two roles.
    """
    named = {role: list(getattr(classes, role)) for role in ROLES}
    if classes.splits:
        split = classes.splits[seed % len(classes.splits)]
        for role in ROLES:
            named[role] += getattr(split, role)
    found = _found(named, held)
    outside = {name for names in found.values() for name in names}
    left = [name for name in held if name and name not in outside]
    if not named["known"]:
        found["known"] = [name for name in left if taxonomy is None or taxonomy.node_of_label(name) is not None]
    elif classes.splits and not named["unseen"]:
        found["unseen"] = left
    if not found["known"]:
        raise ConfigError(f"classes: the data holds no class of the taxonomy (it holds {listed(held)})")
    strange = [name for name in found["known"] if taxonomy is not None and taxonomy.node_of_label(name) is None]
    if strange and taxonomy is not None:
        hint = did_you_mean(strange[0], taxonomy.nodes)
        raise ConfigError(f"classes.known: the taxonomy holds no class {strange[0]!r}{hint}")
    return Roles(**{role: tuple(names) for role, names in found.items()})


def _found(named: Mapping[str, Sequence[str]], held: Sequence[str]) -> dict[str, list[str]]:
    """The classes of the data that the names of each role stand for."""
    written = {name: role for role, names in named.items() for name in names if name in held}
    found: dict[str, list[str]] = {}
    for role, names in named.items():
        classes: list[str] = []
        for name in names:
            matched = [name] if name in held else [one for one in held if is_glob(name) and fnmatchcase(one, name)]
            if not matched:
                raise ConfigError(
                    f"classes.{role}: the data holds no class {name!r}{did_you_mean(name, held)} "
                    f"(it holds {listed(held)})"
                )
            classes += [one for one in matched if written.get(one, role) == role and one not in classes]
        found[role] = classes
    for name in held:
        roles = [role for role, names in found.items() if name in names]
        if len(roles) > 1:
            raise ConfigError(
                f"classes: {name!r} is taken by the globs of both {roles[0]} and {roles[1]}; write it out in one"
            )
    return found


def is_glob(name: str) -> bool:
    """Whether a name stands for all that match it.

    >>> is_glob("Greek__*"), is_glob("Greek")
    (True, False)
    """
    return "*" in name or "?" in name


def listed(names: Sequence[str], most: int = 24) -> str:
    """Names in a sentence, the first of them where they are many."""
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")
