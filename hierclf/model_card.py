"""The model card: what a model recognises, what it promises, how it was made, in a page that anyone can read."""

from __future__ import annotations

from collections.abc import Sequence

import hierclf
from hierclf.backbones import Backbone, projection_of
from hierclf.gates import BothSides, Detection
from hierclf.heads import Head, heads
from hierclf.model import Model

MOST_CLASSES = 30
MOST_NODES = 100

NEWCOMERS = (
    "AUROC is how often an image of a child that was forgotten on purpose looked stranger there than one of its "
    "siblings: 1 is always, 0.5 is chance. It is an estimate and no promise; what comes later may be harder to notice."
)
"""What leave-one-child-out says, and what it does not."""

ANSWERS = (
    ("known", "one of the classes"),
    ("ambiguous", "a meta-class: one of the known classes below it, unclear which"),
    ("novel_child", "under this meta-class, but none of its known children"),
    ("other", "none of it, turned away at the root"),
    ("uncertain", "too strange to be sure of, not strange enough to be turned away"),
)


def model_card(model: Model, notes: Sequence[str] = ()) -> str:
    """The README of a model folder, in Markdown.

    Args:
        model: ready to decide.
        notes: what was assumed when it was fitted, in sentences.
    """
    taxonomy = model.taxonomy
    shown = ", ".join(map(_plain, taxonomy.leaves[:MOST_CLASSES])) + (
        ", …" if len(taxonomy.leaves) > MOST_CLASSES else ""
    )
    classes = "1 class" if len(taxonomy.leaves) == 1 else f"{len(taxonomy.leaves)} classes"
    levels = "1 level" if taxonomy.depth == 1 else f"{taxonomy.depth} levels"
    lines = [
        f"# {_plain(taxonomy.name or taxonomy.root)}: a hierclf model",
        "",
        f"Recognises {classes} on {levels}: {shown}.",
        "",
        "## What it promises",
        "",
        *_promises(model),
        "",
        *_newcomers(model),
        "## What it answers",
        "",
        *(f"- `{status}`: {meaning}" for status, meaning in ANSWERS if _can_say(model, status)),
        "",
        "## How it works",
        "",
        *_parts(model),
        *(f"- {_plain(note)}" for note in notes),
        "",
        "## Use",
        "",
        "```python",
        "from hierclf import HierarchicalClassifier",
        'model = HierarchicalClassifier.load("THIS FOLDER")',
        "model.predict(embeddings)" if model.backbone is None else 'model.predict(["picture.jpg"])',
        "```",
        "",
        f"Made with hierclf {hierclf.__version__}.",
    ]
    return "\n".join(lines) + "\n"


def head_name(head: Head) -> str:
    """The registered name of a head."""
    return next(name for name in heads if isinstance(head, heads[name]))  # type: ignore[arg-type]


def root_first(detections: Sequence[Detection], root: str) -> list[Detection]:
    """The root's estimate, if there is one, and then the others, the worst first.

    >>> told = {"scores": ("knn",), "standard_error": 0.0, "children": 3}
    >>> found = [Detection(node=node, auroc=auroc, **told) for node, auroc in (("a", 0.9), ("b", 0.8), ("r", 1.0))]
    >>> [one.node for one in root_first(found, "r")]
    ['r', 'b', 'a']
    """
    return sorted(detections, key=lambda one: (one.node != root, one.auroc))


def _newcomers(model: Model) -> list[str]:
    """How well new children are likely to be noticed, node by node."""
    found = root_first(model.gate.detections, model.taxonomy.root) if model.gate is not None else []
    if not found:
        return []
    rows = []
    for one in found[:MOST_NODES]:
        spread = f"{one.auroc:.2f} ± {one.standard_error:.2f}"
        rows.append(f"| {_cell(one.node)} | {one.children} | {spread} | {' + '.join(one.scores)} |")
    rest = [f"\n… and {len(found) - MOST_NODES} more, in model.json."] if len(found) > MOST_NODES else []
    head = ["| node | children forgotten | AUROC | scores |", "|---|---|---|---|"]
    return ["## How well it should notice newcomers", "", NEWCOMERS, "", *head, *rows, *rest, ""]


def _can_say(model: Model, status: str) -> bool:
    if status in ("known", "ambiguous"):
        return status == "known" or model.taxonomy.depth > 1 or model.operation.rule != "leaf"
    if status == "uncertain":
        return model.gate is not None and isinstance(model.gate.guarantee, BothSides)
    return model.gate is not None and (status == "other" or (model.knows_novelty and model.taxonomy.depth > 1))


def _promises(model: Model) -> list[str]:
    operation = model.operation
    lines = [f"- {model.gate.promise.sentence}" if model.gate else "- It has no gate: nothing is turned away."]
    if operation.correct is None:
        lines.append(f"- The rule `{operation.rule}` answers without a promise about correctness.")
    else:
        lines.append(
            f"- On known images, at least {100 * operation.correct:.6g} % of the answers of the rule "
            f"`{operation.rule}` are the right class or one of its ancestors (calibrated on {operation.calibrated_on} "
            "images)."
        )
    if operation.correct is not None or model.level > 0:
        lines.append(
            "- Promises are about images like those it was calibrated on, on average over such calibrations where no "
            "confidence is stated, and not about images of another origin."
        )
    return lines


def _parts(model: Model) -> list[str]:
    backbone, operation = model.backbone, model.operation
    lines = [
        f"- Backbone: {_plain(backbone.name)}, weights {_plain(backbone.weights)}"
        if backbone
        else f"- Backbone: none; it reads embeddings of {model.in_features} numbers",
        *_projection(backbone),
        f"- Head: {head_name(model.head)}",
        f"- Operating point: rule {operation.rule} at {operation.point:.6g}",
    ]
    if model.gate is not None:
        names = ", ".join(part.name for part in model.gate.parts)
        threshold = f"an image is turned away above a score of {model.gate.threshold:.6g}"
        lines.append(f"- Gate: {names}, combined by {model.gate.combine}; {threshold}")
    return lines


def _projection(backbone: Backbone | None) -> list[str]:
    """The layer that was trained on frozen features, where there is one."""
    layer = None if backbone is None else projection_of(backbone)
    return [] if layer is None else [f"- Projection: a trained layer of {layer.dim} numbers on its frozen features"]


def _cell(text: str) -> str:
    """Text that stays in its cell of a table."""
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text as one line that Markdown takes as it stands."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'")
