import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from hierclf.cli.taxonomy import taxonomy
from hierclf.errors import TaxonomyError
from hierclf.taxonomy import load_taxonomy

GOOD = "tree: {digit: [0, 1], letter: [a]}\n"
BAD = "tree: {digit: [0, 0], letter: []}\nkeep: 1\n"


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)

    def invoke(*words: str):
        return CliRunner().invoke(taxonomy, words, catch_exceptions=False)

    return invoke


def shell(*words: str, code: str = "from hierclf.cli import main; main()") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, env=dict(os.environ)
    )


def test_a_good_file_is_summed_up_in_a_line(call):
    answer = call("check", "good.yaml")
    assert (answer.exit_code, answer.stdout) == (0, "good.yaml: fine: 6 nodes, 3 leaves, 2 levels, tree\n")


def test_faults_are_all_shown_and_the_answer_is_no(call):
    answer = call("check", "bad.yaml")
    assert answer.exit_code == 1
    assert 'bad.yaml:1:19: "0" is listed twice under "digit"' in answer.stdout
    assert 'bad.yaml:2:1: unknown key "keep"' in answer.stdout
    assert answer.stdout.endswith("bad.yaml: 2 faults\n")


def test_check_answers_programs(call):
    answer = call("check", "--json", "bad.yaml")
    assert answer.exit_code == 1
    found = json.loads(answer.stdout)
    assert found["ok"] is False
    assert [fault["rule"] for fault in found["faults"]] == ["listed-twice", "unknown-key"]
    several = json.loads(call("check", "--json", "good.yaml", "bad.yaml").stdout)
    assert [answer["ok"] for answer in several] == [True, False]
    assert (several[0]["nodes"], several[0]["shape"]) == (6, "tree")


def test_check_reads_other_forms(call, tmp_path):
    (tmp_path / "loop.csv").write_text("r,a\na,b\nb,a\n")
    answer = call("check", "loop.csv")
    assert answer.exit_code == 1
    assert "loop" in answer.stdout


def test_check_takes_shipped_names(call):
    assert "7 leaves" in call("check", "digits").stdout


def test_show_draws_the_tree(call):
    answer = call("show", "good.yaml")
    assert answer.stdout.splitlines()[:3] == [
        "root  (level 0, 2 children)",
        "├── digit  (level 1, 2 children)",
        "│   ├── 0  (level 2)",
    ]
    assert "…" in call("show", "good.yaml", "--max-depth", "1").stdout
    found = json.loads(call("show", "good.yaml", "--json").stdout)
    assert found["nodes"][0] == {"name": "root", "level": 0, "parents": [], "children": ["digit", "letter"]}


def test_convert_goes_by_the_suffix(call, tmp_path):
    for target in ("t.csv", "t.json", "t.skos", "t.yaml"):
        answer = call("convert", "good.yaml", target)
        assert answer.exit_code == 0
        assert answer.stdout.startswith(f"wrote {target}: 6 nodes")
        assert load_taxonomy(tmp_path / target) == load_taxonomy(tmp_path / "good.yaml")
    with pytest.raises(TaxonomyError, match="exists already"):
        call("convert", "good.yaml", "t.csv")
    assert call("convert", "--force", "good.yaml", "t.csv").exit_code == 0


def test_convert_says_what_stays_behind(call):
    answer = call("convert", "digits", "t.csv")
    assert "note: other, keep stayed behind" in answer.stderr
    assert json.loads(call("convert", "digits", "u.csv", "--json").stdout)["lost"] == ["other", "keep"]


def test_convert_reads_folders(call, tmp_path):
    (tmp_path / "data" / "animal" / "dog").mkdir(parents=True)
    assert call("convert", "data", "t.yaml").exit_code == 0
    assert load_taxonomy(tmp_path / "t.yaml").edges == (("data", "animal"), ("animal", "dog"))


def test_diff_answers_by_its_exit_code(call, tmp_path):
    (tmp_path / "other.yaml").write_text("tree: {digit: [0], letter: [a, 1, b]}\n")
    assert call("diff", "good.yaml", "good.yaml").stdout == "the same\n"
    answer = call("diff", "good.yaml", "other.yaml")
    assert (answer.exit_code, answer.stdout) == (1, "+ b\n> 1 moved from digit to letter\n")
    assert json.loads(call("diff", "--json", "good.yaml", "other.yaml").stdout)["added"] == ["b"]


def test_diff_tells_joins_once_and_programs_everything(call, tmp_path):
    (tmp_path / "joined.yaml").write_text("tree: {sign: [0, 1, a]}\n")
    answer = call("diff", "good.yaml", "joined.yaml")
    assert (answer.exit_code, answer.stdout) == (1, "& digit + letter joined into sign\n")
    assert json.loads(call("diff", "--json", "good.yaml", "joined.yaml").stdout) == {
        "same": False,
        "added": ["sign"],
        "removed": ["digit", "letter"],
        "renamed": [],
        "moved": [],
        "changed": [],
        "joined": [[["digit", "letter"], "sign"]],
        "split": [],
        "dissolved": [],
        "grouped": [],
    }


def test_the_help_of_diff_explains_every_mark(call):
    answer = call("diff", "--help").stdout
    assert all(f"({mark})" in answer for mark in "+-~&/<*>!")


def test_init_from_names_and_from_a_folder(call, tmp_path):
    assert call("init", "cat", "dog").exit_code == 0
    assert load_taxonomy(tmp_path / "taxonomy.yaml").leaves == ("cat", "dog")
    assert "# weights:" in (tmp_path / "taxonomy.yaml").read_text()
    with pytest.raises(TaxonomyError, match="exists already"):
        call("init", "cat", "dog")
    (tmp_path / "data" / "cat").mkdir(parents=True)
    answer = call("init", "data", "-o", "new.yaml", "--root", "pet")
    assert "next: group its classes" in answer.stdout
    assert load_taxonomy(tmp_path / "new.yaml").edges == (("pet", "cat"),)


def test_schema_prints_the_schema(call):
    assert json.loads(call("schema").stdout)["title"] == "hierclf taxonomy"


def test_bad_input_is_one_message_and_exit_code_2(tmp_path):
    done = shell("taxonomy", "check", str(tmp_path / "missing.yaml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such taxonomy file" in done.stderr
    assert "Traceback" not in done.stderr
    faulty = tmp_path / "bad.yaml"
    faulty.write_text(BAD)
    done = shell("taxonomy", "show", str(faulty))
    assert (done.returncode, done.stdout) == (2, "")
    assert "bad.yaml:1:19" in done.stderr


def test_checking_starts_without_anything_heavy():
    code = (
        "import sys\nfrom hierclf.cli import main\ntry:\n    main()\nfinally:\n"
        "    print([name for name in ('torch', 'numpy', 'sklearn', 'pydantic', 'networkx') if name in sys.modules])"
    )
    done = shell("taxonomy", "check", "characters", code=code)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "36 leaves" in done.stdout
