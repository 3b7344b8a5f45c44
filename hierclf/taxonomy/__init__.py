"""L1: what may be recognised. Plain Python; nothing here imports torch or numpy, and networkx only when asked for."""

from hierclf.taxonomy.convert import load_taxonomy, save_taxonomy
from hierclf.taxonomy.difference import Difference, difference
from hierclf.taxonomy.document import (
    check_taxonomy,
    parse_taxonomy,
    read_taxonomy,
    schema,
    shipped_taxonomies,
)
from hierclf.taxonomy.drawing import draw_taxonomy, summarise
from hierclf.taxonomy.fault import RULES, Fault
from hierclf.taxonomy.folder import taxonomy_from_folder
from hierclf.taxonomy.graph import taxonomy_from_edges, taxonomy_from_networkx, taxonomy_to_networkx
from hierclf.taxonomy.starter import starter_text
from hierclf.taxonomy.taxonomy import LevelWeights, Taxonomy
from hierclf.taxonomy.writing import format_taxonomy, write_taxonomy

__all__ = [
    "RULES",
    "Difference",
    "Fault",
    "LevelWeights",
    "Taxonomy",
    "check_taxonomy",
    "difference",
    "draw_taxonomy",
    "format_taxonomy",
    "load_taxonomy",
    "parse_taxonomy",
    "read_taxonomy",
    "save_taxonomy",
    "schema",
    "shipped_taxonomies",
    "starter_text",
    "summarise",
    "taxonomy_from_edges",
    "taxonomy_from_folder",
    "taxonomy_from_networkx",
    "taxonomy_to_networkx",
    "write_taxonomy",
]
