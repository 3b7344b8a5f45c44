from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hierclf.training.favoured import Favoured, Payer

RAISED = Favoured(
    node="shirt",
    factor=2.0,
    wanted=0.6,
    reached=True,
    images=1200,
    images_of_node=100,
    recall_before=0.6,
    recall_after=0.75,
    recall_error=0.036,
    precision_before=0.72,
    precision_after=0.61,
    others_before=0.9,
    others_after=0.885,
    others_error=0.004,
    payers=tuple(
        Payer(name=name, images=40, recall_before=0.8, recall_after=after)
        for name, after in [("coat", 0.6), ("dress", 0.7), ("hat", 0.75), ("belt", 0.775)]
    ),
)


def test_the_price_names_the_classes_that_lose_most_and_no_more():
    assert "most is lost by 'coat' (80.0 → 60.0 %), 'dress' (80.0 → 70.0 %), 'hat' (80.0 → 75.0 %)." in RAISED.sentence
    assert "belt" not in RAISED.sentence
    assert "(+15.0 ± 3.6)" in RAISED.sentence
    assert "(-1.5 ± 0.4)" in RAISED.sentence


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"factor": 0.5}, "'shirt' is said too often for the precision: its odds are multiplied by 0.5."),
        ({"factor": 1.0}, "no weight raises its recall beyond chance at a precision of at least 60 %"),
        ({"factor": 1.0, "reached": False}, "no weight reaches a precision of 60 %"),
        ({"too_few": True, "images_of_node": 3}, "'shirt' was not favoured: 3 of its images could be held out"),
        ({"precision_before": None}, "its precision from – to 61.0 %"),
        ({"precision_after": None, "reached": False}, "undefined (it is never said)"),
    ],
    ids=str,
)
def test_the_sentence_says_what_happened(change, told):
    assert told in replace(RAISED, **change).sentence


def test_nothing_is_said_of_others_where_there_are_none():
    alone = replace(RAISED, others_before=None, others_after=None, others_error=None, payers=())
    assert "price" not in alone.sentence


def test_it_is_plain_in_json():
    told = json.loads(json.dumps(RAISED.to_dict(), allow_nan=False))
    assert told["payers"][0] == {"name": "coat", "images": 40, "recall_before": 0.8, "recall_after": 0.6}
    assert told["sentence"] == RAISED.sentence
    assert told["factor"] == 2.0
