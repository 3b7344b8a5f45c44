from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch
from PIL import Image
from sklearn.exceptions import DataConversionWarning

from hierclf.errors import DataError, DataTypeError
from hierclf.training import embedding_matrix, target_column, target_texts

ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize(
    "values",
    [
        ROWS,
        tuple(map(tuple, ROWS)),
        np.array(ROWS),
        np.array(ROWS, dtype=np.float16),
        np.array(ROWS, dtype=np.int8),
        np.array(ROWS, dtype=object),
        np.array(ROWS).astype(str),
        np.asfortranarray(ROWS),
        torch.tensor(ROWS),
        torch.tensor(ROWS, dtype=torch.bfloat16),
        torch.tensor(ROWS, requires_grad=True),
    ],
    ids=lambda values: f"{type(values).__name__}-{getattr(values, 'dtype', '')}",
)
def test_numbers_of_any_kind_become_float64(values):
    matrix = embedding_matrix(values)
    assert matrix.dtype == torch.float64
    torch.testing.assert_close(matrix, torch.tensor(ROWS, dtype=torch.float64))


def test_the_users_array_is_not_shared():
    values = np.array(ROWS)
    embedding_matrix(values)[0, 0] = 99
    assert values[0, 0] == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 4, 4)), r"embeddings of shape \(n, d\), got shape \(3, 4, 4\).*small_cnn"),
        (np.zeros(3), r"got shape \(3,\). Reshape your data"),
        (3.0, r"got shape \(\)"),
        (None, r"got shape \(\)"),
        (np.zeros((0, 3)), "at least one embedding"),
        (np.zeros((3, 0)), "at least one embedding"),
        ([[1, 2], [3]], "reads embeddings .* of numbers"),
        ("data/train", "reads embeddings .* of numbers .*; for images choose a backbone"),
        (["a.jpg", "b.jpg"], "reads embeddings .* of numbers"),
        ([Image.new("L", (4, 4))], r"got shape \(1, 4, 4\)"),
        (np.array([[1 + 2j]]), "Complex data not supported"),
        (scipy.sparse.csr_matrix(ROWS), r"sparse embeddings are not supported; give X.toarray\(\)"),
        ([[1.0, float("nan")], [2.0, 3.0]], r"NaN or infinity \(inf\) in 1 of 2 rows: #0;"),
        ([[1.0, 2.0], [float("inf"), 3.0]], "in 1 of 2 rows: #1;"),
        ([[1.0, 2.0], [1e70, 3.0]], "numbers beyond 1e[+]60 in 1 of 2 rows: #1;"),
        (np.full((9, 2), np.nan), "in 9 of 9 rows: #0, #1, #2, #3, #4, …;"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_used_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        embedding_matrix(values)


@pytest.mark.parametrize("values", [[[{}]], [[object()]], np.array([["2020-01-01"]], dtype="datetime64[D]")])
def test_what_is_no_number_is_also_a_type_error(values):
    with pytest.raises(DataTypeError):
        embedding_matrix(values)


def test_a_known_width_allows_no_rows_and_no_other_width():
    assert embedding_matrix([], width=3).shape == (0, 3)
    assert embedding_matrix(np.zeros((0, 3)), width=3).shape == (0, 3)
    with pytest.raises(DataError, match="X has 3 features, but HierarchicalClassifier is expecting 5 features"):
        embedding_matrix(ROWS, width=5)
    with pytest.raises(DataError, match="at least one embedding"):
        embedding_matrix(np.zeros((0, 4)), width=3)


@pytest.mark.parametrize("labels", [["a", "b"], ("a", "b"), np.array(["a", "b"], dtype=object)])
def test_targets_are_a_column(labels):
    assert target_texts(target_column(labels, 2)) == ["a", "b"]


def test_numbers_are_text_as_they_were_typed():
    assert target_texts(target_column([0, 10], 2)) == ["0", "10"]
    assert target_texts(target_column(["no", "010"], 2)) == ["no", "010"]
    assert target_texts(target_column(torch.tensor([3, 4]), 2)) == ["3", "4"]


def test_a_column_vector_is_taken_with_a_warning():
    with pytest.warns(DataConversionWarning):
        assert target_column(np.array([[1], [2]]), 2).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "embeddings need labels"),
        (["a"], "got 2 embeddings and 1 labels"),
        ("ab", "expected one label per embedding"),
        (5, "expected one label per embedding"),
        ([["a", "b"], ["c", "d"]], "expected one label per embedding"),
        ([["a"], ["b", "c"]], "expected one label per embedding"),
        ([0.5, 1.25], "expected one label per embedding .*continuous"),
        ([0.0, float("nan")], "which is no class"),
        ({"a": 1}, "expected one label per embedding"),
        (np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]"), "are dates or times; give them as text"),
    ],
    ids=repr,
)
def test_targets_that_are_none(labels, message):
    with pytest.raises(DataError, match=message):
        target_column(labels, 2)
