"""``hierclf fit``: from a folder of pictures to a run folder with a model and a report."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import yaml

import hierclf
from hierclf.cli.shares import share_or_none
from hierclf.errors import ConfigError

LONGEST_VALUE = 10_000
LONGEST_NAME = 40
MOST_NODES = 12
ESTIMATES = "How well newcomers should be noticed"
"""How the note begins that the table of newcomers tells in full."""


@click.command()
@click.argument("data", required=False)
@click.option("-o", "--out", "run", help="The run folder; NAME-2, NAME-3, … when NAME is taken.")
@click.option("--taxonomy", help="A taxonomy file, or the name of a shipped one. [default: the folders, side by side]")
@click.option("--other", multiple=True, help="Pictures that are none of the classes; may be given several times.")
@click.option("--backbone", help="auto, small_cnn, efficientnet_lite0, a torchvision name, timm/NAME, or none.")
@click.option("--weights", help="A file of weights for the backbone. [default: the published ones]")
@click.option("--freeze/--fine-tune", "freeze", default=None, help="Keep the backbone, or train it. [default: keep]")
@click.option("--epochs", type=int, help="Passes over the data when training. [default: by the number of images]")
@click.option("--strategy", help="A way to train and to reject, by name: flat_other_class, knn, … [default: hierclf]")
@click.option("--favour", metavar="CLASS", help="A class or meta-class not to miss: raise its recall …")
@click.option("--favour-precision", type=float, help="… as far as it keeps this precision. [default: 0.9]")
@click.option("--keep", type=float, help="Share of known images that must not be turned away. [default: 0.95]")
@click.option("--promise", help="average, confident, per_class, cross, two_sided or none. [default: average]")
@click.option("--confidence", type=float, help="Of the promise confident. [default: 0.95]")
@click.option("--other-accepted", type=float, help="Of the promise two_sided. [default: 0.05]")
@click.option(
    "--false-discovery",
    type=share_or_none,
    metavar="SHARE|none",
    help="Let predict look at all pictures together: of those turned away, at most this share known. [default: none]",
)
@click.option(
    "--correct",
    type=share_or_none,
    metavar="SHARE|none",
    help="Share of known images answered right, or with an ancestor. [default: 0.95]",
)
@click.option("--node-gates", help="Gates below the root: auto, none, or names with commas. [default: auto]")
@click.option("--seed", type=int, help="Of everything random. [default: 0]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other setting of the Python API.")
@click.option("--resume", is_flag=False, flag_value="", help="Go on with a run that was cut off: --resume RUN.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def fit(
    data: str | None,
    run: str | None,
    taxonomy: str | None,
    other: tuple[str, ...],
    strategy: str | None,
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
    from hierclf.settings import Settings

    with _Stoppable() as stoppable:
        if resume is not None:
            if resume and (data is not None or run is not None):
                raise ConfigError("--resume RUN needs nothing else; the run knows its data and settings")
            folder = RunFolder.open(resume or run or _nothing("--resume needs the run folder: --resume RUN"))
            if folder.done:
                raise ConfigError(f"the run {folder.path} is done; there is nothing to resume")
            stoppable.folder = folder
            _run(folder, _checked(folder.read_json("config.json"), folder.path), as_json=as_json)
            return
        if data is None:
            raise ConfigError("which pictures? hierclf fit DATA -o RUN")
        if given["node_gates"] is not None and "," in given["node_gates"]:
            given["node_gates"] = [name.strip() for name in given["node_gates"].split(",")]
        chosen = {k: v for k, v in given.items() if v is not None} | assignments(settings)
        chosen = _with_backbone(chosen, strategy)
        Settings.checked(_python(chosen))  # a typo is told before anything is made
        _strategy(strategy, chosen)
        config = {
            "data": _absolute(data),
            "other": [_absolute(source) for source in other],
            "taxonomy": taxonomy if taxonomy is None else _absolute(taxonomy),
            "strategy": strategy,
            "settings": chosen,
        }
        folder = RunFolder.create(run or Path("runs") / f"{Path(data).stem or 'run'}-1")
        stoppable.folder = folder
        try:
            folder.write_json("config.json", config)
            _run(folder, config, as_json=as_json)
        except BaseException:
            if not any(folder.path.glob("checkpoints/*")):
                folder.remove()
            raise


def _absolute(name: str) -> str:
    """A path that is there, so that a run can be resumed from anywhere; any other name as it is."""
    return os.path.abspath(name) if os.path.exists(name) else name


def _checked(config: Any, path: Path) -> dict[str, Any]:
    if not isinstance(config, dict) or not {"data", "other", "taxonomy", "settings"} <= set(config):
        raise ConfigError(f"{path / 'config.json'} is no config of a run; start a new one")
    return config


def _python(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as the Python API takes them: the word none for no backbone is None there."""
    return settings | ({"backbone": None} if settings.get("backbone") in ("none", "None") else {})


