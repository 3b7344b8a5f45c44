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
from functools import partial
from typing import cast

import torch

from hierclf.dag import DagPlan, compile_plan
from hierclf.heads import Head, heads
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
    return torch.cat([part.log_softmax(1) for part in torch.split(logits_BE, sizes, dim=1)], dim=1)


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
        print(f"{name:<10} {timed_head(name, plan, embedding_BD, label_B, weight_NK, options.repeats)}")
    edges_BE = torch.randn(options.batch, plan.num_edges, generator=generator)
    for told, usual in (("loop over parents", loop_over_parents), ("padded gather", padded_gather)):
        leaf = edges_BE.clone().requires_grad_()
        took = median_ms(partial(there_and_back, usual, leaf, plan), 3)
        print(f"{told:<18} sibling softmax alone, backward {took:8.1f}")


def timed_head(
    name: str,
    plan: DagPlan,
    embedding_BD: torch.Tensor,
    label_B: torch.Tensor,
    weight_NK: torch.Tensor,
    repeats: int,
) -> str:
    """One line: the bare linear layer, the log-memberships, and these with the loss and the way back."""
    head = cast(Head, heads[name](embedding_BD.shape[1], plan, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        logits = head(embedding_BD)
        linear = median_ms(lambda: head(embedding_BD), repeats)
        forward = median_ms(lambda: head.node_log_probs(logits), repeats)
    leaf = logits.T.clone().T.requires_grad_()

    def train() -> None:
        leaf.grad = None
        torch.autograd.backward(hierarchical_loss(head.node_log_probs(leaf), label_B, plan.path_NK, weight_NK))

    trained = median_ms(train, repeats)
    return f"linear {linear:8.1f}   log-memberships {forward:8.1f}   + loss, backward {trained:8.1f}"


def there_and_back(usual: Callable[[torch.Tensor, DagPlan], torch.Tensor], leaf: torch.Tensor, plan: DagPlan) -> None:
    """Forward and backward through one way to normalise over siblings."""
    leaf.grad = None
    torch.autograd.backward(usual(leaf, plan).sum())


if __name__ == "__main__":
    main()
