from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from hierclf.class_values import class_array, class_values
from hierclf.taxonomy import Taxonomy

DIGITS = Taxonomy.from_edges({"low": ["0", "1"], "high": ["9", "10"]}, root="digit")
NAMED = Taxonomy(root="sign", edges=(("sign", "o"), ("sign", "no")), labels=(("letter_o", "o"), ("O", "o")))


@pytest.mark.parametrize(
    ("taxonomy", "labels", "values"),
    [
        (DIGITS, [], {"0": "0", "1": "1", "10": "10", "9": "9"}),
        (DIGITS, [9, 0, 0], {"0": 0, "1": 1, "9": 9, "10": 10}),
        (DIGITS, [np.int64(9), np.uint8(1)], {"0": 0, "1": 1, "9": 9, "10": 10}),
        (DIGITS, ["9", "low"], {"0": "0", "1": "1", "10": "10", "9": "9"}),
        (NAMED, ["O", "letter_o"], {"o": "O", "no": "no"}),
        (NAMED, ["O", "letter_o", "o"], {"no": "no", "o": "o"}),
        (DIGITS, [b"9", np.bytes_(b"0")], {"0": "0", "1": "1", "10": "10", "9": "9"}),
        (DIGITS, [date(2020, 1, 1)], {"0": "0", "1": "1", "10": "10", "9": "9"}),
        (NAMED, ["elsewhere", None], {"no": "no", "o": "o"}),
    ],
    ids=range(9),
)
def test_values_by_leaf_in_order(taxonomy, labels, values):
    came = class_values(taxonomy, labels)
    assert came == values
    assert sorted(came.values()) == list(came.values())
    assert all(type(value) in (int, str) for value in came.values())


def test_names_among_numbers_keep_the_order_of_the_nodes():
    mixed = Taxonomy.from_edges({"sign": ["7", "dot"]})
    values = class_values(mixed, [7])
    assert list(values.items()) == [("7", 7), ("dot", "dot")]
    assert class_array(values).tolist() == [7, "dot"]
    assert class_array(values).dtype == object


@pytest.mark.parametrize(
    ("labels", "kind"), [([0, 1], "i"), ([0.0, 1.0], "f"), ([False, True], "b"), (["a", "b"], "U")], ids=str
)
def test_the_array_has_the_kind_of_the_labels(labels, kind):
    taxonomy = Taxonomy.from_edges({"root": [str(label) for label in labels]})
    array = class_array(class_values(taxonomy, labels))
    assert array.dtype.kind == kind
    np.testing.assert_array_equal(array, labels)
