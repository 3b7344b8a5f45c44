"""The worst mistakes, to be looked at one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierclf.evaluation.evidence import Decided, Reading
from hierclf.metrics import Ancestry, Outcome, lowest_common_ancestor, severity
from hierclf.metrics.ancestry import Ints
from hierclf.taxonomy import Taxonomy

MOST_MISTAKES = 24


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One wrong decision.

    Args:
        image: the image's name.
        truth: its label's node, ``"other"``, or ``"new under NODE"``.
        decided: the decided node.
        status: the decision's status.
        probability: how sure the model was of the node.
        severity: height of the lowest common ancestor of truth and decision; the root's height for an image of other.
            For an image of a new kind the truth is the node that it is new below.
        reason: the decision's reason in words.
        index: the image's place in the evaluated set.
    """

    image: str
    truth: str
    decided: str
    status: str
    probability: float
    severity: float
    reason: str
    index: int


def worst_mistakes(
    outcome: Outcome,
    place_B: Ints,
    reading: Reading,
    decisions: Decided,
    ancestry: Ancestry,
    taxonomy: Taxonomy,
) -> tuple[Mistake, ...]:
    """The worst mistakes first: wrong answers before wrong places for novelty, by severity, then by how sure they were.

    An answer is wrong when the image is unknown, or known and off the answered route. A place for novelty is wrong when
    what is there to know, the label, the node that the image is new below, or the root for other, is off its route or
    above it. Everything else that is turned away is not listed: that is what the promise allows, and its own reason
    says so.
    """
    truth_B, novel_child_B = np.maximum(outcome.truth_B, 0), outcome.status_B == "novel_child"
    common_B = lowest_common_ancestor(outcome.decided_B, truth_B, ancestry)
    severity_B = np.where(outcome.other_B, ancestry.height_N[0], severity(outcome.decided_B, truth_B, ancestry))
    off_B = (common_B != outcome.decided_B) & (common_B != truth_B)
    wrong_B = outcome.accepted_B & (~outcome.known_B | off_B)
    wrong_B |= novel_child_B & (common_B != outcome.decided_B)
    sure_B = np.nan_to_num(np.asarray(decisions.probability, dtype=np.float64)[place_B])
    candidates = np.flatnonzero(wrong_B)
    keys = (place_B, -sure_B, -severity_B, ~outcome.accepted_B)
    worst = candidates[np.lexsort(tuple(key[candidates] for key in keys))]
    return tuple(
        Mistake(
            image=str(reading.names[place_B[row]]),
            truth=_told(outcome, int(row), taxonomy),
            decided=taxonomy.nodes[outcome.decided_B[row]],
            status=str(outcome.status_B[row]),
            probability=float(sure_B[row]),
            severity=float(severity_B[row]),
            reason=str(decisions.reason[place_B[row]]),
            index=int(place_B[row]),
        )
        for row in worst[:MOST_MISTAKES]
    )


def _told(outcome: Outcome, row: int, taxonomy: Taxonomy) -> str:
    if outcome.other_B[row]:
        return "other"
    name = taxonomy.nodes[outcome.truth_B[row]]
    return f"new under {name}" if outcome.new_B[row] else name
