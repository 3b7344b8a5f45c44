from __future__ import annotations

import copy

import torch
from torch import nn

from hierclf.backbones import Backbone, Preprocessing, build_backbone, fingerprint


def network() -> Backbone:
    torch.manual_seed(0)
    return build_backbone("small_cnn", image_size=8, grey=True)


def test_equal_content_gives_equal_fingerprints():
    backbone = network()
    before = fingerprint(backbone)
    assert len(before) == 64
    assert before == fingerprint(network())
    assert before == fingerprint(copy.deepcopy(backbone).freeze())
    assert before == fingerprint(copy.deepcopy(backbone).to(memory_format=torch.contiguous_format))


def test_any_change_of_content_changes_the_fingerprint():
    before = fingerprint(network())
    for name in network().state_dict():
        changed = network()
        with torch.no_grad():
            changed.state_dict()[name][(..., *([0] * changed.state_dict()[name].ndim))] += 1  # one number of the tensor
        assert fingerprint(changed) != before, name


def test_preprocessing_dtype_and_name_count():
    features = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    rgb = Preprocessing(height=2, width=2)
    others = [
        Backbone(features, rgb, name="a", pretrained=False),
        Backbone(features, rgb, name="b", pretrained=False),
        Backbone(features, Preprocessing(height=2, width=2, interpolation="nearest"), name="a", pretrained=False),
        Backbone(copy.deepcopy(features).double(), rgb, name="a", pretrained=False),
        Backbone(copy.deepcopy(features).bfloat16(), rgb, name="a", pretrained=False),
    ]
    assert len({fingerprint(backbone) for backbone in others}) == len(others)


def test_the_order_of_tensors_does_not_count():
    first, second = nn.Linear(4, 2), nn.Linear(2, 3)

    def model(names: list[str]) -> Backbone:
        module = nn.Sequential()
        layers = {"flat": nn.Flatten(), "first": first, "second": second}
        for name in names:
            module.add_module(name, layers[name])
        module.forward = lambda images: second(first(images[:, 0].flatten(1)))  # the same whatever the order
        return Backbone(module, Preprocessing(height=2, width=2), name="a", pretrained=False)

    assert fingerprint(model(["flat", "first", "second"])) == fingerprint(model(["second", "flat", "first"]))
