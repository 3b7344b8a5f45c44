"""`hierclf evaluate` with images of new kinds."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.cli import commands
from hierclf.errors import HierclfError
from tests.synthetic import glyphs, write_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "glyphs"
    taxonomy = Taxonomy.from_edges({"straight": ["bar", "pole"], "closed": ["square", "dots"]}, root="shape")
    names = ("bar", "pole", "square", "dots")
    model = HierarchicalClassifier(taxonomy, backbone="small_cnn", epochs=3, cache=False).fit(*glyphs(names))
    model.save(folder / "model")
    return folder


def invoke(*words):
    return CliRunner().invoke(commands, ["evaluate", *map(str, words)])


def test_new_kinds_are_given_by_node_and_counted(run, tmp_path):
    data = write_folder(tmp_path / "data", ("bar", "pole", "square"), 4, seed=1)
    slash = write_folder(tmp_path / "one", ("slash",), 3, seed=2)
    cross = write_folder(tmp_path / "two", ("cross",), 2, seed=2)
    out = tmp_path / "out"
    result = invoke(run, data, "--novel", f"straight={slash}", "--novel", f"straight={cross}", "-o", out, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output)
    assert (answer["n_known"], answer["n_other"], answer["n_novel"]) == (12, 0, 5)
    assert {"novel_at_its_node", "balanced_distance_mix", "drift_p_value"} <= set(answer)
    assert {row["node"]: row["novel"] for row in answer["gates"]}["straight"] == 5
    page = (out / "report.html").read_text()
    assert "Gates at the nodes" in page
    assert f"straight={slash}, straight={cross}" in page


@pytest.mark.parametrize(
    ("novel", "told"),
    [
        ("straight", "--novel is written NODE=DIR"),
        ("=x", "--novel is written NODE=DIR"),
        ("strait={slash}", "did you mean 'straight'"),
        ("bar={slash}", "'bar' is a class"),
    ],
)
def test_what_cannot_be_understood_is_told(run, tmp_path, novel, told):
    slash = write_folder(tmp_path / "one", ("slash",), 1)
    data = write_folder(tmp_path / "data", ("bar",), 1)
    result = invoke(run, data, "--novel", novel.format(slash=slash), "-o", tmp_path / "out")
    assert isinstance(result.exception, HierclfError), result.output
    assert told in str(result.exception)


def test_a_class_that_is_not_known_is_told_where_it_goes(run, tmp_path):
    data = write_folder(tmp_path / "data", ("bar", "slash"), 1)
    result = invoke(run, data, "-o", tmp_path / "out")
    assert "--novel NODE=DIR" in str(result.exception)
