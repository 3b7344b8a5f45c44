"""Evidence about which everything is known: Gaussian classes, an unknown cluster, and a linear head."""

from __future__ import annotations

import networkx as nx
import torch
from torch import Generator, Tensor

from hierclf.gates import Evidence, scores
from hierclf.taxonomy import Taxonomy

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


def planted(
    taxonomy: Taxonomy, generator: Generator, count: int = 12, *, size: int = 9, spread: float = 0.5, seed: int = 0
) -> Evidence:
    """Images of every leaf class around centres that lie where their ancestors put them; labels are leaf slots.

    Logits are right, but noisy. Where a class lies depends on the seed and on its name's place in the alphabet.
    """
    places = torch.Generator().manual_seed(seed)
    step = {node: 3.0 * torch.randn(size, generator=places, dtype=torch.float64) for node in sorted(taxonomy.nodes)}
    names = [sorted(nx.ancestors(nx.DiGraph(taxonomy.edges), leaf) | {leaf}) for leaf in taxonomy.leaves]
    centre_LD = torch.stack([torch.stack([step[name] for name in above]).sum(0) for above in names])
    label_B = torch.arange(len(centre_LD)).repeat_interleave(count)
    noise_BD = spread * torch.randn(len(label_B), size, generator=generator, dtype=torch.float64)
    logits_BL = 4.0 * torch.nn.functional.one_hot(label_B, len(centre_LD)).double()
    logits_BL += torch.randn(logits_BL.shape, generator=generator, dtype=torch.float64)
    return Evidence(centre_LD[label_B] + noise_BD, logits_BL, label_B)
