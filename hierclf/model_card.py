"""The model card: what a model recognises, what it promises, how it was made, in a page that anyone can read."""

from __future__ import annotations

from collections.abc import Sequence

import hierclf
from hierclf.heads import Head, heads
from hierclf.model import Model

MOST_CLASSES = 30


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


def _promises(model: Model) -> list[str]:
    operation = model.operation
    lines = [f"- {model.gate.promise.sentence}" if model.gate else "- It has no gate: nothing is turned away."]
    if operation.correct is None:
        return [*lines, f"- The rule `{operation.rule}` answers without a promise about correctness."]
    return [
        *lines,
        f"- On known images, at least {100 * operation.correct:.6g} % of the answers of the rule `{operation.rule}` "
        f"are the right class or one of its ancestors (calibrated on {operation.calibrated_on} images).",
        "- Promises hold on average for images like those it was calibrated on, and not for images of another origin.",
    ]


def _parts(model: Model) -> list[str]:
    backbone, operation = model.backbone, model.operation
    lines = [
        f"- Backbone: {_plain(backbone.name)}, weights {_plain(backbone.weights)}"
        if backbone
        else f"- Backbone: none; it reads embeddings of {model.in_features} numbers",
        f"- Head: {head_name(model.head)}",
        f"- Operating point: rule {operation.rule} at {operation.point:.6g}",
    ]
    if model.gate is not None:
        names = ", ".join(part.name for part in model.gate.parts)
        threshold = f"an image is turned away above a score of {model.gate.threshold:.6g}"
        lines.append(f"- Gate: {names}, combined by {model.gate.combine}; {threshold}")
    return lines


def _plain(text: str) -> str:
    """Text as one line that Markdown takes as it stands."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'")
