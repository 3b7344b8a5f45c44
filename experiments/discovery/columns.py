"""What the tables of a discovery experiment show, in words for somebody who sees it for the first time."""

from __future__ import annotations

from hierclf.report import Column

SCORES = (
    Column("clade_f1", "clade F1", "higher", "number", "harmonic mean of the next two"),
    Column("clade_precision", "precision", "higher", "number", "found groups that the reference has, class for class"),
    Column("clade_recall", "recall", "higher", "number", "groups of the reference that were found, class for class"),
    Column("clade_jaccard", "best match", "higher", "number", "how alike each group and its best match are (Jaccard)"),
    Column("triplet_f1", "triplet F1", "higher", "number", "of three classes told apart, two rightly put together"),
    Column("ancestor_f1", "ancestor F1", "higher", "number", "pairs of a class and a group above it, groups matched"),
    Column("dendrogram_purity", "purity", "higher", "number", "where two of a coarsest group meet, that group's share"),
    Column("adjusted_mutual_information", "AMI", "higher", "number", "grouping beyond chance, mean over the levels"),
    Column("cophenetic_correlation", "cophenetic", "higher", "number", "agreement on how close any two classes are"),
    Column("found_clades", "groups", "", "count", "groups found, the root not counted"),
    Column("seconds", "seconds", "lower", "number", "to find them once the distances are known"),
)
"""For every way."""
