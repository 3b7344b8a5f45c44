from __future__ import annotations

import errno
import os

import pytest
import torch

from hierclf.errors import DataError
from hierclf.training.checkpoint import load_checkpoint, save_checkpoint
from hierclf.training.fine_tune import TrainingState


def state_of(epoch):
    tensors = {"networks": {"weight": torch.full((3,), float(epoch))}, "best_result": [0.5, -1.0]}
    return TrainingState(epoch=epoch, tensors=tensors, log=[{"epoch": e + 1, "loss": 0.5} for e in range(epoch)])


def test_the_newest_comes_back_as_it_was(tmp_path):
    for epoch in (1, 2, 3):
        save_checkpoint(state_of(epoch), tmp_path)
    back = load_checkpoint(tmp_path)
    assert (back.epoch, back.stopped, back.log) == (3, False, state_of(3).log)
    assert torch.equal(back.tensors["networks"]["weight"], torch.full((3,), 3.0))
    assert len(list(tmp_path.iterdir())) == 2  # one more than needed, in case the newest is damaged


def test_nothing_there_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_checkpoint_costs_a_warning_and_the_one_before_serves(tmp_path, damage):
    save_checkpoint(state_of(1), tmp_path)
    newest = save_checkpoint(state_of(2), tmp_path)
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    newest.write_bytes({"truncated": content[:-9], "flipped": content, "empty": b""}[damage])
    with pytest.warns(RuntimeWarning, match=newest.name):
        assert load_checkpoint(tmp_path).epoch == 1


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    save_checkpoint(state_of(1), tmp_path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"No space left on device.*MB"):
        save_checkpoint(state_of(2), tmp_path)
    assert [path.name[:11] for path in tmp_path.iterdir()] == ["epoch-00001"]
    assert load_checkpoint(tmp_path).epoch == 1
