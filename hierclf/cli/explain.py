"""``hierclf explain``: why a picture was decided as it was, node by node."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from hierclf.errors import ConfigError, ImageError
from hierclf.runs import model_folder


@click.command()
@click.argument("run")
@click.argument("image")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def explain(run: str, image: str, as_json: bool) -> None:
    """Say why the model of RUN decides as it does about IMAGE: the gate, the route, and what else was near."""
    saved = model_folder(run)  # before torch is imported, so that a wrong name is told at once
    from hierclf.classifier import HierarchicalClassifier

    model = HierarchicalClassifier.load(saved)
    if model.model_.backbone is None:
        raise ConfigError("this model reads embeddings; hierclf explain takes one picture")
    if os.path.isdir(image):
        raise ConfigError(f"{image} is a folder; hierclf explain takes one picture")
    reading = model.read([image])
    if reading.errors:
        raise ImageError(reading.errors[0])
    decision = model.model_.decide(reading)[0]
    taxonomy, alpha = model.taxonomy_, model.model_.alpha
    probs_N = reading.node_log_probs_BN[0].exp()
    scores = {name: float(values[0]) for name, values in reading.components.items()}
    steps: list[dict[str, Any]] = []
    node = taxonomy.root
    for node in _way(taxonomy, decision.leaf, probs_N):
        children = sorted(taxonomy.children(node), key=lambda child: -float(probs_N[taxonomy.index(child)]))
        steps.append(
            {
                "node": node,
                "probability": float(probs_N[taxonomy.index(node)]),
                "children": {child: float(probs_N[taxonomy.index(child)]) for child in children[:5]},
            }
        )
    if as_json:
        gate = {"p_value": decision.p_value, "alpha": alpha, "scores": scores}
        click.echo(json.dumps({"decision": decision.to_record(), "gate": gate, "steps": steps}))
        return
    click.echo(f"{image}: {decision.status}, {decision.node}\n{decision.reason}\n")
    if scores:
        verdict = "turned away" if decision.status == "other" else "let in"
        told = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
        click.echo(f"gate  {verdict}: p = {decision.p_value:.3g}, known images get p ≤ {alpha:.3g} at most that often")
        click.echo(f"      {told} (larger = more unknown)")
    for depth, step in enumerate(steps):
        stopped = "  ← the answer" if step["node"] == decision.node else ""
        click.echo(f"{'  ' * depth}{step['node']}  {step['probability']:.3f}{stopped}")
        rest = list(step["children"].items())[1:]
        if rest:
            click.echo(f"{'  ' * depth}  other children: {', '.join(f'{name} {p:.3f}' for name, p in rest)}")


def _way(taxonomy: Any, leaf: str, probs_N: Any) -> list[str]:
    """From the root to the likeliest leaf, through the likeliest parents."""
    way = [leaf]
    while way[-1] != taxonomy.root:
        way.append(max(taxonomy.parents(way[-1]), key=lambda parent: float(probs_N[taxonomy.index(parent)])))
    return way[::-1]
