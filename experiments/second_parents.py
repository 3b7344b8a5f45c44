"""What second parents are worth: a DAG is planted in embeddings, and looked for with and without them.

    python -m experiments.second_parents --seeds 5

Classes stand around the centres of their groups, but a share of them stands between two: at the middle of two centres.
Printed is, for a tree and for each tolerance ε, how many second parents are found, how many of those are planted and
how many of the planted ones are found, and the ancestor F1 (pairs of a class and a group above it); means over seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

import numpy as np

from hierclf import Taxonomy, compare_taxonomies, discover
from hierclf.discovery import Discovery, distances_from_embeddings

# n images, D embedding, G groups

TOLERANCES = (0.0, 0.05, 0.1, 0.2, 0.4)


def planted(
    seed: int, *, groups: int = 6, classes: int = 8, between: float = 0.25, images: int = 30, width: int = 96
) -> tuple[np.ndarray, list[str], Taxonomy]:
    """Embeddings ``(n, D)``, their labels, and the DAG that was planted in them.

    Args:
        seed: of everything.
        groups: number of groups.
        classes: classes whose first parent each group is.
        between: share of these that stand between their own group and another one.
        images: of each class.
        width: numbers of an embedding.
    """
    chance = np.random.default_rng(seed)
    centre_GD = chance.normal(size=(groups, width))
    edges, centres = [("root", f"g{group}") for group in range(groups)], []
    for group in range(groups):
        for number in range(classes):
            name, centre_D = f"c{group}{number}", centre_GD[group]
            edges.append((f"g{group}", name))
            if number < between * classes:
                other = int(chance.choice([one for one in range(groups) if one != group]))
                edges.append((f"g{other}", name))
                centre_D = (centre_D + centre_GD[other]) / 2
            centres.append(centre_D + 0.3 * chance.normal(size=width))
    labels = [f"c{group}{number}" for group in range(groups) for number in range(classes)]
    label_n = np.repeat(labels, images)
    embedding_nD = np.repeat(np.array(centres), images, axis=0) + chance.normal(size=(len(label_n), width))
    return embedding_nD, label_n.tolist(), Taxonomy(root="root", edges=tuple(edges))


def doubled(taxonomy: Taxonomy) -> set[str]:
    """The classes with more than one parent."""
    return {leaf for leaf in taxonomy.leaves if len(taxonomy.parents(leaf)) > 1}


def measure(found: Discovery, truth: Taxonomy) -> tuple[float, float, float, float, float]:
    """Classes with a second parent, the shares of them that are right and of the planted that are found, and two F1."""
    told, planted_classes = doubled(found.taxonomy), doubled(truth)
    right = len(told & planted_classes)
    agreement = compare_taxonomies(found.taxonomy, truth)
    return (
        len(told),
        right / len(told) if told else float("nan"),
        right / len(planted_classes),
        agreement.ancestor.f1,
        agreement.clade.f1,
    )


def table(seeds: Iterable[int], tolerances: Sequence[float] = TOLERANCES, *, bootstraps: int = 50) -> str:
    """One line for a tree and one for each tolerance, means over seeds."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    for seed in seeds:
        embeddings, labels, truth = planted(seed)
        distances = distances_from_embeddings(embeddings, labels)
        for told, second in [("a tree", None), *((f"ε = {epsilon:g}", epsilon) for epsilon in tolerances)]:
            found = discover(distances, bootstraps=bootstraps, second=second, seed=seed)
            rows.setdefault(told, []).append(measure(found, truth))
    lines = ["              second parents   right   found   ancestor F1   clade F1"]
    for told, values in rows.items():
        count, right, share, ancestor, clade = (_mean(column) for column in zip(*values, strict=True))
        lines.append(f"{told:<12}  {count:14.1f}   {right:5.2f}   {share:5.2f}   {ancestor:11.3f}   {clade:8.3f}")
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> float:
    there = [value for value in values if value == value]
    return sum(there) / len(there) if there else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    print(table(range(parser.parse_args().seeds)))


if __name__ == "__main__":
    main()
