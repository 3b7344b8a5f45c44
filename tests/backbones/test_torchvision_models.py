from __future__ import annotations

import pytest
import torch
import torchvision.models
from torch import nn
from torch.testing import assert_close

from hierclf.backbones import Preprocessing, build_backbone
from hierclf.backbones.torchvision_models import replace_classifier, torchvision_names
from hierclf.errors import BackboneError

SMALL = ("squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5", "resnet18", "regnet_y_400mf")
LARGE = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mobilenet_v2",
    "resnext50_32x4d",
    "swin_t",
    "swin_v2_t",
    "vgg11_bn",
    "vit_b_32",
    "wide_resnet50_2",
)
SIDES = {"maxvit_t": 224, "inception_v3": 96, "vit_b_32": 96}
HEADS = {"squeezenet1_1": "classifier.1"}


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_the_classifier_on_top_of_the_embedding_gives_the_whole_network(name, tmp_path, generator):
    side = SIDES.get(name, 64)
    settings = {"init_weights": True, "transform_input": True} if name in ("googlenet", "inception_v3") else {}
    settings |= {"image_size": side} if name.startswith("vit") else {}
    torch.manual_seed(0)
    whole = torchvision.models.get_model(name, weights=None, **settings).eval()
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    backbone = build_backbone(name, weights=tmp_path / "weights.pth", image_size=side).freeze()
    whole, backbone = whole.double(), backbone.double()  # untrained, Inception amplifies rounding a thousandfold

    seen: list[torch.Tensor] = []
    if name.startswith("squeezenet"):  # its classifier is a convolution, followed by the mean over places
        whole.classifier[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].mean(dim=(2, 3))))
    else:
        last = [module for module in whole.modules() if isinstance(module, nn.Linear)][-1]
        last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.randn(2, 3, side, side, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        whole(images)
        embedding = backbone(images)
    assert embedding.shape == (2, backbone.dim)
    assert_close(embedding, seen[0], atol=1e-6, rtol=1e-6)
    assert backbone.pretrained
    assert backbone.weights == "weights.pth"


@pytest.mark.slow
def test_the_last_linear_layer_has_a_thousand_outputs_in_every_model():
    names = torchvision_names()
    assert len(names) >= 80
    for name in names:
        if name.startswith(("regnet", "googlenet", "inception")):  # these cannot be built without memory; see above
            continue
        with torch.device("meta"):
            network = torchvision.models.get_model(name, weights=None)
        last = dict(network.named_modules())
        replaced = last[replace_classifier(network)]
        assert getattr(replaced, "out_features", getattr(replaced, "out_channels", None)) == 1000, name


def test_the_published_weights_bring_their_preprocessing(monkeypatch, tmp_path):
    from hierclf.backbones import torchvision_models

    fetched: list[str] = []
    torch.save(torchvision.models.mobilenet_v3_small().state_dict(), tmp_path / "a.pth")
    monkeypatch.setattr(
        torchvision_models, "fetch_weights", lambda url, name: fetched.append(url) or tmp_path / "a.pth"
    )
    offered = torchvision.models.MobileNet_V3_Small_Weights
    for weights in ("default", "IMAGENET1K_V1"):
        backbone = build_backbone("mobilenet_v3_small", weights=weights)
        assert backbone.weights == "IMAGENET1K_V1"
        assert backbone.preprocessing == Preprocessing.from_torchvision(offered.DEFAULT.transforms())
    assert fetched == [offered.DEFAULT.url] * 2


def test_a_file_is_known_by_its_published_name(tmp_path):
    offered = torchvision.models.MobileNet_V2_Weights
    file = tmp_path / offered.IMAGENET1K_V1.url.rpartition("/")[2]
    torch.save(torchvision.models.mobilenet_v2(width_mult=1).state_dict(), file)
    assert offered.IMAGENET1K_V1.transforms().resize_size != offered.DEFAULT.transforms().resize_size
    assert build_backbone("mobilenet_v2", weights=file).preprocessing.resize_to == 256


def test_a_classifier_of_another_width_or_none_does_not_matter(tmp_path):
    state = torchvision.models.mobilenet_v3_small(num_classes=7).state_dict()
    torch.save(state, tmp_path / "seven.pth")
    torch.save({name: tensor for name, tensor in state.items() if "classifier.3" not in name}, tmp_path / "none.pth")
    seven, none = (build_backbone("mobilenet_v3_small", weights=tmp_path / f"{n}.pth") for n in ("seven", "none"))
    assert all(torch.equal(tensor, none.state_dict()[name]) for name, tensor in seven.state_dict().items())


def test_weights_of_another_architecture_are_refused(tmp_path):
    torch.save(torchvision.models.mobilenet_v3_small().state_dict(), tmp_path / "other.pth")
    with pytest.raises(BackboneError, match=r"other\.pth do not fit this architecture: .* missing .* superfluous"):
        build_backbone("squeezenet1_1", weights=tmp_path / "other.pth")


def test_size_and_colour_can_be_chosen():
    backbone = build_backbone("mobilenet_v3_small", weights=None, image_size=112, grey=True)
    assert backbone.preprocessing.shape == (3, 112, 112)
    assert backbone.preprocessing.resize_to == 128
    assert backbone.preprocessing.mode == "L"
    assert (backbone.weights, backbone.pretrained, backbone.dim) == ("random", False, 1024)
    with pytest.raises(BackboneError, match=r"'squeezenet1_1' fails on images of shape \(2, 3, 4, 4\)"):
        build_backbone("squeezenet1_1", weights=None, image_size=4)


@pytest.mark.slow
def test_old_names_in_densenet_files_are_read(tmp_path):
    state = torchvision.models.densenet121().state_dict()
    old = {}
    for name, tensor in state.items():
        for layer in ("norm1", "norm2", "conv1", "conv2"):
            if "denselayer" in name:
                name = name.replace(f".{layer}.", f".{layer[:-1]}.{layer[-1]}.")
        old[name] = tensor
    assert old.keys() != state.keys()
    torch.save(old, tmp_path / "old.pth")
    features = build_backbone("densenet121", weights=tmp_path / "old.pth", image_size=64).features
    assert torch.equal(features.state_dict()["features.conv0.weight"], state["features.conv0.weight"])


@pytest.mark.slow
def test_a_vision_transformer_of_another_size_keeps_its_weights(tmp_path):
    torch.save(torchvision.models.vit_b_32().state_dict(), tmp_path / "vit.pth")
    backbone = build_backbone("vit_b_32", weights=tmp_path / "vit.pth", image_size=160)
    assert backbone.dim == 768
    assert backbone.features.encoder.pos_embedding.shape == (1, 26, 768)
