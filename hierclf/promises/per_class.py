"""A promise per class: one threshold for sevens and another for ones, so that no class pays for the rest.

One threshold for all keeps 95 % of known images on average, yet may keep 99 % of one class and 70 % of another. In
Mondrian conformal prediction an image is compared only with calibration images of its own *category*, and the promise
then holds within each category. What it says depends on what the category is made of:

**The class that the image is taken for** (`PerClass.p_values`). It is a function of the image, for new images as for
calibration images, so the promise is exact: *among known images that are taken for class c, at most a share α is
turned away*, and hence among all known images too. It says nothing exact about the images that *are* of class c: those
that are taken for another class are compared with that other class.

**The true class** (`PerClass.hypothesis_p_values`). It is not known for a new image, so every class in turn is the
hypothesis: p_c compares the image's score *as a c* with the calibration images that are of class c. An image is turned
away if and only if *every* p_c is at most α. Then p of the true class is too, which has probability at most α: *among
known images that are of class c, at most a share α is turned away*, for each c. This is conservative, the more so the
more classes there are, and pointless for a score that ignores the hypothesis (then the most generous class decides for
all). Turning away whenever p of the *predicted* class, calibrated by *true* class, is at most α keeps
neither promise: images of class c that are taken for d look strange among true d.

Classes with few images share one category, see `pooling`; the promise then holds within the group.

Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World*, 2005, section 4.5 (Mondrian); Vovk, *Conditional
validity of inductive conformal predictors*, ACML 2012, arXiv:1209.2673 (label-conditional).

B images, n calibration images, N nodes, L leaves, H hypotheses
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from hierclf.errors import CalibrationError
from hierclf.promises.conformal import largest_turned_away, minimum_calibration_size
from hierclf.promises.pooling import checked_nodes
from hierclf.promises.sentence import counted, percent

Given = Literal["taken for", "of"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PerClass:
    """Calibration scores by group, with p-values and thresholds within each.

    Args:
        pool_N: for each node the node whose group calibrates it, from `pool_classes`, int64, shape ``(N,)``.
        scores_n: calibration scores sorted by group, then by score, float64, shape ``(n,)``.
        group_n: the group's node of each, ascending, int64, shape ``(n,)``.
    """

    pool_N: Tensor
    scores_n: Tensor
    group_n: Tensor

    @classmethod
    def calibrated(cls, scores_n: Tensor, node_n: Tensor, pool_N: Tensor) -> PerClass:
        """From the scores of calibration images.

        Args:
            scores_n: scores of known images used for nothing else, larger = more unknown, shape ``(n,)``.
            node_n: what each is taken for (for `p_values`) or what it is (for `hypothesis_p_values`, with its score as
                that class), node ids, int64, shape ``(n,)``.
            pool_N: from `pool_classes`, shape ``(N,)``.

        Raises:
            CalibrationError: when sizes differ, a score is NaN or a label is no node.

        >>> pool_N = torch.tensor([0, 1, 2])
        >>> gate = PerClass.calibrated(torch.tensor([5.0, 6, 7, 1, 2]), torch.tensor([1, 1, 1, 2, 2]), pool_N)
        >>> gate.p_values(torch.tensor([4.0, 4.0]), torch.tensor([1, 2]))
        tensor([1.0000, 0.3333], dtype=torch.float64)
        >>> gate.thresholds(0.3)
        tensor([inf, 7., inf], dtype=torch.float64)
        """
        scores_n = scores_n.detach().cpu().double()
        if scores_n.shape != node_n.shape or scores_n.ndim != 1:
            raise CalibrationError(
                "expected one score and one node per calibration image, shapes (n,), got "
                f"{tuple(scores_n.shape)} and {tuple(node_n.shape)}"
            )
        checked_scores(scores_n)
        group_n = pool_N.cpu()[checked_nodes(node_n, len(pool_N))]
        order = scores_n.argsort(stable=True)
        order = order[group_n[order].argsort(stable=True)]
        return cls(pool_N=pool_N.cpu(), scores_n=scores_n[order], group_n=group_n[order])

    @cached_property
    def count_N(self) -> Tensor:
        """How many images calibrate each node, int64, shape ``(N,)``."""
        return torch.bincount(self.group_n, minlength=len(self.pool_N))[self.pool_N]

    def p_values(self, scores_B: Tensor, node_B: Tensor) -> Tensor:
        """Conformal p-value of each image within the group of the class that it is taken for.

        Args:
            scores_B: larger = more unknown, shape ``(B,)``.
            node_B: the node that each image is taken for, found as for the calibration images, shape ``(B,)``.

        Returns:
            float64 on the CPU, shape ``(B,)``: ``(1 + #{i in the group: s_i >= s}) / (n_group + 1)``. Turning away
            what is at most α turns away at most a share α of the known images that are taken for one group's classes.

        Raises:
            CalibrationError: when a score is NaN or a label is no node.
        """
        scores_B = checked_scores(scores_B.detach().cpu().double().contiguous())
        pool_B = self.pool_N[checked_nodes(node_B, len(self.pool_N))]
        at_least_B = self._end_N[pool_B] - torch.searchsorted(self._key_n, self._keys(pool_B, scores_B), side="left")
        return (1 + at_least_B).double() / (self._size_N[pool_B] + 1)

    def hypothesis_p_values(self, scores_BH: Tensor, node_H: Tensor) -> Tensor:
        """Conformal p-value of each image under each hypothesis about its class.

        Args:
            scores_BH: how strange each image would be as one of class h, larger = more unknown, shape ``(B, H)``; the
                calibration scores were those of the images as what they are.
            node_H: node id of each hypothesis, as all the leaves, int64, shape ``(H,)``.

        Returns:
            float64, shape ``(B, H)``. Turn away where *all* are at most α, so where the largest is: this turns away at
            most a share α of the known images that are of one group's classes, if all classes are among the
            hypotheses.
        """
        node_BH = node_H.expand(len(scores_BH), -1)
        return self.p_values(scores_BH.reshape(-1), node_BH.reshape(-1)).reshape(scores_BH.shape)

    def thresholds(self, alpha: float) -> Tensor:
        """The score of each node above which an image taken for it is turned away, see `conformal_threshold`.

        Args:
            alpha: largest share to turn away, above 0 and below 1.

        Returns:
            float64, shape ``(N,)``; infinity where the group has too few images to turn anybody away.
        """
        sizes, which_N = torch.unique(self._size_N, return_inverse=True)
        away_N = torch.tensor([largest_turned_away(size, alpha) for size in sizes.tolist()])[which_N]
        scores_n = torch.cat([self.scores_n, torch.full((1,), torch.inf, dtype=torch.float64)])
        place_N = torch.where(away_N > 0, self._end_N - away_N, len(self.scores_n))
        return scores_n[place_N][self.pool_N]

    def promise(self, alpha: float, leaf_L: Tensor, *, given: Given = "taken for") -> PerClassPromise:
        """What may be expected when images with a p-value of at most α are turned away.

        Args:
            alpha: largest share to turn away, above 0 and below 1.
            leaf_L: node ids of the classes, int64, shape ``(L,)``.
            given: "taken for" with `p_values`, "of" with `hypothesis_p_values`.
        """
        pool_L = self.pool_N[leaf_L.cpu()]
        silent_L = self.count_N[leaf_L.cpu()] < minimum_calibration_size(alpha)
        alone_L = (torch.bincount(pool_L, minlength=len(self.pool_N))[pool_L] == 1) & ~silent_L
        return PerClassPromise(
            alpha=alpha,
            n=len(self.scores_n),
            alone=int(alone_L.sum()),
            pooled=int((~alone_L & ~silent_L).sum()),
            silent=int(silent_L.sum()),
            given=given,
        )

    @cached_property
    def _size_N(self) -> Tensor:
        """Number of images of the group of each name."""
        return torch.bincount(self.group_n, minlength=len(self.pool_N))

    @cached_property
    def _end_N(self) -> Tensor:
        """Where the group of each name ends in `scores_n`."""
        return self._size_N.cumsum(0)

    @cached_property
    def _ascending_n(self) -> Tensor:
        return self.scores_n.sort().values

    @cached_property
    def _key_n(self) -> Tensor:
        return self._keys(self.group_n, self.scores_n)

    def _keys(self, group_B: Tensor, scores_B: Tensor) -> Tensor:
        """Whole numbers that sort by group, then by score: all groups are searched at once."""
        rank_B = torch.searchsorted(self._ascending_n, scores_B, side="left")
        return group_B * (len(self.scores_n) + 1) + rank_B


@dataclass(frozen=True, kw_only=True)
class PerClassPromise:
    """What may be expected of thresholds per class.

    Args:
        alpha: largest share that is turned away within each group, on average over calibration sets.
        n: number of calibration images.
        alone: number of classes with a threshold of their own.
        pooled: number of classes that share one with others.
        silent: number of classes in groups that are too small to turn anybody away.
        given: whether the promise is about the class that an image is taken for or the one that it is of.
    """

    alpha: float
    n: int
    alone: int
    pooled: int
    silent: int
    given: Given = "taken for"

    @property
    def holds(self) -> bool:
        """Whether there are enough calibration images to turn anybody away and keep the promise."""
        return self.alone + self.pooled > 0

    @property
    def sentence(self) -> str:
        """The promise in words.

        >>> PerClassPromise(alpha=0.05, n=400, alone=8, pooled=0, silent=0).sentence
        'Of the known images that are taken for one class, at most 5 % are turned away, for each of 8 classes by itself
        (calibrated on 400 known images kept for this alone). How many unknown images are noticed cannot be promised.'
        >>> PerClassPromise(alpha=0.05, n=400, alone=8, pooled=3, silent=1, given="of").sentence
        'Of the known images that are of one class, at most 5 % are turned away, for each of 8 classes by itself, for 3
        classes only in groups, having few images (calibrated on 400 known images kept for this alone). For 1 class no
        image is ever turned away: that takes at least 19 calibration images, so add some. How many unknown images are
        noticed cannot be promised.'
        >>> PerClassPromise(alpha=0.05, n=12, alone=0, pooled=0, silent=4).sentence
        'No image is ever turned away: keeping 95 % of the known images of any class or group of classes takes at least
        19 calibration images, and there are 12 in all. Add known images, or lower keep.'
        """
        least = minimum_calibration_size(self.alpha)
        if not self.holds:
            return (
                f"No image is ever turned away: keeping {percent(1 - self.alpha)} of the known images of any class or "
                f"group of classes takes at least {least} calibration images, and there are {self.n} in all. Add known "
                "images, or lower keep."
            )
        return " ".join(self._sentences(least))

    def _sentences(self, least: int) -> Iterator[str]:
        shares = []
        if self.alone:
            shares.append(f"for each of {counted(self.alone, 'class', 'classes')} by itself")
        if self.pooled:
            shares.append(f"for {counted(self.pooled, 'class', 'classes')} only in groups, having few images")
        yield (
            f"Of the known images that are {self.given} one class, at most {percent(self.alpha)} are turned away, "
            f"{', '.join(shares)} (calibrated on {counted(self.n, 'known image')} kept for this alone)."
        )
        if self.silent:
            yield (
                f"For {counted(self.silent, 'class', 'classes')} no image is ever turned away: that takes at least "
                f"{least} calibration images, so add some."
            )
        yield "How many unknown images are noticed cannot be promised."


def checked_scores(scores_n: Tensor) -> Tensor:
    """Scores, none of them NaN.

    Raises:
        CalibrationError: when one is.
    """
    if scores_n.isnan().any():
        raise CalibrationError(f"expected scores without NaN, got {int(scores_n.isnan().sum())} NaN")
    return scores_n
