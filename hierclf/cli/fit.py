"""``hierclf fit``: from a folder of pictures to a run folder with a model and a report."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import yaml

import hierclf
from hierclf.errors import ConfigError, HierclfError


@click.command()
@click.argument("data", required=False)
@click.option("-o", "--out", "run", help="The run folder; NAME-2, NAME-3, … when NAME is taken.")
@click.option("--taxonomy", help="A taxonomy file, or the name of a shipped one. [default: the folders, side by side]")
@click.option("--other", multiple=True, help="Pictures that are none of the classes; may be given several times.")
@click.option("--backbone", help="auto, small_cnn, efficientnet_lite0, a torchvision name, timm/NAME, or none.")
@click.option("--weights", help="A file of weights for the backbone. [default: the published ones]")
@click.option("--freeze/--fine-tune", "freeze", default=None, help="Keep the backbone, or train it. [default: keep]")
@click.option("--epochs", type=int, help="Passes over the data when training. [default: by the number of images]")
@click.option("--keep", type=float, help="Share of known images that must not be turned away. [default: 0.95]")
@click.option("--seed", type=int, help="Of everything random. [default: 0]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other setting of the Python API.")
@click.option("--resume", is_flag=False, flag_value="", help="Go on with a run that was cut off: --resume RUN.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def fit(
    data: str | None,
    run: str | None,
    taxonomy: str | None,
    other: tuple[str, ...],
    settings: tuple[str, ...],
    resume: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Learn from DATA, a folder with one folder of pictures per class.

    DATA may also be a CSV of path,label, a torchvision data set ("torchvision:EMNIST:balanced"), or with --backbone
    none an .npz file that holds "embeddings" and "labels".
    """
    from hierclf.runs import RunFolder

    if resume is not None:
        folder = RunFolder.open(resume or run or _nothing("--resume needs the run folder: --resume RUN"))
        if folder.done:
            raise ConfigError(f"the run {folder.path} is done; there is nothing to resume")
        config = folder.read_json("config.json")
        _run(folder, config, as_json=as_json)
        return
    if data is None:
        raise ConfigError("which pictures? hierclf fit DATA -o RUN")
    config = {
        "data": data,
        "other": list(other),
        "taxonomy": taxonomy,
        "settings": {"backbone": "auto"} | {k: v for k, v in given.items() if v is not None} | assignments(settings),
    }
    folder = RunFolder.create(run or Path("runs") / f"{Path(data).stem or 'run'}-1")
    try:
        folder.write_json("config.json", config)
        _run(folder, config, as_json=as_json)
    except HierclfError:
        if not any(folder.path.glob("checkpoints/*")):
            folder.remove()
        raise


