"""Losses on the embedding itself, by name, from pytorch-metric-learning.

They pull images of one class together and push others apart. They are offered as a second objective beside the
classification loss, or alone. Where a whole network learns from random weights, ``supcon`` is (see
`hierclf.training.embedding_choices`).

`embedding_losses` holds those whose defaults were looked after here. Every other loss of pytorch-metric-learning that
reads embeddings and labels goes by the name of its class (``"ProxyAnchorLoss"``), with that class's own defaults and
options; one with parameters of its own (a proxy or a weight vector per class) is trained along with the network.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from hierclf.errors import ConfigError, UnknownName
from hierclf.registry import Registry, did_you_mean

# B images, D embedding

FILLED_IN = {"num_classes": "classes", "embedding_size": "width", "descriptors_dim": "width"}
"""What losses with parameters need to be told, and which of our numbers it is."""

NOT_ALONE = (
    "BaseLossWrapper",
    "BaseMetricLossFunction",
    "CrossBatchMemory",
    "DynamicSoftMarginLoss",
    "EmbeddingRegularizerMixin",
    "GenericPairLoss",
    "ManifoldLoss",
    "MultipleLosses",
    "SelfSupervisedLoss",
    "ThresholdConsistentMarginLoss",
    "VICRegLoss",
    "WeightRegularizerMixin",
)
"""Classes of pytorch-metric-learning that wrap a loss, add to one, compare two views of an image, or keep the graph of
one batch for the next."""


class EmbeddingLoss(Protocol):
    """A loss that reads embeddings ``(B, D)`` and class numbers ``(B,)`` and gives a scalar."""

    def __call__(self, embedding_BD: Tensor, label_B: Tensor) -> Tensor:
        """The loss of one batch; 0 when the batch holds no pair to learn from."""
        ...


class EmbeddingLossBuilder(Protocol):
    """Builds an `EmbeddingLoss` from keyword options."""

    def __call__(self, *nothing: Any, **options: Any) -> EmbeddingLoss:
        """The loss, ready to be called."""
        ...


@dataclass(frozen=True, kw_only=True)
class EmbeddingChoice:
    """One embedding loss of a training.

    Args:
        name: of `embedding_losses`, or of a class of ``pytorch_metric_learning.losses``.
        weight: its weight in the whole.
        levels: which classes it tells apart: "leaf", "all", or one weight per level, level 1 first.
        options: of the loss, as pairs of a name and a value.
    """

    name: str
    weight: float = 1.0
    levels: str | tuple[float, ...] = "leaf"
    options: tuple[tuple[str, Any], ...] = ()


embedding_losses: Registry[EmbeddingLossBuilder] = Registry("embedding loss")


@embedding_losses.register("triplet_semihard")
def triplet_semihard(*, margin: float = 0.2) -> EmbeddingLoss:
    """Triplet margin loss on cosine distance over semi-hard triplets of the batch.

    Args:
        margin: by how much the cosine with an image of the own class must exceed that with one of another. On vectors
            of length 1 the squared Euclidean distance is ``2 - 2·cosine``, so it is half of the margin of the paper's
            squared distances.

    Schroff, Kalenichenko and Philbin, *FaceNet*, CVPR 2015, arXiv:1503.03832.
    """
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import TripletMarginMiner

    loss = TripletMarginLoss(margin=margin, distance=CosineSimilarity())
    miner = TripletMarginMiner(margin=margin, distance=CosineSimilarity(), type_of_triplets="semihard")

    def semihard(embedding_BD: Tensor, label_B: Tensor) -> Tensor:
        result: Tensor = loss(embedding_BD, label_B, miner(embedding_BD, label_B))
        return result

    return semihard


@embedding_losses.register("supcon")
def supervised_contrastive(*, temperature: float = 0.1) -> EmbeddingLoss:
    """Supervised contrastive loss on cosine similarity.

    Args:
        temperature: what similarities are divided by.

    Khosla et al., *Supervised Contrastive Learning*, NeurIPS 2020, arXiv:2004.11362.
    """
    from pytorch_metric_learning.losses import SupConLoss

    loss: EmbeddingLoss = SupConLoss(temperature=temperature)
    return loss


@embedding_losses.register("contrastive")
def contrastive(*, positive: float = 0.0, negative: float = 1.0) -> EmbeddingLoss:
    """Contrastive loss on the Euclidean distance d of embeddings of length 1.

    The mean of ``max(0, d - positive)`` over the pairs of one class, plus that of ``max(0, negative - d)`` over the
    other pairs, each over its pairs above 0. The original squares both; here the gradient does not fade as a pair nears
    its margin.

    Args:
        positive: distance from which two images of one class cost nothing.
        negative: distance from which two images of different classes cost nothing; at most 2.

    Hadsell, Chopra and LeCun, *Dimensionality Reduction by Learning an Invariant Mapping*, CVPR 2006.
    """
    from pytorch_metric_learning.losses import ContrastiveLoss

    loss: EmbeddingLoss = ContrastiveLoss(pos_margin=positive, neg_margin=negative)
    return loss


def build_embedding_loss(name: str, *, classes: int, width: int, **options: Any) -> EmbeddingLoss:
    """An embedding loss by name; an ``nn.Module`` where it has parameters of its own.

    Args:
        name: of `embedding_losses`, or of a class of ``pytorch_metric_learning.losses``.
        classes: number of classes that it tells apart.
        width: D of the embedding.
        options: keyword options of the loss.

    Raises:
        UnknownName: no such loss.
        ConfigError: options that it does not take.

    >>> sum(proxy.numel() for proxy in build_embedding_loss("ProxyAnchorLoss", classes=3, width=8).parameters())
    24
    """
    _check_numbers(name, options)
    numbers: dict[str, int] = {}
    builder: Callable[..., EmbeddingLoss]
    if name in embedding_losses:
        builder = embedding_losses[name]
    else:
        builder = kind = _by_class_name(name)
        given = {"classes": classes, "width": width}
        asked = [one.name for one in _parameters(kind) if one.default is one.empty]
        numbers = {option: given[FILLED_IN[option]] for option in asked if option in FILLED_IN}
    _check_names(name, builder, options)
    try:
        return builder(**(numbers | options))
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(f"options of the embedding loss {name!r}: {error}") from None


def _check_numbers(name: str, options: Mapping[str, Any]) -> None:
    """Refuse numbers with which a loss of that library is 0 whatever the images are, or no number at all."""
    for option, value in options.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{option} of the embedding loss {name!r} is a finite number, got {value!r}")
        if option == "temperature" and isinstance(value, (int, float)) and not value > 0:
            raise ConfigError(f"the temperature of the embedding loss {name!r} is above 0, got {value!r}")


def _by_class_name(name: str) -> type[Any]:
    """A loss of pytorch-metric-learning.

    Raises:
        UnknownName: it has none of that name, or one that cannot be used alone.
    """
    from pytorch_metric_learning import losses

    classes = {loss: kind for loss, kind in vars(losses).items() if isinstance(kind, type) and loss not in NOT_ALONE}
    if name not in classes:
        known = ", ".join(embedding_losses)
        hint = did_you_mean(name, (*embedding_losses, *classes))
        raise UnknownName(
            f"no embedding loss named {name!r}{hint} (known: {known}, and losses of pytorch-metric-learning by the "
            "name of their class, such as 'ProxyAnchorLoss')"
        )
    return classes[name]


def _check_names(name: str, builder: Callable[..., EmbeddingLoss], options: Mapping[str, Any]) -> None:
    """Refuse an option that the loss does not take, with the one that was meant."""
    taken = sorted({one.name for one in _parameters(builder)})
    for option in options:
        if option not in taken:
            hint = did_you_mean(option, taken)
            raise ConfigError(f"the embedding loss {name!r} takes no {option!r}{hint} (it takes: {', '.join(taken)})")


def _parameters(builder: Callable[..., Any]) -> list[inspect.Parameter]:
    """What a function may be given by name, or a class and all that it is built on."""
    if isinstance(builder, type):
        own = [vars(part) for part in builder.__mro__ if part is not object]
        parts = [names["__init__"] for names in own if "__init__" in names]
    else:
        parts = [builder]
    found = [parameter for part in parts for parameter in inspect.signature(part).parameters.values()]
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one for one in found if one.kind not in variable and one.name != "self"]
