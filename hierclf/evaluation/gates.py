"""Each gate by itself: what was expected of it, what it saw, and whom it turned away.

The expectation comes from the time of fitting: every child of the node was forgotten in turn, and its images played the
newcomers. Where an evaluation has images of real newcomers, the same number is measured on them: the chance that a
newcomer surprises the node's gate more than a known image that belongs below the node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hierclf.evaluation.terms import Terms
from hierclf.metrics import Ancestry, Outcome, auroc
from hierclf.metrics.ancestry import Bools, Floats, Ints
from hierclf.taxonomy import Taxonomy

# B images, K known ones, V unknown ones, A ancestors, P pairs of a node and an image, N nodes, G gates

NAN = float("nan")


@dataclass(frozen=True, kw_only=True, eq=False)
class GateReport:
    """One gate.

    Args:
        node: where it stands.
        level: the node's level.
        scores: names of the scores that it reads, where they were estimated.
        expected: AUROC that leave-one-child-out expects against newcomers; NaN where nothing was estimated.
        expected_error: its standard error.
        forgotten: how many children were forgotten for it.
        known: known images at or below the node.
        known_here: share of them that was turned away at this very node; NaN without any.
        novel: images that are new below this very node; for the root, images of other.
        novel_here: share of them that was turned away at this very node.
        novel_accepted: share of them that was answered with a known class or meta-class.
        auroc: measured on these two kinds of images; NaN where one of them is missing.
        known_surprise: -log p of the known images at this gate.
        novel_surprise: the same of the novel ones.
    """

    node: str
    level: int
    scores: tuple[str, ...] = ()
    expected: float = NAN
    expected_error: float = NAN
    forgotten: int = 0
    known: int = 0
    known_here: float = NAN
    novel: int = 0
    novel_here: float = NAN
    novel_accepted: float = NAN
    auroc: float = NAN
    known_surprise: Floats = field(default_factory=lambda: np.empty(0))
    novel_surprise: Floats = field(default_factory=lambda: np.empty(0))

    def to_dict(self) -> dict[str, Any]:
        """All but the surprises of single images."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_surprise")}


def gate_reports(
    outcome: Outcome, surprise_BG: Floats, terms: Terms, ancestry: Ancestry, taxonomy: Taxonomy
) -> tuple[GateReport, ...]:
    """One report per gate, the root's first; none where gates tell no surprise.

    Args:
        outcome: B images with what was decided.
        surprise_BG: -log p of each image at each gate, columns as in ``terms.gated``.
        terms: which nodes have a gate, and what was expected of them.
        ancestry: the taxonomy's tables.
        taxonomy: the taxonomy itself.
    """
    if surprise_BG.shape[1] != len(terms.gated):
        return ()
    expected = {one.node: one for one in terms.detections}
    known_K, novel_V = np.flatnonzero(outcome.known_B), np.flatnonzero(~outcome.known_B)
    above_KA = ancestry.ancestor_NK[outcome.truth_B[known_K]]
    held_KA = above_KA >= 0
    known_below = _Places(above_KA[held_KA], np.broadcast_to(known_K[:, None], above_KA.shape)[held_KA])
    novel_below = _Places(np.maximum(outcome.truth_B[novel_V], 0), novel_V)
    here_B, accepted_B = outcome.rejected_B, outcome.accepted_B
    reports = []
    for name, surprise_B in zip(terms.gated, surprise_BG.T, strict=True):
        node = taxonomy.index(name)
        known, novel = known_below.at(node), novel_below.at(node)
        detection = expected.get(name)
        reports.append(
            GateReport(
                node=name,
                level=int(ancestry.level_N[node]),
                scores=detection.scores if detection is not None else (),
                expected=detection.auroc if detection is not None else NAN,
                expected_error=detection.standard_error if detection is not None else NAN,
                forgotten=detection.children if detection is not None else 0,
                known=len(known),
                known_here=_share(here_B[known] & (outcome.decided_B[known] == node)),
                novel=len(novel),
                novel_here=_share(here_B[novel] & (outcome.decided_B[novel] == node)),
                novel_accepted=_share(accepted_B[novel]),
                auroc=auroc(surprise_B[known], surprise_B[novel]),
                known_surprise=surprise_B[known],
                novel_surprise=surprise_B[novel],
            )
        )
    return tuple(reports)


class _Places:
    """Places of images by node, sorted once, so that a taxonomy may have thousands of gates.

    Args:
        node_P: a node for each pair of a node and an image, int64, shape ``(P,)``.
        place_P: the image's place, ascending for each node, int64, shape ``(P,)``.
    """

    def __init__(self, node_P: Ints, place_P: Ints) -> None:
        order_P = np.argsort(node_P, kind="stable")
        self._node_P, self._place_P = node_P[order_P], place_P[order_P]

    def at(self, node: int) -> Ints:
        """Places of the images of one node, ascending."""
        start, stop = np.searchsorted(self._node_P, [node, node + 1])
        return self._place_P[start:stop]


def _share(verdict_B: Bools) -> float:
    return float(verdict_B.mean()) if len(verdict_B) else NAN
