from __future__ import annotations

import json
import os

import pytest

from hierclf.errors import BundleError, ConfigError
from hierclf.runs import RunFolder, environment, model_folder


def test_names_are_numbered_and_never_taken_twice(tmp_path):
    names = []
    for _ in range(3):
        folder = RunFolder.create(tmp_path / "deep" / "run")
        (folder / "file").write_text("")
        names.append(folder.path.name)
    assert names == ["run", "run-2", "run-3"]


def test_a_number_at_the_end_counts_on(tmp_path):
    names = []
    for _ in range(3):
        folder = RunFolder.create(tmp_path / "set-1")
        (folder / "file").write_text("")
        names.append(folder.path.name)
    assert names == ["set-1", "set-2", "set-3"]


def test_an_empty_folder_is_free_and_a_file_is_not(tmp_path):
    (tmp_path / "empty").mkdir()
    assert RunFolder.create(tmp_path / "empty").path == tmp_path / "empty"
    (tmp_path / "file").write_text("")
    assert RunFolder.create(tmp_path / "file").path == tmp_path / "file-2"


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file.*cannot be made"):
        RunFolder.create(tmp_path / "file" / "run")


def test_files_are_whole_or_absent(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    folder.write_json("config.json", {"name": "é", "value": None})
    assert folder.read_json("config.json") == {"name": "é", "value": None}
    folder.write_rows("metrics.jsonl", [{"epoch": 1}, {"epoch": 2}])
    assert (folder / "metrics.jsonl").read_text() == '{"epoch": 1}\n{"epoch": 2}\n'
    with pytest.raises(ValueError, match="JSON compliant"):
        folder.write_json("metrics.json", {"bad": float("nan")})
    assert sorted(os.listdir(folder.path)) == ["config.json", "metrics.jsonl"]
    assert not folder.done
    folder.finish()
    assert folder.done
    folder.remove()
    assert not folder.path.exists()


def test_opening_what_is_no_run_or_broken_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.json is missing"):
        RunFolder.open(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        RunFolder.open(tmp_path).read_json("config.json")


def test_a_model_is_found_in_a_run_or_by_itself(tmp_path):
    with pytest.raises(BundleError, match="there is no model"):
        model_folder(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    assert model_folder(tmp_path) == model_folder(tmp_path / "model") == tmp_path / "model"


def test_the_environment_is_json():
    assert json.loads(json.dumps(environment()))["packages"]["torch"]
