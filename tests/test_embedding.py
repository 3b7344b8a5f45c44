from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from hierclf import embedding
from hierclf.backbones import Backbone, EmbeddingCache, Preprocessing, Projection, build_backbone, projected
from hierclf.data import load_images
from hierclf.embedding import batches, embed_batches, embed_images
from tests.synthetic import glyphs, write_folder


class Counting(nn.Module):
    """Mean and spread of each image; counts the images it was asked for."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.seen = 0

    def forward(self, images):
        self.seen += len(images.unique(dim=0))  # a slice is filled up with copies
        return self.scale * torch.stack([images.mean((1, 2, 3)), images.std((1, 2, 3))], dim=1)


@pytest.fixture
def backbone():
    preprocessing = Preprocessing(height=12, width=12, mode="L", mean=(0.5,), std=(0.5,))
    made = Backbone(Counting(), preprocessing, name="counting", pretrained=True).freeze()
    made.features.seen = 0
    return made


def by_hand(picture):
    pixels = (torch.from_numpy(np.asarray(picture)).double() / 255 - 0.5) / 0.5
    return torch.stack([pixels.mean(), pixels.std()]).float()


def forms(folder):
    """The same glyphs as files, array, tensors and a list of pictures."""
    images = load_images(write_folder(folder, count=4))
    pictures = np.stack([np.asarray(Image.open(path)) for path in images.images])
    return {
        "files": images,
        "array": load_images(pictures),
        "array with channel": load_images(pictures[..., None]),
        "tensor": load_images(torch.from_numpy(pictures)),
        "tensor with channel": load_images(torch.from_numpy(pictures[:, None])),
        "pictures": load_images([Image.fromarray(picture) for picture in pictures]),
    }


def test_each_row_is_what_the_backbone_makes_of_the_image(backbone, tmp_path):
    for form, images in forms(tmp_path).items():
        embedded = embed_images(backbone, images, batch_size=5)
        pictures = forms(tmp_path)["array"].images
        torch.testing.assert_close(
            embedded.embedding_nD, torch.stack([by_hand(picture) for picture in pictures]), msg=form, atol=1e-5, rtol=0
        )
        assert embedded.errors == {}
        assert len(embedded) == 16


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_batches_and_order_do_not_change_a_row(batch_size):
    backbone = build_backbone("small_cnn", image_size=12, grey=True).freeze()
    images = load_images(glyphs(count=5)[0])
    usual = embed_images(backbone, images).embedding_nD
    assert torch.equal(embed_images(backbone, images, batch_size=batch_size).embedding_nD, usual)
    order = np.random.default_rng(0).permutation(20)
    turned = embed_images(backbone, images.subset(order), batch_size=batch_size).embedding_nD
    assert torch.equal(turned, usual[order])


def test_a_bad_image_costs_its_own_row(backbone, tmp_path):
    good = sorted(write_folder(tmp_path, count=2).rglob("*.png"))
    (tmp_path / "empty.png").touch()
    paths = [tmp_path / "missing.png", *good[:3], tmp_path / "empty.png", *good[3:], tmp_path / "gone.png"]
    for batch_size in (1, 2, 4, 64):
        embedded = embed_images(backbone, load_images(paths), batch_size=batch_size)
        assert {place: error.rpartition("/")[2] for place, error in embedded.errors.items()} == {
            0: "missing.png: no such file",
            4: "empty.png: the file is empty",
            10: "gone.png: no such file",
        }
        np.testing.assert_array_equal(embedded.embedding_nD.isnan().all(1).nonzero()[:, 0], [0, 4, 10])


def test_an_image_of_which_the_backbone_makes_nan_is_an_error_of_its_own(backbone):
    class Touchy(nn.Module):
        def forward(self, images):
            means = images.mean((1, 2, 3))
            return torch.where(means > 0.9, torch.nan, means)[:, None]

    touchy = Backbone(Touchy(), backbone.preprocessing, name="touchy", pretrained=True).freeze()
    pictures = np.zeros((4, 12, 12), np.uint8)
    pictures[2] = 255
    embedded = embed_images(touchy, load_images(pictures), batch_size=3)
    assert embedded.errors == {2: "#2: the backbone gives NaN or infinity for this image"}
    assert embedded.embedding_nD.isnan().any(1).tolist() == [False, False, True, False]


def test_batches_come_in_order_and_places_of_errors_count_from_their_first(backbone, tmp_path):
    good = sorted(write_folder(tmp_path, count=1).rglob("*.png"))
    images = load_images([*good, tmp_path / "missing.png", *good])
    parts = list(embed_batches(backbone, images, batch_size=3))
    assert [len(part) for part in parts] == [3, 3, 3]
    assert [list(part.errors) for part in parts] == [[], [1], []]
    together = torch.cat([part.embedding_nD for part in parts])
    torch.testing.assert_close(together, embed_images(backbone, images).embedding_nD, equal_nan=True)


def test_no_image_at_all(backbone):
    embedded = embed_images(backbone, load_images([]))
    assert embedded.embedding_nD.shape == (0, 2)
    assert list(embed_batches(backbone, load_images([]))) == []


@pytest.mark.parametrize("form", ["files", "array", "tensor with channel"])
def test_what_was_seen_before_is_not_computed_again(backbone, tmp_path, form):
    images = forms(tmp_path / "data")[form]
    cache = EmbeddingCache(tmp_path / "cache")
    first = embed_images(backbone, images, cache=cache)
    assert backbone.features.seen == 16
    again = embed_images(backbone, images.subset(np.arange(16)[::-1]), cache=cache)
    assert backbone.features.seen == 16
    assert torch.equal(again.embedding_nD, first.embedding_nD.flip(0))
    embed_images(backbone, images)
    assert backbone.features.seen == 32  # without the cache


def test_only_new_images_are_computed_and_bad_ones_are_not_remembered(backbone, tmp_path):
    paths = sorted(write_folder(tmp_path / "data", count=2).rglob("*.png"))
    cache = EmbeddingCache(tmp_path / "cache")
    embed_images(backbone, load_images([*paths[:5], tmp_path / "missing.png"]), cache=cache)
    assert backbone.features.seen == 5
    embedded = embed_images(backbone, load_images([tmp_path / "missing.png", *paths]), cache=cache)
    assert backbone.features.seen == 8
    assert list(embedded.errors) == [0]
    torch.testing.assert_close(embedded.embedding_nD[1:], embed_images(backbone, load_images(paths)).embedding_nD)


def test_content_counts_and_not_the_name(backbone, tmp_path):
    paths = sorted(write_folder(tmp_path / "data", count=1).rglob("*.png"))
    cache = EmbeddingCache(tmp_path / "cache")
    first = embed_images(backbone, load_images(paths[:1]), cache=cache)
    paths[0].write_bytes(paths[1].read_bytes())
    second = embed_images(backbone, load_images(paths[:1]), cache=cache)
    assert backbone.features.seen == 2
    assert not torch.equal(first.embedding_nD, second.embedding_nD)


def test_another_weight_is_another_backbone(backbone, tmp_path):
    images = load_images(glyphs(count=1)[0])
    cache = EmbeddingCache(tmp_path)
    embed_images(backbone, images, cache=cache)
    with torch.no_grad():
        backbone.features.scale.fill_(2.0)
    changed = embed_images(backbone, images, cache=cache)
    assert backbone.features.seen == 8
    torch.testing.assert_close(
        changed.embedding_nD, 2 * torch.stack([by_hand(picture) for picture in images.images]), atol=1e-5, rtol=0
    )


def test_items_of_a_data_set_are_never_looked_up(backbone, tmp_path):
    images = forms(tmp_path)["pictures"]
    cache = EmbeddingCache(tmp_path / "cache")
    embed_images(backbone, images, cache=cache)
    embed_images(backbone, images, cache=cache)
    assert backbone.features.seen == 32
    assert not cache.path.exists()


def test_a_cache_that_cannot_be_written_costs_a_warning(backbone, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    images = load_images(glyphs(count=1)[0])
    with pytest.warns(RuntimeWarning, match="cannot be used to write"):
        embedded = embed_images(backbone, images, cache=EmbeddingCache(tmp_path / "cache"))
    assert embedded.embedding_nD.isfinite().all()


@pytest.mark.parametrize("workers", [0, 1])
def test_nobodys_random_numbers_are_used(backbone, tmp_path, workers):
    images = load_images(write_folder(tmp_path, count=1))
    before = torch.get_rng_state()
    embed_images(backbone, images, workers=workers)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_place_may_come_twice(backbone):
    pictures = glyphs(count=1)[0]
    places = [3, 3, 0]
    (batch,) = batches(load_images(pictures), backbone.preprocessing, places, batch_size=8)
    assert batch.index_B.tolist() == places
    torch.testing.assert_close(batch.images_BCHW[0], batch.images_BCHW[1])


def test_progress_is_told_the_number_of_batches(backbone):
    told = []

    def progress(items, total, what):
        told.append((total, what))
        return items

    embed_images(backbone, load_images(glyphs(count=5)[0]), batch_size=8, progress=progress)
    assert told == [(3, "embedding")]
    assert embedding.BATCH == 64


# ---------------------------------------------------------------------------------------------------------- projections


def test_the_part_before_a_projection_is_what_the_cache_keeps(backbone, tmp_path):
    images, cache = forms(tmp_path / "images")["files"], EmbeddingCache(tmp_path / "cache")
    plain = embed_images(backbone, images, cache=cache).embedding_nD
    seen = backbone.features.seen
    assert seen == len(images)
    for outputs in (3, 5):
        both = projected(backbone, Projection(2, outputs).standardise(plain))
        seen = backbone.features.seen  # `projected` tries two black images
        found = embed_images(both, images, cache=cache).embedding_nD
        assert backbone.features.seen == seen
        with torch.no_grad():
            torch.testing.assert_close(found, both.features.projection.eval()(plain))
        assert torch.equal(embed_images(both, images).embedding_nD, found)  # all of it computed
        streamed = [part.embedding_nD for part in embed_batches(both, images, batch_size=3)]
        assert torch.equal(torch.cat(streamed), found)


def test_an_image_that_cannot_be_read_has_no_projection_either(backbone, tmp_path):
    images = load_images(write_folder(tmp_path, count=2))
    images.images[3].write_bytes(b"")
    both = projected(backbone, Projection(2, 4))
    for embedded in (embed_images(both, images), next(embed_batches(both, images))):
        assert list(embedded.errors) == [3]
        assert embedded.embedding_nD.isnan().any(1).nonzero().flatten().tolist() == [3]
