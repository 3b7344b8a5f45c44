"""Gates, promises and novel children as a user meets them on the command line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.cli import commands
from hierclf.errors import HierclfError
from hierclf.model import Model
from hierclf.promises import discoveries, score_drift
from tests.synthetic import GLYPHS, STRANGE, clouds, glyphs, write_folder

SIGNS = Taxonomy.from_edges({"line": ["bar", "pole", "slash"], "other sign": ["cross"]}, root="sign")
LETTERS = Taxonomy.from_edges({"vowel": list("aei"), "consonant": list("bcdf"), "late": list("xyz")}, root="letter")


def invoke(*words, **options):
    return CliRunner().invoke(commands, [str(word) for word in words], **options)


def embeddings(path, labels="aeibcdfxyz", count=60, seed=0):
    values, names = clouds(list(labels), count, seed=seed)
    np.savez(path, embeddings=values, labels=names)
    return path


@pytest.fixture(scope="module")
def top(tmp_path_factory):
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def fitted(top):
    """A run on embeddings, and what was printed."""
    LETTERS.to_yaml(top / "letters.yaml")
    words = ("fit", embeddings(top / "train.npz"), "--backbone", "none", "--taxonomy", top / "letters.yaml")
    result = invoke(
        *words, "-o", top / "run", "--promise", "confident", "--confidence", "0.9", "--node-gates", "knn,gen"
    )
    assert result.exit_code == 0, result.output
    return top / "run", result.output


@pytest.fixture(scope="module")
def pictures(top):
    """A run on glyphs, with folders of known ones and of others."""
    write_folder(top / "train", GLYPHS, 60)
    write_folder(top / "test", GLYPHS, 12, seed=1)
    write_folder(top / "strange", STRANGE, 8, seed=2)
    values, labels = glyphs(count=60)
    classifier = HierarchicalClassifier(SIGNS, backbone="small_cnn", epochs=4, augmentation="none", cache=False)
    classifier.fit(values, labels).save(top / "glyphs")
    return top


def test_fit_shows_the_estimates_of_all_nodes_the_root_first(fitted):
    run, output = fitted
    found = HierarchicalClassifier.load(run).model_.gate.detections
    start = output.index("how well newcomers should be noticed:")
    table = [line.split() for line in output[start:].splitlines()[1:6]]
    assert table[0] == ["node", "children", "forgotten", "AUROC", "scores"]
    told = {row[0]: (row[1], row[2]) for row in table[1:]}
    assert told == {one.node: (str(one.children), f"{one.auroc:.2f}") for one in found}
    assert table[1][0] == "letter"
    worst_first = [float(row[2]) for row in table[2:]]
    assert worst_first == sorted(worst_first)
    assert "it is an estimate and no promise" in output.lower()
    assert "note: How well newcomers" not in output
    assert "promise: With 90 % confidence, at most 5 % of known images are turned away by this very model" in output


def test_fit_writes_the_same_estimates_as_json(top):
    words = ("fit", embeddings(top / "json.npz"), "--backbone", "none", "--taxonomy", top / "letters.yaml")
    LETTERS.to_yaml(top / "letters.yaml")
    answer = json.loads(invoke(*words, "-o", top / "json", "--json").stdout)
    gate = HierarchicalClassifier.load(top / "json").model_.gate
    assert answer["promise"] == gate.promise.sentence
    assert [one["auroc"] for one in answer["newcomers"]] == [one.auroc for one in gate.detections]
    assert {one["node"] for one in answer["newcomers"]} == {"letter", "vowel", "consonant", "late"}


def test_fit_cuts_a_long_table(top, monkeypatch):
    monkeypatch.setattr("hierclf.cli.fit.MOST_NODES", 2)
    words = ("fit", embeddings(top / "cut.npz"), "--backbone", "none", "--taxonomy", top / "letters.yaml")
    LETTERS.to_yaml(top / "letters.yaml")
    output = invoke(*words, "-o", top / "cut").output
    assert f"… and 2 more, in {top / 'cut' / 'model' / 'README.md'}" in output
    assert "| consonant |" in (top / "cut" / "model" / "README.md").read_text()


def test_settings_of_the_gates_reach_the_model(fitted):
    gate = HierarchicalClassifier.load(fitted[0]).model_.gate
    assert (gate.guarantee.name, gate.guarantee.confidence) == ("confident", 0.9)
    assert gate.nodes.names == ("knn", "gen")
    settings = json.loads((fitted[0] / "config.json").read_text())["settings"]
    assert settings["node_gates"] == ["knn", "gen"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--promise", "confidant"), "did you mean 'confident'"),
        (("--node-gates", "knn,genn"), "did you mean 'gen'"),
        (("--confidence", "95"), "confidence: input should be less than 1"),
        (("--other-accepted", "0"), "other_accepted: input should be greater than 0"),
        (("--promise", "two_sided"), "give some"),
        (("--correct", "2"), "correct: input should be less than 1, got 2"),
        (("--false-discovery", "0"), "false_discovery: input should be greater than 0, got 0"),
        (("--false-discovery", "0.1", "--promise", "cross"), "got promise='cross' and false_discovery=0.1"),
    ],
)
def test_mistakes_are_told_and_leave_no_run(words, told, top):
    train = embeddings(top / "small.npz", count=8)
    result = invoke("fit", train, "--backbone", "none", "-o", top / "nothing", *words)
    assert isinstance(result.exception, HierclfError)
    assert told in str(result.exception)
    assert not (top / "nothing").exists()


def test_two_sided_answers_are_rows_too(top):
    np.save(top / "far.npy", clouds(["q", "r"], 60)[0])
    words = ("fit", embeddings(top / "both.npz", "abe"), "--backbone", "none", "--other", top / "far.npy")
    result = invoke(*words, "-o", top / "both", "--promise", "two_sided", "--other-accepted", "0.2")
    assert result.exit_code == 0, result.output
    assert HierarchicalClassifier.load(top / "both").model_.gate.guarantee.other_accepted == 0.2
    rows = [json.loads(line) for line in invoke("predict", top / "both", top / "far.npy").stdout.splitlines()]
    assert {row["status"] for row in rows} <= {"known", "ambiguous", "novel_child", "other", "uncertain"}


# ------------------------------------------------------------------------------------------------------------- predict


def test_predict_turns_away_together(fitted, top):
    run, _ = fitted
    values = np.concatenate([clouds(list("aeibcd"), 8, seed=5)[0], clouds(list("qr"), 15, seed=5)[0]])
    np.save(top / "batch.npy", values)
    result = invoke("predict", run, top / "batch.npy", "--false-discovery", "0.3")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    model = HierarchicalClassifier.load(run)
    assert rows == model.predict(values, false_discovery=0.3).to_records()
    away = np.array([row["status"] in ("other", "novel_child") for row in rows])
    assert away.tolist() == discoveries(torch.from_numpy(model.p_value(values)), 0.3).tolist()
    assert away[48:].all()
    assert "at most 30 % of the images that are called other are known ones" in result.stderr


def test_several_files_are_one_batch_where_they_are_judged_together(fitted, top):
    run, _ = fitted
    parts = [clouds(list("aq"), 10, seed=seed)[0] for seed in (1, 2)]
    for number, part in enumerate([*parts, np.concatenate(parts)]):
        np.save(top / f"part{number}.npy", part)

    def statuses(*numbers):
        files = [top / f"part{number}.npy" for number in numbers]
        lines = invoke("predict", run, *files, "--false-discovery", "0.3").stdout.splitlines()
        return [json.loads(line)["status"] for line in lines]

    assert statuses(0, 1) == statuses(2)


@pytest.mark.parametrize("rate", ["0", "1", "-0.1", "nan"])
def test_a_rate_out_of_range_is_refused(fitted, top, rate):
    np.save(top / "one.npy", clouds(["a"], 1)[0])
    result = invoke("predict", fitted[0], top / "one.npy", f"--false-discovery={rate}")
    assert isinstance(result.exception, HierclfError)
    assert "between 0 and 1" in str(result.exception)


def test_nothing_can_be_discovered_without_a_promise(top):
    train = embeddings(top / "unbound.npz", "ab")
    assert invoke("fit", train, "--backbone", "none", "-o", top / "unbound", "--promise", "none").exit_code == 0
    result = invoke("predict", top / "unbound", train, "--false-discovery", "0.1")
    assert isinstance(result.exception, HierclfError)
    assert "it takes a gate with promise=" in str(result.exception)


def test_both_shares_are_settings_of_a_fit(top):
    train = embeddings(top / "shares.npz", "abe")
    np.save(top / "some.npy", np.concatenate([clouds("abe", 8, spread=1.0)[0], clouds("qr", 10)[0]]))
    words = ("fit", train, "--backbone", "none", "-o", top / "shares", "--correct", "none", "--false-discovery", "0.3")
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    assert "note: predict decides about all images of a call together" in result.output
    settings = json.loads((top / "shares" / "config.json").read_text())["settings"]
    assert (settings["correct"], settings["false_discovery"]) == ("none", 0.3)
    model = HierarchicalClassifier.load(top / "shares")
    assert (model.model_.operation.correct, model.false_discovery) == (None, 0.3)

    def rows(*options):
        answer = invoke("predict", top / "shares", top / "some.npy", *options)
        assert answer.exit_code == 0, answer.output
        return [json.loads(line) for line in answer.stdout.splitlines()], answer.stderr

    values = np.load(top / "some.npy")
    stored, told = rows()
    assert stored == rows("--false-discovery", "0.3")[0] == model.predict(values).to_records()
    assert "at most 30 % of the images that are called other are known ones" in told
    assert "at most 1 % of" in rows("--false-discovery", "0.01")[1]
    alone, told = rows("--false-discovery", "none")
    assert alone == model.predict(values, false_discovery="none").to_records() != stored
    assert "promise:" not in told


def test_both_shares_may_stand_in_a_taxonomy(top):
    groups = Taxonomy.from_edges({"vowel": ["a", "e"], "consonant": ["b"]}, root="letter")
    replace(groups, correct=0.8, false_discovery=0.3).to_yaml(top / "shares.yaml")
    train = embeddings(top / "written.npz", "abe")
    words = ("fit", train, "--backbone", "none", "--taxonomy", top / "shares.yaml")
    assert invoke(*words, "-o", top / "written").exit_code == 0
    model = HierarchicalClassifier.load(top / "written")
    assert (model.model_.operation.correct, model.discovery_rate()) == (0.8, 0.3)
    np.save(top / "two.npy", clouds("ab", 1)[0])
    assert "promise: " in invoke("predict", top / "written", top / "two.npy").stderr
    result = invoke(*words, "-o", top / "unbound_written", "--promise", "none")
    assert "got promise='none' and false_discovery=0.3" in str(result.exception)
    assert not (top / "unbound_written").exists()
    assert invoke(*words, "-o", top / "freed", "--promise", "none", "--false-discovery", "none").exit_code == 0


def drift_of(run, path):
    result = invoke("predict", run, path)
    assert result.exit_code == 0, result.output
    return result.stderr


def test_drift_is_told_in_its_direction_and_only_when_there_is_any(fitted, top):
    run, _ = fitted
    model = HierarchicalClassifier.load(run)
    alike, _ = clouds(list("aeibcdfxyz"), 10, seed=3)
    middle = np.repeat([clouds([name], 400)[0].mean(0) for name in "aeib"], 20, axis=0)
    for name, values in (("alike", alike), ("noisy", alike + 1.5 * np.sign(alike)), ("middle", middle)):
        np.save(top / f"{name}.npy", values)
    assert drift_of(run, top / "alike.npy") == ""
    noisy = drift_of(run, top / "noisy.npy")
    assert noisy.startswith("drift: The new images (100) look more unknown than the calibration images")
    assert "Unknown images among them may also be the whole reason" in noisy
    assert "look less unknown" in drift_of(run, top / "middle.npy")
    scores = torch.from_numpy(model.unknown_score(alike + 1.5 * np.sign(alike)))
    assert score_drift(model.model_.gate.calibration_scores, scores, level=0.01).sentence in noisy


def test_a_few_images_say_nothing_about_drift(fitted, top):
    np.save(top / "few.npy", clouds(["q"], 29)[0])
    assert drift_of(fitted[0], top / "few.npy") == ""


# ------------------------------------------------------------------------------------------------------------- explain


def test_explain_gives_the_numbers_of_each_node(pictures):
    picture = next((pictures / "test" / "bar").iterdir())
    answer = json.loads(invoke("explain", pictures / "glyphs", picture, "--json").stdout)
    classifier = HierarchicalClassifier.load(pictures / "glyphs")
    model, reading = classifier.model_, classifier.read([str(picture)])
    plan, stops_N = model.plan, reading.stop_log_probs_BN[0].exp()
    below = {node: [node, *model.taxonomy.descendants(node)] for node in model.taxonomy.nodes}
    nodes = [step["node"] for step in answer["steps"]]
    assert nodes[0] == "sign"
    for step in answer["steps"]:
        node = step["node"]
        under = sum(float(stops_N[plan.nodes.index(one)]) for one in below[node])
        if model.taxonomy.children(node):
            assert step["novel"] == pytest.approx(float(stops_N[plan.nodes.index(node)]) / under)
        else:
            assert step["novel"] is None
        if node in model.gated_nodes:
            surprise = float(reading.surprise_BG[0, model.gated_nodes.index(node)])
            assert step["gate_p_value"] == pytest.approx(np.exp(-surprise))
        else:
            assert step["gate_p_value"] is None
    told = {one.node: one.auroc for one in model.gate.detections}
    assert {step["node"]: step["expected_auroc"] for step in answer["steps"]} == {
        node: told.get(node) for node in nodes
    }
    assert answer["gate"]["promise"] == model.gate.promise.sentence
    assert answer["gate"]["level"] == pytest.approx(0.05)


def test_explain_says_it_in_words(pictures):
    picture = next((pictures / "test" / "bar").iterdir())
    output = invoke("explain", pictures / "glyphs", picture).output
    model = HierarchicalClassifier.load(pictures / "glyphs").model_
    assert f"promise  {model.gate.promise.sentence}\n" in output
    assert "gate p = " in output
    assert "  ← the answer" in output
    assert "the chance that it is none of the known children" in output
    (line,) = [one for one in model.gate.detections if one.node == "line"]
    assert f"newcomers AUROC {line.auroc:.2f} ± {line.standard_error:.2f}" in output


def test_explain_of_a_stranger_says_that_it_was_turned_away(pictures):
    outputs = [
        invoke("explain", pictures / "glyphs", one).output for one in (pictures / "strange" / "square").iterdir()
    ]
    away = [output for output in outputs if "gate     turned away: p = " in output]
    assert len(away) >= 4
    assert all("gate p < 0.001" in output or "gate p = 0.0" in output for output in away)


def test_explain_shows_the_way_to_an_answer_aside(pictures, monkeypatch):
    """An image may be new below another node than the one that its likeliest class lies under."""
    picture = next((pictures / "test" / "bar").iterdir())
    decide = Model.decide

    def elsewhere(self, reading, **options):
        (row,) = decide(self, reading, **options)
        return [replace(row, status="novel_child", node="other sign", route=("sign", "other sign"))]

    monkeypatch.setattr(Model, "decide", elsewhere)
    answer = json.loads(invoke("explain", pictures / "glyphs", picture, "--json").stdout)
    assert [step["node"] for step in answer["aside"]] == ["other sign"]
    output = invoke("explain", pictures / "glyphs", picture).output
    assert "and on the way to the answer:\n  other sign  0.00" in output
    assert output.count("← the answer") == 1


def test_explain_does_without_gates(pictures, top):
    values, labels = glyphs(count=20)
    settings = {"backbone": "small_cnn", "epochs": 1, "augmentation": "none", "cache": False, "gate": "none"}
    HierarchicalClassifier(SIGNS, **settings).fit(values, labels).save(top / "ungated")
    picture = next((pictures / "test" / "bar").iterdir())
    answer = json.loads(invoke("explain", top / "ungated", picture, "--json").stdout)
    assert answer["gate"] == {"p_value": 1.0, "alpha": 0.0, "level": 0.0, "scores": {}, "promise": None}
    assert {step["gate_p_value"] for step in answer["steps"]} == {step["novel"] for step in answer["steps"]} == {None}
    output = invoke("explain", top / "ungated", picture).output
    assert "gate p" not in output
    assert "promise" not in output


def test_what_is_typed_goes_before_what_the_taxonomy_says(top):
    train = embeddings(top / "typed.npz", "ab")
    (top / "typed.yaml").write_text(
        "version: 1\nroot: letter\ntree: [a, b]\nother: {keep: 0.8, promise: confident, confidence: 0.9}\n"
    )
    said = ("--taxonomy", top / "typed.yaml", "--backbone", "none")
    result = invoke("fit", train, *said, "-o", top / "typed", "--promise", "average", "--keep", "0.95", "--json")
    assert result.exit_code == 0, result.output
    assert "At most 5 % of known images" in json.loads(result.stdout)["promise"]
    result = invoke("fit", train, *said, "-o", top / "untyped", "--json")
    assert "With 90 % confidence" in json.loads(result.stdout)["promise"]
