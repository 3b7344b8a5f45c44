"""``hierclf discover``: meta-classes that nobody has declared, as a taxonomy file to edit."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from hierclf.errors import ConfigError, DataError, TaxonomyError
from hierclf.registry import did_you_mean

VIEWS = ("embeddings", "weights", "confusion", "logits")
OF_BACKBONES = ("backbone", "weights", "image_size")
TABLES = (".npz", ".npy")
LINKED = ("average", "complete", "single", "weighted", "ward", "centroid", "median")
"""Methods with a ratio."""
MOST_CHANGES = 12


@click.command()
@click.argument("data", required=False)
@click.option("-o", "--output", help="The taxonomy file to write. [default: standard output]")
@click.option("--run", help="A run or model folder: look at DATA through this model.")
@click.option(
    "--from",
    "view",
    default="embeddings",
    show_default=True,
    help="What says which classes are alike: embeddings; weights, confusion or logits of a classifier.",
)
@click.option("--backbone", help="auto, small_cnn, efficientnet_lite0, a torchvision name, timm/NAME. [default: auto]")
@click.option("--weights", help="A file of weights for the backbone. [default: the published ones]")
@click.option("--image-size", type=int, help="Pixels on a side. [default: what the backbone was made for]")
@click.option(
    "--method", default="average", show_default=True, help="How to find groups; a linkage, kmeans, hdbscan, nbdt."
)
@click.option(
    "--ratio",
    type=float,
    help="How far apart a group's classes may be, of their distance to the rest; 1 for the loosest. [default: 0.8]",
)
@click.option(
    "--bootstraps",
    type=int,
    default=100,
    show_default=True,
    help="Draws of the pictures that support is estimated with.",
)
@click.option(
    "--support", type=float, default=0.7, show_default=True, help="Groups with less are merged into their parent."
)
@click.option(
    "--largest",
    type=int,
    default=20,
    show_default=True,
    help="Children of a node beyond which it is divided further; 0 for no limit.",
)
@click.option("--smallest", type=int, default=2, show_default=True, help="Classes that a group has at least.")
@click.option(
    "--second-parents",
    "second",
    type=float,
    help="Experimental: second parents up to this much farther away, such as 0.1.",
)
@click.option("--name", default="", help="What to call the taxonomy.")
@click.option("--root", help="What to call its root. [default: root]")
@click.option("--before", help="An earlier taxonomy whose names are kept. [default: the file that is replaced]")
@click.option("--reference", help="A taxonomy to compare with.")
@click.option(
    "--review",
    is_flag=False,
    flag_value="",
    help="Write a page to judge the groups by: --review for report.html beside the file, or --review=FILE.",
)
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def discover(**given: Any) -> None:
    """Find meta-classes in DATA and write a taxonomy to edit, with how sure each group is.

    DATA is a folder with one folder of pictures per class, or what fit takes besides. It may also be an .npz file with
    "embeddings" and "labels"; with --from weights, "weights" and "classes"; with --from logits, "logits", "classes" and
    perhaps "labels"; with --from confusion, a CSV of counts whose first row and column name the classes.

    With --run, DATA is looked at through a model; --from weights then needs no DATA at all.
    """
    _check_sources(given)
    _check_targets(given)
    from hierclf.discovery import discover as find
    from hierclf.discovery.search import Search
    from hierclf.progress import bars

    output = given["output"]
    settings = {name: given[name] for name in ("method", "bootstraps", "support", "smallest", "second", "seed")}
    settings["largest"] = given["largest"] or None
    options = {} if given["ratio"] is None else {"ratio": given["ratio"]}
    Search(**settings, options=options)  # a mistake is told before anything is read
    replaced = _taxonomy(output) if output is not None and Path(output).exists() else None
    before = _taxonomy(given["before"]) or replaced
    reference = _taxonomy(given["reference"])
    distances, images = _distances(given)
    named = {"root": given["root"], "name": given["name"], "before": before}
    found = find(distances, **settings, **named, progress=bars, **options)
    agreement = None
    if reference is not None:
        from hierclf.discovery.agreement import compare

        agreement = compare(found.taxonomy, reference, seed=given["seed"])
    if output is not None:
        found.to_yaml(output)
    review = _review(given, found, images, agreement)
    if given["as_json"]:
        click.echo(json.dumps(_answer(found, output, review, agreement)))
        return
    if output is None:
        click.echo(found.format(), nl=False)
    _tell(given, found, agreement, review)
    if replaced is not None and output is not None:
        _tell_changes(replaced, found.taxonomy)


def _check_sources(given: dict[str, Any]) -> None:
    """What is wrong with where to read from, as far as it can be told before anything is read."""
    view = given["view"]
    if view not in VIEWS:
        raise ConfigError(f"--from takes {', '.join(VIEWS)}, got {view!r}{did_you_mean(view, VIEWS)}")
    if given["data"] is None and view == "weights" and not given["run"]:
        raise ConfigError("which weights? Give an .npz with weights and classes, or a model with --run RUN")
    if given["data"] is None and view != "weights":
        raise ConfigError("which pictures? hierclf discover DATA -o taxonomy.yaml")
    backbone = [f"--{name.replace('_', '-')}" for name in OF_BACKBONES if given[name] is not None]
    if backbone and given["run"]:
        raise ConfigError(f"--run brings a backbone of its own; drop {', '.join(backbone)}")
    if backbone and (view != "embeddings" or _is_table(given["data"])):
        raise ConfigError(f"{', '.join(backbone)} goes with pictures; {given['data']} holds numbers")
    if view != "embeddings" and not given["run"] and not Path(given["data"] or "").is_file():
        raise ConfigError(
            f"--from {view} takes a model (--run RUN) or a file that holds the {view}, got {given['data']!r}"
        )


def _check_targets(given: dict[str, Any]) -> None:
    """What is wrong with where to write to."""
    output = given["output"]
    if given["review"] == "" and output is None:
        raise ConfigError("--review writes report.html beside the taxonomy: give -o T.yaml, or --review=FILE")
    if output == "":
        raise ConfigError("-o needs the name of a file; without -o, the taxonomy goes to standard output")
    page = _page(given)
    if page is not None and output is not None and page.resolve() == Path(output).resolve():
        raise ConfigError(f"the taxonomy and its review cannot both be {output}")
    for path in (Path(output) if output is not None else None, page):
        if path is None:
            continue
        if path.is_dir() or not path.parent.is_dir():
            what = "is a folder" if path.is_dir() else f"cannot be written: there is no folder {path.parent}"
            raise ConfigError(f"{path} {what}")
        if path.exists() and not given["force"]:
            kept = ", and keeps the names and tables that you gave it" if path != page else ""
            raise TaxonomyError(f"{path} exists; --force replaces it{kept}")


def _is_table(data: str | None) -> bool:
    return data is not None and Path(data).suffix.lower() in TABLES


def _page(given: dict[str, Any]) -> Path | None:
    """Where the review goes, if anywhere."""
    if given["review"] is None:
        return None
    return Path(given["review"]) if given["review"] else Path(given["output"]).with_name("report.html")


def _taxonomy(source: str | None) -> Any:
    from hierclf.taxonomy.convert import load_taxonomy

    return None if source is None else load_taxonomy(source)


def _distances(given: dict[str, Any]) -> tuple[Any, Any]:
    """Distances between classes, and the pictures that they come from, if any."""
    data, view = given["data"], given["view"]
    if given["run"]:
        from hierclf.classifier import HierarchicalClassifier
        from hierclf.model_distances import distances_from_model
        from hierclf.runs import model_folder

        classifier = HierarchicalClassifier.load(model_folder(given["run"]))
        images, labels = _source(data, embeddings=classifier.model_.backbone is None)
        return distances_from_model(classifier, images, labels, view=view), None if labels is not None else images
    if view != "embeddings":
        return _file(view, data), None
    if _is_table(data):
        from hierclf.cli.embeddings import read_embeddings
        from hierclf.discovery import distances_from_embeddings

        return distances_from_embeddings(*read_embeddings(data)), None
    from hierclf.model_distances import distances_from_images

    images, _ = _source(data, embeddings=False)
    settings = {name: given[name] for name in OF_BACKBONES if given[name] is not None}
    return distances_from_images(images, seed=given["seed"], **settings), images


def _source(data: str | None, *, embeddings: bool) -> tuple[Any, Any]:
    if data is None:
        return None, None
    if embeddings:
        from hierclf.cli.embeddings import read_embeddings

        return read_embeddings(data)
    if _is_table(data):
        raise DataError(f"this model looks at pictures, and {data} holds numbers; leave out --run to read embeddings")
    from hierclf.data import load_images

    return load_images(data), None


def _file(view: str, path: str) -> Any:
    """Distances from a file of weights, logits or confusions."""
    from hierclf import discovery
    from hierclf.cli.tables import read_arrays, read_counts

    if view == "confusion":
        return discovery.distances_from_confusion(*read_counts(path))
    arrays = read_arrays(path, needed=(view, "classes"))
    if view == "weights":
        return discovery.distances_from_weights(arrays["weights"], arrays["classes"].tolist())
    return discovery.distances_from_logits(arrays["logits"], arrays["classes"].tolist(), arrays.get("labels"))


def _review(given: dict[str, Any], found: Any, images: Any, agreement: Any) -> str | None:
    path = _page(given)
    if path is None:
        return None
    from hierclf.report import next_steps, write_review

    again = " ".join(["hierclf", *map(shlex.quote, sys.argv[1:])])
    write_review(
        found,
        path,
        title=given["name"] or Path(given["output"] or path).stem,
        images=_samples(images),
        agreement=agreement,
        commands=next_steps(
            found,
            fit=_fit(given),
            taxonomy=given["output"] or "taxonomy.yaml",
            again=again if given["force"] or given["output"] is None else f"{again} --force",
        ),
        made={"found in": f"{given['view']} of {given['run'] or given['data']}", "command": again},
    )
    return str(path)


def _fit(given: dict[str, Any]) -> list[str]:
    """What to train on with what was found, as words of `hierclf fit`."""
    data = given["data"]
    if data is None or (given["view"] != "embeddings" and not given["run"]):
        return ["PICTURES"]
    return [data, "--backbone", "none"] if _is_table(data) else [data]


def _samples(images: Any) -> Any:
    """A function that gives some pictures of a class, or None where there are no pictures."""
    if images is None or images.labels is None:
        return None
    from hierclf.data import image_to_pil
    from hierclf.errors import ImageError

    places: dict[str, list[int]] = {}
    for place, label in enumerate(images.labels):
        places.setdefault(str(label), []).append(place)

    def some(name: str, count: int) -> list[Any]:
        shown: list[Any] = []
        for place in places.get(name, []):
            if len(shown) == count:
                break
            try:
                shown.append(image_to_pil(images, place))
            except ImageError:
                continue
        return shown

    return some


def _answer(found: Any, output: str | None, review: str | None, agreement: Any) -> dict[str, Any]:
    taxonomy = found.taxonomy
    return {
        "taxonomy": output,
        "review": review,
        "root": taxonomy.root,
        "edges": [list(edge) for edge in taxonomy.edges],
        "support": found.support,
        "dropped": [{"members": list(clade.members), "support": clade.support} for clade in found.dropped],
        "second_parents": [list(one) for one in found.second],
        "notes": list(found.notes),
        "settings": found.settings,
        "agreement": agreement.to_dict() if agreement is not None else None,
    }


def _tell(given: dict[str, Any], found: Any, agreement: Any, review: str | None) -> None:
    """What was found, on standard error, so that the taxonomy itself can go down a pipe."""
    taxonomy, quiet = found.taxonomy, given["output"] is None
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    groups = len(taxonomy.internal_nodes) - 1
    classes = len(taxonomy.leaves)
    told = f"{groups} group{'' if groups == 1 else 's'} among {classes} class{'' if classes == 1 else 'es'}"
    if found.support and groups:
        weakest = min(found.support, key=lambda node: (found.support[node], node))
        told += f"; the least sure is {weakest!r} with a support of {found.support[weakest]:.2f}"
    if found.dropped:
        told += f"; {len(found.dropped)} given up for want of support"
    click.echo(told, err=quiet)
    loose = [leaf for leaf in taxonomy.leaves if taxonomy.parents(leaf) == (taxonomy.root,)]
    if len(loose) > 2 and given["method"] in LINKED:
        looser = "--ratio 1 --support 0.5" if found.support else "--ratio 1"
        click.echo(f"{len(loose)} classes stand in no group; {looser} looks for looser ones", err=quiet)
    if agreement is not None:
        click.echo(f"\nagainst {given['reference']}:\n{agreement}", err=quiet)
    if quiet:
        return
    click.echo(f"\nwrote:   {given['output']}")
    if review is not None:
        click.echo(f"review:  {review}")
    command = ["hierclf", "fit", *_fit(given), "--taxonomy", given["output"]]
    click.echo(f"next:    edit it, then {shlex.join(command)}")


def _tell_changes(before: Any, after: Any) -> None:
    """What is different from the file that was replaced, where a person may have edited it."""
    from hierclf.taxonomy.difference import difference

    lines = str(difference(before, after)).splitlines()
    if not lines:
        return
    click.echo("\ndifferent from the file that was replaced (the tree is the pictures' again):")
    for line in lines[:MOST_CHANGES]:
        click.echo(f"  {line}")
    if len(lines) > MOST_CHANGES:
        click.echo(f"  … and {len(lines) - MOST_CHANGES} more")
