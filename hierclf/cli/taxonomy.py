"""``hierclf taxonomy``: check, draw, convert, compare and start taxonomy files. Starts without torch or numpy."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.convert import YAML, load_taxonomy, save_taxonomy
from hierclf.taxonomy.difference import difference
from hierclf.taxonomy.document import find_taxonomy, schema
from hierclf.taxonomy.drawing import draw_taxonomy, summarise
from hierclf.taxonomy.fault import Fault
from hierclf.taxonomy.folder import taxonomy_from_folder
from hierclf.taxonomy.starter import write_starter
from hierclf.taxonomy.taxonomy import Taxonomy

as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
root_name = click.option("--root", help="Name of the root, for forms that do not say it.")


@click.group()
def taxonomy() -> None:
    """Check, draw, convert, compare and start taxonomy files.

    A taxonomy is given as a .yaml file, in one of the other forms (.csv, .json, .skos, .tsv, a folder of class
    folders), or by the name of one that comes with hierclf, such as digits.
    """


@taxonomy.command()
@click.argument("files", nargs=-1, required=True)
@as_json
def check(files: tuple[str, ...], as_json: bool) -> None:
    """Say everything that is wrong with taxonomy files, or that they are fine.

    Exit code 0: all are fine. 1: there are faults. 2: a file cannot be read.
    """
    answers = [_check(file) for file in files]
    if as_json:
        _print_json(answers[0] if len(answers) == 1 else answers)
    else:
        click.echo("\n\n".join(answer["text"] for answer in answers))
    if any(answer["faults"] for answer in answers):
        raise click.exceptions.Exit(1)


@taxonomy.command()
@click.argument("file")
@click.option("--max-depth", type=click.IntRange(min=0), help="How many levels below the root to draw.")
@root_name
@as_json
def show(file: str, max_depth: int | None, root: str | None, as_json: bool) -> None:
    """Draw a taxonomy as a tree, with levels; second parents are marked."""
    found = load_taxonomy(file, root=root)
    if as_json:
        _print_json(_as_dict(found))
    else:
        click.echo(draw_taxonomy(found, max_depth=max_depth))
        click.echo(f"\n{summarise(found)}")


@taxonomy.command()
@click.argument("source")
@click.argument("target")
@root_name
@click.option("--force", is_flag=True, help="Replace the target if it exists.")
@as_json
def convert(source: str, target: str, root: str | None, force: bool, as_json: bool) -> None:
    """Read SOURCE and write it as TARGET, in the form that its suffix asks for (.yaml, .csv, .json, .skos, .tsv)."""
    found = load_taxonomy(source, root=root)
    _refuse_existing(target, force)
    save_taxonomy(found, target)
    lost = [] if Path(target).suffix.lower() in YAML else _tables(found)
    if as_json:
        _print_json({"source": source, "target": target, "lost": lost, **_counts(found)})
        return
    click.echo(f"wrote {target}: {summarise(found)}")
    if lost:
        click.echo(f"note: {', '.join(lost)} stayed behind; only .yaml holds more than the edges", err=True)


@taxonomy.command()
@click.argument("before")
@click.argument("after")
@as_json
def diff(before: str, after: str, as_json: bool) -> None:
    """Say what changed from BEFORE to AFTER, one fact a line.

    Nodes were added (+), removed (-), renamed (~), joined (&), split (/), dissolved into a node above them (<), put
    around others (*) or moved (>); tables changed (!). Meta-classes are recognised by the classes below them, so that
    a class whose parent was merely renamed, joined or split did not move.

    Exit code 0: nothing changed. 1: something did.
    """
    found = difference(load_taxonomy(before), load_taxonomy(after))
    if as_json:
        _print_json({"same": not found, **found.to_dict()})
    else:
        click.echo(str(found) or "the same")
    if found:
        raise click.exceptions.Exit(1)


@taxonomy.command()
@click.argument("classes", nargs=-1, required=True, metavar="FOLDER | CLASS...")
@click.option("-o", "--output", default="taxonomy.yaml", show_default=True, help="The file to write.")
@root_name
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@as_json
def init(classes: tuple[str, ...], output: str, root: str | None, force: bool, as_json: bool) -> None:
    """Write a taxonomy file to start from, with comments on what it may hold.

    The classes are those of a FOLDER of class folders, or the names given.
    """
    if len(classes) == 1 and (Path(classes[0]).is_dir() or "/" in classes[0]):
        found = taxonomy_from_folder(classes[0], root=root)
    else:
        top = root if root is not None else "root"
        found = Taxonomy(root=top, edges=tuple((top, name) for name in classes))
    _refuse_existing(output, force)
    write_starter(found, output)
    if as_json:
        _print_json({"target": output, **_counts(found)})
    else:
        click.echo(f"wrote {output}: {summarise(found)}\nnext: group its classes, then hierclf taxonomy check {output}")


@taxonomy.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of taxonomy files, for editors."""
    _print_json(schema())


def _check(file: str) -> dict[str, Any]:
    """The answer for one file, as text and as values."""
    path = find_taxonomy(file)
    try:
        good = load_taxonomy(path)
    except TaxonomyError as error:
        faults = [fault for fault in error.faults if isinstance(fault, Fault)]
        if not faults:
            raise  # there is nothing to check
        count = f"{path}: {len(faults):,} {'fault' if len(faults) == 1 else 'faults'}"
        text = "\n\n".join([*map(str, faults), count])
        return {"path": str(path), "ok": False, "faults": [fault.to_dict() for fault in faults], "text": text}
    return {"path": str(path), "ok": True, "faults": [], **_counts(good), "text": f"{path}: fine: {summarise(good)}"}


def _refuse_existing(path: str, force: bool) -> None:
    if Path(path).exists() and not force:
        raise TaxonomyError(f"{path}: exists already; choose another name, or replace it with --force")


def _counts(found: Taxonomy) -> dict[str, Any]:
    return {
        "nodes": len(found),
        "leaves": len(found.leaves),
        "levels": found.depth,
        "shape": "tree" if found.is_tree else "dag",
    }


def _tables(found: Taxonomy) -> list[str]:
    """Names of the side tables that hold something."""
    tables = (field for field in fields(found) if field.name not in ("root", "edges", "name"))
    return [table.name for table in tables if getattr(found, table.name) != table.default]


def _as_dict(found: Taxonomy) -> dict[str, Any]:
    nodes = [
        {"name": node, "level": found.level(node), "parents": found.parents(node), "children": found.children(node)}
        for node in found.nodes
    ]
    tables = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "edges"}
    return {**_counts(found), **tables, "nodes": nodes}


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
