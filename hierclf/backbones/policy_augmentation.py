"""The policies of torchvision, one image at a time: simple, well tried, and made for photos.

Each draws one or two of some fourteen operations (turn, shear, shift, brightness, contrast, posterise and so on) at a
random strength. They turn by up to 135 degrees and invert nothing but brightness: a photo of a shirt is still one, a 6
becomes a 9, so they are not for glyphs. They read 8 bits per colour; images are brought there and back.

Each image has a generator of its own that starts from its random numbers, so what happens to it depends on
``(seed, epoch, index)`` alone, as everywhere. That takes its time, one to two milliseconds for an image of 28 x 28
where the ways that change whole batches take a tenth of one, so it is for networks that take much longer themselves.

Legend: B images, C channels, H height, W width, K random numbers per image.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2

from hierclf.backbones.augmentation import augmentations
from hierclf.backbones.light_augmentation import ground, normalised_colours, unit_colours
from hierclf.backbones.preprocessing import Preprocessing

Policy = Callable[[list[float]], v2.Transform]  # from the colour that comes in at the edges to the policy

BITS = 24  # of a random number in single precision


@augmentations.register("trivial_augment")
def trivial_augment(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """One operation at one strength, both drawn evenly.

    Müller and Hutter, *TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation*, ICCV 2021,
    arXiv:2103.10158.
    """
    return _by_policy(images_BCHW, random_BK, preprocessing, lambda fill: v2.TrivialAugmentWide(fill=fill))


@augmentations.register("rand_augment")
def rand_augment(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Two operations at a fixed strength of 9 in 30.

    Cubuk et al., *RandAugment: Practical Automated Data Augmentation with a Reduced Search Space*, NeurIPS 2020,
    arXiv:1909.13719.
    """
    return _by_policy(images_BCHW, random_BK, preprocessing, lambda fill: v2.RandAugment(fill=fill))


def _by_policy(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing, policy: Policy) -> Tensor:
    high_B, low_B = (random_BK[:, :2].float().cpu().double() * 2**BITS).long().unbind(1)  # one precision for all
    seed_B = high_B * 2**BITS + low_B
    eight_BCHW = (unit_colours(images_BCHW, preprocessing).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
    ground_BC = ground(eight_BCHW)[:, :, 0, 0].tolist()
    changed = []
    with torch.random.fork_rng(devices=[]):
        for image_CHW, fill, seed in zip(eight_BCHW, ground_BC, seed_B.tolist(), strict=True):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach every other device too
            changed.append(policy(fill)(image_CHW))
    unit_BCHW = torch.stack(changed).to(images_BCHW) / 255
    return normalised_colours(unit_BCHW, preprocessing)
