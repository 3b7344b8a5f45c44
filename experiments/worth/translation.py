"""Answers in the words of one taxonomy said in those of another, so that all are measured with the same ruler.

An answer is a set of classes: a class itself, or those below a meta-class ("one of these", "one like these, but none
that I know"). What it says in the ruler's words is the *smallest node of the ruler that covers all of its classes*. A
taxonomy that groups as the ruler does loses nothing; where it groups across, its answers are driven up, in the end to
the root, and that is what they are worth to somebody who thinks in the ruler's groups.

A class is the same class in both. A meta-class becomes a meta-class, also where it holds one class only: "like a dress,
but none that I know" must not turn into "a dress". Among equally small meta-classes it becomes the one of its own name,
else the deepest.

>>> ruler = Taxonomy.from_edges({"pet": ["cat", "dog"], "wild": ["wolf", "fox"]}, root="animal")
>>> other = Taxonomy.from_edges({"animal": ["canine", "cat"], "canine": ["dog", "wolf", "fox"]})
>>> [(name, ruler.nodes[node]) for name, node in zip(other.nodes, translate(other, ruler))]
[('animal', 'animal'), ('canine', 'animal'), ('cat', 'cat'), ('dog', 'dog'), ('wolf', 'wolf'), ('fox', 'fox')]
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from experiments.hold_out.answers import Answers
from hierclf.dag.segment import segment_logsumexp
from hierclf.errors import TaxonomyError
from hierclf.taxonomy import Taxonomy

# S nodes of the taxonomy that answers, N nodes of the ruler, L classes, B images

Bools: TypeAlias = npt.NDArray[np.bool_]
Ints: TypeAlias = npt.NDArray[np.int64]


def translate(answering: Taxonomy, ruler: Taxonomy) -> Ints:
    """The ruler's node for each node of another taxonomy of the same classes, int64, shape ``(S,)``.

    Raises:
        TaxonomyError: the two do not have the same classes; the message names one that is missing.
    """
    apart = sorted({*answering.leaves} ^ {*ruler.leaves})
    if apart:
        raise TaxonomyError(
            f"expected two taxonomies of the same classes, but {apart[0]!r} is in one of them only "
            f"({len(answering.leaves)} and {len(ruler.leaves)} classes)"
        )
    said_SL, meant_NL = classes_below(answering, ruler.leaves), classes_below(ruler, ruler.leaves)
    inner_S, inner_N = (np.array([node in set(one.internal_nodes) for node in one.nodes]) for one in (answering, ruler))
    outside_SN = said_SL.astype(np.int64) @ (~meant_NL).T.astype(np.int64)
    fits_SN = (outside_SN == 0) & (inner_S[:, None] == inner_N)
    size_N = meant_NL.sum(axis=1)
    deep_N = np.array([ruler.level(node) for node in ruler.nodes])
    named_SN = np.array(answering.nodes)[:, None] == np.array(ruler.nodes)
    rank_SN = (size_N * (deep_N.max() + 2) + deep_N.max() - deep_N) * 2  # small first, then deep, then by its name
    same_SN = named_SN & (size_N == said_SL.sum(axis=1)[:, None])
    rank_SN = np.where(same_SN, 2 * size_N * (deep_N.max() + 2) - 1, rank_SN)
    found_S: Ints = np.where(fits_SN, rank_SN, np.iinfo(np.int64).max).argmin(axis=1)
    return found_S


def classes_below(taxonomy: Taxonomy, classes: tuple[str, ...]) -> Bools:
    """Which of the classes lie at or below each node, shape ``(S, L)``."""
    place = {name: column for column, name in enumerate(classes)}
    below_SL = np.zeros((len(taxonomy.nodes), len(classes)), dtype=np.bool_)
    for row, node in enumerate(taxonomy.nodes):
        below_SL[row, [place[leaf] for leaf in taxonomy.leaves_below(node)]] = True
    return below_SL


def translated(answers: Answers, node_S: Ints, num_nodes: int) -> Answers:
    """The same answers in the words of the ruler; who is turned away, and how unknown it looks, stays.

    Args:
        answers: in the node ids of the taxonomy that answers.
        node_S: from `translate`.
        num_nodes: number of nodes ``N`` of the ruler.
    """
    stops_BN = None
    if answers.stop_log_probs_BN is not None:
        rows_SB = torch.from_numpy(np.ascontiguousarray(answers.stop_log_probs_BN.T))
        stops_BN = segment_logsumexp(rows_SB, torch.from_numpy(node_S), num_nodes).T.numpy()
    return replace(
        answers,
        promised_B=node_S[answers.promised_B],
        natural_B=node_S[answers.natural_B],
        stop_log_probs_BN=stops_BN,
    )
