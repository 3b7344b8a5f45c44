"""What a gate promises, in numbers and in words that stay true when there are too few images to promise anything."""

from __future__ import annotations

from dataclasses import dataclass

from hierclf.promises.conformal import minimum_calibration_size
from hierclf.promises.sentence import percent


@dataclass(frozen=True)
class GatePromise:
    """What may be expected of a gate, in numbers and in words.

    Args:
        alpha: largest share of known images that the gate turns away, on average over calibration sets.
        n: number of calibration images.
    """

    alpha: float
    n: int

    @property
    def holds(self) -> bool:
        """Whether there are enough calibration images to turn anybody away and keep the promise."""
        return self.n >= minimum_calibration_size(self.alpha)

    @property
    def sentence(self) -> str:
        """The promise in words.

        >>> GatePromise(alpha=0.05, n=200).sentence
        'At most 5 % of known images are turned away (calibrated on 200 known images kept for this alone). How many
        unknown images are noticed cannot be promised.'
        >>> GatePromise(alpha=0.05, n=12).sentence
        'No image is ever turned away: keeping 95 % of known images takes at least 19 calibration images, and there
        are 12. Add known images, or lower keep.'
        """
        if self.holds:
            return (
                f"At most {percent(self.alpha)} of known images are turned away (calibrated on {self.n} known images "
                "kept for this alone). How many unknown images are noticed cannot be promised."
            )
        return (
            f"No image is ever turned away: keeping {percent(1 - self.alpha)} of known images takes at least "
            f"{minimum_calibration_size(self.alpha)} calibration images, and there are {self.n}. "
            "Add known images, or lower keep."
        )
