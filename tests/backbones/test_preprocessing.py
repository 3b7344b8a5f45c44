from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torchvision.models
from PIL import Image

from hierclf.backbones import Preprocessing
from hierclf.errors import ConfigError, DataError

GLYPHS = Preprocessing(height=28, width=28, mode="L", mean=(0.5,), std=(0.5,))
PHOTOS = Preprocessing(height=24, width=24, resize="crop", resize_to=30, interpolation="bicubic")
THREE_GREY = Preprocessing(height=20, width=20, mode="L", mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 0.5))


def noise(height: int, width: int, *, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0", "efficientnet_b2", "inception_v3", "swin_t"])
@pytest.mark.parametrize("size", [(500, 375), (31, 97), (224, 224), (256, 257), (1, 1)])
def test_equals_the_transforms_of_torchvision(name, size):
    transforms = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    image = noise(*size)
    ours = Preprocessing.from_torchvision(transforms)(image)
    torch.testing.assert_close(ours, transforms(image), atol=1e-6, rtol=0)


@pytest.mark.parametrize("preprocessing", [GLYPHS, PHOTOS, THREE_GREY], ids=["glyphs", "photos", "three_grey"])
@pytest.mark.parametrize(
    "shape", [(3, 28, 28), (2, 40, 30, 3), (2, 20, 20, 3), (2, 30, 30, 3), (2, 24, 24, 1), (0, 9, 9)]
)
def test_a_batch_equals_image_after_image(preprocessing, shape, generator):
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    images = [Image.fromarray(row[..., 0] if row.ndim == 3 and row.shape[2] == 1 else row) for row in array]
    one_by_one = torch.stack([preprocessing(image) for image in images]) if images else torch.empty(0)
    batch = preprocessing.batch(array)
    assert batch.shape == (shape[0], *preprocessing.shape)
    assert batch.dtype == torch.float32
    torch.testing.assert_close(batch, one_by_one.reshape(batch.shape), atol=0, rtol=0)


def test_values_worked_by_hand():
    image = Image.new("RGB", (4, 4), color=(255, 0, 51))
    colour = Preprocessing(height=2, width=2, mean=(0.5, 0.5, 0.0), std=(0.5, 0.25, 1.0))(image)
    torch.testing.assert_close(colour[:, 0, 0], torch.tensor([1.0, -2.0, 0.2]))
    grey = THREE_GREY(Image.new("L", (5, 9), color=51))
    torch.testing.assert_close(grey[:, 3, 3], torch.tensor([0.1, 0.0, -0.2]))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I", "F"])
def test_any_mode_of_pillow_is_read(mode):
    assert PHOTOS(Image.new(mode, (40, 50))).isfinite().all()


def test_squash_keeps_no_aspect_and_crop_keeps_the_middle():
    image = Image.new("L", (90, 30), color=0)
    image.paste(255, (30, 0, 60, 30))  # the middle third is white
    plain = {"height": 30, "width": 30, "mode": "L", "mean": (0.0,), "std": (1.0,)}
    assert Preprocessing(**plain)(image).mean().item() == pytest.approx(1 / 3, abs=0.02)
    assert Preprocessing(**plain, resize="crop", resize_to=30)(image).min() == 1


@pytest.mark.parametrize("size", [(100_000, 1), (1, 100_000)])
def test_a_strip_costs_no_gigabytes(size):
    preprocessing = Preprocessing(height=224, width=224, resize="crop", resize_to=256)
    image = Image.new("RGB", size, color=(255, 255, 255))
    torch.testing.assert_close(preprocessing(image), preprocessing(Image.new("RGB", (256, 256), color="white")))


@pytest.mark.parametrize("preprocessing", [GLYPHS, PHOTOS, THREE_GREY])
def test_json_brings_back_an_equal_value(preprocessing):
    again = Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict())))
    assert again == preprocessing
    assert again.fingerprint() == preprocessing.fingerprint()
    assert hash(again) == hash(preprocessing)


def test_every_setting_enters_the_fingerprint():
    changes = [
        {"height": 25},
        {"width": 23},
        {"mode": "L"},
        {"resize": "squash", "resize_to": None},
        {"resize_to": 31},
        {"interpolation": "bilinear"},
        {"mean": (0.5, 0.5, 0.5)},
        {"std": (0.5, 0.5, 0.5)},
    ]
    others = [Preprocessing.from_dict(PHOTOS.to_dict() | change) for change in changes]
    assert len({value.fingerprint() for value in [PHOTOS, *others]}) == len(changes) + 1


def test_another_size_keeps_the_share_that_is_cut():
    assert PHOTOS.resized(48, 48).resize_to == 60
    assert PHOTOS.resized(48, 20).shape == (3, 48, 20)
    assert GLYPHS.resized(8, 16).shape == (1, 8, 16)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"height": 0}, "height is a whole number of pixels from 1 to 16384; got 0"),
        ({"width": 2.5}, "got 2.5"),
        ({"height": True}, "got True"),
        ({"mode": "BGR"}, "mode is one of RGB, L; got 'BGR'"),
        ({"interpolation": "sinc"}, "nearest, bilinear, bicubic; got 'sinc'"),
        ({"resize": "pad"}, "squash, crop; got 'pad'"),
        ({"resize": "crop"}, "resize_to is a whole number of pixels"),
        ({"resize": "crop", "resize_to": 7}, "too short to cut 8 x 8"),
        ({"resize_to": 9}, 'belongs to resize="crop"'),
        ({"mean": (0.5,)}, "one number per channel"),
        ({"std": (0.5, 0.0, 0.5)}, "std positive"),
        ({"mean": (0.5, float("nan"), 0.5)}, "mean must be finite"),
        ({"mean": 0.5}, "mean is a list of numbers; got 0.5"),
        ({"std": ["a", "b", "c"]}, "std is a list of numbers"),
        ({"colour": 1}, r"unknown settings \['colour'\]"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Preprocessing.from_dict({"height": 8, "width": 8} | settings)


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 4), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((2, 0, 4), np.uint8)],
)
def test_other_arrays_are_refused(array):
    with pytest.raises(DataError, match="shape"):
        GLYPHS.batch(array)
