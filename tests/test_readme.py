"""What the README says is true: its code runs, its taxonomy is one, its layers are the real ones."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hierclf import discover_taxonomy
from hierclf.decisions import STATUSES
from hierclf.discovery import hierarchies
from hierclf.gates import guarantees, node_scores
from hierclf.losses import classification_losses, embedding_losses, other_losses
from hierclf.negatives import transformations
from hierclf.references import references
from hierclf.strategies import strategies
from hierclf.taxonomy import parse_taxonomy
from hierclf.taxonomy.gate_words import NODE_SCORES
from tests.test_imports import LAYERS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", README, flags=re.M | re.S)


@pytest.fixture(scope="module")
def after():
    """What the names stand for after each of the blocks, which are run one after the other."""
    names: dict[str, object] = {}
    states = []
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), names)
        states.append(dict(names))
    return states


def test_the_ten_lines_recognise_their_classes_and_refuse_the_rest(after):
    code = blocks("python")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    model, images, labels, ours = (after[0][name] for name in ("model", "images", "labels", "ours"))
    known, other = model.predict(images[ours][:100]), model.predict(images[~ours])
    assert (known.status == "known").mean() > 0.85
    assert (
        known.leaf[known.status == "known"] == labels[ours][:100][known.status == "known"].astype(str)
    ).mean() > 0.97
    assert (other.status == "other").mean() > 0.85
    assert np.isin(other.status, ["known", "ambiguous", "other"]).all()


def test_a_class_that_nobody_told_it_about_is_new_below_its_meta_class(after):
    model, pixels, eights = (after[2][name] for name in ("model", "pixels", "eights"))
    known, new = model.predict(pixels[~eights][:300]), model.predict(pixels[eights])
    assert (known.status == "known").mean() > 0.88
    assert np.isin(new.status, ["novel_child", "other"]).mean() > 0.5
    counts = {
        node: int((new.node[new.status == "novel_child"] == node).sum()) for node in ("round", "straight", "open")
    }
    assert max(counts, key=counts.get) == "round"


def test_figures_in_comments_are_those_that_are_printed(after):
    for state, code in zip(after, blocks("python"), strict=True):
        for line in code.splitlines():
            if line.startswith("print(model.predict(") and "# <" in line:
                call, told = line.removeprefix("print(").split(")  # ")
                assert counts_of(str(eval(call, state))) == pytest.approx(counts_of(told), abs=15)


def counts_of(told):
    """The numbers of a line like ``<Decisions on 300 images: 281 known, 19 other>``, by status."""
    return dict.fromkeys(("known", "novel_child", "other"), 0) | {
        status: int(count) for count, status in re.findall(r"(\d+) (known|novel_child|other)", told)
    }


def test_digits_that_look_alike_upside_down_are_found(after):
    told = "('root', '0-0_turned', '4-4_turned', '8-8_turned')"
    assert f"internal_nodes)  # {told}" in blocks("python")[1]
    found = discover_taxonomy(after[1]["both"], after[1]["names"])
    assert str(found.internal_nodes) == told


def test_newcomers_are_estimated_as_it_says(after):
    estimates = {one.node: one for one in after[3]["model"].model_.gate.detections}
    assert set(estimates) == {"digit", "round", "straight", "open"}
    assert estimates["round"].sentence.startswith("round: a new child is told from the known ones with AUROC 0.9")


def table_after(heading):
    """First cells of the first table after some words, without backquotes."""
    rows = README[README.index(heading) :].split("\n\n| ")[1].split("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_tables_name_what_there_is():
    assert table_after("Whether an image is in scope takes") == [*NODE_SCORES]
    assert set(NODE_SCORES) == set(node_scores)
    assert sorted(table_after("### What it is compared with")) == sorted(references)
    assert table_after("### Promises") == list(guarantees)
    assert table_after("Two more promises stand") == ["correct", "false_discovery"]
    assert table_after("- **Decision.**") == list(STATUSES)
    assert sorted(table_after("`hierclf.discovery` has the rest")) == sorted(hierarchies)
    assert sorted(table_after("### Everything that people try")) == sorted(strategies)
    assert table_after("### Losses") == list(classification_losses)
    assert sorted(table_after("(smoothing) |\n| `one_vs_rest`")) == sorted(other_losses)
    assert set(table_after("| `none` | nothing | |")) == set(embedding_losses)
    tried = {"mirrored", "upside_down", "rotated_90", "rotated_180", "rotated_270"}
    named = README[README.index("### Negatives for nothing") : README.index("### Everything that people try")]
    assert set(re.findall(r"`(\w+_?\w*)`", named.split("by name:")[1])) == set(transformations) - tried


def test_the_layers_are_those_that_the_test_of_imports_draws():
    drawn = README[README.index("### Layers") :].split("```\n")[1].splitlines()
    rows = [{name.rstrip("/") for name in re.split(r" {3,}", line)[0].split()} for line in drawn]
    there = {path.stem for path in (Path(__file__).parents[1] / "hierclf").iterdir() if path.suffix in ("", ".py")}
    expected = [{name for name in line.split() if name in there} for line in reversed(LAYERS)]
    assert [row for row in rows if row] == [row for row in expected if row and row != {"__main__"}]


def test_the_taxonomy_is_one():
    text, found = blocks("yaml")
    assert len(parse_taxonomy(found, "README.md").leaves) == 10
    taxonomy = parse_taxonomy(text, "README.md")
    assert taxonomy.parents("o") == ("vowel", "round") or set(taxonomy.parents("o")) == {"vowel", "round"}
    assert (taxonomy.keep, taxonomy.promise, taxonomy.confidence) == (0.95, "confident", 0.9)
    assert (taxonomy.node_gates, taxonomy.correct, taxonomy.false_discovery) == ("auto", 0.9, 0.1)


def test_two_commands_set_up_and_run():
    commands = blocks("sh run")
    assert len(commands) == 2
    assert "experiments/configs/digits.yaml" in commands[0]
    assert "pytest" in commands[1]
    assert all(command.count("\n") == 1 for command in commands)


def test_every_command_that_is_shown_exists():
    from hierclf.cli import COMMANDS

    text = "".join(blocks("sh"))
    assert {line.split()[1] for line in text.splitlines() if line.startswith("hierclf")} <= set(COMMANDS)


@pytest.mark.parametrize("name", ["docs/road.svg", "experiments/configs/digits.yaml", "LICENSE", "CHANGELOG.md"])
def test_files_that_are_named_are_there(name):
    assert (Path(__file__).parents[1] / name).is_file()
