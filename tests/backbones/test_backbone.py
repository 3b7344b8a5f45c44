from __future__ import annotations

import pytest
import torch
from torch import nn

from hierclf.backbones import Backbone, Preprocessing
from hierclf.errors import BackboneError

RGB = Preprocessing(height=6, width=5)


def wrap(features: nn.Module) -> Backbone:
    return Backbone(features, RGB, name="mine", pretrained=False)


class Maps(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, images):
        return self.change(images)


@pytest.mark.parametrize(
    ("features", "dim"),
    [
        (nn.Flatten(), 90),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1)), 4),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), 4 * 4 * 3),
        (nn.Sequential(nn.Flatten(), nn.Linear(90, 7)).double(), 7),
    ],
    ids=["no weights", "1x1 maps", "maps", "float64"],
)
def test_the_width_is_found_and_maps_are_flattened(features, dim, generator):
    backbone = wrap(features)
    images = torch.randn(3, *RGB.shape, generator=generator)
    images = images.double() if any(p.dtype == torch.float64 for p in features.parameters()) else images
    assert backbone.dim == dim
    assert backbone(images).shape == (3, dim)


def test_the_dry_run_leaves_the_module_as_it_was():
    features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.Dropout())
    before = {name: tensor.clone() for name, tensor in features.state_dict().items()}
    wrap(features)
    assert features.training
    assert not features[1].training
    assert all(torch.equal(tensor, before[name]) for name, tensor in features.state_dict().items())


def test_frozen_means_no_gradient_and_batch_norm_at_rest(generator):
    backbone = wrap(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))).freeze()
    nn.Sequential(backbone, nn.Linear(48, 2)).train()  # as a training loop would
    mean = backbone.features[1].running_mean.clone()
    embedding = backbone(torch.randn(4, *RGB.shape, generator=generator))
    assert not embedding.requires_grad
    assert not backbone.training
    assert torch.equal(backbone.features[1].running_mean, mean)
    backbone.unfreeze().train()
    assert backbone(torch.randn(4, *RGB.shape, generator=generator)).requires_grad
    assert not torch.equal(backbone.features[1].running_mean, mean)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (nn.Conv2d(1, 4, 3), r"fails on images of shape \(2, 3, 6, 5\).*set image_size"),
        (Maps(lambda images: (images, images)), "returned a tuple"),
        (Maps(lambda images: images.flatten(1).argmax(1)), "returned a tensor of torch.int64"),
        (Maps(lambda images: images.mean()), r"for 2 images it returned shape \(\)"),
        (Maps(lambda images: images.flatten(1)[:1]), r"returned shape \(1, 90\)"),
        (Maps(lambda images: images[:, :0].flatten(1)), r"returned shape \(2, 0\)"),
    ],
)
def test_modules_without_an_embedding_are_refused(features, message):
    with pytest.raises(BackboneError, match=message):
        wrap(features)


def test_repr_names_what_it_is():
    assert "name='mine', weights='random', dim=90, frozen=False" in repr(wrap(nn.Flatten()))
