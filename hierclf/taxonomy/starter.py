"""The text of a first taxonomy file, with everything that may be added to it as comments."""

from __future__ import annotations

from os import PathLike

from hierclf.taxonomy.taxonomy import Taxonomy
from hierclf.taxonomy.writing import format_taxonomy, scalar, write_text


def write_starter(taxonomy: Taxonomy, path: str | PathLike[str]) -> None:
    """Write the file of `starter_text`.

    Raises:
        TaxonomyError: the file cannot be written.
    """
    write_text(starter_text(taxonomy), path)


def starter_text(taxonomy: Taxonomy) -> str:
    """A taxonomy file to edit.

    >>> print(starter_text(Taxonomy.from_edges({"root": ["cat", "dog"]})).splitlines()[5])
    tree: [cat, dog]
    """
    example = scalar(taxonomy.leaves[0])
    heading, outline = format_taxonomy(taxonomy).split("\n", maxsplit=1)
    lines = [
        heading,
        "# What may be recognised. Group the classes under names of your own, as deep as you like:",
        "# `animal: [cat, dog]` makes two classes of one meta-class. Every scalar is text, also 0 and no.",
    ]
    tables = [
        "",
        "# A class listed under two names needs `shape: dag` above.",
        "",
        "# labels:                 # names in the data that mean a class; all others match their own name",
        f"#   {example}: [another name for it]",
        "# weights:",
        "#   levels: [1.0, 1.0, 0.5]  # the gate, level 1, level 2; or leaf, uniform, {decay: 0.5}",
        f"#   classes: {{{example}: 2.0}}",
        "# other:",
        "#   data: [clutter]       # folders or labels known to be none of the classes",
        "#   keep: 0.95            # share of known images that must not be turned away",
        "#   promise: average      # or confident, per_class, cross, two_sided, none",
        "#   gates: auto           # gates below the root: auto, none, or names such as [knn, gen]",
        "#   correct: 0.95         # share of known images answered right, or with an ancestor of the truth; or none",
        "#   false_discovery: 0.1  # share of the images turned away that may be known, a batch at a time",
    ]
    return "\n".join([*lines, outline.rstrip("\n"), *tables]) + "\n"
