"""Raise the recall of one class, or of a whole meta-class, at a stated precision, and say what the others pay.

An image counts as *said to be v* when its likeliest leaf lies at or below the favoured node v. Of the images that are
v, the share that is said to be v is the recall; of those that are said to be v, the share that is v is the precision.
Multiplying the odds of v by a factor w trades one for the other: it adds ``log w`` to v's logit, which is where other
class frequencies, or other costs of a mistake, belong in a classifier that is right about the present ones. The head is
trained as ever and made as sure as it should be (a temperature that came later would divide ``log w`` too), one number
is added afterwards, and any factor can be judged on the same held-out answers.

The other road, to train the head anew with every image below v counting w times, leads to the same place. On held-out
training images of Fashion-MNIST (features of a small network) and of photographs of clothes (EfficientNet-Lite0), six
classes and meta-classes with three divisions each, recall at equal precision differed by 0.0 ± 0.2 and 0.0 ± 0.3
points, and the accuracy on all others by 0.0 and 0.1 in favour of the factor. Training anew costs a head per factor and
fold, and cannot be had with a backbone whose training is over. (``class_weights`` and ``node_weights`` take that road
by hand.)

**On which images?** The answers must come from a head that has not seen the image, and the images must not be those of
the promise. With frozen features (and given embeddings) the head alone has learnt, so all images of the fit and of
split A are held out in turn: `FOLDS` heads, each fitted without its fold. A *trained* backbone has seen the images of
the fit, and a fold of a head on top of it would flatter all of them, so only split A is trusted, on which the trained
head itself is asked (or, where the head was fitted afterwards, what it was before split A joined in): no head is fitted
anew, and the trained one gets its one number. Split A also said when to stop,
which moves all classes alike; it is small, so a gain has to be larger to be believed.

Saerens, Latinne and Decaestecker, *Adjusting the Outputs of a Classifier to New a Priori Probabilities*, Neural
Computation 2002; Menon, Jayasumana, Rawat, Jain, Veit and Kumar, *Long-tail learning via logit adjustment*, ICLR 2021,
arXiv:2007.07314.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.errors import ConfigError
from hierclf.heads import FlatHead, Head, PerNodeHead, SharedHead
from hierclf.training.favoured import Favoured, Payer

# B images, N nodes, L leaves, M of them, K nodes on the longest path, O outputs of the head, F factors

FACTORS = tuple(2.0 ** (step / 2) for step in range(-4, 9))
"""What the odds may be multiplied by: from a quarter to sixteen, in steps of √2."""

FAVOURING = ("flat", "shared", "per_node")
"""Names of the heads whose odds can be multiplied."""

FOLDS = 5

FEWEST_IMAGES = 10
"""Held-out images of a node without which its recall says nothing."""

ROUNDING = 1e-9

AT_ONCE = 4096
"""Images whose answers are looked up together."""


def check_favour(node: str, plan: DagPlan, head: str) -> None:
    """Refuse to favour what cannot be.

    Args:
        node: its name.
        plan: the compiled taxonomy.
        head: the name of the head.

    Raises:
        ConfigError: the root, below which everything lies, or a head that has no logit for the odds of a node.
    """
    if head not in FAVOURING:
        raise ConfigError(f"favour works with the heads {', '.join(FAVOURING)}, got head={head!r}")
    if node == plan.nodes[0]:
        raise ConfigError(f"favour={node!r} is the root, and every known image lies below it; name a class under it")


def outputs_of(head: Head, node: str) -> npt.NDArray[np.bool_]:
    """The outputs of a head whose logits grow with the odds of a node, shape ``(O,)``.

    A flat head has one per leaf: all below the node. A shared head adds up along the way, so the node's own is enough.
    A head per node decides at each parent: the edges that lead to the node; there the node is raised among its
    siblings, and against the rest of the taxonomy only as far as that goes.

    Raises:
        TypeError: a head of another kind.
    """
    plan, place = head.plan, head.plan.taxonomy.index(node)
    if isinstance(head, FlatHead):
        return leaves_below(plan, place)
    if isinstance(head, SharedHead):
        return np.asarray(np.arange(1, plan.num_nodes) == place)
    if isinstance(head, PerNodeHead):
        return np.asarray(plan.child_E.numpy() == place)
    raise TypeError(f"favour works with the heads {', '.join(FAVOURING)}, got a {type(head).__name__}")


def leaves_below(plan: DagPlan, place: int) -> npt.NDArray[np.bool_]:
    """Which leaves lie at or below a node, shape ``(L,)``."""
    return np.asarray((plan.path_NK[plan.leaf_L] == place).any(1).numpy(), dtype=np.bool_)


def raised(head: Head, node: str, factor: float) -> Head:
    """A copy of a head with the odds of a node multiplied by a factor.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> head = SharedHead(2, compile_plan(Taxonomy.from_edges({"sign": ["digit", "dot"], "digit": ["0", "1"]})))
    >>> fairer = raised(head, "dot", 4.0)
    >>> [round(M, 3) for M in fairer.node_log_probs(fairer(torch.zeros(1, 2))).exp()[0].tolist()]
    [1.0, 0.333, 0.667, 0.167, 0.167]
    """
    raise_O = torch.from_numpy(outputs_of(head, node))
    assert isinstance(head, FlatHead | SharedHead | PerNodeHead)
    copy = deepcopy(head)
    with torch.no_grad():
        copy.linear.bias.add_(raise_O, alpha=math.log(factor))
    return copy


def answers(head: Head, embedding_BD: Tensor, node: str, factors: Sequence[float] = FACTORS) -> npt.NDArray[np.int64]:
    """The likeliest leaf of each image under each factor.

    Args:
        head: that answers.
        embedding_BD: of the images, in the dtype of the head.
        node: whose odds are multiplied.
        factors: by what, F of them.

    Returns:
        Leaf slots, shape ``(F, B)``.
    """
    raise_O = torch.from_numpy(outputs_of(head, node))
    leaf_FB = np.empty((len(factors), len(embedding_BD)), dtype=np.int64)
    with torch.no_grad():
        for start in range(0, len(embedding_BD), AT_ONCE):
            logits_BO = head(embedding_BD[start : start + AT_ONCE]).double()
            for place, factor in enumerate(factors):
                scores_BL = head.leaf_scores(logits_BO + math.log(factor) * raise_O)
                leaf_FB[place, start : start + AT_ONCE] = scores_BL.argmax(1).numpy()
    return leaf_FB


def choose_factor(
    leaf_FB: npt.NDArray[np.int64],
    label_B: npt.NDArray[np.int64],
    plan: DagPlan,
    node: str,
    *,
    precision: float,
    factors: Sequence[float] = FACTORS,
) -> Favoured:
    """The factor with the highest recall among those with the precision asked for.

    Where none has it, nothing changes: recall would be given up for a precision that is out of reach. Of factors that
    are no further from the best than the standard error of their difference, paired over the images, the one nearest to
    1 is taken; so a change has to be larger than its own noise.

    Args:
        leaf_FB: leaf slots that held-out images are answered with under each factor, from `answers`.
        label_B: node ids of the images. Those of a label with leaves below the node and others beside may be of it or
            not, and are left out.
        plan: the compiled taxonomy.
        node: the favoured node.
        precision: that is asked for.
        factors: that were tried, 1 among them.

    Returns:
        The choice and its consequences; nothing is changed with fewer than `FEWEST_IMAGES` images of the node.
    """
    place = plan.taxonomy.index(node)
    path_NK = plan.path_NK.numpy()
    shared_N, leaves_N = _leaves_shared(plan, place), _leaves_shared(plan, 0)
    clear_B = ((shared_N == 0) | (shared_N == leaves_N))[label_B]
    leaf_FB, label_B = leaf_FB[:, clear_B], label_B[clear_B]
    is_B = shared_N[label_B] > 0
    said_FB = leaves_below(plan, place)[leaf_FB]
    right_FB = (path_NK[plan.leaf_L.numpy()[leaf_FB]] == label_B[:, None]).any(2)
    plain = list(factors).index(1.0)
    few = int(is_B.sum()) < FEWEST_IMAGES
    chosen = plain if few else _chosen(said_FB, is_B, precision, factors)
    recall, recall_error = _change(said_FB[chosen, is_B], said_FB[plain, is_B])
    others, others_error = _change(right_FB[chosen, ~is_B], right_FB[plain, ~is_B])
    after = _precision(said_FB[chosen], is_B)
    return Favoured(
        node=node,
        factor=float(factors[chosen]),
        wanted=precision,
        reached=after is not None and after >= precision,
        images=len(label_B),
        images_of_node=int(is_B.sum()),
        recall_before=recall[0] or 0.0,
        recall_after=recall[1] or 0.0,
        recall_error=recall_error or 0.0,
        precision_before=_precision(said_FB[plain], is_B),
        precision_after=after,
        others_before=others[0],
        others_after=others[1],
        others_error=others_error,
        payers=_payers(right_FB[plain, ~is_B], right_FB[chosen, ~is_B], label_B[~is_B], plan),
        too_few=few,
    )


def _leaves_shared(plan: DagPlan, place: int) -> npt.NDArray[np.int64]:
    """How many of the leaves below a node lie at or below each node as well, int64, shape ``(N,)``."""
    below_L = np.ones(plan.num_leaves, dtype=np.bool_) if place == 0 else leaves_below(plan, place)
    path_MK = plan.path_NK[plan.leaf_L].numpy()[below_L]
    count_N = np.bincount(path_MK[path_MK >= 0], minlength=plan.num_nodes)
    count_N[0] = below_L.sum()
    return count_N


def _chosen(
    said_FB: npt.NDArray[np.bool_], is_B: npt.NDArray[np.bool_], precision: float, factors: Sequence[float]
) -> int:
    """The place of the factor to take."""
    hit_FB = (said_FB & is_B).astype(np.float64)
    said_F = said_FB.sum(1)
    precision_F = hit_FB.sum(1) / np.maximum(said_F, 1)
    allowed_F = (said_F > 0) & (precision_F >= precision)
    if not allowed_F.any():
        return list(factors).index(1.0)
    worth_F, share_FB = hit_FB.sum(1) / is_B.sum(), hit_FB[:, is_B]
    best = int(np.where(allowed_F, worth_F, -np.inf).argmax())
    error_F = (share_FB[best] - share_FB).std(1, ddof=1) / math.sqrt(share_FB.shape[1])
    near = np.flatnonzero(allowed_F & (worth_F[best] - worth_F <= error_F + ROUNDING)).tolist()
    return int(min(near, key=lambda place: (abs(math.log(factors[place])), factors[place])))


def _change(
    after_B: npt.NDArray[np.bool_], before_B: npt.NDArray[np.bool_]
) -> tuple[tuple[float | None, float | None], float | None]:
    """Two shares of the same images, and the standard error of their difference; None without images."""
    if len(after_B) == 0:
        return (None, None), None
    apart_B = after_B.astype(np.float64) - before_B
    error = float(apart_B.std(ddof=1)) / math.sqrt(len(apart_B)) if len(apart_B) > 1 else 0.0
    return (float(before_B.mean()), float(after_B.mean())), error


def _precision(said_B: npt.NDArray[np.bool_], is_B: npt.NDArray[np.bool_]) -> float | None:
    return float(is_B[said_B].mean()) if said_B.any() else None


def _payers(
    before_B: npt.NDArray[np.bool_], after_B: npt.NDArray[np.bool_], label_B: npt.NDArray[np.int64], plan: DagPlan
) -> tuple[Payer, ...]:
    """The labels whose images are answered rightly less often, the greatest loss first."""
    images_N, before_N, after_N = (
        np.bincount(label_B, weights=weight_B, minlength=plan.num_nodes) for weight_B in (None, before_B, after_B)
    )
    payers = [
        Payer(
            name=plan.nodes[place],
            images=int(images_N[place]),
            recall_before=float(before_N[place] / images_N[place]),
            recall_after=float(after_N[place] / images_N[place]),
        )
        for place in np.flatnonzero(after_N < before_N)
    ]
    return tuple(sorted(payers, key=lambda payer: (payer.recall_after - payer.recall_before, payer.name)))
