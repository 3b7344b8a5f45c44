"""Taxonomies from and to other forms, chosen by what a path looks like.

=====================  ==========================================================  ================
form                   holds                                                       module
=====================  ==========================================================  ================
``.yaml`` ``.yml``     everything                                                  `document`
``.csv``               lines ``parent,child``                                      `edge_list`
``.skos .tsv .txt``    lines ``child broader parent`` or ``parent narrower child``  `edge_list`
``.json``              networkx node-link data                                     `graph`
a folder               nested folders; reading only                                `folder`
=====================  ==========================================================  ================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.document import find_taxonomy, read_taxonomy
from hierclf.taxonomy.edge_list import format_csv, format_skos, parse_csv, parse_skos
from hierclf.taxonomy.fault import Fault, error_from
from hierclf.taxonomy.folder import taxonomy_from_folder
from hierclf.taxonomy.graph import (
    format_node_link,
    parse_node_link,
    taxonomy_from_edges,
    taxonomy_from_networkx,
    taxonomy_to_networkx,
)
from hierclf.taxonomy.source import read_text
from hierclf.taxonomy.taxonomy import Edge, Taxonomy
from hierclf.taxonomy.writing import write_taxonomy, write_text

__all__ = [
    "load_taxonomy",
    "save_taxonomy",
    "taxonomy_from_edges",
    "taxonomy_from_folder",
    "taxonomy_from_networkx",
    "taxonomy_to_networkx",
]

YAML = (".yaml", ".yml")
PARSERS: Mapping[str, Callable[[str, str], tuple[Edge, ...]]] = {
    ".csv": parse_csv,
    ".json": lambda text, _: parse_node_link(text),
    ".skos": parse_skos,
    ".tsv": parse_skos,
    ".txt": parse_skos,
}
FORMATTERS: Mapping[str, Callable[[Taxonomy], str]] = {
    ".csv": format_csv,
    ".json": format_node_link,
    ".skos": format_skos,
    ".tsv": format_skos,
    ".txt": format_skos,
}


def load_taxonomy(path: str | PathLike[str], *, root: str | None = None) -> Taxonomy:
    """Read a taxonomy in any of the forms above, or a shipped one by name.

    Args:
        path: a file, a folder, or the name of a shipped taxonomy.
        root: the root's name, for forms that need not say it: put above the top names where there are several. A
            YAML file says it itself, so there it must agree.

    Raises:
        TaxonomyError: missing, of another form, or with faults; the message names the file and the line.
    """
    found = find_taxonomy(path)
    suffix = found.suffix.lower()
    if found.is_dir():
        return taxonomy_from_folder(found, root=root)
    if suffix in PARSERS:
        return _from_text(read_text(found, may_be_marked=True), root, found)
    if suffix not in YAML:
        raise TaxonomyError(f"{found}: expected a folder or a file that ends in {_listed([*YAML, *PARSERS])}")
    taxonomy = read_taxonomy(found)
    if root is not None and root != taxonomy.root:
        raise TaxonomyError(f"{found}: its root is {taxonomy.root!r}, not {root!r}; change `root:` in the file")
    return taxonomy


def save_taxonomy(taxonomy: Taxonomy, path: str | PathLike[str]) -> None:
    """Write a taxonomy in the form that the suffix asks for; all but YAML hold the edges alone.

    Raises:
        TaxonomyError: an unknown suffix, or a file that cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix in YAML:
        write_taxonomy(taxonomy, path)
    elif suffix in FORMATTERS:
        write_text(FORMATTERS[suffix](taxonomy), path)
    else:
        raise TaxonomyError(f"{path}: expected a name that ends in {_listed([*YAML, *FORMATTERS])}")


def _from_text(text: str, root: str | None, path: Path) -> Taxonomy:
    """A taxonomy from a form that holds edges alone; what is wrong is a fault of the file, with its line if known."""
    try:
        parse = PARSERS[path.suffix.lower()]
        return taxonomy_from_edges(parse(text, str(path)), root=root)
    except TaxonomyError as error:
        if error.faults:
            raise
        fault = Fault(path=str(path), line=0, column=0, rule="edges", message=str(error))
        raise error_from((fault,)) from error


def _listed(suffixes: list[str]) -> str:
    return f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
