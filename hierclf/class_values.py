"""What classes are called in arrays: 3 for the leaf "3" when the labels were numbers.

Inside, every class is a node with a name. scikit-learn expects of a classifier that it answers with the very values
that it was taught, and lists them in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hierclf.data import label_text
from hierclf.taxonomy import Taxonomy


def class_values(taxonomy: Taxonomy, labels: Iterable[Any] = ()) -> dict[str, Any]:
    """The value of each leaf, by the leaf's name, in ascending order of the values.

    Args:
        taxonomy: what may be recognised.
        labels: values that were given as labels. A leaf takes the value that means it: the one that is its name, or the
            first that was given; a leaf that nobody named takes its name, as a number if the others are numbers.
            What is neither text nor a number (bytes, dates) is taken as text.

    >>> from hierclf.taxonomy import Taxonomy
    >>> digits = Taxonomy.from_edges({"digit": ["0", "1", "10"]})
    >>> class_values(digits, [10, 0, 10])
    {'0': 0, '1': 1, '10': 10}
    >>> class_values(digits)
    {'0': '0', '1': '1', '10': '10'}
    """
    given: dict[str, Any] = {}
    for value in dict.fromkeys(labels):
        text = label_text(value)
        node = taxonomy.node_of_label(text)
        if node is not None and (node not in given or text == node):
            given[node] = _plain(value, text)
    whole = bool(given) and all(isinstance(value, int) and not isinstance(value, bool) for value in given.values())
    values = {leaf: given.get(leaf, _number(leaf) if whole else leaf) for leaf in taxonomy.leaves}
    try:
        return dict(sorted(values.items(), key=lambda pair: pair[1]))
    except TypeError:  # names among numbers have no order of their own
        return values


def class_array(values: Mapping[str, Any]) -> npt.NDArray[Any]:
    """The values as an array, in order: of numbers or of text, of objects when they are mixed."""
    kinds = {type(value) for value in values.values()}
    return np.array(list(values.values()), dtype=object if len(kinds) > 1 else None)


def _plain(value: Any, text: str) -> Any:
    """A value that JSON can hold and give back."""
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, (str, bool, int, float)) else text


def _number(leaf: str) -> int | str:
    return int(leaf) if leaf.isdecimal() and leaf.isascii() and str(int(leaf)) == leaf else leaf
