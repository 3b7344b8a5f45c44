"""``hierclf evaluate``: a run held against pictures whose class is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from hierclf.errors import ConfigError, HierclfError
from hierclf.runs import model_folder


@click.command()
@click.argument("run")
@click.argument("data")
@click.option("--other", multiple=True, help="Pictures that are none of the classes; may be given several times.")
@click.option(
    "--novel",
    multiple=True,
    metavar="NODE=DIR",
    help="Pictures of unknown classes that belong below a meta-class; may be given several times.",
)
@click.option("-o", "--out", help="Folder for report and tables. [default: RUN/evaluation, evaluation-2, …]")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def evaluate(
    run: str, data: str, other: tuple[str, ...], novel: tuple[str, ...], out: str | None, as_json: bool
) -> None:
    """Measure the model of RUN on DATA, a folder with one folder of pictures per class."""
    sources = _by_node(novel)
    saved = model_folder(run)  # before torch is imported, so that a wrong name is told at once
    from hierclf.classifier import HierarchicalClassifier
    from hierclf.data import image_to_pil, join_sets, load_images
    from hierclf.examination import examine

    model = HierarchicalClassifier.load(saved)
    if model.model_.backbone is None:
        from hierclf.cli.embeddings import read_embeddings, read_strangers

        values, labels = read_embeddings(data, labelled=True)
        strange = {node: read_strangers(paths) for node, paths in sources.items()}
        examined = examine(model, values, labels, other=read_strangers(other), novel=strange)
    else:
        known = load_images(data)
        strangers = join_sets([load_images(source) for source in other]) if other else None
        strange = {node: join_sets([load_images(source) for source in paths]) for node, paths in sources.items()}
        examined = examine(model, known, other=strangers, novel=strange, notes=_leaks(Path(run), known))
    report = examined.report
    images = examined.images
    folder = _folder(run, out)
    if folder is not None:
        from hierclf.report import RunContext, write_report

        folder.write_json("metrics.json", report.to_dict())
        folder.write_text("table.md", report.to_markdown())
        write_report(
            report,
            folder / "report.html",
            title=f"{model.taxonomy_.name or Path(data).name}: evaluation",
            images=(lambda place: image_to_pil(images, place)) if images is not None else None,
            context=RunContext(
                made={
                    "model": str(run),
                    "data": data,
                    "other": ", ".join(other) or "none",
                    **({"novel": ", ".join(novel)} if novel else {}),
                }
            ),
        )
        folder.finish()
    if as_json:
        click.echo(json.dumps(report.to_dict() | {"report": str(folder / "report.html") if folder else None}))
        return
    click.echo(report.to_markdown())
    if folder is not None:
        click.echo(f"\nreport: {folder / 'report.html'}")


def _by_node(novel: tuple[str, ...]) -> dict[str, list[str]]:
    """The sources of each node, from NODE=DIR.

    Raises:
        ConfigError: something without a node or without a source.

    >>> _by_node(("letter=a", "digit=b", "letter=c=d"))
    {'letter': ['a', 'c=d'], 'digit': ['b']}
    """
    sources: dict[str, list[str]] = {}
    for pair in novel:
        node, equals, source = pair.partition("=")
        if not (node and equals and source):
            raise ConfigError(f"--novel is written NODE=DIR, as in --novel letter=data/greek; got {pair!r}")
        sources.setdefault(node, []).append(source)
    return sources


def _folder(run: str, out: str | None) -> Any:
    """Where the report goes, or None with a word of warning when the run's folder cannot be written."""
    from hierclf.runs import RunFolder

    try:
        return RunFolder.create(out or Path(run) / "evaluation")
    except HierclfError as error:
        if out is not None:
            raise
        click.echo(f"no report was written: {error}; name a place with -o", err=True)
        return None


def _leaks(run: Path, known: Any) -> list[str]:
    """A sentence when pictures of the test are copies of pictures that the model learnt from."""
    from hierclf.data import content_hash
    from hierclf.errors import ImageError

    try:
        trained = set(json.loads((run / "scan.json").read_text(encoding="utf-8"))["data"]["hashes"].values()) - {""}
    except (OSError, ValueError, KeyError, AttributeError):
        return []

    def learnt(place: int) -> bool:
        try:
            return content_hash(known, place) in trained
        except ImageError:
            return False

    copies = [known.names[place] for place in range(len(known)) if learnt(place)]
    if not copies:
        return []
    shown = ", ".join(copies[:3]) + (", …" if len(copies) > 3 else "")
    return [f"{len(copies)} of these pictures are copies of training pictures, so the figures flatter: {shown}"]
