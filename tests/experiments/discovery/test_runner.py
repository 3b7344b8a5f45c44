from __future__ import annotations

import numpy as np
import pytest

from experiments.discovery.planted import Cell, plant
from experiments.discovery.runner import judged, planted_problem
from experiments.discovery.ways import ways

EASY = Cell(regime="isotropic", shape="even", noise="low")


def test_a_planted_problem_holds_the_drawn_images_and_more_of_them_on_demand():
    planting = plant(EASY, 0)
    problem = planted_problem(planting, plenty=60)
    embedding_nD, labels = planting.drawn()
    np.testing.assert_array_equal(problem.embedding_nD, embedding_nD)
    assert (problem.labels, problem.cell) == (labels, "isotropic even low")
    more = problem.plenty()
    assert len(more.labels) == 60 * 36
    assert more.reference == problem.reference
    assert more.plenty is None
    assert more.checksum != problem.checksum == planted_problem(planting, plenty=None).checksum


def test_what_is_found_is_judged_by_the_reference():
    scores = judged(planted_problem(plant(EASY, 0), plenty=None), ways["ours"], 0)
    assert scores["clade_f1"] == scores["triplet_f1"] == pytest.approx(1)
    assert scores["found_clades"] == 6
    assert scores["seconds"] > 0
    assert not any(isinstance(value, (list, dict)) for value in scores.values())
