from __future__ import annotations

from math import inf

import torch

from hierclf.evaluation import Terms
from hierclf.gates import Average, ForEachClass, Unbound

SCORES = torch.arange(40.0, dtype=torch.float64)


def test_without_a_gate_nobody_is_turned_away():
    terms = Terms()
    assert (terms.kind, terms.alpha, terms.threshold, terms.turns_nothing_away) == ("", 0.0, inf, False)


def test_the_usual_promise_speaks_through_its_guarantee():
    terms = Terms(guarantee=Average(keep=0.9, scores=SCORES))
    assert (terms.kind, terms.alpha) == ("average", 0.1)
    assert 36.0 <= terms.threshold < 36.001  # the 37th of 40: four of 41 lie above
    assert not terms.turns_nothing_away


def test_too_few_images_turn_nothing_away_and_no_promise_is_not_too_few():
    assert Terms(guarantee=Average(keep=0.9, scores=SCORES[:8])).turns_nothing_away
    unbound = Terms(guarantee=Unbound(keep=0.9, scores=SCORES))
    assert (unbound.alpha, unbound.threshold, unbound.turns_nothing_away) == (None, inf, False)


def test_one_class_with_too_few_images_does_not_silence_the_others():
    nodes = torch.tensor([1] * 38 + [2] * 2)
    guarantee = ForEachClass(
        keep=0.9, scores=SCORES, nodes=nodes, pools=torch.tensor([0, 1, 2]), leaves=torch.tensor([1, 2])
    )
    terms = Terms(guarantee=guarantee, promise=guarantee.promise(1))
    assert terms.threshold == inf
    assert not terms.turns_nothing_away
    silent = ForEachClass(
        keep=0.99, scores=SCORES, nodes=nodes, pools=torch.tensor([0, 1, 2]), leaves=torch.tensor([1, 2])
    )
    assert Terms(guarantee=silent, promise=silent.promise(1)).turns_nothing_away
