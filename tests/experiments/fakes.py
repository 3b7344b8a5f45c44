"""Strategies that need no training, and some that misbehave; other processes import them from here by name."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from experiments.config import load_config
from experiments.experiment import Experiment
from experiments.journal import Journal
from experiments.protocol import content_hashes, protocol_taxonomy
from experiments.results import ExperimentFolder
from experiments.sources import Pool
from hierclf.classifier import HierarchicalClassifier
from hierclf.data import load_images
from hierclf.strategies import Strategy
from tests.experiments.conftest import glyphs


class Pixels(nn.Module):
    """A backbone that learns nothing: the pixels themselves."""

    def forward(self, images_BCHW):
        return images_BCHW.flatten(1)


def fit_pixels(taxonomy, images, other, settings):
    """Fits a head on the pixels."""
    told = {name: value for name, value in settings.items() if name not in ("backbone", "where")}
    chosen = {"freeze": True, "image_size": 8, "cache": False, "gate": ["msp"], "leave_one_out": False, **told}
    return HierarchicalClassifier(taxonomy, backbone=Pixels(), **chosen).fit(images, other=other)


def fit_and_say(taxonomy, images, other, settings):
    """Writes to standard error, and where it works into the file ``where``."""
    print("a word from the fit", file=sys.stderr)
    with Path(settings["where"]).open("a") as file:
        file.write(f"{os.getpid()} {torch.get_num_threads()} {os.environ.get('OMP_NUM_THREADS')}\n")
    return fit_pixels(taxonomy, images, other, settings)


def fit_and_raise(taxonomy, images, other, settings):
    raise ZeroDivisionError("by nought")


def fit_and_be_killed(taxonomy, images, other, settings):
    """What a system without memory does to a process."""
    os.kill(os.getpid(), signal.SIGKILL)


def fit_for_ever(taxonomy, images, other, settings):
    """Says in the file ``where`` that it has begun, and never ends."""
    Path(settings["where"]).write_text(str(os.getpid()))
    while True:
        time.sleep(0.1)


def strategy(title, fit_with=fit_pixels, **settings):
    return Strategy(title=title, fit_with=fit_with, settings=settings)


def experiment_of(strategies, *, folder, seeds=(0, 1), **more):
    """An experiment on glyphs with these strategies, its runs below a folder."""
    pixels, labels = glyphs("0123AN", 30)
    names = ["0123AN"[label] for label in labels]
    pool = Pool(train=load_images(np.asarray(pixels), names))
    given = {
        "name": "small",
        "data": {"source": "idx", "resplit": "true"},
        "classes": {"known": ["0", "1", "2", "3"], "other": ["A"], "unseen": ["N"]},
        "strategies": {name: {"base": "hierclf"} for name in strategies},
        "seeds": list(map(str, seeds)),
        "threads": "1",
        "runs": str(folder / "runs"),
        **more,
    }
    config = load_config(given)
    return Experiment(
        config=config,
        strategies=strategies,
        pool=pool,
        hashes=content_hashes(pool),
        taxonomy=protocol_taxonomy(config, pool),
    )


def taken_up(runner, config, path, measured):
    """Run a config into a folder, where it may have been before; what was measured now, by the list that tells it."""
    measured.clear()
    experiment, folder = runner.prepare(config, Journal()), ExperimentFolder(path)
    outdated = runner.outdated(config, folder)
    assert not runner.run(experiment, folder, Journal(), command="test").failed
    assert outdated == bool(measured)
    return list(measured)
