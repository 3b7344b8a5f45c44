"""Leave-one-child-out for a choice: classes are held out, and what tells them best from the known ones is taken.

Nobody has images of what will be unknown. But every class that one has can play that part for a network which never saw
it, and what notices such classes is likely to notice others. A trial compares ways to learn and sets of gate scores by
the AUROC of held-out classes against known images that were not learnt from; neither calibration nor test images take
part.

n images, B images of one part, L leaves
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hierclf.gates import Evidence, PValueMap, build_score, combinations
from hierclf.metrics import auroc

FOLDS, HELD_OUT_SHARE = 2, 0.3
FEWEST_CLASSES = 4
"""With fewer classes, too few would be left to learn from."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """What one network says in one fold.

    Args:
        fit: known images that it learnt from, with labels.
        tune: known images for the p-value maps.
        known: further known images, which it did not learn from.
        held_out: images of classes that it never saw.
        other: images of other that it learnt from, labelled by kind, or None.
        made: negatives, labelled by kind, or None.
    """

    fit: Evidence
    tune: Evidence
    known: Evidence
    held_out: Evidence
    other: Evidence | None = None
    made: Evidence | None = None

    @property
    def accuracy(self) -> float:
        """Share of ``known`` whose likeliest leaf is the right one."""
        assert self.known.label_B is not None
        return float((self.known.logits_BC.argmax(1) == self.known.label_B).double().mean())

    def auroc(self, score_sets: Sequence[tuple[str, ...]], combine: str, seed: int) -> dict[tuple[str, ...], float]:
        """AUROC of held-out classes against known images for several sets of scores.

        Args:
            score_sets: names of scores that are combined.
            combine: how, see `hierclf.gates.combinations`.
            seed: of what is random in the scores.
        """
        surprise: dict[str, tuple[Tensor, Tensor]] = {}
        for name in dict.fromkeys(name for names in score_sets for name in names):
            strange = self.made if name == "made" else self.other
            score = build_score(name).fit(self.fit, torch.Generator().manual_seed(seed), strange)
            rarity = PValueMap.fit(score(self.tune))
            surprise[name] = (rarity(score(self.known)), rarity(score(self.held_out)))
        result = {}
        for names in score_sets:
            known_B, held_out_B = (
                combinations[combine](torch.stack([surprise[name][side] for name in names], dim=1)) for side in (0, 1)
            )
            result[names] = auroc(known_B.numpy(), held_out_B.numpy())
        return result


def folds(class_C: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Classes to hold out, three in ten of them at a time, none twice.

    Args:
        class_C: different labels, int64.
        seed: of the draw.

    Returns:
        Two arrays, or none where there are fewer than four classes.

    >>> [len(held_out) for held_out in folds(np.arange(10), 0)], folds(np.arange(3), 0)
    ([3, 3], ())
    """
    if len(class_C) < FEWEST_CLASSES:
        return ()
    size = max(1, round(HELD_OUT_SHARE * len(class_C)))
    drawn = np.random.default_rng([seed, 0xF01D]).permutation(class_C)
    return tuple(np.sort(drawn[place * size : (place + 1) * size]) for place in range(FOLDS))


def mean_figures(figures: Sequence[Mapping[tuple[str, ...], float]]) -> dict[tuple[str, ...], float]:
    """The mean over folds of what each set of scores reached."""
    return {names: float(np.mean([one[names] for one in figures])) for names in figures[0]}
