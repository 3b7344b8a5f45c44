from __future__ import annotations

import os

import pytest

from hierclf.data.scan_cache import FileKey, Finding, ScanCache, file_key


def test_what_is_stored_is_loaded(tmp_path):
    cache = ScanCache(tmp_path / "new" / "cache")
    assert cache.load() == {}
    one, two = FileKey("a", 1, 10), FileKey("b", 2, 20)
    cache.store({one: Finding("x", ""), two: Finding("", "broken")})
    cache.store({FileKey("a", 1, 11): Finding("y", "")})
    assert cache.load() == {FileKey("a", 1, 11): Finding("y", ""), two: Finding("", "broken")}


def test_a_key_changes_with_the_file(tmp_path):
    path = tmp_path / "a"
    assert file_key(path) == FileKey(str(path), -1, -1)
    path.write_bytes(b"1")
    first = file_key(path)
    os.utime(path, ns=(0, first.changed_ns + 1))
    assert file_key(path) != first
    path.write_bytes(b"12")
    assert file_key(path).size == 2


def test_a_damaged_cache_is_begun_anew(tmp_path):
    cache = ScanCache(tmp_path)
    cache.path.write_bytes(b"this is no database, but it is long enough to be asked" * 20)
    assert cache.load() == {}
    cache.store({FileKey("a", 1, 1): Finding("x", "")})
    assert cache.load() == {FileKey("a", 1, 1): Finding("x", "")}


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match="the scan is not kept for the next time"):
        ScanCache(tmp_path / "file").store({FileKey("a", 1, 1): Finding("x", "")})


def test_nothing_to_store_makes_no_file(tmp_path):
    ScanCache(tmp_path / "cache").store({})
    assert not (tmp_path / "cache").exists()
