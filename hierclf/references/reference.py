"""What every method from the literature is asked for, so that they stand beside ours on the same embeddings.

A *reference* learns from embeddings of known images and answers with a node: a leaf (the image is of that class) or an
internal node (it belongs under it, but to none of its known children; at the root, to nothing known). Most give a *stop
distribution*, the log-probability of each of these answers. Each has one knob, the **bias**: larger biases call more
images novel, and 0 is where the method stands by itself.

The *known score* of an image is its critical bias: the largest at which it is still answered with a leaf. It turns any
method into a one-sided test, so that a threshold can be calibrated on known images by split conformal, with the same
promise for all.

>>> from hierclf.dag import compile_plan
>>> from hierclf.taxonomy import Taxonomy
>>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "dot"], "digit": ["0", "1"]}))
>>> table_BN = torch.tensor([[0.1, 0.2, 0.0, 0.6, 0.1]], dtype=torch.float64).log()
>>> fitted = FittedStops(name="example", plan=plan, stops=lambda embedding_BD: table_BN)
>>> fitted.known_score(torch.zeros(1, 2)).exp()  # "0" is three times as likely as "a digit, but none that I know"
tensor([3.0000], dtype=torch.float64)
>>> [plan.nodes[int(fitted.decide(torch.zeros(1, 2), bias=bias))] for bias in (0.0, 1.0, 2.0)]
['0', '0', 'digit']
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Generator, Tensor

from hierclf.dag import DagPlan
from hierclf.errors import ConfigError, DataError
from hierclf.registry import Registry

# B images, n training images, D embedding, N nodes


class FittedReference(Protocol):
    """A method that has learnt, ready to answer."""

    @property
    def gives_stops(self) -> bool:
        """Whether the method has a distribution over nodes; if not, calling it is a `ConfigError`."""
        ...

    def __call__(self, embedding_BD: Tensor) -> Tensor:
        """Log stop probabilities, float64, shape ``(B, N)``; the probabilities of each row sum to 1."""
        ...

    def decide(self, embedding_BD: Tensor, bias: float = 0.0) -> Tensor:
        """Node ids of the answers, int64, shape ``(B,)``; infinite biases are welcome."""
        ...

    def known_score(self, embedding_BD: Tensor) -> Tensor:
        """The largest bias at which each image is answered with a leaf, float64, shape ``(B,)``; may be infinite."""
        ...


class Reference(Protocol):
    """A method and its settings, not yet fitted."""

    @property
    def name(self) -> str:
        """What it is called in `references`."""
        ...

    def fit(
        self,
        embedding_nD: Tensor,
        label_n: Tensor,
        plan: DagPlan,
        *,
        held_out: tuple[Tensor, Tensor],
        generator: Generator,
    ) -> FittedReference:
        """Learn from images of the known classes.

        Args:
            embedding_nD: float32 or float64, shape ``(n, D)``.
            label_n: node ids of leaves, int64, shape ``(n,)``.
            plan: the compiled taxonomy.
            held_out: embeddings and labels of further known images, on which settings are chosen.
            generator: the source of randomness, for methods that need one.

        Raises:
            ConfigError: the method is not defined on such a taxonomy.
            DataError: embeddings or labels that cannot be used.
        """
        ...


references: Registry[Reference] = Registry("reference")


@dataclass(frozen=True, kw_only=True)
class FittedStops:
    """A method with a stop distribution: the bias is added to every internal node's column, the largest column wins.

    Args:
        name: of the method.
        plan: the compiled taxonomy.
        stops: embeddings, shape ``(B, D)``, to log stop probabilities, shape ``(B, N)``.
    """

    name: str
    plan: DagPlan
    stops: Callable[[Tensor], Tensor]
    gives_stops: ClassVar[bool] = True

    def __call__(self, embedding_BD: Tensor) -> Tensor:
        """Log stop probabilities, float64, shape ``(B, N)``."""
        with torch.no_grad():
            return self.stops(embedding_BD)

    def known_score(self, embedding_BD: Tensor) -> Tensor:
        """The likeliest leaf's log-probability less the likeliest internal node's, float64, shape ``(B,)``."""
        return self._sides(embedding_BD)[0]

    def decide(self, embedding_BD: Tensor, bias: float = 0.0) -> Tensor:
        """The likeliest node when ``bias`` is added to internal nodes; a leaf where the two are even."""
        known_B, leaf_B, internal_B = self._sides(embedding_BD)
        return torch.where(known_B >= bias, leaf_B, internal_B)

    def _sides(self, embedding_BD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The known score, and the likeliest leaf and internal node."""
        stops_BN = self(embedding_BD)
        is_leaf_N = self.plan.leaf_slot_N >= 0
        leaf_B = stops_BN.masked_fill(~is_leaf_N, -torch.inf).max(1)
        internal_B = stops_BN.masked_fill(is_leaf_N, -torch.inf).max(1)
        never_B = internal_B.values.isneginf()  # also where the leaf's probability is 0, for want of anything else
        known_B = torch.where(never_B, torch.inf, leaf_B.values - internal_B.values)
        # an internal node of probability 0 has index 0, the root; a leaf of probability 0 must be a leaf nonetheless
        node_B = torch.where(leaf_B.values.isneginf(), self.plan.leaf_L[0], leaf_B.indices)
        return known_B, node_B, internal_B.indices


def no_stops(name: str) -> ConfigError:
    """The answer to who asks a method without a distribution for one."""
    return ConfigError(
        f"the reference {name!r} gives decisions along one knob and no distribution over nodes; "
        "use decide(embedding, bias) and known_score(embedding)"
    )


def require_usable(
    embedding_nD: Tensor, label_n: Tensor, plan: DagPlan, held_out: tuple[Tensor, Tensor], name: str
) -> None:
    """Check what a reference is to be fitted on.

    Raises:
        DataError: wrong shapes, NaN or infinity, labels that are no leaves, or no image at all.
    """
    parts = (("training", embedding_nD, label_n), ("held-out", *held_out))
    for part, embedding, label in parts:
        where = f"the {part} images of the reference {name!r}"
        if embedding.ndim != 2 or label.shape != embedding.shape[:1]:
            shapes = f"{tuple(embedding.shape)} and {tuple(label.shape)}"
            raise DataError(f"expected embeddings (n, D) and labels (n,) as {where}, got shapes {shapes}")
        if len(embedding) == 0:
            raise DataError(f"expected at least one image as {where}, got none")
        if embedding.shape[1] != embedding_nD.shape[1]:
            raise DataError(
                f"expected embeddings of one width, got {embedding_nD.shape[1]} and {embedding.shape[1]} as {where}"
            )
        if not embedding.isfinite().all():
            raise DataError(f"expected finite embeddings as {where}, got NaN or infinity; drop those images")
        known = torch.isin(label, plan.leaf_L)
        if not known.all():
            wrong = int(label[~known][0])
            raise DataError(f"expected node ids of leaves as labels of {where}, got {wrong}; label images by leaves")
