from __future__ import annotations

import sys

import pytest
import torch

from hierclf.errors import ConfigError, UnknownName
from hierclf.gates import build_score, load_score
from tests.gates.synthetic import auroc, known_images, unknown_images

pytest.importorskip("pytorch_ood")


@pytest.mark.parametrize("detector", ["Mahalanobis", "ViM", "KNN", "EnergyBased", "GEN", "MaxSoftmax", "fDBD", "SHE"])
def test_detectors_of_pytorch_ood_are_scores(detector, generator):
    arguments = {"arguments": {"k": 3}} if detector == "KNN" else {}
    score = build_score(f"ood:{detector}", **arguments).fit(known_images(generator), generator)
    known, unknown = known_images(generator), unknown_images(generator)
    assert auroc(score(known), score(unknown)) > 0.7
    again = load_score(f"ood:{detector}", arguments, score.tensors())
    assert torch.equal(again(unknown), score(unknown))


def test_the_same_numbers_as_our_own(generator):
    known, new = known_images(generator), unknown_images(generator)
    theirs = build_score("ood:KNN", arguments={"k": 3}).fit(known, generator)(new)
    torch.testing.assert_close(build_score("knn", k=3).fit(known, generator)(new), theirs, rtol=1e-5, atol=1e-5)


def test_detectors_that_cannot_be_are_refused(generator):
    with pytest.raises(UnknownName, match="pytorch-ood has no detector 'Mahalanobi'; did you mean 'Mahalanobis'"):
        build_score("ood:Mahalanobi")
    with pytest.raises(ConfigError, match="'ood:ODIN' needs images or gradients"):
        build_score("ood:ODIN")
    with pytest.raises(ConfigError, match="score 'ood:KNN' has no option 'k'"):
        build_score("ood:KNN", k=3)


def test_without_pytorch_ood_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_ood.detector", None)
    with pytest.raises(ConfigError, match=r"'ood:KNN' needs pytorch-ood: pip install 'hierclf\[ood\]'"):
        build_score("ood:KNN")