def assignments(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Settings from ``KEY=VALUE``; a value is read as YAML reads it, so ``epochs=3`` is a number.

    >>> assignments(("epochs=3", "gate=[knn, gen]"))
    {'epochs': 3, 'gate': ['knn', 'gen']}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set takes KEY=VALUE, got {pair!r}")
        try:
            values[key.strip()] = yaml.safe_load(text) if len(text) < 10_000 else text
        except yaml.YAMLError as error:
            raise ConfigError(f"the value of --set {key} cannot be read: {error}") from error
    return values


def _nothing(message: str) -> str:
    raise ConfigError(message)


def _run(folder: Any, config: dict[str, Any], *, as_json: bool) -> None:
    from hierclf.classifier import HierarchicalClassifier
    from hierclf.runs import environment
    from hierclf.settings import Settings
    from hierclf.training.checkpoint import load_checkpoint, save_checkpoint
    from hierclf.training.fine_tune import TrainingState

    settings = dict(config["settings"])
    if settings.get("backbone") in ("none", "None"):
        settings["backbone"] = None
    Settings.checked(settings)  # a typo is told before anything is read
    folder.write_json("environment.json", environment())
    classifier = HierarchicalClassifier(config["taxonomy"], **settings)
    images, labels, other = _sources(config, embeddings=settings["backbone"] is None)

    def keep(state: TrainingState) -> None:
        save_checkpoint(state, folder / "checkpoints")
        folder.write_rows("metrics.jsonl", state.log)

    with _stoppable(folder):
        classifier.fit(images, labels, other=other, state=load_checkpoint(folder / "checkpoints"), on_epoch=keep)
    metrics = _write(folder, config, classifier)
    folder.finish()
    if as_json:
        click.echo(json.dumps({"run": str(folder.path), "notes": list(classifier.notes_), "metrics": metrics}))
        return
    _tell(folder, classifier, metrics)


def _sources(config: dict[str, Any], *, embeddings: bool) -> tuple[Any, Any, Any]:
    if not embeddings:
        from hierclf.data import join_sets, load_images

        other = [load_images(source) for source in config["other"]]
        return load_images(config["data"]), None, join_sets(other) if other else None
    from hierclf.cli.embeddings import read_embeddings

    values, labels = read_embeddings(config["data"], labelled=True)
    return values, labels, read_embeddings(config["other"][0])[0] if config["other"] else None


def _write(folder: Any, config: dict[str, Any], classifier: Any) -> dict[str, Any]:
    """Model, tables and report into the run folder; the metrics of the calibration images are returned."""
    from hierclf.data import image_to_pil
    from hierclf.held_out import examine_held_out
    from hierclf.report import RunContext, write_report

    classifier.save(folder / "model")
    classifier.taxonomy_.to_yaml(folder / "taxonomy.yaml")
    prepared = classifier.prepared_
    folder.write_json("scan.json", {name: found.to_dict() for name, found in prepared.scans.items()})
    folder.write_rows("metrics.jsonl", classifier.log_)
    examined, images = examine_held_out(classifier)
    metrics = examined.to_dict()
    folder.write_json("metrics.json", metrics)
    folder.write_text("table.md", examined.to_markdown())
    found = prepared.scans.get("data")
    write_report(
        examined,
        folder / "report.html",
        title=f"{classifier.taxonomy_.name or Path(config['data']).name}: after training",
        images=(lambda place: image_to_pil(images, place)) if images is not None else None,
        context=RunContext(
            counts=dict(found.counts) if found else {},
            skipped=found.corrupt if found else (),
            assumptions=classifier.notes_,
            history=classifier.log_,
            made={
                "command": " ".join(["hierclf", *sys.argv[1:]]),
                "hierclf": hierclf.__version__,
                "seed": str(classifier.seed),
                "run": str(folder.path),
            },
        ),
    )
    return metrics


def _tell(folder: Any, classifier: Any, metrics: dict[str, Any]) -> None:
    model = classifier.model_
    for note in classifier.notes_:
        click.echo(f"note: {note}")
    parts = classifier.prepared_.parts
    click.echo(
        f"{len(parts.fit)} images to learn from, {len(parts.tune)} for choices, "
        f"{len(parts.calibration)} for the promise"
    )
    if metrics.get("leaf_accuracy") is not None:
        click.echo(
            f"accuracy on the {metrics['n_known']} images kept for the promise: {100 * metrics['leaf_accuracy']:.1f} %"
        )
    if model.gate is not None:
        click.echo(f"promise: {model.gate.promise.sentence}")
    click.echo(f"\nrun:     {folder.path}\nreport:  {folder / 'report.html'}")
    click.echo(f"next:    hierclf predict {folder.path} PICTURES…")


@contextmanager
def _stoppable(folder: Any) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run at once, with exit code 130 or 143; the last finished epoch is on disk."""

    def stop(number: int, frame: object) -> None:
        again = f"; go on with: hierclf fit --resume {folder.path}" if any(folder.path.glob("checkpoints/*")) else ""
        click.echo(f"\nstopped{again}", err=True)
        if not again:
            folder.remove()
        os._exit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
