from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from hierclf.discovery.agreement.cells import overlaps


def test_cells_are_the_product_without_its_zeros():
    random = np.random.default_rng(0)
    one, other = random.random((7, 30)) < 0.1, random.random((5, 30)) < 0.1
    cells = overlaps(csr_array(one.astype(np.int64)), csr_array(other.astype(np.int64)))
    table = np.array([[(row & column).sum() for column in other] for row in one])
    rows, columns = table.nonzero()
    assert 0 < len(rows) < table.size
    np.testing.assert_array_equal(cells.row_P, rows)
    np.testing.assert_array_equal(cells.column_P, columns)
    np.testing.assert_array_equal(cells.count_P, table[rows, columns])
    asked = random.permutation(len(rows))
    np.testing.assert_array_equal(cells.place(rows[asked], columns[asked]), asked)
