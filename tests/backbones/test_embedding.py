from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

from hierclf.backbones import Backbone, Preprocessing, build_backbone, embed


@pytest.fixture
def backbone() -> Backbone:
    torch.manual_seed(0)
    return build_backbone("small_cnn", image_size=12, grey=True)


@pytest.fixture
def images(generator) -> torch.Tensor:
    return torch.randn(7, 1, 12, 12, generator=generator)


def loader(images: torch.Tensor, batch_size: int, **settings) -> DataLoader:
    return DataLoader(TensorDataset(images, torch.arange(len(images))), batch_size=batch_size, **settings)


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_rows_do_not_depend_on_the_batch(backbone, images, batch_size):
    with torch.no_grad():
        expected = torch.cat([backbone.eval().features(image[None]) for image in images])
    shuffled = loader(images, batch_size, shuffle=True)
    rows = embed(backbone, shuffled, 7)
    assert_close(rows, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(rows, embed(backbone, loader(images, 7), 7))


def test_rows_that_no_batch_names_are_nan(backbone, images):
    result = embed(backbone, [(images[:2], torch.tensor([4, 1])), (images[:0], torch.tensor([], dtype=torch.int64))], 6)
    assert result.shape == (6, 128)
    assert result.isnan().all(dim=1).tolist() == [True, False, True, True, False, True]
    assert embed(backbone, [], 0).shape == (0, 128)


def test_it_leaves_the_backbone_as_it_was(backbone, images):
    backbone.train()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    embed(backbone, loader(images, 4), 7)
    assert backbone.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())
    assert not embed(backbone.freeze(), loader(images, 4), 7).requires_grad
    assert not backbone.training


def test_progress_counts_images(backbone, images):
    steps: list[int] = []
    embed(backbone, loader(images, 3), 7, progress=steps.append)
    assert steps == [3, 3, 1]


def test_the_mode_is_restored_after_an_error(backbone, images):
    backbone.train()
    with pytest.raises(RuntimeError):
        embed(backbone, [(images[:, :, :1], torch.arange(7))], 7)
    assert backbone.training


def test_embeddings_are_float32_whatever_the_backbone_computes_in():
    double = Backbone(nn.Flatten().double(), Preprocessing(height=2, width=2), name="flat", pretrained=False)
    assert embed(double, [(torch.ones(1, 3, 2, 2).double(), torch.tensor([0]))], 1).dtype == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_gives_the_same_rows(backbone, images):
    on_cpu = embed(backbone, loader(images, 3), 7)
    assert_close(embed(backbone, loader(images, 3), 7, device="cuda"), on_cpu, atol=1e-3, rtol=1e-3)
