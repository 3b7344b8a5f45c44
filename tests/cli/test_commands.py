"""The commands as a user meets them: real files, real processes where start-up matters, exit codes, no tracebacks."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

from hierclf.cli import commands
from hierclf.errors import HierclfError


def draw(shape, source):
    """A 16×16 grey picture of a shape, a little different each time."""
    picture = Image.new("L", (16, 16), 0)
    pen = ImageDraw.Draw(picture)
    x, y = (int(v) for v in source.integers(1, 4, 2))
    box = (x, y, x + 10, y + 10)
    {"disc": pen.ellipse, "square": pen.rectangle}.get(shape, pen.line)(box, fill=int(source.integers(180, 255)))
    return picture


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Train, test and other folders of two easy classes."""
    source = np.random.default_rng(0)
    top = tmp_path_factory.mktemp("pictures")
    for part, count in (("train", 120), ("test", 30)):
        for shape in ("disc", "square"):
            (top / part / shape).mkdir(parents=True)
            for number in range(count):
                draw(shape, source).save(top / part / shape / f"{number:03}.png")
    (top / "other" / "noise").mkdir(parents=True)
    for number in range(20):
        noise = Image.fromarray(source.integers(0, 255, (16, 16), dtype=np.uint8))
        noise.save(top / "other" / "noise" / f"{number:03}.png")
    return top


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """A run folder made by `hierclf fit`."""
    folder = tmp_path_factory.mktemp("runs") / "shapes"
    result = invoke("fit", pictures / "train", "-o", folder, "--epochs", "4", "--set", "augmentation=none")
    assert result.exit_code == 0, result.output
    return folder


def invoke(*words, **options):
    return CliRunner().invoke(commands, [str(word) for word in words], **options)


def refusal(*words):
    """The message of a command that must refuse."""
    result = invoke(*words)
    assert isinstance(result.exception, HierclfError), result.output
    return str(result.exception)


RUN_FILES = {
    *("DONE", "checkpoints", "config.json", "environment.json", "metrics.json", "metrics.jsonl", "model"),
    *("report.html", "scan.json", "table.md", "taxonomy.yaml"),
}


def test_fit_leaves_a_whole_run_folder(run):
    names = {path.name for path in run.iterdir()}
    assert names >= RUN_FILES
    assert not [name for name in names if name.startswith(".")]
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["leaf_accuracy"] >= 0.9
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 4
    assert json.loads((run / "scan.json").read_text())["data"]["counts"] == {"disc": 120, "square": 120}
    assert "http" not in (run / "report.html").read_text().replace("http-equiv", "")


def test_fit_says_what_it_assumed_promised_and_what_to_type_next(pictures, tmp_path):
    result = invoke("fit", pictures / "train", "--other", pictures / "other", "-o", tmp_path / "r", "--set", "epochs=1")
    assert result.exit_code == 0, result.output
    assert "No taxonomy was given" in result.output
    assert "promise: At most 5 % of known images are turned away" in result.output
    assert f"next:    hierclf predict {tmp_path / 'r'}" in result.output


def test_a_taken_name_gets_a_number(run, pictures):
    result = invoke("fit", pictures / "train", "-o", run, "--epochs", "1", "--json")
    answer = json.loads(result.output.splitlines()[-1])
    assert answer["run"] == f"{run}-2"
    assert answer["metrics"]["n_known"] > 0


def test_predict_gives_one_row_per_picture_in_every_form(run, pictures, tmp_path):
    names = [str(pictures / "test" / "disc" / "000.png"), str(pictures / "test" / "square" / "001.png")]
    lines = invoke("predict", run, *names).output.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["image"] for row in rows] == names
    assert list(rows[0]) == [
        "image", "status", "node", "probability", "p_value", "leaf", "leaf_probability", "route", "reason", "error",
    ]  # fmt: skip
    assert [row["leaf"] for row in rows] == ["disc", "square"]
    table = list(csv.DictReader(io.StringIO(invoke("predict", run, *names, "--format", "csv").output)))
    assert [row["leaf"] for row in table] == ["disc", "square"]
    assert invoke("predict", run, *names, "--format", "table").output.startswith("image")
    out = tmp_path / "rows.jsonl"
    assert invoke("predict", run, *names, "-o", out).exit_code == 0
    assert out.read_text().splitlines() == lines


def test_predict_takes_folders_patterns_and_standard_input(run, pictures):
    folder = invoke("predict", run, pictures / "test" / "disc").output.splitlines()
    assert len(folder) == 30
    assert len(invoke("predict", run, pictures / "test" / "disc" / "00*.png").output.splitlines()) == 10
    listed = f"{pictures / 'test' / 'disc' / '000.png'}\n{pictures / 'test' / 'disc' / '001.png'}\n"
    assert len(invoke("predict", run, "-", input=listed).output.splitlines()) == 2


