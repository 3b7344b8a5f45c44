from __future__ import annotations

import numpy as np

from experiments.discovery.problem import Problem
from hierclf.taxonomy import Taxonomy

PETS = Taxonomy.from_edges({"cat": ["manx", "lynx"], "dog": ["pug"], "other": ["fish"]}, root="pet")


def test_embeddings_are_read_once_and_distances_are_those_of_the_classes():
    calls = []

    def read():
        calls.append(1)
        return np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)

    problem = Problem(reference=PETS, labels=("manx", "lynx", "pug", "fish") * 3, read=read, checksum="1")
    assert not calls
    assert problem.distances.classes == ("fish", "lynx", "manx", "pug")
    assert problem.embedding_nD.shape == (12, 5)
    assert calls == [1]


def test_groups_of_one_class_do_not_count():
    problem = Problem(reference=PETS, labels=("manx",) * 1200, read=lambda: np.zeros((1, 1)), checksum="1")
    assert problem.sentence() == "1,200 images of 4 classes; the reference has 1 groups of two or more of them"
