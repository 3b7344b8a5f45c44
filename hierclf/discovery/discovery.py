"""What discovery finds: a taxonomy, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

from hierclf.discovery.dendrogram import Dendrogram
from hierclf.discovery.distances import ClassDistances
from hierclf.discovery.hierarchy import Hierarchy
from hierclf.taxonomy import Taxonomy
from hierclf.taxonomy.writing import format_taxonomy, write_text


@dataclass(frozen=True, kw_only=True)
class Clade:
    """A group of classes that was found and given up.

    Args:
        members: names of its classes.
        support: the share of draws in which they stand together.
    """

    members: tuple[str, ...]
    support: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Discovery:
    """A taxonomy that was found, and how sure that is.

    Args:
        taxonomy: with names for its groups.
        hierarchy: the same before names and second parents.
        name: of each group of the hierarchy, by node; the root's among them.
        support: of each named group but the root, from 0 to 1; empty where there were no images to draw from.
        medoid: the most typical class of each of these groups: the one nearest to the others.
        dropped: groups that were merged into their parent for want of support.
        dendrogram: the whole binary tree, or None for ways that have none.
        distances: what it was found in.
        second: triples (class, group, share of the draws): second parents, if asked for.
        notes: what was assumed, in sentences.
        settings: how it was found.
    """

    taxonomy: Taxonomy
    hierarchy: Hierarchy
    name: dict[int, str]
    support: dict[str, float]
    medoid: dict[str, str]
    dropped: tuple[Clade, ...]
    dendrogram: Dendrogram | None
    distances: ClassDistances
    second: tuple[tuple[str, str, float], ...]
    notes: tuple[str, ...]
    settings: dict[str, Any]

    def format(self) -> str:
        """The text of a taxonomy file, with the support of each group as a comment."""
        remarks = {node: f"support {share:.2f}" for node, share in self.support.items()}
        return format_taxonomy(self.taxonomy, comments=remarks, header=self._header())

    def to_yaml(self, path: str | PathLike[str]) -> None:
        """Write that file; it is whole or untouched, whatever happens meanwhile.

        Raises:
            TaxonomyError: the file cannot be written.
        """
        write_text(self.format(), path)

    def _header(self) -> list[str]:
        how = [self.settings["method"], *(f"{name} {value}" for name, value in self.settings["options"].items())]
        lines = [f"Found by hierclf discover ({', '.join(how)}); edit it freely."]
        if self.support:
            draws = self.settings["bootstraps"]
            lines.append(f"Support: in which share of {draws} draws of the images these classes stand together.")
        lines += [f"{leaf} is as near to {group} in {share:.0%} of the draws." for leaf, group, share in self.second]
        return lines
