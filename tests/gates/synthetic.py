"""Evidence about which everything is known: Gaussian classes, an unknown cluster, and a linear head."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from hierclf.gates import Evidence, scores

CLASSES, SIZE = 4, 12
EVERY_SCORE = tuple(scores.names)


def known_images(generator: Generator, count: int = 240, classes: int = CLASSES) -> Evidence:
    """Images of the known classes, as many of each."""
    label_B = torch.arange(count) % classes
    noise_BD = 0.7 * torch.randn(count, SIZE, generator=generator)
    return evidence(4 * torch.eye(classes, SIZE)[label_B] + noise_BD, classes, label_B)


def unknown_images(generator: Generator, count: int = 120, classes: int = CLASSES) -> Evidence:
    """Images in the middle of the classes, and off to a side where no known image lies."""
    embedding_BD = (4 * torch.eye(classes, SIZE)).mean(0) + 0.7 * torch.randn(count, SIZE, generator=generator)
    embedding_BD[:, SIZE // 2 :] += 2.0
    return evidence(embedding_BD, classes)


def evidence(embedding_BD: Tensor, classes: int = CLASSES, label_B: Tensor | None = None) -> Evidence:
    """Evidence whose logits are linear in the embedding, and right."""
    weight_CD = torch.eye(classes, SIZE)
    return Evidence(embedding_BD, 2 * embedding_BD @ weight_CD.T - 1, label_B)


def auroc(known_scores: Tensor, unknown_scores: Tensor) -> float:
    """The share of pairs in which the unknown image scores higher; ties count half."""
    above = unknown_scores[:, None] > known_scores[None, :]
    level = unknown_scores[:, None] == known_scores[None, :]
    return float((above.double() + level.double() / 2).mean())
