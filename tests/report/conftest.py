"""A made-up evaluation of a model for 12 kinds of clothes, with the fields that a real one has."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hierclf.evaluation import GateReport, Mistake, NodeReport, Promise, Report
from hierclf.promises import Drift
from hierclf.report import RunContext
from hierclf.taxonomy import Taxonomy

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

KINDS = {
    "top": ("t-shirt", "shirt", "longsleeve", "hoodie", "polo"),
    "bottom": ("pants", "shorts", "skirt"),
    "shoes": ("sneaker", "boot"),
    "outer": ("coat", "blazer"),
}
CLOTHES = Taxonomy(
    root="garment",
    edges=(
        *(("garment", group) for group in KINDS),
        *((group, kind) for group, kinds in KINDS.items() for kind in kinds),
    ),
)
ACCURACY = dict(zip(CLOTHES.leaves, (0.93, 0.78, 0.84, 0.9, 0.97, 0.96, 0.94, 0.6, 1.0, 0.98, 0.41, 0.86), strict=True))


def node_report(taxonomy: Taxonomy, node: str, recall: float | None, support: int) -> NodeReport:
    return NodeReport(
        node=node,
        level=taxonomy.level(node),
        support=support,
        recall=recall,
        precision=recall and min(recall + 0.02, 1),
    )


def gate_report(node: str, level: int, seed: int) -> GateReport:
    source = np.random.default_rng(seed)
    return GateReport(
        node=node, level=level, scores=("node_relative", "knn"), expected=0.93, expected_error=0.012, forgotten=4,
        known=300, known_here=0.031, novel=40 * (seed % 2), novel_here=0.7 if seed % 2 else float("nan"),
        novel_accepted=0.2 if seed % 2 else float("nan"), auroc=0.91 if seed % 2 else float("nan"),
        known_surprise=source.exponential(size=300), novel_surprise=source.exponential(4, size=40 * (seed % 2)),
    )  # fmt: skip


def make_confusion(taxonomy: Taxonomy, accuracy: dict[str, float], images: int, seed: int = 0) -> np.ndarray:
    source = np.random.default_rng(seed)
    number = len(taxonomy.leaves)
    counts = np.zeros((number, number + 4), dtype=np.int64)
    for row, leaf in enumerate(taxonomy.leaves):
        siblings = [taxonomy.leaves.index(s) for s in taxonomy.leaves_below(taxonomy.parents(leaf)[0]) if s != leaf]
        chances = np.full(number + 4, 0.001)
        chances[siblings] = (1 - accuracy[leaf]) / max(len(siblings), 1) / 2
        chances[row], chances[number], chances[number + 3] = accuracy[leaf], 0.04, 0.045
        counts[row] = source.multinomial(images, chances / chances.sum())
    return counts


def make_mistakes(number: int) -> tuple[Mistake, ...]:
    pairs = [("other", "t-shirt"), ("coat", "shirt"), ("boot", "top"), ("skirt", "shorts"), ("other", "shoes")]
    return tuple(
        Mistake(
            image=f"test/{pairs[i % 5][0]}/img_{1000 + 37 * i}.jpg",
            truth=pairs[i % 5][0],
            decided=pairs[i % 5][1],
            status="ambiguous" if pairs[i % 5][1] in KINDS else "known",
            probability=0.99 - 0.02 * i,
            severity=2.0,
            reason=f"stopped at {pairs[i % 5][1]}: p = {0.31 - 0.01 * i:.2f} ≥ 0.05, so it looked known",
            index=i,
        )
        for i in range(number)
    )


def make_report(taxonomy: Taxonomy = CLOTHES, **changes: Any) -> Report:
    source = np.random.default_rng(0)
    known, other = source.gamma(4.0, 1.0, 1200), source.gamma(30.0, 0.55, 700)
    grid = np.linspace(0, 1, 400)
    accuracy = {leaf: ACCURACY.get(leaf, 0.9) for leaf in taxonomy.leaves}
    metrics = {
        "n_known": 1200, "n_other": 700, "leaf_accuracy": 0.8683, "level_accuracy": [0.9642, 0.8683],
        "hierarchical_precision": 0.9411, "hierarchical_recall": 0.8931, "hierarchical_f1": 0.9165, "severity": 1.31,
        "hierarchical_distance_at_1": 0.31,
        "known_rejected": 0.0442, "known_rejected_standard_error": 0.0059, "alpha": 0.05, "auroc_other": 0.9874,
        "aupr_other": 0.9811, "unknown_accepted": 0.0486, "unknown_accepted_at_95_known": 0.0457,
        "known_rejected_at_95_unknown": 0.0433, "oscr": 0.8602, "coverage": 0.9134, "risk": 0.0801,
        "correct_or_ancestor": 0.9199, "n_errors": 2, "expected_calibration_error": 0.0231,
    }  # fmt: skip
    fields = {
        "taxonomy": taxonomy,
        "metrics": metrics,
        "nodes": tuple(
            node_report(taxonomy, node, float(np.mean([accuracy[leaf] for leaf in taxonomy.leaves_below(node)])),
                        100 * len(taxonomy.leaves_below(node)))
            for node in taxonomy.nodes
        ),
        "confusion": None if "confusion" in changes else make_confusion(taxonomy, accuracy, 100),
        "known_scores": known,
        "other_scores": other,
        "threshold": float(np.quantile(known, 0.955)),
        "alpha": 0.05,
        "curves": {
            "roc": (grid, 1 - (1 - grid) ** 40),
            "oscr": (grid, 0.8683 * (1 - (1 - grid) ** 60)),
            "operating": (grid, 1 - 0.13 * grid**3),
            "p_values": (grid, grid**1.1),
        },
        "promises": (
            Promise(name="at most 5 % of known images are turned away", promised=0.05, measured=0.0442,
                            standard_error=0.0059, images=1200, kept=True),
            Promise(name="at most 5 % of known images get an answer that is neither right nor an ancestor",
                            promised=0.05, measured=0.0801, standard_error=0.0078, images=1200, kept=False),
        ),
        "mistakes": make_mistakes(10),
        "baseline": {**metrics, "leaf_accuracy": 0.8708, "hierarchical_f1": 0.8711, "severity": 1.31, "oscr": 0.761,
                     "unknown_accepted": 0.5571, "unknown_accepted_at_95_known": 0.6014, "auroc_other": 0.8733,
                     "known_rejected_at_95_unknown": 0.61, "level_accuracy": [0.9567, 0.8708]},
        "gates": tuple(
            gate_report(node, taxonomy.level(node), seed) for seed, node in enumerate(taxonomy.internal_nodes)
        ),
        "novel_scores": source.gamma(14.0, 0.6, 80),
        "drift": Drift(statistic=0.04, p_value=0.2, n=1200, calibration_n=400, level=0.01, towards="more unknown"),
        "promise": "average",
        "promised": "At most 5 % of known images are turned away on the whole way.",
        "notes": ("2 images could not be read and are left out of every number.",),
    }  # fmt: skip
    return Report(**{**fields, **changes})


def make_context(**changes: Any) -> RunContext:
    facts = {
        "counts": {**{leaf: 120 + 31 * place for place, leaf in enumerate(CLOTHES.leaves)}, "other": 640},
        "assumptions": ("The taxonomy was taken from the nested folders.", "The validation share is 10 %, by class."),
        "skipped": (("train/shirt/broken.jpg", "truncated: 312 of 8,211 bytes"),),
        "history": [
            {"epoch": e, "train_loss": 2.1 * 0.7**e + 0.1, "validation_loss": 2.0 * 0.75**e + 0.25,
             "validation_accuracy": 0.87 - 0.5 * 0.6**e, "seconds": 3.2}
            for e in range(1, 11)
        ],
        "made": {"command": "hierclf fit data/clothes -o runs --set head=shared", "version": "hierclf 0.1.0",
                 "seed": "0", "device": "cpu, 2 threads"},
    }  # fmt: skip
    return RunContext(**{**facts, **changes})


def make_image(index: int) -> Image.Image:
    source = np.random.default_rng(index)
    ramp = np.linspace(0, 255, 160)[None, :, None] * source.random(3) + source.random((120, 1, 3)) * 40
    return Image.fromarray(ramp.clip(0, 255).astype(np.uint8))


@pytest.fixture
def report() -> Report:
    return make_report()


@pytest.fixture
def context() -> RunContext:
    return make_context()


@pytest.fixture
def report_with() -> Callable[..., Report]:
    return make_report


@pytest.fixture
def context_with() -> Callable[..., RunContext]:
    return make_context


@pytest.fixture
def picture() -> Callable[[int], Image.Image]:
    return make_image


@pytest.fixture(scope="module")
def browser():
    """A real browser, to look at pages with."""
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield running
        running.close()
