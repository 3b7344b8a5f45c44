from __future__ import annotations

import pytest
import torch

from hierclf.errors import ConfigError, DataError
from hierclf.gates import Evidence, MadeHead, OutlierHead, build_score, fit_gate


def cloud(seed, centre=0.0, count=90):
    embedding = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + centre
    return Evidence(embedding, embedding[:, :2], torch.arange(count) % 3)


def test_it_is_the_outlier_head_on_negatives():
    known, made, later = cloud(0), cloud(1, 3.0), cloud(2)
    for made_as in ("one", "kinds"):
        ours = MadeHead(made_as=made_as).fit(known, torch.Generator().manual_seed(0), made)
        theirs = OutlierHead(other_as=made_as).fit(known, torch.Generator().manual_seed(0), made)
        assert torch.equal(ours(later), theirs(later))
    assert ours(cloud(3, 3.0)).mean() > ours(later).mean() + 3


def test_without_negatives_it_says_where_they_come_from():
    with pytest.raises(DataError, match="the score 'made' learns from negatives, and none were made; set negatives="):
        MadeHead().fit(cloud(0), torch.Generator())


def test_a_wrong_option_is_refused_when_it_is_built():
    with pytest.raises(ConfigError, match="other_as one of 'one', 'kinds'"):
        build_score("made", made_as="none")


def test_a_gate_learns_other_from_other_and_made_from_what_was_made():
    fit, tune, calibration = (cloud(seed) for seed in (0, 1, 2))
    gate = fit_gate(
        fit,
        tune,
        calibration,
        scores=("outlier", "made"),
        generator=torch.Generator().manual_seed(0),
        other=cloud(3, 4.0),
        made=cloud(4, -4.0),
    )
    up, down = gate.components(cloud(5, 4.0)), gate.components(cloud(6, -4.0))
    assert up["outlier"].min() > 0 > down["outlier"].max()
    assert down["made"].min() > 0 > up["made"].max()
