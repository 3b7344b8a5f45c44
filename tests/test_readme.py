"""What the README says is true: its code runs, its taxonomy is one, its layers are the real ones."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hierclf.taxonomy import parse_taxonomy

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", README, flags=re.M | re.S)


def test_the_ten_lines_recognise_their_classes_and_refuse_the_rest():
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    model, images, labels, ours = (names[name] for name in ("model", "images", "labels", "ours"))
    known, other = model.predict(images[ours][:100]), model.predict(images[~ours])
    assert (known.status == "known").mean() > 0.85
    assert (
        known.leaf[known.status == "known"] == labels[ours][:100][known.status == "known"].astype(str)
    ).mean() > 0.97
    assert (other.status == "other").mean() > 0.85
    assert np.isin(other.status, ["known", "ambiguous", "other"]).all()


def test_the_taxonomy_is_one():
    (text,) = blocks("yaml")
    taxonomy = parse_taxonomy(text, "README.md")
    assert taxonomy.parents("o") == ("vowel", "round") or set(taxonomy.parents("o")) == {"vowel", "round"}
    assert taxonomy.keep == 0.95


def test_two_commands_set_up_and_run():
    commands = blocks("sh run")
    assert len(commands) == 2
    assert "experiments/configs/digits.yaml" in commands[0]
    assert "pytest" in commands[1]
    assert all(command.count("\n") == 1 for command in commands)


def test_every_command_that_is_shown_exists():
    from hierclf.cli import COMMANDS

    (text,) = blocks("sh")
    assert {line.split()[1] for line in text.splitlines() if line.startswith("hierclf")} <= set(COMMANDS)


@pytest.mark.parametrize("name", ["docs/road.svg", "experiments/configs/digits.yaml", "LICENSE", "CHANGELOG.md"])
def test_files_that_are_named_are_there(name):
    assert (Path(__file__).parents[1] / name).is_file()
