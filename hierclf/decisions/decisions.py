"""What is decided for each image: a node, how sure, and why, in words.

======================  ================================================================================================
``known``               a leaf: one of the classes
``ambiguous``           an internal node: one of the known classes below it, unclear which
``novel_child``         an internal node: under it, but none of its known children
``other``               turned away at the root: none of the classes
``uncertain``           neither known nor other: only where both were promised (``promise="two_sided"``)
======================  ================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hierclf.dag import BorrowedTree, DagPlan, membership_of_stops
from hierclf.decisions.novelty import Novelty, likeliest_answer, likeliest_novelty
from hierclf.decisions.rules import Point, route_along, rules

# B images, N nodes

DECIMALS = 12
"""Of probabilities; further ones are rounding, and differ with the batch."""

STATUSES = ("known", "ambiguous", "novel_child", "other", "uncertain")


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The decision for one image.

    Args:
        image: its path, or ``"#17"``.
        status: one of `STATUSES`; empty when the image could not be read.
        node: the answer; the root when the image is turned away.
        probability: M(node), the chance that the image belongs under the node: given that it is known, or, where it
            is turned away, with all that may be new counted in.
        p_value: how ordinary the image looks among known ones; small is strange.
        leaf: the class that the image is taken for, whatever the answer: the likeliest, or where the rule's way ends.
        leaf_probability: M(leaf).
        route: names from the root to the node, along the likeliest parents.
        reason: why, in words.
        error: what was wrong with the image, or empty.
    """

    image: str
    status: str
    node: str
    probability: float
    p_value: float
    leaf: str
    leaf_probability: float
    route: tuple[str, ...]
    reason: str
    error: str = ""

    def to_record(self) -> dict[str, Any]:
        """A dictionary for JSON: the route as a list, what is undefined as None."""
        record: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, float) and not np.isfinite(value):
                value = None
            record[f.name] = value
        if self.error:
            record |= {"status": None, "node": None, "leaf": None, "route": None, "reason": None}
        else:
            record["error"] = None
        return record


