from __future__ import annotations

import numpy as np
import pytest
import safetensors.torch
import torch
from sklearn.datasets import load_digits
from torch import nn

from hierclf.backbones import build_backbone
from hierclf.errors import BackboneError


@pytest.mark.parametrize("size", [*range(8, 20), 28, 32, *range(45, 65), (8, 64), (16, 8), (64, 25)])
@pytest.mark.parametrize("grey", [True, False])
def test_every_size_from_8_to_64_is_read(size, grey):
    backbone = build_backbone("small_cnn", image_size=size, grey=grey)
    assert backbone.dim == 128
    assert backbone.preprocessing.channels == (1 if grey else 3)
    backbone.train()(torch.randn(2, *backbone.preprocessing.shape)).sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())


@pytest.mark.parametrize("size", [7, 65, (28, 100)])
def test_other_sizes_are_refused(size):
    with pytest.raises(BackboneError, match="reads images of 8 to 64 pixels a side"):
        build_backbone("small_cnn", image_size=size)


def test_weights_from_a_file(tmp_path):
    first = build_backbone("small_cnn", grey=True)
    state = {name: tensor.contiguous() for name, tensor in first.features.state_dict().items()}
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    second = build_backbone("small_cnn", grey=True, weights=tmp_path / "a.safetensors")
    assert all(torch.equal(tensor, first.state_dict()[name]) for name, tensor in second.state_dict().items())
    assert (second.pretrained, second.weights) == (True, "a.safetensors")
    assert (first.pretrained, first.weights) == (False, "random")
    with pytest.raises(BackboneError, match="do not fit"):
        build_backbone("small_cnn", weights=tmp_path / "a.safetensors")


def test_it_learns_digits_of_8_x_8_pixels():
    digits = load_digits()
    torch.manual_seed(0)
    backbone = build_backbone("small_cnn", image_size=8, grey=True)
    images = backbone.preprocessing.batch((digits.images * 15).astype(np.uint8))
    labels = torch.from_numpy(digits.target)
    network = nn.Sequential(backbone, nn.Linear(128, 10)).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    order = torch.randperm(1797)
    train, test = order[:1400], order[1400:]
    for _ in range(3):
        for batch in train[torch.randperm(len(train))].split(64):
            loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    network.eval()
    with torch.no_grad():
        assert (network(images[test]).argmax(dim=1) == labels[test]).float().mean() > 0.95
