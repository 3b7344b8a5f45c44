"""`hierclf discover`, from each of the forms that it reads."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.cli import commands
from hierclf.errors import HierclfError
from hierclf.taxonomy import check_taxonomy
from tests.synthetic import write_folder

CLASSES = ("cat", "dog", "car", "bus")


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory):
    source = np.random.default_rng(0)
    centre = np.array([[9, 1, 0], [9, -1, 0], [-9, 0, 1], [-9, 0, -1]], dtype=float)
    labels = np.repeat(CLASSES, 20)
    path = tmp_path_factory.mktemp("embeddings") / "all.npz"
    values = np.repeat(centre, 20, axis=0) + source.normal(size=(80, 3))
    np.savez(
        path, embeddings=values, labels=labels, logits=values @ centre.T, weights=centre, classes=np.array(CLASSES)
    )
    return path


def invoke(*words):
    return CliRunner().invoke(commands, ["discover", *map(str, words)])


def groups(taxonomy):
    return {frozenset(taxonomy.leaves_below(node)) for node in taxonomy.internal_nodes}


PAIRS = {frozenset(CLASSES), frozenset({"cat", "dog"}), frozenset({"car", "bus"})}


def test_the_file_is_written_checks_and_trains(embeddings, tmp_path):
    file = tmp_path / "t.yaml"
    result = invoke(embeddings, "-o", file)
    assert result.exit_code == 0, result.output
    assert not check_taxonomy(file)
    assert "# support 1.00" in file.read_text()
    assert "2 groups among 4 classes" in result.output
    assert f"--taxonomy {file}" in result.output
    taxonomy = Taxonomy.from_yaml(file)
    assert groups(taxonomy) == PAIRS
    loaded = np.load(embeddings)
    model = HierarchicalClassifier(taxonomy).fit(loaded["embeddings"], loaded["labels"])
    assert (model.predict(loaded["embeddings"]).leaf == loaded["labels"]).mean() > 0.8


def test_without_a_file_the_taxonomy_goes_down_the_pipe(embeddings):
    result = invoke(embeddings, "--bootstraps", "5")
    assert not check_taxonomy(result.stdout)
    assert "2 groups" in result.stderr
    assert "2 groups" not in result.stdout


def test_the_same_seed_writes_the_same_file(embeddings, tmp_path):
    for name in ("a.yaml", "b.yaml"):
        invoke(embeddings, "-o", tmp_path / name, "--seed", "7")
    assert (tmp_path / "a.yaml").read_text() == (tmp_path / "b.yaml").read_text()


def test_json_holds_everything(embeddings, tmp_path):
    reference = tmp_path / "reference.csv"
    reference.write_text("parent,child\nthing,pet\nthing,car\nthing,bus\npet,cat\npet,dog\n")
    result = invoke(embeddings, "--json", "--reference", reference, "--bootstraps", "5")
    answer = json.loads(result.stdout)
    assert {"edges", "support", "dropped", "second_parents", "notes", "settings", "agreement"} <= set(answer)
    assert set(answer["support"].values()) == {1.0}
    assert answer["agreement"]["clade_recall"] == 1.0
    assert answer["agreement"]["clade_precision"] == 0.5


def test_a_file_is_replaced_by_force_alone_and_keeps_its_names(embeddings, tmp_path):
    file = tmp_path / "t.yaml"
    invoke(embeddings, "-o", file, "--bootstraps", "5")
    file.write_text(file.read_text().replace("cat-dog:", "pets:"))
    result = invoke(embeddings, "-o", file, "--bootstraps", "5")
    assert isinstance(result.exception, HierclfError)
    assert "--force" in str(result.exception)
    assert invoke(embeddings, "-o", file, "--bootstraps", "5", "--force").exit_code == 0
    assert Taxonomy.from_yaml(file).children("pets") == ("cat", "dog")


def test_what_a_person_wrote_beside_the_tree_stays(embeddings, tmp_path):
    file = tmp_path / "t.yaml"
    invoke(embeddings, "-o", file, "--bootstraps", "5")
    own = "name: mine\n" + file.read_text() + "labels: {cat: [puss], cow: []}\nother: {keep: 0.9}\n"
    own = own.replace("cow: []", "bus: [coach]").replace("\n  bus-car:", "\n  cow:\n  bus-car:")
    file.write_text(own + "weights:\n  classes: {dog: 2, cow: 3}\n")
    result = invoke(embeddings, "-o", file, "--bootstraps", "5", "--force")
    again = Taxonomy.from_yaml(file)
    assert (again.name, again.keep) == ("mine", 0.9)
    assert dict(again.labels) == {"puss": "cat", "coach": "bus"}
    assert again.class_weights == (("dog", 2.0),)
    assert "the weight of 'cow' fits no more" in result.stderr
    assert "different from the file that was replaced" in result.stdout
    assert "- cow" in result.stdout


def test_a_page_that_is_there_is_not_replaced(embeddings, tmp_path):
    (tmp_path / "report.html").write_text("a run's own")
    result = invoke(embeddings, "-o", tmp_path / "t.yaml", "--review")
    assert "report.html exists" in str(result.exception)
    assert not (tmp_path / "t.yaml").exists()
    assert (tmp_path / "report.html").read_text() == "a run's own"


def test_the_next_command_works_as_it_is_printed(embeddings, tmp_path):
    result = invoke(embeddings, "-o", tmp_path / "t.yaml", "--bootstraps", "5")
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("next:")]
    words = line.split("hierclf ")[1].split()
    done = CliRunner().invoke(commands, [*words, "-o", str(tmp_path / "run")])
    assert done.exit_code == 0, done.exception


@pytest.mark.parametrize("view", ["weights", "logits"])
def test_classifiers_are_read_from_arrays(embeddings, view):
    result = invoke(embeddings, "--from", view, "--json")
    assert groups(Taxonomy.from_edges([tuple(edge) for edge in json.loads(result.stdout)["edges"]])) == PAIRS


def test_a_confusion_matrix_is_read_from_a_table(tmp_path):
    counts = [[80, 20, 0, 0], [15, 85, 0, 0], [0, 0, 90, 10], [1, 0, 12, 87]]
    file = tmp_path / "confusion.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([["", *CLASSES], *([name, *row] for name, row in zip(CLASSES, counts, strict=True))])
    answer = json.loads(invoke(file, "--from", "confusion", "--json").stdout)
    assert groups(Taxonomy.from_edges([tuple(edge) for edge in answer["edges"]])) == PAIRS


def test_pictures_are_looked_at_and_shown_in_the_review(tmp_path):
    data = write_folder(tmp_path / "data", ("bar", "pole", "square", "dots"), 12)
    file = tmp_path / "t.yaml"
    result = invoke(data, "-o", file, "--backbone", "small_cnn", "--bootstraps", "5", "--review")
    assert result.exit_code == 0, (result.output, result.exception)
    page = (tmp_path / "report.html").read_text()
    assert "data:image/" in page
    assert "hierclf fit" in page


def test_a_model_is_asked_instead(tmp_path, embeddings):
    loaded = np.load(embeddings)
    model = HierarchicalClassifier(gate="none", node_gates="none").fit(loaded["embeddings"], loaded["labels"])
    model.save(tmp_path / "model")
    for view in ("embeddings", "confusion", "logits"):
        result = invoke(embeddings, "--run", tmp_path / "model", "--from", view, "--json", "--bootstraps", "5")
        assert result.exit_code == 0, result.exception
        assert len(json.loads(result.stdout)["edges"]) >= 4
    assert invoke("--run", tmp_path / "model", "--from", "weights").exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "which pictures?"),
        (("nowhere",), "nowhere"),
        (("{data}", "--from", "wieghts"), "did you mean 'weights'"),
        (("{data}", "--method", "averge"), "did you mean 'average'"),
        (("{data}", "--support", "2"), "support"),
        (("{data}", "--ratio", "0"), "ratio"),
        (("{data}", "--largest", "1"), "largest"),
        (("{data}", "--review"), "--review writes"),
        (("{data}", "--run", "x", "--backbone", "small_cnn"), "brings a backbone"),
        (("{data}", "--run", "nowhere"), "nowhere"),
        (("pictures", "--from", "logits"), "takes a model"),
        (("{data}", "--from", "confusion"), "CSV"),
        (("{data}", "--reference", "nowhere.yaml"), "nowhere.yaml"),
        (("{data}", "--method", "kmeans", "--ratio", "0.5"), "has no option 'ratio'"),
        (("{data}", "--seed", "-1"), "seed"),
        (("{data}", "--second-parents", "nan"), "second"),
        (("{data}", "--root", "cat"), "the root needs a name"),
        (("{data}", "-o", ""), "-o needs"),
        (("{data}", "-o", "nowhere/t.yaml"), "no folder nowhere"),
        (("{data}", "--review=nowhere/r.html"), "no folder nowhere"),
        (("{data}", "-o", "x.yaml", "--review=x.yaml"), "cannot both be"),
        (("{data}", "--image-size", "64"), "holds numbers"),
        (("--from", "weights"), "which weights?"),
    ],
)
def test_mistakes_are_told_in_one_message(embeddings, words, told):
    result = invoke(*(word.format(data=embeddings) for word in words))
    assert isinstance(result.exception, HierclfError), (result.output, result.exception)
    assert told in str(result.exception)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a row of class names"),
        (",a,b\na,1,2\nc,3,4\n", "same classes in the same order"),
        (",a,b\na,1,x\nb,3,4\n", ":2: counts are numbers"),
        (",a,b\na,1\nb,3,4\n", ":2: expected 2 counts, got 1"),
    ],
)
def test_odd_tables_are_refused(tmp_path, text, told):
    (tmp_path / "c.csv").write_text(text)
    result = invoke(tmp_path / "c.csv", "--from", "confusion")
    assert isinstance(result.exception, HierclfError)
    assert told in str(result.exception)
