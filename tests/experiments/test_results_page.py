import json

import pytest
import yaml
from click.testing import CliRunner

from experiments.overview import METRIC
from experiments.results_page import anchor, command, page, section
from hierclf.errors import ConfigError

TABLE = "# {name}\n\nWhat it is.\n\n| strategy | right |\n|:--|--:|\n| a | 90 % |\n\n## Less a\n\n| b | 1 |\n"


@pytest.fixture
def run_folder(tmp_path):
    """Makes the folder of a finished experiment."""

    def make(name, *, without=(), splits=("ab", "cd")):
        folder = tmp_path / f"{name}-1"
        folder.mkdir()
        rows = [{"strategy": "a", "seed": seed, "split": split} for seed, split in enumerate(splits)]
        made = {
            "command": f"python -m experiments.run {name}.yaml 'a|b'",
            "started": "2026-01-02 03:04:05",
            "seeds": [0, 1],
            "threads": 1,
            "version": "0.1.0",
            "processors": 2,
            "packages": {"torch": "2.2", "numpy": "1.26"},
        }
        files = {
            "config.yaml": yaml.safe_dump({"name": name, "data": {"source": "idx"}}),
            "environment.json": json.dumps(made),
            "metrics.json": json.dumps({"runs": rows}),
            "table.md": TABLE.format(name=name),
            "DONE": "",
        }
        for file, text in files.items():
            if file not in without:
                (folder / file).write_text(text)
        return folder

    return make


def test_a_page_holds_the_tables_in_order_and_how_each_was_made(run_folder):
    text = page([run_folder("two"), run_folder("one", splits=("ef", "ef"))])
    assert text.startswith("# Results\n")
    assert text.index("- [two](#two)") < text.index("- [one](#one)") < text.index("## two") < text.index("## one")
    assert text.count("| a | 90 % |") == 2
    assert "### Less a" in text, "headlines of a table go below that of its section"
    assert "\n# two" not in text
    for line in (
        "| command | `python -m experiments.run two.yaml 'a\\|b'` |",
        "| seeds | 0, 1 |",
        "| packages | torch 2.2, numpy 1.26 |",
        "| processor cores | 2 |",
        "| splits (checksum of the images by part) | 0: ab, 1: cd |",
        "| splits (checksum of the images by part) | ef |",
        "| data | idx |",
    ):
        assert line in text


def test_a_page_tells_how_often_a_run_was_resumed(run_folder):
    folder = run_folder("one")
    assert "resumed" not in page([folder])
    made = json.loads((folder / "environment.json").read_text())
    resumed = {"command": "--resume", "started": "2026-01-03 03:04:05", "version": "0.1.0", "packages": {"torch": "3"}}
    (folder / "environment.json").write_text(json.dumps({**made, "resumed": [resumed, resumed]}))
    assert "| resumed | twice |" in page([folder])


def test_the_same_folders_give_the_same_page(run_folder, tmp_path):
    run = str(run_folder("one"))
    for name in ("a/first.md", "second.md"):
        assert CliRunner().invoke(command, [run, "-o", str(tmp_path / name)]).exit_code == 0
    first, second = ((tmp_path / name).read_bytes() for name in ("a/first.md", "second.md"))
    assert first == second
    shown = CliRunner().invoke(command, [run, "--title", "Mine"])
    assert shown.stdout == first.decode().replace("# Results", "# Mine", 1)


@pytest.mark.parametrize(
    ("without", "message"),
    [
        (["config.yaml"], "config.yaml is missing"),
        (["DONE"], "is not finished (DONE is missing); go on with --resume"),
        (["metrics.json", "DONE"], "is not finished (metrics.json is missing)"),
    ],
)
def test_folders_that_are_no_finished_experiment_are_refused(run_folder, without, message):
    folder = run_folder("one", without=without)
    with pytest.raises(ConfigError) as caught:
        section(folder)
    assert message in str(caught.value)
    result = CliRunner().invoke(command, [str(folder)])
    assert result.exit_code == 2
    assert result.stderr.startswith("experiments: ")
    assert "Traceback" not in result.output


def test_one_experiment_stands_on_a_page_once(run_folder):
    run = run_folder("one")
    with pytest.raises(ConfigError, match="two of these runs are called 'one'"):
        page([run, run])


def test_links_lead_to_headlines():
    assert anchor("digits_vs_letters") == "digits_vs_letters"
    assert anchor("MNIST: 6/4") == "mnist-64"


def test_experiments_with_never_seen_other_are_put_side_by_side(run_folder):
    folders = [run_folder(name) for name in ("one", "two", "three")]
    for place, folder in enumerate(folders[:2]):
        rows = [
            {"strategy": name, "seed": seed, METRIC: share + place / 10, "leaf_accuracy": 0.9}
            for name, share in (("theirs", 0.3), ("ours", 0.2))
            for seed in (0, 1)
        ]
        titles = {"ours": {"title": "What we do"}, "theirs": {"title": "What they do"}}
        (folder / "metrics.json").write_text(json.dumps({"name": folder.name, "strategies": titles, "runs": rows}))
    text = page(folders)
    both = text[text.index("## All together") : text.index("## one")]
    assert "| | one-1 | two-1 | first or tied |" in both, "the third does not tell"
    assert both.index("What we do") < both.index("What they do")
    assert "2 of 2" in both
    assert "far other counted in" not in both, "nobody told it apart"
    assert "## All together" not in page(folders[1:]), "one experiment stands alone"
    metrics = json.loads((folders[1] / "metrics.json").read_text())
    for row in metrics["runs"]:
        row |= {"unknown_accepted_at_95_known_far": 0.0, "n_other_far": 100, "n_other_unseen": 100}
    (folders[1] / "metrics.json").write_text(json.dumps(metrics))
    for row in (first := json.loads((folders[0] / "metrics.json").read_text()))["runs"]:
        row |= {"n_other_unseen": 50}
    (folders[0] / "metrics.json").write_text(json.dumps(first))
    both = page(folders[:2])
    counted = both[both.index("far other counted in") : both.index("## one")]
    assert "**15.0 ± 0.0" in counted, "ours in the second, 30 % of the near and none of the far"
