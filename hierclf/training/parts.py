"""What each known image is kept for.

Known images are divided into three parts that share none, copies of an image staying together:

* **fit**: what backbone, head and gate learn from;
* **tune**: choices (when to stop, how much to penalise, how rare a score is);
* **calibration**: the promise, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierclf.data import stratified_split
from hierclf.errors import ConfigError, DataError
from hierclf.gates import minimum_calibration_size

SMALLEST_FIT_SHARE = 0.2
TUNE_SHARE, SMALLEST_TUNE, LARGEST_TUNE_SHARE = 0.1, 40, 0.2
LARGEST_CALIBRATION, LARGEST_CALIBRATION_SHARE = 2000, 0.3
LARGEST_SHARE_FOR_ANY_GATE = 0.4
"""So many images may go to calibration where a gate could turn nobody away otherwise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Places of the known images kept for each purpose, int64, ascending."""

    fit: np.ndarray
    tune: np.ndarray
    calibration: np.ndarray


def divide(
    label_n: np.ndarray,
    *,
    keep: float,
    calibration_share: float,
    seed: int,
    needed: int | None = None,
    groups: np.ndarray | None = None,
) -> Parts:
    """Divide known images: calibration gets its share, and up to twice as much as the promise needs if there is room.

    Args:
        label_n: node ids, which each part holds in proportion.
        keep: share of known images to keep.
        calibration_share: share to calibrate on, at least.
        seed: of the split.
        needed: calibration images without which the promise turns nobody away; None takes those of the usual promise.
        groups: equal numbers for copies of one image, which stay together.

    Returns:
        Parts of which ``fit`` and ``tune`` hold at least one image; calibration may be empty when there are two.

    Raises:
        DataError: fewer than two images that differ.
        ConfigError: a share to calibrate on that leaves too few images to learn from.

    >>> parts = divide(np.repeat([1, 2], 100), keep=0.95, calibration_share=0.15, seed=0)
    >>> len(parts.fit), len(parts.tune), len(parts.calibration)
    (122, 40, 38)
    """
    count = len(label_n)
    different = count if groups is None else len(np.unique(groups))
    if different < 2:
        raise DataError(f"expected at least two different known images to learn from, got {different} sample; add more")
    tune = max(TUNE_SHARE, min(SMALLEST_TUNE / count, LARGEST_TUNE_SHARE))
    most = 1 - tune - SMALLEST_FIT_SHARE
    if calibration_share > most + 1e-9:
        raise ConfigError(
            f"calibration_share={calibration_share:g} leaves less than {100 * SMALLEST_FIT_SHARE:g} % of the {count} "
            f"known images to learn from; take at most {most:.2g}"
        )
    least = minimum_calibration_size(1 - keep) if needed is None else needed
    calibration = max(calibration_share, min(2 * least / count, LARGEST_CALIBRATION_SHARE))
    if least <= LARGEST_SHARE_FOR_ANY_GATE * count:
        calibration = max(calibration, least / count)
    calibration = min(calibration, LARGEST_CALIBRATION / count)
    fit, tuned, calibrated = stratified_split(
        label_n,
        (1 - tune - calibration, tune, calibration),
        generator=np.random.default_rng([seed, 0x5EED]),
        groups=groups,
    )
    if len(tuned) == 0:  # a handful of images: choices cannot do without one, and the promise is out of reach anyway
        tuned, calibrated = calibrated, tuned
    return Parts(fit=fit, tune=tuned, calibration=calibrated)
