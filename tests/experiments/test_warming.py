"""Embeddings of a frozen backbone are computed once, whoever wants them at the same time."""

import subprocess
import sys
import threading
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from experiments.sealed import Lessons
from experiments.warming import Warmer
from hierclf.backbones import EmbeddingCache, Preprocessing, build_backbone, default_cache, fingerprint
from hierclf.strategies import Strategy
from tests.experiments.fakes import experiment_of, strategy


class Flat(nn.Module):
    """A frozen backbone: the pixels themselves."""

    preprocessing = Preprocessing(height=8, width=8, mode="L", mean=(0.0,), std=(1.0,))

    def forward(self, images_BCHW):
        return images_BCHW.flatten(1)


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERCLF_CACHE", str(tmp_path / "cache"))
    return Lessons.of(experiment_of({"a": strategy("a")}, folder=tmp_path).division(0))


@pytest.fixture
def stored(monkeypatch):
    """How many embeddings were computed and stored, call by call."""
    counts = []
    store = EmbeddingCache.store

    def counting(self, mark, keys, embedding_nD):
        counts.append(len(keys))
        store(self, mark, keys, embedding_nD)

    monkeypatch.setattr(EmbeddingCache, "store", counting)
    return counts


def frozen(**settings):
    return Strategy(title="frozen", settings={"backbone": Flat(), "freeze": True, **settings})


def test_what_is_warm_is_not_computed_by_the_fit(lessons, stored):
    Warmer().warm(frozen(), lessons, "split")
    assert stored == [len(lessons.train), len(lessons.other)]
    frozen(gate=["msp"], leave_one_out=False).fit(lessons.taxonomy, lessons.train, other=lessons.other)
    assert len(stored) == 2, "everything was found"


def test_only_what_the_strategy_learns_from_is_embedded(lessons, stored):
    Warmer().warm(Strategy(title="x", settings=frozen().settings, uses_other=False), lessons, "split")
    assert stored == [len(lessons.train)]


@pytest.mark.parametrize("settings", [{"freeze": False}, {"cache": False}, {"backbone": "small_cnn", "freeze": None}])
def test_where_nothing_is_looked_up_nothing_is_warmed(lessons, stored, settings):
    Warmer().warm(frozen(**settings), lessons, "split")
    assert stored == []
    assert not default_cache().path.exists()


def test_it_remembers_what_is_warm_and_settings_that_make_no_sense_are_left_to_the_fit(lessons, monkeypatch):
    warmer = Warmer()
    warmer.warm(frozen(), lessons, "split")
    monkeypatch.setattr(EmbeddingCache, "lookup", lambda *given, **more: pytest.fail("looked up again"))
    warmer.warm(frozen(head="flat"), lessons, "split")
    warmer.warm(frozen(no_such_setting=1), lessons, "split")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks there")
def test_two_who_want_the_same_embeddings_take_turns(tmp_path):
    cache, backbone = EmbeddingCache(tmp_path), build_backbone(Flat())
    inside, at_once = [], []

    def work():
        with Warmer().turn(backbone, cache):
            inside.append(1)
            at_once.append(len(inside))
            threading.Event().wait(0.02)
            inside.pop()

    workers = [threading.Thread(target=work) for _ in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert at_once == [1] * 5
    with Warmer().turn(backbone, cache), Warmer().turn(build_backbone(Other()), cache):
        assert len(list(tmp_path.glob("*.lock"))) == 2, "another backbone has a lock of its own"


class Other(Flat):
    def __init__(self):
        super().__init__()
        self.register_buffer("mark", torch.ones(1))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks there")
def test_a_lock_goes_back_when_its_holder_dies(tmp_path):
    cache, backbone = EmbeddingCache(tmp_path), build_backbone(Flat())
    path = cache.path.with_name(f"{fingerprint(backbone)[:16]}.lock")
    program = f"import fcntl, os; fcntl.flock(open({str(path)!r}, 'w'), fcntl.LOCK_EX); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    with Warmer().turn(backbone, cache):
        assert path.is_file()


def test_without_a_place_for_locks_one_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    with Warmer().turn(build_backbone(Flat()), EmbeddingCache(tmp_path / "file" / "cache")):
        pass
    with Warmer().turn(None, None), nullcontext():
        pass
