from __future__ import annotations

import os
import threading

import pytest

from hierclf.files import whole_file


def write(path, text):
    with whole_file(path) as file:
        file.write(text)


def test_a_file_is_whole_or_as_it_was(tmp_path):
    write(tmp_path / "a", "one")

    def torn():
        with whole_file(tmp_path / "a") as file:
            file.write("half")
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match="the power went"):
        torn()
    assert (tmp_path / "a").read_text() == "one"
    assert os.listdir(tmp_path) == ["a"]


def test_a_link_stays_and_its_file_is_written(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_text()))
    reader.start()
    write(tmp_path / "pipe", "rows")
    reader.join()
    assert heard == ["rows"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", ["", ".", "folder"])
def test_a_folder_is_no_file(tmp_path, monkeypatch, name):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="folder"):
        write(name, "text")
    assert os.listdir(tmp_path) == ["folder"]
