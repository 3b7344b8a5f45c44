from __future__ import annotations

import multiprocessing
import pickle
import sqlite3
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from hierclf.backbones import EmbeddingCache, content_key, default_cache


@pytest.fixture
def cache(tmp_path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "a folder?#%")  # characters that mean something in a URI


def test_what_was_stored_is_found_and_nothing_else(cache, generator):
    stored = torch.randn(3, 5, generator=generator)
    cache.store("net", ["a", "b", "c"], stored)
    found, embedding = cache.lookup("net", ["c", "x", "a", "c"], dim=5)
    assert found.tolist() == [True, False, True, True]
    assert torch.equal(embedding, torch.stack([stored[2], torch.zeros(5), stored[0], stored[2]]))
    assert not cache.lookup("another net", ["a"], dim=5)[0].any()
    assert not cache.lookup("net", ["a"], dim=4)[0].any()


def test_many_keys_and_none(cache):
    keys = [str(number) for number in range(2345)]
    cache.store("net", keys, torch.arange(2345.0)[:, None])
    found, embedding = cache.lookup("net", keys[::-1], dim=1)
    assert found.all()
    assert torch.equal(embedding[:, 0], torch.arange(2345.0).flip(0))
    found, embedding = cache.lookup("net", [], dim=3)
    assert found.shape == (0,)
    assert embedding.shape == (0, 3)
    cache.store("net", [], torch.empty(0, 3))


def test_a_later_embedding_replaces_the_earlier_and_nan_is_not_kept(cache):
    cache.store("net", ["a", "b"], torch.tensor([[1.0], [torch.nan]]))
    cache.store("net", ["a"], torch.tensor([[2.0]], dtype=torch.float64, requires_grad=True))
    found, embedding = cache.lookup("net", ["a", "b"], dim=1)
    assert found.tolist() == [True, False]
    assert embedding[0] == 2


def test_looking_makes_no_file(cache):
    assert not cache.lookup("net", ["a"], dim=2)[0].any()
    assert not cache.path.parent.exists()


@pytest.mark.parametrize(
    "content", [b"", b"no database at all, but long enough to be looked at" * 100], ids=["empty", "text"]
)
def test_a_broken_file_is_replaced(cache, content):
    cache.path.parent.mkdir()
    cache.path.write_bytes(content)
    if content:
        with pytest.warns(RuntimeWarning, match="is broken .* and starts afresh"):
            assert not cache.lookup("net", ["a"], dim=1)[0].any()
    assert not cache.lookup("net", ["a"], dim=1)[0].any()
    cache.store("net", ["a"], torch.ones(1, 1))
    assert cache.lookup("net", ["a"], dim=1)[0].all()


def test_a_damaged_middle_is_noticed(cache, generator):
    keys = [str(number) for number in range(200)]
    stored = torch.randn(200, 64, generator=generator)
    cache.store("net", keys, stored)
    content = bytearray(cache.path.read_bytes())
    for place in range(4096, len(content), 997):
        content[place] ^= 0xFF
    cache.path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found, embedding = cache.lookup("net", keys, dim=64)
    assert not found.all()
    assert torch.equal(embedding[found], stored[found])


def test_a_flipped_bit_of_one_embedding_counts_as_missing(cache):
    cache.store("net", ["a", "b"], torch.tensor([[1.0], [2.0]]))
    with sqlite3.connect(cache.path) as connection:
        connection.execute("UPDATE embeddings SET embedding = ? WHERE key = 'a'", (b"\0\0\0\1",))
    connection.close()
    assert cache.lookup("net", ["a", "b"], dim=1)[0].tolist() == [False, True]


def test_a_folder_that_cannot_be_made_is_a_warning(tmp_path):
    (tmp_path / "file").write_text("")
    cache = EmbeddingCache(tmp_path / "file" / "below")
    with pytest.warns(RuntimeWarning, match="cannot be used to write .* going on without"):
        cache.store("net", ["a"], torch.ones(1, 1))
    assert not cache.lookup("net", ["a"], dim=1)[0].any()


def test_a_read_only_cache_is_read(cache, monkeypatch):
    cache.store("net", ["a"], torch.ones(1, 1))
    connect = sqlite3.connect

    def only_reading(address: str, **settings):  # root may write anywhere, so file modes would prove nothing
        return connect(address.replace("mode=rwc", "mode=ro"), **settings)

    monkeypatch.setattr(sqlite3, "connect", only_reading)
    with pytest.warns(RuntimeWarning, match="cannot be used to write"):
        cache.store("net", ["b"], torch.ones(1, 1))
    assert cache.lookup("net", ["a", "b"], dim=1)[0].tolist() == [True, False]


def test_the_older_half_goes_when_there_is_no_room(tmp_path):
    cache = EmbeddingCache(tmp_path, limit_bytes=200_000)
    for start in range(0, 1000, 50):
        keys = [str(number) for number in range(start, start + 50)]
        cache.store("net", keys, torch.full((50, 250), float(start)))
    assert cache.path.stat().st_size < 400_000
    found, _ = cache.lookup("net", [str(number) for number in range(1000)], dim=250)
    assert found[-50:].all()
    assert not found[:500].any()


def test_clear_forgets_everything(cache):
    cache.clear()
    cache.store("net", ["a"], torch.ones(1, 1))
    cache.clear()
    assert not cache.lookup("net", ["a"], dim=1)[0].any()


def store_some(cache: EmbeddingCache, first: int) -> None:
    for number in range(first, first + 40):
        cache.store("net", [str(number)], torch.full((1, 8), float(number)))


def test_processes_share_a_cache(cache):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=store_some, args=(cache, 30 * index)) for index in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    found, embedding = cache.lookup("net", [str(number) for number in range(100)], dim=8)
    assert found.all()
    assert torch.equal(embedding[:, 0], torch.arange(100.0))


def test_it_can_be_pickled(cache):
    assert repr(pickle.loads(pickle.dumps(cache))) == repr(cache)


def test_the_number_of_keys_is_checked(cache):
    with pytest.raises(ValueError, match="zip"):
        cache.store("net", ["a"], torch.ones(2, 1))


def test_content_keys():
    array = np.arange(6, dtype=np.uint8)
    keys = [
        content_key(array),
        content_key(array.reshape(2, 3)),
        content_key(array.reshape(3, 2)),
        content_key(array.astype(np.int8)),
        content_key(array.tobytes()),
    ]
    assert len(set(keys)) == len(keys)
    assert content_key(array.reshape(2, 3).T) == content_key(np.ascontiguousarray(array.reshape(2, 3).T))


def test_where_the_cache_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("HIERCLF_CACHE", str(tmp_path))
    assert default_cache().path.parent == tmp_path
    monkeypatch.setenv("HIERCLF_CACHE", "")
    assert default_cache() is None
    monkeypatch.delenv("HIERCLF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache().path.parent == tmp_path / "xdg" / "hierclf"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert default_cache().path.parent == tmp_path / "home" / ".cache" / "hierclf"


def test_no_home_means_no_cache(monkeypatch):
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("HIERCLF_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert default_cache() is None
