"""What a model sees in images, one pass, before anything is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# B images, N nodes, L leaves, G gated nodes


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a model sees in B images; rows of unreadable images are NaN.

    Args:
        names: what each image is called.
        node_log_probs_BN: log M given that the image is known, float64.
        unknown_score_B: the gate's score, larger = more unknown, float64.
        p_value_B: its p-value, float64.
        components: each gate score of the root on its own, by name, float64, shape ``(B,)``.
        stop_log_probs_BN: log S: where the image belongs if it may be of no known class, see `hierclf.dag.stops`.
        surprise_BG: -log p at each gate of `Model.gated_nodes`, float64.
        uncertain_B: which images are neither known nor other, bool.
        baseline_log_probs_BL: the flat baseline's log-probabilities of the leaves, float64.
        errors: what was wrong with unreadable images, by place.
    """

    names: tuple[str, ...]
    node_log_probs_BN: Tensor
    unknown_score_B: Tensor
    p_value_B: Tensor
    components: Mapping[str, Tensor]
    stop_log_probs_BN: Tensor
    surprise_BG: Tensor
    uncertain_B: Tensor
    baseline_log_probs_BL: Tensor
    errors: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, places: Sequence[int] | npt.NDArray[np.int64]) -> Reading:
        """Some of the images, in the order of their places."""
        index = torch.as_tensor(np.asarray(places), dtype=torch.int64)
        kept = index.tolist()
        return Reading(
            names=tuple(self.names[place] for place in kept),
            node_log_probs_BN=self.node_log_probs_BN[index],
            unknown_score_B=self.unknown_score_B[index],
            p_value_B=self.p_value_B[index],
            components={name: values[index] for name, values in self.components.items()},
            stop_log_probs_BN=self.stop_log_probs_BN[index],
            surprise_BG=self.surprise_BG[index],
            uncertain_B=self.uncertain_B[index],
            baseline_log_probs_BL=self.baseline_log_probs_BL[index],
            errors={row: self.errors[place] for row, place in enumerate(kept) if place in self.errors},
        )

    @classmethod
    def joined(cls, readings: Sequence[Reading]) -> Reading:
        """Several readings of one model, at least one, as one."""
        errors: dict[int, str] = {}
        names: list[str] = []
        for reading in readings:
            errors |= {len(names) + place: error for place, error in reading.errors.items()}
            names.extend(reading.names)
        return cls(
            names=tuple(names),
            node_log_probs_BN=torch.cat([reading.node_log_probs_BN for reading in readings]),
            unknown_score_B=torch.cat([reading.unknown_score_B for reading in readings]),
            p_value_B=torch.cat([reading.p_value_B for reading in readings]),
            components={name: torch.cat([one.components[name] for one in readings]) for name in readings[0].components},
            stop_log_probs_BN=torch.cat([reading.stop_log_probs_BN for reading in readings]),
            surprise_BG=torch.cat([reading.surprise_BG for reading in readings]),
            uncertain_B=torch.cat([reading.uncertain_B for reading in readings]),
            baseline_log_probs_BL=torch.cat([reading.baseline_log_probs_BL for reading in readings]),
            errors=errors,
        )
