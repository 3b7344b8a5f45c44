"""A promise held against what was measured.

>>> hold_against("at most 5 % are turned away", promised=0.05, measured=0.06, images=400).kept
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hierclf.metrics import MEASURES, Metric, Outcome


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A promise against what was measured.

    Args:
        name: the promise in words.
        promised: the share that must not be exceeded.
        measured: the share on these images.
        standard_error: how far chance moves the measured share when the promise holds exactly.
        images: how many images it was measured on.
        kept: whether the measured share is at most the promised one plus two standard errors.
    """

    name: str
    promised: float
    measured: float
    standard_error: float
    images: int
    kept: bool


def hold_against(
    name: str, *, promised: float, measured: float, images: int, calibration_images: int | None = None
) -> Promise:
    """Hold a promised share against a measured one.

    When the promise holds exactly, the measured share varies because the test images are a sample, by α(1−α)/n, and
    because the calibration images were one: given them the true share is Beta distributed (Vovk, *Conditional validity
    of inductive conformal predictors*, ACML 2012, arXiv:1209.2673), with a variance of about α(1−α)/(m+2) for m of
    them. The standard error is the root of the sum; without ``calibration_images`` the second part is left out.
    """
    spread = promised * (1 - promised)
    variance = spread / images + (spread / (calibration_images + 2) if calibration_images is not None else 0.0)
    error = math.sqrt(variance)
    return Promise(
        name=name,
        promised=promised,
        measured=measured,
        standard_error=error,
        images=images,
        kept=measured <= promised + 2 * error,
    )


def gate_promises(outcome: Outcome, alpha: float, calibration_images: int | None) -> tuple[Promise, ...]:
    """The promise of the gate: how many known images were turned away; nothing to measure without known images."""
    accepted_K = outcome.accepted_B[outcome.known_B]
    if len(accepted_K) == 0:
        return ()
    return (
        hold_against(
            f"at most {100 * alpha:.3g} % of known images are turned away",
            promised=float(alpha),
            measured=float((~accepted_K).mean()),
            images=len(accepted_K),
            calibration_images=calibration_images,
        ),
    )


def with_promise(
    metrics: dict[str, Metric], promises: tuple[Promise, ...], alpha: float, *, errors: int
) -> dict[str, Metric]:
    """The metrics with those that a promise and its circumstances add, in the glossary's order."""
    added: dict[str, Metric] = {
        "n_errors": errors,
        "known_rejected_standard_error": promises[0].standard_error if promises else None,
        "alpha": float(alpha),
    }
    both = metrics | added
    return {name: both[name] for name in MEASURES}