def _with_backbone(settings: dict[str, Any], strategy: str | None) -> dict[str, Any]:
    """The settings with a backbone, unless the strategy brings its own."""
    from hierclf.strategies import strategies

    own = {} if strategy is None else strategies[strategy].settings
    return settings if "backbone" in own else {"backbone": "auto"} | settings


def _strategy(name: str | None, settings: dict[str, Any]) -> Any:
    """The strategy with these settings, or None for the usual way.

    Raises:
        HierclfError: there is none of that name, it cannot use the settings, or it is to learn from embeddings.
    """
    from hierclf.strategies import strategies

    if name is None:
        return None
    python = _python(settings)
    strategy = strategies[name].but(**python).checked()
    if "backbone" in python and python["backbone"] is None:
        raise ConfigError(f"--strategy {name} learns from pictures; with --backbone none leave --strategy out")
    return strategy


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
            value = yaml.safe_load(text) if len(text) < LONGEST_VALUE else text
            json.dumps(value, allow_nan=False)
        except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
            told = str(error).splitlines()[0]
            raise ConfigError(f"--set {key}: values are text, numbers, lists and mappings ({told})") from error
        values[key.strip()] = value
    return values


def _nothing(message: str) -> str:
    raise ConfigError(message)


def _taxonomy(source: str | None, typed: set[str]) -> Any:
    """The taxonomy, silent about what was said on the command line."""
    from hierclf.classifier import OF_TAXONOMY
    from hierclf.taxonomy import Taxonomy

    if source is None or not typed & set(OF_TAXONOMY):
        return source
    silent = typed & set(OF_TAXONOMY) | ({"confidence", "other_accepted"} if "promise" in typed else set())
    nothing: dict[str, Any] = dict.fromkeys(silent)
    return replace(Taxonomy.from_yaml(source), **nothing)


def _run(folder: Any, config: dict[str, Any], *, as_json: bool) -> None:
    from hierclf.classifier import HierarchicalClassifier
    from hierclf.runs import environment
    from hierclf.taxonomy import Taxonomy
    from hierclf.training.checkpoint import load_checkpoint, save_checkpoint
    from hierclf.training.fine_tune import TrainingState

    settings = _python(config["settings"])
    folder.write_json("environment.json", environment())
    taxonomy = _taxonomy(config["taxonomy"], set(settings))
    strategy = _strategy(config.get("strategy"), config["settings"])
    images, labels, other = _sources(config, embeddings=strategy is None and settings["backbone"] is None)

    def keep(state: TrainingState) -> None:
        save_checkpoint(state, folder / "checkpoints")
        folder.write_rows("metrics.jsonl", state.log)

    training: dict[str, Any] = {"state": load_checkpoint(folder / "checkpoints"), "on_epoch": keep}
    if strategy is None:
        classifier = HierarchicalClassifier(taxonomy, **settings).fit(images, labels, other=other, **training)
    else:
        given = Taxonomy.from_yaml(taxonomy) if isinstance(taxonomy, str) else taxonomy
        classifier = strategy.fit(given, images, other=other, **training)
    metrics = _write(folder, config, classifier)
    folder.finish()
    if as_json:
        gate = classifier.model_.gate
        newcomers = [asdict(one) for one in gate.detections] if gate is not None else []
        favoured = getattr(classifier, "favoured_", None)
        answer: dict[str, Any] = {"run": str(folder.path), "notes": list(classifier.notes_), "metrics": metrics}
        answer |= {"promise": gate and gate.promise.sentence, "newcomers": newcomers}
        click.echo(json.dumps(answer | {"favoured": favoured and favoured.to_dict()}))
        return
    _tell(folder, classifier, metrics)


