"""``hierclf fit`` with a favoured class, and with other strategies than the usual one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from hierclf.classifier import HierarchicalClassifier
from hierclf.cli import commands
from hierclf.errors import ConfigError, UnknownName
from tests.synthetic import LETTERS, STRANGE, clouds, glyphs


def invoke(*words):
    return CliRunner().invoke(commands, [str(word) for word in words])


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """Embeddings of letters that overlap, one of them rare, and their taxonomy."""
    folder = tmp_path_factory.mktemp("letters")
    values, labels = clouds(count=150, spread=6.0, seed=3)
    kept = (labels != "e") | (np.arange(len(labels)) % 4 == 0)
    np.savez(folder / "letters.npz", embeddings=values[kept], labels=labels[kept])
    LETTERS.to_yaml(folder / "letters.yaml")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Folders of glyphs, and of strange ones."""
    top = tmp_path_factory.mktemp("pictures")
    for part, (images, labels) in {"known": glyphs(count=20), "other": glyphs(STRANGE, 10)}.items():
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            (top / part / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(top / part / label / f"{number:03}.png")
    return top


def fit_letters(letters, run, *words):
    given = ("--taxonomy", letters / "letters.yaml", "--backbone", "none", "-o", run)
    return invoke("fit", letters / "letters.npz", *given, "--set", "gate=none", *words)


def fit_pictures(pictures, run, *words):
    quick = ("--backbone", "small_cnn", "--epochs", "1", "--set", "augmentation=none", "--set", "leave_one_out=false")
    return invoke("fit", pictures / "known", *quick, "-o", run, *words)


def test_a_favoured_class_is_told_in_words_and_for_programs(letters, tmp_path):
    result = fit_letters(letters, tmp_path / "r", "--favour", "e", "--favour-precision", "0.3", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output.splitlines()[-1])
    told = json.loads((tmp_path / "r" / "favour.json").read_text())
    assert answer["favoured"] == told
    assert (told["node"], told["wanted"], told["reached"]) == ("e", 0.3, True)
    assert told["factor"] > 1
    assert told["recall_after"] > told["recall_before"]
    assert told["sentence"] in answer["notes"]
    assert told["sentence"] in HierarchicalClassifier.load(tmp_path / "r").notes_


def test_a_favoured_meta_class_is_told_on_the_terminal(letters, tmp_path):
    result = fit_letters(letters, tmp_path / "r", "--favour", "vowel", "--favour-precision", "0.5")
    assert result.exit_code == 0, result.output
    assert "note: Favoured 'vowel': its odds are multiplied by" in result.output
    assert "The price: of all others" in result.output


def test_without_favour_nothing_is_told_of_it(letters, tmp_path):
    result = fit_letters(letters, tmp_path / "r", "--json")
    assert json.loads(result.output.splitlines()[-1])["favoured"] is None
    assert not (tmp_path / "r" / "favour.json").exists()


def test_a_class_to_favour_that_is_not_there(letters, tmp_path):
    result = fit_letters(letters, tmp_path / "r", "--favour", "vovel")
    assert isinstance(result.exception, ConfigError)
    assert "unknown class 'vovel' in favour; did you mean 'vowel'?" in str(result.exception)
    assert not (tmp_path / "r").exists()


def test_a_strategy_by_name(pictures, tmp_path):
    result = fit_pictures(pictures, tmp_path / "r", "--strategy", "knn", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "r" / "config.json").read_text())["strategy"] == "knn"
    assert json.loads(result.output.splitlines()[-1])["metrics"]["n_known"] > 0
    gate = HierarchicalClassifier.load(tmp_path / "r").model_.gate
    assert [part.name for part in gate.parts] == ["knn"]


def test_a_strategy_that_makes_its_classifier_of_another_one(pictures, tmp_path):
    other = ("--other", pictures / "other")
    result = fit_pictures(pictures, tmp_path / "r", "--strategy", "flat_other_class", *other)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "r" / "DONE").exists()
    first = next((pictures / "known" / "bar").iterdir())
    row = json.loads(invoke("predict", tmp_path / "r", first).output.splitlines()[0])
    assert row["error"] is None
    assert row["leaf"] in ("bar", "pole", "slash", "cross")


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("--strategy", "knm"), UnknownName, "no strategy named 'knm'; did you mean 'knn'"),
        (("--strategy", "knn", "--backbone", "none"), ConfigError, "--strategy knn learns from pictures"),
        (("--strategy", "flat_other_class"), ConfigError, "there are none; give some"),
    ],
    ids=["unknown", "embeddings", "no other"],
)
def test_a_strategy_that_cannot_be(pictures, tmp_path, words, error, message):
    result = fit_pictures(pictures, tmp_path / "r", *words)
    assert isinstance(result.exception, error), result.output
    assert message in str(result.exception)
    assert not (tmp_path / "r").exists()


def test_without_pictures_of_other_the_next_step_is_told(pictures, tmp_path):
    asked = "fit again with --other FOLDER"
    assert asked in fit_pictures(pictures, tmp_path / "without").output
    assert asked not in fit_pictures(pictures, tmp_path / "with", "--other", pictures / "other").output
