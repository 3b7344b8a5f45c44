"""Small problems on one thread.

The linear algebra of a few hundred images is done in microseconds. Threads that wait for each other cost more than
that, and many times more where another process keeps a core busy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

SMALL = 1 << 20
"""Numbers in the embeddings up to which one thread is used."""


@contextmanager
def few_threads(numbers: int) -> Iterator[None]:
    """One thread for torch, BLAS and OpenMP while a small problem is solved; nothing changes for a larger one.

    Args:
        numbers: how many numbers the problem holds, images times the size of an embedding.

    >>> with few_threads(1000):
    ...     torch.get_num_threads()
    1
    """
    if numbers > SMALL:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
