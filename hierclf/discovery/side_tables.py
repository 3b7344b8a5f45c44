"""What an earlier taxonomy file said beside its tree, carried over to one that was found anew."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hierclf.taxonomy import Taxonomy

TREE = ("root", "edges")


def with_tables(found: Taxonomy, before: Taxonomy) -> tuple[Taxonomy, list[str]]:
    """A taxonomy with the name and the side tables of an earlier one.

    Args:
        found: the tree, and perhaps a name, which goes first.
        before: where the tables come from; what they say about nodes that are no more is left out.

    Returns:
        The taxonomy, and a note if something was left out.
    """
    tables: dict[str, Any] = {one.name: getattr(before, one.name) for one in fields(before) if one.name not in TREE}
    tables["name"] = found.name or before.name
    tables["labels"] = tuple(pair for pair in before.labels if pair[1] in found and pair[0] not in found)
    tables["class_weights"] = tuple(pair for pair in before.class_weights if pair[0] in found)
    tables["other"] = tuple(word for word in before.other if word not in found)
    lost = [
        *(f"the label {word!r}" for word, node in before.labels if (word, node) not in tables["labels"]),
        *(f"the weight of {node!r}" for node, _ in before.class_weights if node not in found),
        *(f"{word!r} in other" for word in before.other if word in found),
    ]
    notes = [f"Of the earlier taxonomy, {', '.join(lost)} fits no more and was left out."] if lost else []
    return replace(found, **tables), notes
