from __future__ import annotations

import pytest

from hierclf.errors import CalibrationError
from hierclf.gates import GatePromise


@pytest.mark.parametrize(("alpha", "least"), [(0.05, 19), (0.01, 99), (0.1, 9), (0.001, 999)])
def test_it_holds_from_the_smallest_calibration_set_on(alpha, least):
    assert GatePromise(alpha, least).holds
    assert not GatePromise(alpha, least - 1).holds


def test_words_never_promise_that_unknown_images_are_noticed():
    assert "cannot be promised" in GatePromise(0.05, 500).sentence


def test_words_say_what_is_missing():
    sentence = GatePromise(0.01, 40).sentence
    assert "No image is ever turned away: keeping 99 % of known images takes at least 99 calibration images" in sentence
    assert "there are 40" in sentence


def test_a_share_out_of_range_is_refused():
    with pytest.raises(CalibrationError, match="alpha = 0"):
        _ = GatePromise(0.0, 40).sentence
