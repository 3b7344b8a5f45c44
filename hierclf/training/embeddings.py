"""Embeddings and targets as users give them, brought to one form or refused with a word on what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import torch
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from hierclf.data import label_text
from hierclf.errors import DataError, DataTypeError

# n embeddings, D numbers in each

LARGEST = 1e60
"""Beyond this, fourth powers of the numbers leave float64."""


def embedding_matrix(values: Any, *, width: int | None = None) -> torch.Tensor:
    """Embeddings as float64 ``(n, D)``.

    Args:
        values: an array, a tensor on any device, a data frame, or nested lists.
        width: the number D that is expected; then there may also be no embedding at all.

    Raises:
        DataError: another shape, width or type, or NaN or infinity; the message names the first rows.
        DataTypeError: values that are no numbers at all.
    """
    array = _numbers(values)
    if width is not None and array.shape in ((0,), (0, width)):
        return torch.empty(0, width, dtype=torch.float64)
    if array.ndim != 2:
        raise DataError(
            f"with backbone=None, hierclf reads embeddings of shape (n, d), got shape {array.shape}. "
            "Reshape your data, or choose a backbone for images, for instance backbone='small_cnn'"
        )
    if 0 in array.shape:
        raise DataError(
            f"expected at least one embedding of at least one number: found array with {array.shape[0]} sample(s) and "
            f"{array.shape[1]} feature(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    if width is not None and array.shape[1] != width:
        raise DataError(
            f"X has {array.shape[1]} features, but HierarchicalClassifier is expecting {width} features as input: "
            "embeddings of the width that it was fitted on"
        )
    array = array.astype(np.float64)
    bad_n = ~(np.abs(array) <= LARGEST).all(axis=1)  # also NaN, which compares as false
    if bad_n.any():
        rows = np.flatnonzero(bad_n)
        shown = ", ".join(f"#{row}" for row in rows[:5]) + (", …" if len(rows) > 5 else "")
        what = "NaN or infinity (inf)" if not np.isfinite(array[rows]).all() else f"numbers beyond {LARGEST:g}"
        raise DataError(f"embeddings hold {what} in {len(rows)} of {len(array)} rows: {shown}; mend or remove these")
    return torch.from_numpy(array)


def target_column(labels: Any, count: int) -> np.ndarray:
    """One label per embedding as a column of values, the way they were given.

    Args:
        labels: names or numbers, ``(n,)``; a column ``(n, 1)`` is taken with a warning, as scikit-learn does.
        count: number of embeddings.

    Raises:
        DataError: no labels, another shape or number of them, or values that are no classes (0.5, NaN, dates).
    """
    if labels is None:
        raise DataError("embeddings need labels; requires y to be passed, but the target y is None")
    try:
        column: np.ndarray = np.asarray(column_or_1d(labels, warn=True))
        if column.dtype.kind in "mM":
            raise ValueError(f"{column.dtype} are dates or times; give them as text, labels.astype(str)")
        if column.dtype.kind in "fc":
            if not np.isfinite(column).all():
                raise ValueError("Input y contains infinity or NaN, which is no class")
            check_classification_targets(column)
    except Exception as error:  # whatever the user's own object raises when it is asked for labels
        raise DataError(f"expected one label per embedding ({error})") from None
    if len(column) != count:
        raise DataError(f"expected one label per embedding, got {count} embeddings and {len(column)} labels")
    return column


def target_texts(column: np.ndarray) -> list[str]:
    """The labels of a column as text, see `hierclf.data.label_text`."""
    return [label_text(label) for label in column]


def _numbers(values: Any) -> np.ndarray:
    if scipy.sparse.issparse(values):
        raise DataError("sparse embeddings are not supported; give X.toarray()")
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()  # NumPy knows no bfloat16
    hint = "for images choose a backbone, for instance backbone='small_cnn'"
    try:
        array = np.asarray(values)
        if array.dtype.kind in "OUSV":
            array = array.astype(np.float64)
    except TypeError as error:
        raise DataTypeError(
            f"with backbone=None, hierclf reads embeddings (n, d) of numbers ({error}); {hint}"
        ) from None
    except Exception as error:  # whatever the user's own object raises when it is asked for numbers
        raise DataError(f"with backbone=None, hierclf reads embeddings (n, d) of numbers ({error}); {hint}") from None
    if array.dtype.kind == "c":
        raise DataError("Complex data not supported: embeddings are real numbers")
    if array.dtype.kind not in "biuf":
        raise DataTypeError(f"embeddings are numbers, got {array.dtype}")
    return array