def _sources(config: dict[str, Any], *, embeddings: bool) -> tuple[Any, Any, Any]:
    if not embeddings:
        from hierclf.data import join_sets, load_images

        other = [load_images(source) for source in config["other"]]
        return load_images(config["data"]), None, join_sets(other) if other else None
    from hierclf.cli.embeddings import read_embeddings, read_strangers

    values, labels = read_embeddings(config["data"], labelled=True)
    return values, labels, read_strangers(config["other"])


def _write(folder: Any, config: dict[str, Any], classifier: Any) -> dict[str, Any]:
    """Model, tables and report into the run folder; the metrics of the calibration images are returned.

    A strategy that makes its classifier out of another one has no images to be measured on, and so no metrics.
    """
    from hierclf.data import image_to_pil
    from hierclf.held_out import examine_held_out
    from hierclf.report import RunContext, write_report

    classifier.save(folder / "model")
    classifier.taxonomy_.to_yaml(folder / "taxonomy.yaml")
    folder.write_rows("metrics.jsonl", classifier.log_)
    if getattr(classifier, "favoured_", None) is not None:
        folder.write_json("favour.json", classifier.favoured_.to_dict())
    if not hasattr(classifier, "prepared_"):
        return {}
    prepared = classifier.prepared_
    folder.write_json("scan.json", {name: found.to_dict() for name, found in prepared.scans.items()})
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
    promise = model.gate.promise.sentence if model.gate is not None else None
    for note in classifier.notes_:
        if note != promise and not note.startswith(ESTIMATES):
            click.echo(f"note: {note}")
    if hasattr(classifier, "prepared_"):
        parts = classifier.prepared_.parts
        click.echo(
            f"{len(parts.fit)} images to learn from, {len(parts.tune)} for choices, "
            f"{len(parts.calibration)} for the promise"
        )
    if metrics.get("leaf_accuracy") is not None:
        click.echo(
            f"accuracy on the {metrics['n_known']} images kept for the promise: {100 * metrics['leaf_accuracy']:.1f} % "
            f"({round(metrics['n_known'] * metrics['leaf_accuracy'])} right)"
        )
    if promise is not None:
        click.echo(f"promise: {promise}")
    _tell_newcomers(folder, classifier)
    click.echo(f"\nrun:     {folder.path}")
    if metrics:
        click.echo(f"report:  {folder / 'report.html'}")
    else:
        click.echo("report:  none, this strategy keeps no pictures to measure itself on; hierclf evaluate makes one")
    click.echo(f"next:    hierclf predict {folder.path} PICTURES…")
    if hasattr(classifier, "prepared_") and classifier.prepared_.other is None and model.gate is not None:
        click.echo("better:  fit again with --other FOLDER of pictures that it should turn away, if there are any")


def _tell_newcomers(folder: Any, classifier: Any) -> None:
    """What leave-one-child-out expects of the gates: the root's first, then the worst."""
    from hierclf.model_card import NEWCOMERS, root_first

    gate = classifier.model_.gate
    found = root_first(gate.detections, classifier.taxonomy_.root) if gate is not None else []
    if not found:
        return
    rows = [("node", "children forgotten", "AUROC", "scores")]
    for one in found[:MOST_NODES]:
        name = one.node if len(one.node) <= LONGEST_NAME else f"{one.node[: LONGEST_NAME - 1]}…"
        spread = f"{one.auroc:.2f} ± {one.standard_error:.2f}"
        rows.append((name, str(one.children), spread, " + ".join(one.scores)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    click.echo("\nhow well newcomers should be noticed:")
    for row in rows:
        click.echo("  ".join(["", *(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))
    if len(found) > MOST_NODES:
        click.echo(f"  … and {len(found) - MOST_NODES} more, in {folder / 'model' / 'README.md'}")
    trained = " The backbone was trained on these classes, so new ones will be noticed less well."
    click.echo(NEWCOMERS + (trained if hasattr(classifier, "fitted_") and classifier.fitted_.trained else ""))


class _Stoppable:
    """Ctrl-C and SIGTERM end the run at once, with exit code 130 or 143; the last finished epoch is on disk."""

    def __init__(self) -> None:
        self.folder: Any = None

    def __enter__(self) -> _Stoppable:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in getattr(self, "_before", {}).items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: object) -> None:
        resumable = self.folder is not None and any(self.folder.path.glob("checkpoints/*"))
        again = f"; go on with: hierclf fit --resume {self.folder.path}" if resumable else ""
        click.echo(f"\nstopped{again}", err=True)
        if self.folder is not None and not resumable:
            self.folder.remove()
        os._exit(128 + number)
