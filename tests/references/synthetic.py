"""Gaussian classes in Gaussian groups, of which some are kept from the training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from hierclf.dag import DagPlan, compile_plan
from hierclf.references import references
from hierclf.taxonomy import Taxonomy

GROUPS, CLASSES, SIZE = 4, 5, 24
WITH_STOPS = tuple(name for name in references if not name.startswith(("darts", "climbing", "hnd_td")))


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """Embeddings and labels: known ones, of unseen classes in known groups, and of unseen groups."""

    plan: DagPlan
    train: tuple[Tensor, Tensor]
    held_out: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    near: tuple[Tensor, Tensor]  # labels are the parents
    far: Tensor


@cache
def world() -> World:
    """The last class of each group and the whole last group are unknown."""
    generator = torch.Generator().manual_seed(5)
    group_GD = 2.0 * torch.randn(GROUPS, SIZE, generator=generator)
    class_GCD = group_GD[:, None] + 1.5 * torch.randn(GROUPS, CLASSES, SIZE, generator=generator)
    edges = {f"g{group}": [f"g{group}c{place}" for place in range(CLASSES - 1)] for group in range(GROUPS - 1)}
    plan = compile_plan(Taxonomy.from_edges({"root": list(edges), **edges}))

    def images(group: int, place: int, count: int) -> Tensor:
        return class_GCD[group, place] + torch.randn(count, SIZE, generator=generator)

    def known(count: int) -> tuple[Tensor, Tensor]:
        cells = [(group, place) for group in range(GROUPS - 1) for place in range(CLASSES - 1)]
        label_K = torch.tensor([plan.nodes.index(f"g{group}c{place}") for group, place in cells])
        return torch.cat([images(*cell, count) for cell in cells]), label_K.repeat_interleave(count)

    parent_K = torch.tensor([plan.nodes.index(f"g{group}") for group in range(GROUPS - 1)])
    return World(
        plan=plan,
        train=known(30),
        held_out=known(8),
        test=known(10),
        near=(
            torch.cat([images(group, CLASSES - 1, 30) for group in range(GROUPS - 1)]),
            parent_K.repeat_interleave(30),
        ),
        far=torch.cat([images(GROUPS - 1, place, 15) for place in range(CLASSES)]),
    )


@cache
def fitted(name):
    """Each reference, fitted once for all tests."""
    here = world()
    return references[name].fit(*here.train, here.plan, held_out=here.held_out, generator=torch.Generator())


def around(taxonomy, count=6, size=8, seed=3):
    """Embeddings near one centre per leaf of any taxonomy, with labels, twice."""
    plan = compile_plan(taxonomy)
    generator = torch.Generator().manual_seed(seed)
    centre_LD = 2.0 * torch.randn(plan.num_leaves, size, generator=generator)

    def draw() -> tuple[Tensor, Tensor]:
        slot_n = torch.arange(plan.num_leaves).repeat_interleave(count)
        return centre_LD[slot_n] + torch.randn(len(slot_n), size, generator=generator), plan.leaf_L[slot_n]

    return plan, draw(), draw()
