from __future__ import annotations

import inspect
import json
import sys
from dataclasses import replace

import pytest
import torch

from hierclf.errors import ConfigError, UnknownName
from hierclf.gates import build_score, load_score
from tests.gates.synthetic import CLASSES, SIZE, auroc, evidence, known_images, unknown_images

detectors = pytest.importorskip("pytorch_ood.detector")

USABLE = {
    "DICE": {"p": 0.5},
    "EnergyBased": {},
    "Entropy": {},
    "GEN": {},
    "GMM": {},
    "KLMatching": {},
    "KNN": {"k": 3},
    "LTS": {"p": 0.5},
    "MCM": {"text_embeddings": torch.eye(CLASSES, SIZE).tolist(), "temperature": 0.1},
    "Mahalanobis": {},
    "MaxLogit": {},
    "MaxSoftmax": {},
    "NCI": {},
    "NNGuide": {},
    "OpenMax": {},
    "PNML": {},
    "RMD": {},
    "SHE": {},
    "TemperatureScaling": {},
    "ViM": {},
    "WeightedEBO": {"weights": [1.0] * CLASSES},
    "fDBD": {},
}
"""The detectors that read embeddings or logits, with what has no default or does not suit twelve dimensions."""

REFUSED = {
    "ASH": "changes feature maps within the network",
    "GradNorm": "follows gradients through the network",
    "GradUncertainty": "follows gradients through the network",
    "Gram": "reads several layers of the network",
    "MCD": "runs the network on images",
    "MahalanobisODIN": "follows gradients through the network",
    "MultiMahalanobis": "reads several layers of the network",
    "NACUE": "follows gradients through the network",
    "ODIN": "follows gradients through the network",
    "RankFeat": "changes feature maps within the network",
    "ReAct": "changes feature maps within the network",
    "SCALE": "changes feature maps within the network",
    "VRA": "changes feature maps within the network",
}
AFTER_RELU = ("DICE", "LTS")  # they read how an embedding of positive numbers spreads over its dimensions


def images(name, generator):
    """Known images, more of them, and unknown ones; their logits stay linear in the embedding."""
    drawn = known_images(generator), known_images(generator), unknown_images(generator)
    if name not in AFTER_RELU:
        return drawn
    return tuple(evidence(part.embedding_BD.relu(), label_B=part.label_B) for part in drawn)


def installed():
    return {name for name, part in vars(detectors).items() if inspect.isclass(part)}


def test_every_installed_detector_is_either_usable_or_refused():
    assert installed() <= USABLE.keys() | REFUSED.keys()
    assert not USABLE.keys() & REFUSED.keys()


@pytest.mark.parametrize("detector", sorted(USABLE))
def test_detectors_of_pytorch_ood_are_scores(detector, generator):
    if detector not in installed():
        pytest.skip(f"this pytorch-ood has no {detector}")
    known, fresh, unknown = images(detector, generator)
    options = {"arguments": USABLE[detector]}
    score = build_score(f"ood:{detector}", **options).fit(known, generator)
    assert score(fresh).dtype == torch.float64
    assert score(fresh).isfinite().all()
    assert score(unknown).isfinite().all()
    assert auroc(score(fresh), score(unknown)) > 0.7
    again = load_score(f"ood:{detector}", json.loads(json.dumps(options)), score.tensors())
    assert torch.equal(again(unknown), score(unknown))
    assert {build_score(f"ood:{detector}", **options)} == {build_score(f"ood:{detector}", **options)}


@pytest.mark.parametrize("detector", sorted(USABLE))
def test_a_batch_of_one_is_a_row_of_the_batch(detector, generator):
    if detector not in installed():
        pytest.skip(f"this pytorch-ood has no {detector}")
    known, fresh, unknown = images(detector, generator)
    score = build_score(f"ood:{detector}", arguments=USABLE[detector]).fit(known, generator)
    for part in (fresh, unknown):
        single = torch.cat([score(part[torch.tensor([row])]) for row in range(0, 40, 4)])
        torch.testing.assert_close(score(part)[:40:4], single, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("detector", ["Mahalanobis", "KNN", "ViM", "EnergyBased", "OpenMax"])
def test_no_image_has_no_score(detector, generator):
    score = build_score(f"ood:{detector}", arguments=USABLE[detector]).fit(known_images(generator), generator)
    assert score(unknown_images(generator, 1)[:0]).shape == (0,)


@pytest.mark.parametrize("detector", sorted(REFUSED))
def test_detectors_that_reach_into_the_network_say_why_they_cannot_be(detector):
    if detector not in installed():
        pytest.skip(f"this pytorch-ood has no {detector}")
    with pytest.raises(ConfigError, match=f"'ood:{detector}' {REFUSED[detector]}, and a gate reads embeddings and"):
        build_score(f"ood:{detector}")


def test_the_same_numbers_as_our_own(generator):
    known, new = known_images(generator), unknown_images(generator)
    theirs = build_score("ood:KNN", arguments={"k": 3}).fit(known, generator)(new)
    torch.testing.assert_close(build_score("knn", k=3).fit(known, generator)(new), theirs, rtol=1e-5, atol=1e-5)


def test_a_class_without_images_does_not_shift_the_others(generator):
    known, new = known_images(generator), unknown_images(generator)
    kept = known[known.label_B != 1]
    came = build_score("ood:TemperatureScaling").fit(kept, generator)(new)
    shifted = replace(kept, label_B=torch.unique(kept.label_B, return_inverse=True)[1])
    wrong = build_score("ood:TemperatureScaling").fit(shifted, generator)(new)
    theirs = detectors.TemperatureScaling(None)
    theirs.fit_logits(kept.logits_BC.float(), kept.label_B)
    torch.testing.assert_close(came, theirs.predict_logits(new.logits_BC.float()).double(), rtol=1e-4, atol=1e-4)
    assert (came - wrong).abs().max() > 0.01


def test_names_and_settings_that_cannot_be_are_refused():
    with pytest.raises(UnknownName, match="pytorch-ood has no detector 'Mahalanobi'; did you mean 'Mahalanobis'"):
        build_score("ood:Mahalanobi")
    with pytest.raises(ConfigError, match="score 'ood:KNN' has no option 'k'"):
        build_score("ood:KNN", k=3)
    with pytest.raises(ConfigError, match=r"'ood:DICE' needs p; give them as arguments.*arguments=\{'p': …\}"):
        build_score("ood:DICE")
    with pytest.raises(ConfigError, match="'ood:MCM' needs text_embeddings"):
        build_score("ood:MCM")


def test_without_pytorch_ood_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_ood.detector", None)
    with pytest.raises(ConfigError, match=r"'ood:KNN' needs pytorch-ood: pip install 'hierclf\[ood\]'"):
        build_score("ood:KNN")
