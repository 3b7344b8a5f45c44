"""Classical one-class models on the embedding, fitted by scikit-learn and kept as plain tensors.

What scikit-learn learns is a few arrays in each case. They are stored instead of the estimator, which only pickle could
hold, and read back by a few lines of torch that give the same numbers. scikit-learn is imported where it fits, since
importing it takes a second that a prediction need not wait for.

B images, D embedding, M images or support vectors kept, T trees, V nodes of a tree
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from hierclf.errors import ConfigError
from hierclf.gates.evidence import Evidence
from hierclf.gates.knn import even_sample
from hierclf.gates.score import Score, scores

EULER = 0.5772156649015329


@scores.register("one_class_svm")
@dataclass(frozen=True, kw_only=True)
class SupportVectors(Score):
    """One-class support vector machine with a Gaussian kernel: ``ρ - Σ_i a_i exp(-γ ‖z - z_i‖²)``.

    Schölkopf et al., *Estimating the Support of a High-Dimensional Distribution*, Neural Computation 2001.

    Args:
        nu: share of known images allowed outside, above 0 and up to 1.
        most: fitted on at most so many images, since the time grows with their square.
    """

    nu: float = 0.1
    most: int = 5_000

    def __post_init__(self) -> None:
        if not 0 < self.nu <= 1 or self.most < 1:
            raise ConfigError(f"expected nu above 0 and up to 1 and most of at least 1, got {self.nu} and {self.most}")

    @property
    def learns(self) -> tuple[str, ...]:
        """Support vectors with their weights, the offset and the kernel's γ."""
        return ("vector", "weight", "offset", "gamma")

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """The support vectors of a sample of the known images."""
        from sklearn.svm import OneClassSVM

        embedding_BD = sample(known, self.most, generator)
        variance = embedding_BD.var()
        gamma = 1 / (embedding_BD.shape[1] * variance) if variance > 0 else 1.0  # scikit-learn's "scale"
        model = OneClassSVM(nu=self.nu, gamma=float(gamma)).fit(embedding_BD)
        return {
            "vector": torch.from_numpy(model.support_vectors_),
            "weight": torch.from_numpy(model.dual_coef_[0].copy()),
            "offset": torch.tensor(-float(model.intercept_[0]), dtype=torch.float64),
            "gamma": torch.tensor(float(gamma), dtype=torch.float64),
        }

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """How far outside the support an image lies; inside it is negative."""
        square_BM = torch.cdist(evidence.embedding_BD.double(), learnt["vector"]).square()
        return learnt["offset"] - (-learnt["gamma"] * square_BM).exp() @ learnt["weight"]


@scores.register("isolation_forest")
@dataclass(frozen=True, kw_only=True)
class IsolationTrees(Score):
    """How few random cuts isolate an image: ``2^(-mean depth / expected depth)``, between 0 and 1.

    Liu, Ting and Zhou, *Isolation Forest*, ICDM 2008.

    Args:
        trees: number of trees.
    """

    trees: int = 100

    def __post_init__(self) -> None:
        if self.trees < 1:
            raise ConfigError(f"expected at least 1 tree, got {self.trees}")

    @property
    def learns(self) -> tuple[str, ...]:
        """Per tree and node: the feature that is cut and where, both children, the depth an end stands for."""
        return ("feature", "cut", "left", "right", "depth", "expected")

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """The trees, padded to the same number of nodes; an end is its own child."""
        from sklearn.ensemble import IsolationForest

        seed = int(torch.randint(2**31, (), generator=generator))
        forest = IsolationForest(n_estimators=self.trees, random_state=seed).fit(known.embedding_BD.float().numpy())
        trees = [estimator.tree_ for estimator in forest.estimators_]
        size = max(tree.node_count for tree in trees)
        itself_TV = np.tile(np.arange(size), (len(trees), 1))
        learnt = {
            "feature": np.zeros_like(itself_TV),
            "cut": np.zeros(itself_TV.shape),
            "depth": np.zeros(itself_TV.shape),
        }
        learnt |= {"left": itself_TV.copy(), "right": itself_TV.copy()}
        for place, (tree, features) in enumerate(zip(trees, forest.estimators_features_, strict=True)):
            inner = np.flatnonzero(tree.children_left >= 0)
            learnt["feature"][place, inner] = features[tree.feature[inner]]
            learnt["cut"][place, inner] = tree.threshold[inner]
            learnt["left"][place, inner] = tree.children_left[inner]
            learnt["right"][place, inner] = tree.children_right[inner]
            for node in inner:  # parents come before their children
                for child in (tree.children_left[node], tree.children_right[node]):
                    learnt["depth"][place, child] = learnt["depth"][place, node] + 1
            ends = np.flatnonzero(tree.children_left < 0)
            learnt["depth"][place, ends] += expected_depth(tree.n_node_samples[ends])
        expected = len(trees) * expected_depth(np.array([forest.max_samples_]))
        return {name: torch.from_numpy(values) for name, values in learnt.items()} | {
            "expected": torch.from_numpy(expected)[0]
        }

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """All images walk down all trees at once."""
        embedding_BD = evidence.embedding_BD.float()  # scikit-learn's trees cut float32
        node_TB = torch.zeros(len(learnt["feature"]), len(evidence), dtype=torch.int64)
        for _ in range(learnt["feature"].shape[1]):  # no path is longer, not even through trees that were tampered with
            value_TB = embedding_BD.T.gather(0, learnt["feature"].gather(1, node_TB))
            goes_left_TB = value_TB <= learnt["cut"].gather(1, node_TB)
            next_TB = torch.where(goes_left_TB, learnt["left"].gather(1, node_TB), learnt["right"].gather(1, node_TB))
            if torch.equal(next_TB, node_TB):
                break
            node_TB = next_TB
        depth_B = learnt["depth"].gather(1, node_TB).sum(0)
        return torch.exp2(-depth_B / learnt["expected"]) if learnt["expected"] > 0 else torch.full_like(depth_B, 0.5)


