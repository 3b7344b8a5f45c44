from __future__ import annotations

import pytest
import torch
import torchvision.models
from torch import nn

from hierclf.backbones import Preprocessing, backbones, build_backbone, list_backbones
from hierclf.errors import BackboneError, ConfigError, UnknownName


class Mean(nn.Module):
    """The mean of each channel, with or without saying which images it reads."""

    def __init__(self, preprocessing=None):
        super().__init__()
        if preprocessing is not None:
            self.preprocessing = preprocessing
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return self.scale * images.mean(dim=(2, 3))


def test_every_name_is_listed():
    assert list_backbones()[:2] == ("small_cnn", "efficientnet_lite0")
    assert {"mobilenet_v2", "resnet50", "vit_b_16"} <= set(list_backbones())
    assert len(list_backbones()) == len(set(list_backbones())) == len(backbones)


def test_a_module_says_which_images_it_reads():
    own = Preprocessing(height=9, width=7, resize="squash")
    backbone = build_backbone(Mean(own))
    assert (backbone.preprocessing, backbone.name, backbone.dim) == (own, "Mean", 3)
    assert backbone.weights == "as given"
    assert build_backbone(Mean(own), image_size=12, grey=True).preprocessing.shape == (3, 12, 12)
    transforms = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    assert build_backbone(Mean(transforms)).preprocessing == Preprocessing.from_torchvision(transforms)


@pytest.mark.parametrize(("grey", "dim"), [(True, 1), (False, 3), (None, 3)])
def test_a_module_that_says_nothing_gets_pixels_from_0_to_1(grey, dim):
    backbone = build_backbone(Mean(), image_size=(4, 6), grey=grey)
    assert backbone.preprocessing.shape == (dim, 4, 6)
    white = backbone.preprocessing.batch(torch.full((1, 4, 6), 255, dtype=torch.uint8).numpy())
    assert backbone(white).tolist() == [[1.0] * dim]


def test_a_module_takes_weights_from_a_file(tmp_path):
    torch.save({"scale": torch.tensor([5.0])}, tmp_path / "five.pt")
    backbone = build_backbone(Mean(), image_size=4, weights=tmp_path / "five.pt")
    assert backbone.features.scale.item() == 5
    assert (backbone.weights, backbone.pretrained) == ("five.pt", True)


@pytest.mark.parametrize("name", ["small_cnn", "mobilenet_v3_small", "module"])
def test_a_given_preprocessing_is_used_as_it_is(name):
    given = Preprocessing(height=40, width=40, mode="L", mean=(0.2,), std=(0.3,))
    if name == "mobilenet_v3_small":
        given = given.from_dict(given.to_dict() | {"mean": [0.2] * 3, "std": [0.3] * 3})
    backbone = build_backbone(Mean() if name == "module" else name, weights=None, preprocessing=given)
    assert backbone.preprocessing == given
    assert backbone(torch.zeros(2, *given.shape)).shape == (2, backbone.dim)


@pytest.mark.parametrize(
    ("backbone", "settings", "error", "message"),
    [
        ("mobilnet_v2", {}, UnknownName, "did you mean 'mobilenet_v2'"),
        ("os.system", {}, UnknownName, "known: small_cnn, efficientnet_lite0"),
        ("small_cnn", {"image_size": 0}, ConfigError, r"image_size is a number of pixels, or \(rows, columns\); got 0"),
        ("small_cnn", {"image_size": (1, 2, 3)}, ConfigError, "image_size"),
        ("small_cnn", {"image_size": True}, ConfigError, "image_size"),
        ("small_cnn", {"image_size": "28"}, ConfigError, "image_size"),
        ("small_cnn", {"weights": "nowhere.pth"}, BackboneError, r"no file of weights at nowhere\.pth"),
        (3, {}, ConfigError, r"a name or a torch\.nn\.Module; got a int"),
        (Mean(), {}, BackboneError, "Mean does not say which images it reads; pass image_size"),
        (Mean("imagenet"), {}, BackboneError, r"must be a hierclf Preprocessing .* got a str"),
        (
            "small_cnn",
            {"image_size": 8, "preprocessing": Preprocessing(height=8, width=8)},
            ConfigError,
            "leave image_size and grey out",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(backbone, settings, error, message):
    with pytest.raises(error, match=message):
        build_backbone(backbone, **settings)


def test_a_backbone_is_not_wrapped_again():
    with pytest.raises(ConfigError, match="a Backbone already"):
        build_backbone(build_backbone("small_cnn"))
