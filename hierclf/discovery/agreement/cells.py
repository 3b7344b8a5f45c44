"""How many leaves the sets of two families share: the cells of a table that is almost empty.

Of two taxonomies with thousands of classes, nearly all pairs of meta-classes have no class in common. Only the pairs
that do are kept, in the order of their key (row, column), so that the count of any of them is found by bisection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from hierclf.discovery.agreement.leaf_sets import Ints

# R rows, C columns, L leaves, P cells that are not empty, Q cells asked for


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The cells that are not empty.

    Args:
        row_P: int64, ascending.
        column_P: int64, ascending within a row.
        count_P: leaves in common, int64, at least 1.
        num_columns: number of columns ``C``.
    """

    row_P: Ints
    column_P: Ints
    count_P: Ints
    num_columns: int

    @cached_property
    def _key_P(self) -> Ints:
        return self.row_P * self.num_columns + self.column_P

    def place(self, row_Q: Ints, column_Q: Ints) -> Ints:
        """Where cells that are not empty stand, shape ``(Q,)``."""
        place_Q: Ints = np.searchsorted(self._key_P, row_Q * self.num_columns + column_Q)
        return place_Q


def overlaps(member_RL: csr_array, member_CL: csr_array) -> Cells:
    """Count the leaves that each row of one table shares with each row of another.

    >>> import numpy as np
    >>> cells = overlaps(csr_array(np.array([[1, 1, 1], [0, 1, 1]])), csr_array(np.array([[1, 1, 0], [1, 0, 0]])))
    >>> cells.row_P, cells.column_P, cells.count_P
    (array([0, 0, 1]), array([0, 1, 0]), array([2, 1, 1]))
    """
    shared_RC = csr_array(member_RL @ member_CL.T)
    shared_RC.sort_indices()
    rows = np.repeat(np.arange(shared_RC.shape[0]), np.diff(shared_RC.indptr))
    return Cells(
        row_P=rows.astype(np.int64),
        column_P=shared_RC.indices.astype(np.int64),
        count_P=shared_RC.data.astype(np.int64),
        num_columns=int(shared_RC.shape[1]),
    )
