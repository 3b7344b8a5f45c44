from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import torch

from hierclf.data.labels import label_nodes, label_text, unmatched_labels
from hierclf.errors import DataError
from hierclf.taxonomy import Taxonomy

SIGNS = Taxonomy(
    root="sign",
    edges=(("sign", "digit"), ("sign", "letter"), ("digit", "3"), ("digit", "010"), ("letter", "é"), ("letter", "no")),
    labels=(("three", "3"), ("blotted", "digit")),
    other=("blot",),
)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (3, "3"),
        (np.int64(3), "3"),
        (np.str_("3"), "3"),
        (np.array(3), "3"),
        (torch.tensor(3), "3"),
        (b"3", "3"),
        (True, "True"),
        ("010", "010"),
        ("no", "no"),
        (" 3\t", "3"),
        ("e\u0301", "\u00e9"),
        (None, ""),
        (float("nan"), ""),
        (("a", 1), "('a', 1)"),
        ("नी\u200dल", "नी\u200dल"),
    ],
)
def test_every_label_is_text(label, text):
    assert label_text(label) == text


@pytest.mark.parametrize(
    ("label", "code"),
    [("a\nb", "000A"), ("a\u202eb", "202E"), ("a\u200bb", "200B"), ("\0", "0000"), ("a\u2028b", "2028")],
)
def test_what_cannot_be_seen_is_refused(label, code):
    with pytest.raises(DataError, match=rf"cannot be seen \(U\+{code}\); rename it") as caught:
        label_text(label)
    assert str(caught.value).isascii()


@pytest.mark.parametrize("label", [[1, 2], np.array([1, 2]), torch.tensor([1, 2]), {"a": 1}])
def test_more_than_one_value_is_no_label(label):
    with pytest.raises(DataError, match="expected one label per image"):
        label_text(label)


def test_labels_become_places_of_nodes():
    labels = [3, np.int64(3), "three", "blotted", "digit", "sign", "blot", "010", "no", "e\u0301"]
    nodes = label_nodes(labels, SIGNS)
    assert nodes.dtype == np.int64
    expected = ["3", "3", "3", "digit", "digit", "sign", None, "010", "no", "é"]
    assert [None if node < 0 else SIGNS.nodes[node] for node in nodes] == expected
    assert label_nodes([], SIGNS).shape == (0,)


def test_nodes_in_decomposed_form_are_found():
    taxonomy = Taxonomy(root="r", edges=(("r", unicodedata.normalize("NFD", "é")),))
    assert label_nodes(["é"], taxonomy).tolist() == [1]


def test_a_class_may_be_held_out_as_other():
    assert label_nodes(["3", "no"], SIGNS, other=("no",)).tolist() == [SIGNS.index("3"), -1]


def test_all_unmatched_labels_are_listed_with_counts_and_the_nearest_name():
    labels = ["digt"] * 3 + ["zebra", "3", "lettr", "lettr", "", "thre"]
    with pytest.raises(DataError) as caught:
        label_nodes(labels, SIGNS)
    lines = str(caught.value).splitlines()
    assert lines[0] == "5 labels match no class of the taxonomy:"
    assert lines[1:6] == [
        "  'digt' (3 images); did you mean 'digit'?",
        "  'lettr' (2 images); did you mean 'letter'?",
        "  no label at all (1 image)",
        "  'thre' (1 image); did you mean 'three'?",
        "  'zebra' (1 image)",
    ]
    assert "other: data:" in lines[6]


@pytest.mark.parametrize(
    ("labels", "words"), [(["", "3"], "1 image has no label"), (["", ""], "2 images have no label")]
)
def test_no_label_is_not_taken_for_a_wrong_one(labels, words):
    with pytest.raises(DataError, match=words) as caught:
        label_nodes(labels, SIGNS)
    assert "taxonomy" not in str(caught.value)


def test_many_unmatched_labels_against_a_large_taxonomy_are_quick():
    taxonomy = Taxonomy(root="r", edges=tuple(("r", f"class_{place}") for place in range(2000)))
    unmatched = unmatched_labels((f"clas_{place}" for place in range(2000)), taxonomy)
    assert len(unmatched) == 2000
    assert sum(bool(one.hint) for one in unmatched) == 20