def test_a_picture_that_cannot_be_read_is_a_row_with_an_error(run, pictures, tmp_path):
    (tmp_path / "page.jpg").write_text("<html>not a picture</html>")
    good = pictures / "test" / "disc" / "000.png"
    result = CliRunner().invoke(commands, ["predict", str(run), str(tmp_path / "page.jpg"), str(good), "nowhere.png"])
    assert result.exit_code == 1
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows[0]["error"]
    assert rows[0]["status"] is None
    assert rows[1]["error"] is None
    assert "nowhere.png" in rows[2]["error"]
    assert "2 of the pictures could not be read" in result.stderr


def test_names_that_look_like_formulas_are_quoted(run, pictures, tmp_path):
    name = tmp_path / "=HYPERLINK(x),1.png"
    name.write_bytes((pictures / "test" / "disc" / "000.png").read_bytes())
    output = invoke("predict", run, name, "--format", "csv").output
    assert f'"{name}"' in output
    assert next(csv.DictReader(io.StringIO(output)))["image"] == str(name)


def test_evaluate_prints_every_promised_number(run, pictures):
    result = invoke("evaluate", run, pictures / "test", "--other", pictures / "other", "--json")
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.output)
    promised = [
        "n_known",
        "n_other",
        "leaf_accuracy",
        "level_accuracy",
        "hierarchical_f1",
        "severity",
        "known_rejected",
        "alpha",
        "auroc_other",
        "unknown_accepted_at_95_known",
        "oscr",
        "coverage",
    ]
    assert set(promised) <= set(metrics)
    assert (metrics["n_known"], metrics["n_other"]) == (60, 20)
    assert metrics["leaf_accuracy"] >= 0.9
    assert metrics["auroc_other"] >= 0.8
    report = (run / "evaluation" / "report.html").read_text()
    assert "Promise" in report or "promise" in report


def test_evaluate_notices_copies_of_training_pictures(run, pictures):
    result = invoke("evaluate", run, pictures / "train", "-o", run.parent / "leak")
    assert "copies of training pictures" in result.output


def test_explain_follows_the_route(run, pictures):
    output = invoke("explain", run, pictures / "test" / "disc" / "000.png").output
    assert "gate" in output
    assert "disc" in output
    answer = json.loads(invoke("explain", run, pictures / "test" / "disc" / "000.png", "--json").output)
    assert [step["node"] for step in answer["steps"]] == ["root", "disc"]
    assert set(answer["gate"]["scores"]) == {"knn", "vim"}