@scores.register("lof")
@dataclass(frozen=True, kw_only=True)
class LocalDensity(Score):
    """Local outlier factor: how much thinner the known images are around this one than around its neighbours.

    Breunig et al., *LOF: Identifying Density-Based Local Outliers*, SIGMOD 2000.

    Args:
        neighbours: number of neighbours (all, where there are fewer).
        bank: at most so many images are kept.
    """

    neighbours: int = 20
    bank: int = 10_000

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.bank < 2:
            raise ConfigError(f"expected neighbours >= 1 and bank >= 2, got {self.neighbours} and {self.bank}")

    @property
    def learns(self) -> tuple[str, ...]:
        """The bank, and per image the distance to its last neighbour and its density."""
        return ("bank", "reach", "density")

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """The density around each image of the bank; a single image has density 1."""
        from sklearn.neighbors import LocalOutlierFactor

        bank = sample(known, self.bank, generator)
        if len(bank) == 1:
            return {"bank": bank, "reach": torch.zeros(1).double(), "density": torch.ones(1).double()}
        count = min(self.neighbours, len(bank) - 1)
        model = LocalOutlierFactor(n_neighbors=count, novelty=True).fit(bank.numpy())
        reach = torch.from_numpy(model._distances_fit_X_[:, -1].copy())
        return {"bank": bank, "reach": reach, "density": torch.from_numpy(model._lrd.copy())}

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """The mean density of the neighbours over the image's own."""
        count = min(self.neighbours, max(len(learnt["bank"]) - 1, 1))
        distance_BM = torch.cdist(evidence.embedding_BD.double(), learnt["bank"])
        distance_BK, neighbour_BK = distance_BM.topk(count, largest=False)
        reach_BK = torch.maximum(distance_BK, learnt["reach"][neighbour_BK])
        return learnt["density"][neighbour_BK].mean(1) * (reach_BK.mean(1) + 1e-10)


def sample(known: Evidence, size: int, generator: Generator) -> Tensor:
    """Embeddings of at most `size` known images, evenly over the classes, float64."""
    label_B = known.label_B if known.label_B is not None else torch.zeros(len(known), dtype=torch.int64)
    return known.embedding_BD[even_sample(label_B, size, generator)].double()


def expected_depth(count: np.ndarray) -> np.ndarray:
    """Mean depth at which a random tree of n images isolates one: ``2 H(n - 1) - 2 (n - 1) / n``; 0 for one image."""
    count = count.astype(np.float64)
    several = np.maximum(count, 3.0)
    depth = 2 * (np.log(several - 1) + EULER) - 2 * (several - 1) / several
    return np.where(count <= 1, 0.0, np.where(count == 2, 1.0, depth))
