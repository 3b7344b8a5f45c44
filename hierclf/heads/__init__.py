"""L3: from an embedding to the log-membership of every node, in ways that are one word apart."""

from hierclf.heads.borrowed_tree import BorrowedTreeHead
from hierclf.heads.flat import FlatHead
from hierclf.heads.head import Head, HeadBuilder, NodeMajorLinear, heads
from hierclf.heads.per_node import PerNodeHead
from hierclf.heads.shared import SharedHead

__all__ = [
    "BorrowedTreeHead",
    "FlatHead",
    "Head",
    "HeadBuilder",
    "NodeMajorLinear",
    "PerNodeHead",
    "SharedHead",
    "heads",
]
