"""What the tables show, in words for somebody who sees it for the first time."""

from __future__ import annotations

from collections.abc import Sequence

from hierclf.report import Column

ALL = (
    Column("leaf_accuracy", "right class", "higher", words="images whose likeliest class is the true one"),
    Column("balanced_accuracy", "mean recall", "higher", words="the same with every class counting alike"),
    Column("worst_class_recall", "worst class", "higher", words="recall of the class that fares worst"),
    *(
        Column(
            f"accuracy_level_{level}",
            f"right at level {level}",
            "higher",
            words=f"images whose likeliest node {level} below the root is the true one",
        )
        for level in range(1, 7)
    ),
    Column("severity", "severity", "lower", "number", "edges between a mistake and the truth"),
    Column("fit_seconds", "seconds", "", "number", "to fit, without what all rows share"),
)
"""About all classes."""


def of_raised(raised: Sequence[str]) -> tuple[Column, ...]:
    """About the classes that some rows raise.

    >>> [column.label for column in of_raised(["Shirt"])]
    ['recall of Shirt', 'precision of Shirt', 'all but Shirt right']
    """
    return tuple(
        column
        for place, node in enumerate(raised)
        for column in (
            Column(f"recall_{place}", f"recall of {node}", "higher", words=f"images of {node} that are said to be it"),
            Column(
                f"precision_{place}",
                f"precision of {node}",
                "higher",
                words=f"of the images that are said to be {node}, those that are",
            ),
            Column(
                f"others_{place}",
                f"all but {node} right",
                "higher",
                words=f"images that are not {node}, whose likeliest class is the true one",
            ),
        )
    )