class Decisions(Sequence[Decision]):
    """The decisions for many images: a sequence of `Decision`, and one array per column.

    As an array it is the likeliest class of each image, whatever the answer, so that scikit-learn's metrics work, and
    so does ``(decisions == labels).mean()``.

    Args:
        rows: one decision per image.
        classes: what to call a leaf in that array, where it is not its name (the number 3 for the leaf "3").

    >>> decisions = Decisions([Decision(image="a.jpg", status="known", node="7", probability=0.9, p_value=0.5, leaf="7",
    ...                                 leaf_probability=0.9, route=("sign", "7"), reason="")])
    >>> decisions.node, decisions.probability
    (array(['7'], dtype=object), array([0.9]))
    """

    def __init__(self, rows: Sequence[Decision], *, classes: Mapping[str, Any] | None = None) -> None:
        self._rows = tuple(rows)
        self._classes = dict(classes or {})

    def _texts(self, column: str) -> npt.NDArray[np.object_]:
        texts = np.empty(len(self._rows), dtype=object)
        texts[:] = [getattr(row, column) for row in self._rows]
        return texts

    def _numbers(self, column: str) -> npt.NDArray[np.float64]:
        return np.array([getattr(row, column) for row in self._rows], dtype=np.float64)

    @property
    def image(self) -> npt.NDArray[np.object_]:
        """Path, or ``"#17"``, of each image."""
        return self._texts("image")

    @property
    def status(self) -> npt.NDArray[np.object_]:
        """One of `STATUSES`, empty for an image that could not be read."""
        return self._texts("status")

    @property
    def node(self) -> npt.NDArray[np.object_]:
        """The answer."""
        return self._texts("node")

    @property
    def probability(self) -> npt.NDArray[np.float64]:
        """M(node), given that the image is known."""
        return self._numbers("probability")

    @property
    def p_value(self) -> npt.NDArray[np.float64]:
        """The gate's p-value: small is strange."""
        return self._numbers("p_value")

    @property
    def leaf(self) -> npt.NDArray[np.object_]:
        """The class that the image is taken for, whatever the answer: the likeliest, unless the rule has its own."""
        return self._texts("leaf")

    @property
    def leaf_probability(self) -> npt.NDArray[np.float64]:
        """M(leaf)."""
        return self._numbers("leaf_probability")

    @property
    def route(self) -> npt.NDArray[np.object_]:
        """Tuples of names from the root to the node."""
        routes = np.empty(len(self._rows), dtype=object)
        for place, row in enumerate(self._rows):
            routes[place] = row.route
        return routes

    @property
    def reason(self) -> npt.NDArray[np.object_]:
        """Why, in words."""
        return self._texts("reason")

    @property
    def error(self) -> npt.NDArray[np.object_]:
        """What was wrong with the image, or empty."""
        return self._texts("error")

    def to_records(self) -> list[dict[str, Any]]:
        """One dictionary per image, ready for JSON."""
        return [row.to_record() for row in self._rows]

    @overload
    def __getitem__(self, index: int) -> Decision: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | npt.NDArray[Any]) -> Decisions: ...
    def __getitem__(self, index: int | slice | Sequence[int] | npt.NDArray[Any]) -> Decision | Decisions:
        if isinstance(index, (int, np.integer)):
            return self._rows[index]
        return Decisions([self._rows[place] for place in np.arange(len(self._rows))[index]], classes=self._classes)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Decision]:
        return iter(self._rows)

    def __add__(self, other: Decisions) -> Decisions:
        return Decisions([*self._rows, *other], classes=self._classes or other._classes)

    @property
    def shape(self) -> tuple[int]:
        """As an array: ``(n,)``."""
        return (len(self._rows),)

    @property
    def ndim(self) -> int:
        """As an array: 1."""
        return 1

    def ravel(self) -> npt.NDArray[Any]:
        """The array of the likeliest classes."""
        return np.asarray(self)

    def tolist(self) -> list[Any]:
        """The likeliest classes as a list."""
        classes: list[Any] = np.asarray(self).tolist()
        return classes

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        leaves = [self._classes.get(row.leaf, row.leaf) for row in self._rows]
        mixed = any(isinstance(leaf, str) for leaf in leaves) and not all(isinstance(leaf, str) for leaf in leaves)
        return np.array(leaves, dtype=object if mixed and dtype is None else dtype)

    def __eq__(self, other: object) -> Any:
        return np.asarray(self) == np.asarray(other)  # as an array, element by element

    def __ne__(self, other: object) -> Any:
        return np.asarray(self) != np.asarray(other)

    __hash__ = None  # type: ignore[assignment]  # compared element by element, like an array

    def __repr__(self) -> str:
        counts = {status: int((self.status == status).sum()) for status in STATUSES}
        told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        return f"<Decisions on {len(self)} images: {told or 'none'}>"


def decide(
    images: Sequence[str],
    node_log_probs_BN: Tensor,
    p_value_B: Tensor,
    plan: DagPlan,
    *,
    rule: str,
    point: Point,
    alpha: float,
    errors: Mapping[int, str],
    novelty: Novelty | None = None,
    tree: BorrowedTree | None = None,
) -> Decisions:
    """Decide for a batch of images.

    Args:
        images: their names, B of them.
        node_log_probs_BN: log M given that the image is known, shape ``(B, N)``, on the CPU.
        p_value_B: the gate's p-values, shape ``(B,)``.
        plan: the compiled taxonomy, on the CPU.
        rule: a name from `rules`.
        point: the rule's operating point; rules without one ignore it.
        alpha: the level that p-values were held against, for the reason in words.
        errors: what was wrong with images that could not be read, by place; their other values are ignored.
        novelty: who is turned away and where to; None turns away at the root where p ≤ ``alpha``.
        tree: another tree over the same leaves, for rules that go along one; None for the taxonomy itself.

    Returns:
        One decision per image, in order.
    """
    novelty = novelty or Novelty.by_p_value(p_value_B, alpha)
    chosen = rules[rule]
    if tree is not None and chosen.route is not None:
        node_B = leaf_B = route_along(chosen.route, node_log_probs_BN, plan, tree)
    else:
        node_B = chosen.decide(node_log_probs_BN, plan, point)
        leaf_B = chosen.leaf(node_log_probs_BN, plan)
    away_B, stops_BN = novelty.away_B, novelty.stop_log_probs_BN
    probs_BN = node_log_probs_BN.double().exp().clamp(max=1.0)
    under_BN = probs_BN if stops_BN is None else membership_of_stops(stops_BN, plan).exp().clamp(max=1.0)
    if stops_BN is None:
        node_B = torch.where(away_B, 0, node_B)
    elif novelty.bound:
        node_B = torch.where(away_B, likeliest_novelty(stops_BN, plan), node_B)
    else:
        node_B, away_B = likeliest_answer(stops_BN, rule, node_B, plan)
    uncertain_B = torch.zeros_like(away_B) if novelty.uncertain_B is None else novelty.uncertain_B & ~away_B
    words = _Words(plan, alpha if novelty.bound else None)
    routes = _Routes(plan)
    rows: list[Decision] = []
    columns = zip(
        images, node_B.tolist(), leaf_B.tolist(), away_B.tolist(), uncertain_B.tolist(), p_value_B.tolist(), strict=True
    )
    for place, (image, node, leaf, away, uncertain, p_value) in enumerate(columns):
        if place in errors:
            rows.append(_unreadable(image, errors[place]))
            continue
        probs_N = under_BN[place] if away else probs_BN[place]
        status, reason = words.about(node, probs_N, p_value, away=away, uncertain=uncertain)
        rows.append(
            Decision(
                image=image,
                status=status,
                node=plan.nodes[node],
                probability=1.0 if node == 0 else round(float(probs_N[node]), DECIMALS),
                p_value=p_value,
                leaf=plan.nodes[leaf],
                leaf_probability=round(float(probs_BN[place, leaf]), DECIMALS),
                route=routes.to(node, probs_BN[place]),
                reason=reason,
            )
        )
    return Decisions(rows)


