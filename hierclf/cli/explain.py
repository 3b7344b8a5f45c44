"""``hierclf explain``: why a picture was decided as it was, node by node."""

from __future__ import annotations

import json
import os
from math import exp
from typing import Any

import click

from hierclf.errors import ConfigError, ImageError
from hierclf.runs import model_folder

MOST_CHILDREN = 5
AWAY = ("other", "novel_child")

SMALLEST = 0.001
"""Smaller p-values of single gates rest on the tail of a curve, not on images, and are not told apart."""

LEGEND = {
    "probability": "number      the chance that the image belongs under the node, given that it is known",
    "gate_p_value": "gate p      about how many known images of the node look as strange; the route has a p of its own",
    "novel": "new         the chance that it is none of the known children, given that it belongs under the node",
    "expected_auroc": "newcomers   how well children forgotten on purpose were noticed there: an estimate, no promise",
}


@click.command()
@click.argument("run")
@click.argument("image")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def explain(run: str, image: str, as_json: bool) -> None:
    """Say why the model of RUN decides as it does about IMAGE: the gates, the route, and what else was near."""
    saved = model_folder(run)  # before torch is imported, so that a wrong name is told at once
    from hierclf.classifier import HierarchicalClassifier

    classifier = HierarchicalClassifier.load(saved)
    model = classifier.model_
    if model.backbone is None:
        raise ConfigError("this model reads embeddings; hierclf explain takes one picture")
    if os.path.isdir(image):
        raise ConfigError(f"{image} is a folder; hierclf explain takes one picture")
    reading = classifier.read([image])
    if reading.errors:
        raise ImageError(reading.errors[0])
    decision = model.decide(reading)[0]
    way = _way(model.taxonomy, decision.leaf, reading.node_log_probs_BN[0])
    steps = _steps(model, reading, way)
    aside = _steps(model, reading, [node for node in decision.route if node not in way])
    gate = {
        "p_value": decision.p_value,
        "alpha": model.alpha,
        "level": model.level,
        "scores": {name: float(values[0]) for name, values in reading.components.items()},
        "promise": model.gate.promise.sentence if model.gate is not None else None,
    }
    if as_json:
        click.echo(json.dumps({"decision": decision.to_record(), "gate": gate, "steps": steps, "aside": aside}))
        return
    click.echo(f"{image}: {decision.status}, {decision.node}\n{decision.reason}\n")
    if model.gate is not None:
        _tell_gate(gate, decision)
    for step in steps:
        _tell_step(step, decision.node)
    if aside:
        click.echo("and on the way to the answer:")
    for step in aside:
        _tell_step(step, decision.node)
    click.echo()
    for name, meaning in LEGEND.items():
        if any(step[name] is not None for step in steps):
            click.echo(meaning)


def _steps(model: Any, reading: Any, nodes: list[str]) -> list[dict[str, Any]]:
    """What the model thinks at each of the nodes."""
    from hierclf.dag import membership_of_stops

    taxonomy = model.taxonomy
    probs_N = reading.node_log_probs_BN[0].exp()
    stops_BN = reading.stop_log_probs_BN
    novel_N = (stops_BN - membership_of_stops(stops_BN, model.plan))[0].exp().nan_to_num(nan=0.0)
    surprise = dict(
        zip(model.gated_nodes, reading.surprise_BG[0].tolist(), strict=False)
    )  # none of gates without nodes
    detections = {one.node: one for one in model.gate.detections} if model.gate is not None else {}
    steps: list[dict[str, Any]] = []
    for node in nodes:
        children = sorted(taxonomy.children(node), key=lambda child: -float(probs_N[taxonomy.index(child)]))
        asked = model.knows_novelty and bool(children)
        found = detections.get(node)
        steps.append(
            {
                "node": node,
                "level": taxonomy.level(node),
                "probability": float(probs_N[taxonomy.index(node)]),
                "gate_p_value": exp(-surprise[node]) if node in surprise else None,
                "novel": float(novel_N[taxonomy.index(node)]) if asked else None,
                "expected_auroc": found.auroc if found is not None else None,
                "expected_auroc_standard_error": found.standard_error if found is not None else None,
                "children_forgotten": found.children if found is not None else None,
                "children": {child: float(probs_N[taxonomy.index(child)]) for child in children[:MOST_CHILDREN]},
            }
        )
    return steps


def _tell_gate(gate: dict[str, Any], decision: Any) -> None:
    verdict = "turned away" if decision.status in AWAY else "neither" if decision.status == "uncertain" else "let in"
    held = f"turned away at p ≤ {gate['level']:.3g}" if gate["level"] else "p decides nothing"
    click.echo(f"gate     {verdict}: p = {decision.p_value:.3g} on the whole route ({held})")
    told = ", ".join(f"{name} {value:.4g}" for name, value in gate["scores"].items())
    click.echo(f"         at the root: {told} (larger = more unknown)")
    click.echo(f"promise  {gate['promise']}\n")


def _tell_step(step: dict[str, Any], answer: str) -> None:
    indent = "  " * step["level"]
    told = []
    if step["gate_p_value"] is not None:
        rare = step["gate_p_value"] < SMALLEST
        told.append(f"gate p < {SMALLEST:g}" if rare else f"gate p = {step['gate_p_value']:.3g}")
    if step["novel"] is not None:
        told.append(f"new {step['novel']:.3f}")
    if step["expected_auroc"] is not None:
        told.append(f"newcomers AUROC {step['expected_auroc']:.2f} ± {step['expected_auroc_standard_error']:.2f}")
    facts = f"  ({', '.join(told)})" if told else ""
    stopped = "  ← the answer" if step["node"] == answer else ""
    click.echo(f"{indent}{step['node']}  {step['probability']:.3f}{facts}{stopped}")
    rest = list(step["children"].items())[1:]
    if rest:
        click.echo(f"{indent}  other children: {', '.join(f'{name} {p:.3f}' for name, p in rest)}")


def _way(taxonomy: Any, leaf: str, log_probs_N: Any) -> list[str]:
    """From the root to the likeliest leaf, through the likeliest parents."""
    way = [leaf]
    while way[-1] != taxonomy.root:
        way.append(max(taxonomy.parents(way[-1]), key=lambda parent: float(log_probs_N[taxonomy.index(parent)])))
    return way[::-1]
