from __future__ import annotations

import pytest
import torch
from torch import nn

from hierclf.backbones import build_backbone
from hierclf.backbones.depth import blocks_by_depth, depth_factors

NETWORKS = {
    # name: blocks, some parameters with the block that they belong to, counted from the image
    "mobilenet_v2": (19, {"features.0.0.weight": 0, "features.0.1.bias": 0, "features.7.conv.0.0.weight": 7}),
    "resnet18": (9, {"conv1.weight": 0, "bn1.weight": 0, "layer1.0.conv1.weight": 1, "layer4.1.bn2.bias": 8}),
    "efficientnet_b0": (18, {"features.0.0.weight": 0, "features.1.0.block.0.0.weight": 1, "features.8.0.weight": 17}),
    "vit_b_16": (13, {"class_token": 0, "conv_proj.weight": 0, "encoder.layers.encoder_layer_11.mlp.0.weight": 12}),
    "timm/resnet10t": (7, {"conv1.0.weight": 0, "bn1.weight": 2, "layer1.0.conv1.weight": 3, "layer4.0.bn2.bias": 6}),
    "timm/vit_tiny_patch16_224": (
        13,
        {"cls_token": 0, "patch_embed.proj.weight": 0, "blocks.0.attn.qkv.weight": 1, "norm.weight": 12},
    ),
    "small_cnn": (6, {"0.weight": 0, "2.weight": 0, "4.weight": 1, "5.bias": 1}),
}


def place_of(name, blocks, network):
    parameter = dict(network.named_parameters())[name]
    return next(place for place, block in enumerate(blocks) if any(mine is parameter for mine in block))


@pytest.mark.parametrize("name", NETWORKS)
def test_blocks_of_well_known_networks(name):
    count, places = NETWORKS[name]
    with torch.device("meta") if name == "vit_b_16" else torch.device("cpu"):
        network = torch_vit() if name == "vit_b_16" else build_backbone(name, weights=None, image_size=None).features
    blocks = blocks_by_depth(network)
    assert len(blocks) == count
    flat = [id(parameter) for block in blocks for parameter in block]
    assert sorted(flat) == sorted(id(parameter) for parameter in network.parameters())
    assert {parameter: place_of(parameter, blocks, network) for parameter in places} == places
    largest = [max(block, key=torch.numel) for block in blocks]  # parameters() has them in the same order
    numbers = {id(parameter): number for number, parameter in enumerate(network.parameters())}
    assert [numbers[id(parameter)] for parameter in largest] == sorted(numbers[id(parameter)] for parameter in largest)


def torch_vit():
    from torchvision.models import vit_b_16

    network = vit_b_16()
    network.heads = nn.Identity()
    return network


def test_factors_fall_towards_the_image():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2, bias=False))
    factors = depth_factors(network, 0.1)
    assert [factor for _, factor in factors] == pytest.approx([0.01, 0.1, 1.0])
    assert factors[2][0][0] is network[2].weight
    assert [factor for _, factor in depth_factors(network, 1.0)] == [1.0, 1.0, 1.0]


def test_a_layer_that_is_used_twice_is_in_one_block():
    shared = nn.Linear(2, 2)
    network = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(2, 1))
    assert [len(block) for block in blocks_by_depth(network)] == [2, 2]


def test_a_network_without_weights_has_no_block():
    assert blocks_by_depth(nn.Flatten()) == []