def test_doctor_finds_what_is_needed():
    result = invoke("doctor", "--json")
    assert result.exit_code in (0, 1)
    found = {finding["what"]: finding for finding in json.loads(result.output)}
    assert found["torch"]["ok"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("fit", "nowhere"), "nowhere"),
        (("fit",), "which pictures"),
        (("fit", "{train}", "--set", "kep=0.9"), "did you mean 'keep'"),
        (("fit", "{train}", "--set", "gate=2020-01-01"), "text, numbers, lists and mappings"),
        (("fit", "{train}", "--set", "gate=" + 4000 * "["), "text, numbers, lists and mappings"),
        (("fit", "{train}", "--set", "level_weights=[.nan, 1]"), "text, numbers, lists and mappings"),
        (("fit", "{train}", "-o", "."), "no name for a run folder"),
        (("fit", "{train}", "--set", "keep"), "KEY=VALUE"),
        (("fit", "{train}", "--keep", "1.5"), "keep"),
        (("fit", "{train}", "--backbone", "mobilnet_v2"), "did you mean 'mobilenet_v2'"),
        (("fit", "{train}", "--set", "head=shard"), "did you mean 'shared'"),
        (("fit", "{train}", "--set", "rule=lef"), "did you mean 'leaf'"),
        (("fit", "{train}", "--set", "gate=knnn"), "did you mean 'knn'"),
        (("fit", "{train}", "--taxonomy", "digits"), "match no class"),
        (("fit", "{train}", "--other", "nowhere"), "nowhere"),
        (("fit", "--resume", "nowhere"), "no run"),
        (("predict", "nowhere", "a.png"), "no model"),
        (("evaluate", "nowhere", "{train}"), "no model"),
    ],
)
def test_mistakes_are_told_in_one_message_and_leave_nothing(words, told, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert told in refusal(*(str(word).format(train=pictures / "train") for word in words))
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []


def test_a_mistake_ends_with_code_2_and_no_traceback():
    command = [sys.executable, "-m", "hierclf", "predict", "nowhere", "a.png"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("hierclf: there is no model in nowhere")
    assert "Traceback" not in result.stderr
    debugged = subprocess.run([*command[:3], "--debug", *command[3:]], capture_output=True, text=True, check=False)
    assert "Traceback" in debugged.stderr


def test_help_names_every_command_without_torch():
    code = (
        "import sys\nfrom hierclf.cli import main\nsys.argv = ['hierclf', '--help']\n"
        "try:\n    main()\nfinally:\n    assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for name in ("fit", "predict", "evaluate", "explain", "taxonomy", "doctor"):
        assert name in result.stdout


def test_a_run_that_was_cut_off_goes_on_to_the_same_end(pictures, tmp_path):
    words = ("fit", pictures / "train", "--epochs", "3", "--set", "augmentation=none")
    assert invoke(*words, "-o", tmp_path / "whole").exit_code == 0
    assert invoke(*words, "-o", tmp_path / "cut").exit_code == 0
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for path in sorted((cut / "checkpoints").glob("*.pt"))[1:]:
        path.unlink()  # as if the process had been killed during the third epoch
    (cut / "DONE").unlink()
    assert invoke("fit", "--resume", cut).exit_code == 0
    for name in ("metrics.jsonl", "model/model.safetensors"):
        assert (whole / name).read_bytes() == (cut / name).read_bytes()
    assert "nothing to resume" in refusal("fit", "--resume", cut)


def test_embeddings_without_a_backbone(tmp_path):
    source = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 80)
    values = source.normal(size=(160, 6)) + 5 * (labels == "b")[:, None]
    np.savez(tmp_path / "train.npz", embeddings=values, labels=labels)
    np.save(tmp_path / "new.npy", values[:3] + 100)
    run = tmp_path / "run"
    result = invoke("fit", tmp_path / "train.npz", "--backbone", "none", "-o", run)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in invoke("predict", run, tmp_path / "new.npy").output.splitlines()]
    assert [row["status"] for row in rows] == ["other"] * 3
    assert "no array named 'labels'" in refusal("fit", tmp_path / "new.npy", "--backbone", "none", "-o", tmp_path / "x")


def test_several_files_of_other_embeddings_all_count(tmp_path):
    source = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 80)
    values = source.normal(size=(160, 6)) + 5 * (labels == "b")[:, None]
    np.savez(tmp_path / "train.npz", embeddings=values, labels=labels)
    for name in ("one", "two"):
        np.save(tmp_path / f"{name}.npy", source.normal(size=(20, 6)) - 20)
    others = ("--other", tmp_path / "one.npy", "--other", tmp_path / "two.npy")
    words = ("fit", tmp_path / "train.npz", "--backbone", "none", *others, "-o", tmp_path / "run", "--json")
    assert json.loads(invoke(*words).output)["metrics"]["n_other"] == 40
    answer = invoke("evaluate", tmp_path / "run", tmp_path / "train.npz", *others, "--json")
    assert json.loads(answer.output)["n_other"] == 40
    (tmp_path / "torn.npz").write_bytes((tmp_path / "train.npz").read_bytes()[:200])
    assert "no readable .npz" in refusal("predict", tmp_path / "run", tmp_path / "torn.npz")


def test_the_report_after_training_leaves_the_verdict_to_an_evaluation(run):
    text = (run / "report.html").read_text()
    assert "At most 5 % of known images are turned away" in text
    assert "Whether that is kept shows on images that are new to the gate" in text
    assert "No promise was made" not in text
    assert "; kept" not in text


def test_a_run_can_be_resumed_from_anywhere(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures)
    words = ("--epochs", "2", "--set", "augmentation=none")
    assert invoke("fit", "train", "--other", "other", "-o", tmp_path / "run", *words).exit_code == 0
    (tmp_path / "run" / "DONE").unlink()
    monkeypatch.chdir(tmp_path)
    assert invoke("fit", "--resume", "run").exit_code == 0
    (tmp_path / "run" / "DONE").unlink()
    (tmp_path / "run" / "config.json").write_text("{}")
    assert "no config of a run" in refusal("fit", "--resume", "run")


def test_writing_to_a_folder_is_refused_and_a_long_name_is_a_row(run, pictures, tmp_path):
    picture = pictures / "test" / "disc" / "000.png"
    assert "cannot be written" in refusal("predict", run, picture, "-o", tmp_path)
    row = json.loads(invoke("predict", run, 300 * "a" + ".jpg").stdout)
    assert row["error"]


def test_stopping_in_the_first_seconds_leaves_nothing(pictures, tmp_path):
    command = [sys.executable, "-m", "hierclf", "fit", str(pictures / "train"), "-o", str(tmp_path / "run")]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while not (tmp_path / "run").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(timeout=60) == code
        assert not list(tmp_path.iterdir())


def test_a_fault_of_our_own_is_one_line(monkeypatch, capsys):
    import hierclf.cli

    def broken(*_, **__):
        raise RuntimeError("something odd\nand more")

    monkeypatch.setattr(hierclf.cli.commands, "main", broken)
    monkeypatch.setattr(sys, "argv", ["hierclf", "doctor"])
    with pytest.raises(SystemExit) as ended:
        hierclf.cli.main()
    assert ended.value.code == 70
    assert capsys.readouterr().err.splitlines()[0] == "hierclf: RuntimeError: something odd"