class _Words:
    """Status and reason of each decision."""

    def __init__(self, plan: DagPlan, alpha: float | None) -> None:
        self._plan, self._alpha = plan, alpha
        self._is_leaf_N = (plan.leaf_slot_N >= 0).tolist()

    def about(self, node: int, probs_N: Tensor, p_value: float, *, away: bool, uncertain: bool) -> tuple[str, str]:
        name = self._plan.nodes[node]
        if away:
            why = f"p = {p_value:.3g}" + (f" ≤ {self._alpha:.3g}" if self._alpha is not None else ", the likeliest")
            if node == 0:
                return "other", f"turned away at the root: {why}"
            share = float(probs_N[node])
            return "novel_child", f"under {name} ({share:.2f}), but none of its known children: {why}"
        if uncertain:
            return "uncertain", f"too strange to be sure of {name}, not strange enough for other: p = {p_value:.3g}"
        if self._is_leaf_N[node]:
            return "known", f"recognised as {name}: probability {float(probs_N[node]):.2f}, p = {p_value:.3g}"
        return "ambiguous", _hesitation(node, probs_N, self._plan)


class _Routes:
    """Names from the root to a node: one way in a tree (remembered), through the likeliest parents in a DAG."""

    def __init__(self, plan: DagPlan) -> None:
        self._plan = plan
        self._known: dict[int, tuple[str, ...]] = {}

    def to(self, node: int, probs_N: Tensor) -> tuple[str, ...]:
        if self._plan.is_tree and node in self._known:
            return self._known[node]
        taxonomy = self._plan.taxonomy
        names = [self._plan.nodes[node]]
        while names[-1] != taxonomy.root:
            names.append(max(taxonomy.parents(names[-1]), key=lambda parent: float(probs_N[taxonomy.index(parent)])))
        return self._known.setdefault(node, tuple(reversed(names))) if self._plan.is_tree else tuple(reversed(names))


def _hesitation(node: int, probs_N: Tensor, plan: DagPlan) -> str:
    taxonomy = plan.taxonomy
    children = sorted(taxonomy.children(plan.nodes[node]), key=lambda child: -float(probs_N[taxonomy.index(child)]))
    shares = ", ".join(f"{child} {float(probs_N[taxonomy.index(child)]):.2f}" for child in children[:2])
    return f"stopped at {plan.nodes[node]}: {shares}"


def _unreadable(image: str, error: str) -> Decision:
    nan = float("nan")
    return Decision(
        image=image,
        status="",
        node="",
        probability=nan,
        p_value=nan,
        leaf="",
        leaf_probability=nan,
        route=(),
        reason="",
        error=error,
    )
