"""Classical one-class models on the embedding, fitted by scikit-learn and kept as plain tensors.

What scikit-learn learns is a few arrays in each case. They are stored instead of the estimator, which only pickle could
hold, and read back by a few lines of torch that give the same numbers. scikit-learn is imported where it fits, since
importing it takes a second that a prediction need not wait for.

B images, D embedding, K classes, M images or support vectors kept, T trees, V nodes of a tree
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
    """One-class support vector machine: ``ρ - Σ_i a_i k(z, z_i)``, of all known images or of each class by itself.

    The Gaussian kernel is ``exp(-γ ‖z - z_i‖²)``, the linear one ``z · z_i``, with which the machine is a plane between
    the images and the origin. With a machine per class the score is the least, over the classes, of the signed distance
    to the class's surface in the space of the kernel, ``(ρ_c - Σ_i a_i k(z, z_i)) / ‖w_c‖``, which brings the classes
    to one scale.

    Schölkopf et al., *Estimating the Support of a High-Dimensional Distribution*, Neural Computation 2001.

    Args:
        nu: share of known images allowed outside, above 0 and up to 1.
        kernel: ``"rbf"`` (Gaussian) or ``"linear"``.
        per_class: a machine for each class instead of one for all. Images without a leaf class then take no part; where
            none has one, they count as one class.
        most: fitted on at most so many images, since the time grows with their square; evenly over the classes.
    """

    nu: float = 0.1
    kernel: Literal["rbf", "linear"] = "rbf"
    per_class: bool = False
    most: int = 5_000

    def __post_init__(self) -> None:
        if not 0 < self.nu <= 1 or self.most < 1:
            raise ConfigError(f"expected nu above 0 and up to 1 and most of at least 1, got {self.nu} and {self.most}")
        if self.kernel not in ("rbf", "linear") or not isinstance(self.per_class, bool):
            raise ConfigError(
                "expected kernel as 'rbf' or 'linear' and per_class as true or false, got "
                f"{self.kernel!r} and {self.per_class!r}"
            )

    @property
    def learns(self) -> tuple[str, ...]:
        """Support vectors with their weights, offset and γ; per class also whose they are and ‖w‖; planes if linear."""
        if self.kernel == "linear":
            return ("plane", "offset")
        return ("vector", "weight", "offset", "gamma", *(("owner", "length") if self.per_class else ()))

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """One machine for a sample of the known images, or one for the images of each class in it."""
        if not self.per_class:
            machine = _machine(sample(known, self.most, generator), self)
            return machine.plane if self.kernel == "linear" else machine.vectors
        label_B = known.label_B
        if label_B is None or not (label_B >= 0).any():
            label_B = torch.zeros(len(known), dtype=torch.int64)
        rows = (label_B >= 0).nonzero()[:, 0]
        rows = rows[even_sample(label_B[rows], self.most, generator)]
        embedding_BD, label_B = known.embedding_BD[rows].double(), label_B[rows]
        machines = [_machine(embedding_BD[label_B == label], self) for label in torch.unique(label_B)]
        if self.kernel == "linear":
            lengths = torch.stack([machine.length for machine in machines])
            planes = [machine.plane for machine in machines]
            return {
                "plane": torch.cat([one["plane"] for one in planes]) / lengths[:, None],
                "offset": torch.cat([one["offset"] for one in planes]) / lengths,
            }
        parts = [machine.vectors for machine in machines]
        counts = torch.tensor([len(one["weight"]) for one in parts])
        return {
            "vector": torch.cat([one["vector"] for one in parts]),
            "weight": torch.cat([one["weight"] for one in parts]),
            "offset": torch.stack([one["offset"] for one in parts]),
            "gamma": torch.stack([one["gamma"] for one in parts]),
            "owner": torch.repeat_interleave(torch.arange(len(parts)), counts),
            "length": torch.stack([machine.length for machine in machines]),
        }

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """How far outside the support an image lies; inside it is negative."""
        embedding_BD, offset = evidence.embedding_BD.double(), learnt["offset"]
        if self.kernel == "linear":
            return (offset - embedding_BD @ learnt["plane"].T).amin(1)
        square_BM = torch.cdist(embedding_BD, learnt["vector"]).square()
        if not self.per_class:
            return offset - (-learnt["gamma"] * square_BM).exp() @ learnt["weight"]
        owner_M = learnt["owner"]
        value_BM = (-learnt["gamma"][owner_M] * square_BM).exp() * learnt["weight"]
        inside_BK = value_BM.new_zeros(len(value_BM), len(offset)).index_add(1, owner_M, value_BM)
        return ((offset - inside_BK) / learnt["length"]).amin(1)


@scores.register("one_class_svm_per_class")
def per_class_machines(
    *, nu: float = 0.1, kernel: Literal["rbf", "linear"] = "rbf", most: int = 5_000
) -> SupportVectors:
    """`SupportVectors` with a machine per class, under a name of its own."""
    return SupportVectors(nu=nu, kernel=kernel, per_class=True, most=most)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Machine:
    """One fitted machine.

    Args:
        vectors: support vectors, weights, offset and γ by name.
        plane: the plane's normal and offset by name, for the linear kernel.
        length: of the normal in the space of the kernel, above 0.
    """

    vectors: dict[str, Tensor]
    plane: dict[str, Tensor]
    length: Tensor


def _machine(embedding_BD: Tensor, options: SupportVectors) -> _Machine:
    from sklearn.svm import OneClassSVM

    variance = embedding_BD.var(correction=0)
    gamma = float(1 / (embedding_BD.shape[1] * variance)) if variance > 0 else 1.0  # scikit-learn's "scale"
    model = OneClassSVM(nu=options.nu, gamma=gamma, kernel=options.kernel).fit(embedding_BD)
    vector_MD = torch.from_numpy(model.support_vectors_)
    weight_M = torch.from_numpy(model.dual_coef_[0].copy())
    offset = torch.tensor(-float(model.intercept_[0]), dtype=torch.float64)
    normal_D = weight_M @ vector_MD
    if options.kernel == "linear":
        square = normal_D.square().sum()
    else:
        square = weight_M @ (-gamma * torch.cdist(vector_MD, vector_MD).square()).exp() @ weight_M
    vectors = {"vector": vector_MD, "weight": weight_M, "offset": offset, "gamma": torch.tensor(gamma).double()}
    plane = {"plane": normal_D[None], "offset": offset[None]}
    return _Machine(vectors=vectors, plane=plane, length=square.sqrt().clamp(min=1e-12))


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
