"""How long the DAG takes on a large taxonomy: heads, loss and what they are held against.

    python -m experiments.dag_speed inat21.csv --batch 64 --threads 1

Prints medians in milliseconds, forward and backward, for each head, beside the bare linear layer of the same width and
two usual ways to normalise over siblings: a loop over parents, and one padded gather.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from hierclf.dag import DagPlan, compile_plan
from hierclf.heads import heads
from hierclf.losses import hierarchical_loss, label_weights
from hierclf.taxonomy.convert import load_taxonomy


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Median time of one call in milliseconds, after one call that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def loop_over_parents(logits_BE: torch.Tensor, plan: DagPlan) -> torch.Tensor:
    """Sibling softmax by splitting the edges per parent."""
    sizes = torch.bincount(plan.group_E).tolist()
    return torch.cat([part.log_softmax(1) for part in logits_BE.split(sizes, dim=1)], dim=1)


def padded_gather(logits_BE: torch.Tensor, plan: DagPlan) -> torch.Tensor:
    """Sibling softmax in a table of parents × the largest number of children."""
    sizes = torch.bincount(plan.group_E)
    place_E = torch.arange(plan.num_edges) - (sizes.cumsum(0) - sizes)[plan.group_E]
    table = logits_BE.new_full((len(logits_BE), len(sizes), int(sizes.max())), -torch.inf)
    table[:, plan.group_E, place_E] = logits_BE
    return table.log_softmax(2)[:, plan.group_E, place_E]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("taxonomy")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan = compile_plan(load_taxonomy(options.taxonomy))
    generator = torch.Generator().manual_seed(0)
    weight_NK = label_weights(plan, "uniform").float()
    label_B = plan.leaf_L[torch.randint(0, plan.num_leaves, (options.batch,), generator=generator)]
    embedding_BD = torch.randn(options.batch, options.width, generator=generator)
    print(f"{plan!r}, batch {options.batch}, {options.threads} thread(s); medians in ms")
    for name in heads:
        head = heads[name](options.width, plan, generator=generator)
        with torch.no_grad():
            logits = head(embedding_BD)
            linear = median_ms(lambda: head(embedding_BD), options.repeats)  # noqa: B023
            forward = median_ms(lambda: head.node_log_probs(logits), options.repeats)  # noqa: B023
        leaf = logits.T.clone().T.requires_grad_()

        def both() -> None:
            leaf.grad = None  # noqa: B023
            hierarchical_loss(head.node_log_probs(leaf), label_B, plan.path_NK, weight_NK).backward()  # noqa: B023

        trained = median_ms(both, options.repeats)
        print(f"{name:<10} linear {linear:8.1f}   log-memberships {forward:8.1f}   + loss, backward {trained:8.1f}")
    edges = torch.randn(options.batch, plan.num_edges, generator=generator).requires_grad_()
    for told, usual in (("loop over parents", loop_over_parents), ("padded gather", padded_gather)):

        def sibling_softmax() -> None:
            edges.grad = None
            usual(edges, plan).sum().backward()  # noqa: B023

        print(f"{told:<18} sibling softmax alone, backward {median_ms(sibling_softmax, 3):8.1f}")


if __name__ == "__main__":
    main()
