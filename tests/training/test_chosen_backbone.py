from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from hierclf.backbones import Preprocessing, build_backbone, fingerprint
from hierclf.data import load_images
from hierclf.errors import BackboneError, UnknownName
from hierclf.settings import Settings
from hierclf.training import choose_backbone, chosen_backbone
from tests.synthetic import glyphs

GREY = load_images(glyphs(count=2)[0])
COLOURED = load_images(np.random.default_rng(0).integers(0, 256, (6, 20, 16, 3), dtype=np.uint8))


def chosen(images, **settings):
    return choose_backbone(images, Settings(**settings))


def pictures(size, colour):
    return load_images([Image.new("RGB", size, colour) for _ in range(3)])


class Features(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 4, 3)
        self.preprocessing = Preprocessing(height=10, width=10, mode="L", mean=(0.5,), std=(0.5,))

    def forward(self, images):
        return self.layer(images).mean((2, 3))


def test_small_grey_images_get_a_small_network():
    backbone, notes = chosen(GREY, backbone="auto")
    assert backbone.name == "small_cnn"
    assert backbone.preprocessing.shape == (1, 12, 12)
    assert not backbone.pretrained
    assert notes == ("Backbone: grey, small images look like glyphs, so a small network is trained from scratch.",)


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (GREY, (1, 12, 12)),
        (COLOURED, (3, 20, 16)),
        (pictures((300, 200), "red"), (3, 32, 32)),
        (pictures((64, 4), "white"), (1, 8, 64)),
        (load_images([Image.new("L", (10, 12)), Image.new("L", (20, 22)), Image.new("L", (20, 24))]), (1, 22, 20)),
    ],
    ids=["grey", "coloured", "photo", "strip", "mixed"],
)
def test_the_small_network_fits_the_images(images, shape):
    backbone, notes = chosen(images, backbone="small_cnn")
    assert backbone.preprocessing.shape == shape
    assert notes == ()


def test_the_size_may_be_set():
    assert chosen(GREY, backbone="small_cnn", image_size=(16, 24))[0].preprocessing.shape == (1, 16, 24)


def test_random_weights_follow_from_the_seed_and_leave_no_trace():
    before = torch.get_rng_state()
    prints = [fingerprint(chosen(GREY, backbone="small_cnn", seed=seed)[0]) for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("images", [COLOURED, pictures((300, 200), "grey")], ids=["coloured", "large"])
def test_other_images_get_pretrained_features_from_wherever_they_are_to_be_had(images, monkeypatch):
    asked = []

    def build(name, *, weights, image_size):
        asked.append(name)
        if name == "efficientnet_lite0":
            raise BackboneError("not installed")
        return build_backbone("small_cnn")

    monkeypatch.setattr(chosen_backbone, "build_backbone", build)
    _, notes = chosen(images, backbone="auto")
    assert asked == ["efficientnet_lite0", "mobilenet_v2"]
    assert notes[0].endswith("images, MobileNetV2 with weights random was taken.")


def test_when_no_weights_are_at_hand_the_message_says_what_to_do(monkeypatch):
    def build(name, **settings):
        raise BackboneError(f"the weights of {name} are not here")

    monkeypatch.setattr(chosen_backbone, "build_backbone", build)
    with pytest.raises(BackboneError) as caught:
        chosen(COLOURED, backbone="auto")
    lines = str(caught.value).splitlines()
    assert lines[0] == "no pretrained backbone is at hand."
    assert lines[1] == "  efficientnet_lite0: the weights of efficientnet_lite0 are not here"
    assert lines[2] == "  mobilenet_v2: the weights of mobilenet_v2 are not here"
    assert "backbone='small_cnn'" in lines[3]


def test_a_module_of_the_users_own_is_copied():
    module = Features().train()
    before = {name: values.clone() for name, values in module.state_dict().items()}
    backbone, _ = chosen(GREY, backbone=module)
    assert backbone.dim == 4
    assert backbone.name == "Features"
    backbone.freeze()
    with torch.no_grad():
        backbone.features.layer.weight.zero_()
    assert all(torch.equal(values, before[name]) for name, values in module.state_dict().items())
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_a_backbone_is_taken_as_it_is_and_copied():
    given = build_backbone("small_cnn", image_size=12, grey=True).freeze()
    backbone, _ = chosen(GREY, backbone=given)
    assert fingerprint(backbone) == fingerprint(given)
    assert backbone is not given
    assert not backbone.frozen
    assert given.frozen


def test_a_module_that_cannot_be_copied_is_told():
    module = Features()
    module.handle = (number for number in range(3))
    with pytest.raises(BackboneError, match="the module Features cannot be copied for training"):
        chosen(GREY, backbone=module)


def test_an_unknown_name_is_told():
    with pytest.raises(UnknownName, match="no backbone named 'smal_cnn'; did you mean 'small_cnn'"):
        chosen(GREY, backbone="smal_cnn")
