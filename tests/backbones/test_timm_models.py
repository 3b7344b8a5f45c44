from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from hierclf.backbones import build_backbone
from hierclf.errors import BackboneError, UnknownName

timm = pytest.importorskip("timm", reason="timm is not installed")

from hierclf.backbones.timm_models import timm_preprocessing  # noqa: E402


def test_a_file_of_weights_gives_timms_own_embedding(tmp_path, generator):
    whole = timm.create_model("resnet10t").eval()
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    backbone = build_backbone("timm/resnet10t", weights=tmp_path / "weights.pth", image_size=64).freeze()
    images = torch.randn(2, 3, 64, 64, generator=generator)
    with torch.no_grad():
        expected = whole.forward_head(whole.forward_features(images), pre_logits=True)
        assert_close(backbone(images), expected, atol=1e-5, rtol=1e-4)
    assert (backbone.name, backbone.weights, backbone.dim) == ("timm/resnet10t", "weights.pth", 512)


@pytest.mark.parametrize("name", ["resnet18.a1_in1k", "tf_efficientnet_lite0.in1k", "mobilevit_xxs.cvnets_in1k"])
def test_the_preprocessing_equals_timms_transform(name):
    settings = timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 401, 3), dtype=np.uint8))
    transform = timm.data.create_transform(**settings)
    assert_close(timm_preprocessing(settings)(image), transform(image), atol=1e-6, rtol=0)


def test_a_transformer_is_made_for_the_size_asked_for():
    backbone = build_backbone("timm/vit_tiny_patch16_224", weights=None, image_size=(64, 96))
    assert backbone.preprocessing.shape == (3, 64, 96)
    assert backbone.dim == 192


def test_a_mistyped_name_is_refused():
    with pytest.raises(UnknownName, match="no backbone named 'timm/resnt18'; did you mean 'resnet18'"):
        build_backbone("timm/resnt18")


def test_no_network_says_what_to_do(monkeypatch):
    def fail(*arguments, **settings):
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(BackboneError, match=r"no route to host.*--weights FILE"):
        build_backbone("timm/resnet18")


def test_without_timm_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(BackboneError, match=r'pip install "hierclf\[timm\]"'):
        build_backbone("timm/resnet18")
    with pytest.raises(BackboneError, match=r'pip install "hierclf\[lite0\]"'):
        build_backbone("efficientnet_lite0")
