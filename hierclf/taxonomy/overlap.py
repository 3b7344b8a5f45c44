"""Which sets of one collection are the sets of another, a few members aside.

Two sets are alike by Jaccard's index, what they share over what they hold together: 1 when they are equal, 0 when they
are disjoint. Sets are paired one to one, the most alike first, and a pair is believed from one half on: two sets that
are disjoint cannot both be more than half of a third.

>>> match_by_overlap({"pets": {"cat", "dog", "cow"}, "tools": {"saw"}}, {"home": {"cat", "dog"}, "farm": {"hen"}})
{'pets': 'home'}
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Set

LEAST_OVERLAP = 0.5


def overlap(one: Set[str], other: Set[str]) -> float:
    """Jaccard's index of two sets; 0 for two empty ones.

    Jaccard, *Étude comparative de la distribution florale dans une portion des Alpes et des Jura*, Bulletin de la
    Société Vaudoise des Sciences Naturelles 37, 1901.

    >>> overlap({"a", "b"}, {"b", "c"})
    0.3333333333333333
    """
    together = len(one | other)
    return len(one & other) / together if together else 0.0


def match_by_overlap(
    before: Mapping[str, Collection[str]], after: Mapping[str, Collection[str]], *, least: float = LEAST_OVERLAP
) -> dict[str, str]:
    """Pair the sets of two collections one to one, the most alike first.

    Args:
        before: sets by name.
        after: sets by name; equal names mean nothing.
        least: the smallest index of a pair.

    Returns:
        Names of `before` with their names in `after`, sorted; sets without a partner are left out. Ties go by name, the
        same way when the two collections change places. The work grows with the members, counted once for each pair of
        sets that hold them.
    """
    ones, others = ({name: frozenset(members) for name, members in sets.items()} for sets in (before, after))
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for name, members in others.items():
        for member in members:
            holders[member].append(name)
    pairs = []
    for name, members in ones.items():
        shared = Counter(holder for member in members for holder in holders.get(member, ()))
        for holder, count in shared.items():
            index = count / (len(members) + len(others[holder]) - count)
            if index >= least:
                pairs.append((-index, sorted((name, holder)), name, holder))
    matched: dict[str, str] = {}
    taken: set[str] = set()
    for _, _, name, holder in sorted(pairs):
        if name not in matched and holder not in taken:
            matched[name] = holder
            taken.add(holder)
    return dict(sorted(matched.items()))
