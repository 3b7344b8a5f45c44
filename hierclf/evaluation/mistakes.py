"""The worst mistakes, to be looked at one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hierclf.evaluation.evidence import Decided, Reading
from hierclf.metrics import Ancestry, Outcome, lowest_common_ancestor, severity
from hierclf.metrics.ancestry import Bools, Ints
from hierclf.taxonomy import Taxonomy

MOST_MISTAKES = 24


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One wrong decision.

    Args:
        image: the image's name.
        truth: its label's node, or ``"other"``.
        decided: the decided node.
        status: the decision's status.
        probability: how sure the model was of the node.
        severity: height of the lowest common ancestor of truth and decision; the root's height for an image of other.
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
    status_B: npt.NDArray[np.str_],
    place_B: Ints,
    reading: Reading,
    decisions: Decided,
    ancestry: Ancestry,
    taxonomy: Taxonomy,
) -> tuple[Mistake, ...]:
    """The worst mistakes first: by severity, then by how sure the model was.

    A known image that was turned away is not listed: it is the price of the promise, and its own reason says so.
    """
    truth_B = np.maximum(outcome.truth_B, 0)
    severity_B = severity(outcome.decided_B, truth_B, ancestry)
    severity_B = np.where(outcome.known_B, severity_B, ancestry.height_N[0])
    wrong_B = outcome.accepted_B & (~outcome.known_B | _off_route(outcome, truth_B, status_B, ancestry))
    sure_B = np.nan_to_num(np.asarray(decisions.probability, dtype=np.float64)[place_B])
    candidates = np.flatnonzero(wrong_B)
    worst = candidates[np.lexsort((place_B[candidates], -sure_B[candidates], -severity_B[candidates]))]
    return tuple(
        Mistake(
            image=str(reading.names[place_B[row]]),
            truth=taxonomy.nodes[outcome.truth_B[row]] if outcome.known_B[row] else "other",
            decided=taxonomy.nodes[outcome.decided_B[row]],
            status=str(status_B[row]),
            probability=float(sure_B[row]),
            severity=float(severity_B[row]),
            reason=str(decisions.reason[place_B[row]]),
            index=int(place_B[row]),
        )
        for row in worst[:MOST_MISTAKES]
    )


def _off_route(outcome: Outcome, truth_B: Ints, status_B: npt.NDArray[np.str_], ancestry: Ancestry) -> Bools:
    """Decided off the true route, or declared novel below a node although the label is a known node below it."""
    common_B = lowest_common_ancestor(outcome.decided_B, truth_B, ancestry)
    off_B: Bools = (common_B != outcome.decided_B) & (common_B != truth_B)
    off_B |= (status_B == "novel_child") & (outcome.decided_B != truth_B)
    return off_B
