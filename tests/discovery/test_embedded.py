import numpy as np
import pytest
import torch
from scipy.spatial.distance import squareform

from hierclf.discovery.embedded import denoised, distances_from_embeddings, scale_slope
from hierclf.errors import DataError


def classes(seed, *, count=12, images=30, width=20, spread=1.0):
    source = np.random.default_rng(seed)
    centre = source.normal(size=(count, width))
    labels = np.repeat(np.arange(count), images)
    return centre, centre[labels] + spread * source.normal(size=(len(labels), width)), labels


def test_much_data_gives_the_distances_of_the_true_means():
    centre, embeddings, labels = classes(0, images=3000)
    found = squareform(distances_from_embeddings(embeddings, labels).distance_P)
    unit = centre - centre.mean(0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    np.testing.assert_allclose(found, 1 - unit @ unit.T, atol=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_denoising_brings_classes_of_one_place_together(seed):
    source = np.random.default_rng(seed)
    place = np.arange(40) // 4  # ten places, four classes at each
    labels = np.repeat(np.arange(40), 5)
    embeddings = source.normal(size=(10, 100))[place][labels] + 2 * source.normal(size=(200, 100))
    same = squareform((place[:, None] == place[None, :]).astype(float) * (1 - np.eye(40))) > 0
    contrast = {}
    for denoise in (False, True):
        found = distances_from_embeddings(embeddings, labels, denoise=denoise).distance_P
        contrast[denoise] = found[same].mean() / found[~same].mean()
    assert contrast[True] < 0.75 * contrast[False]


def test_denoising_takes_out_what_noise_alone_would_give():
    source = np.random.default_rng(0)
    count = np.full(30, 10)
    pure = source.normal(size=(30, 200)) / np.sqrt(10)
    kept = np.linalg.norm(denoised(pure, count, 1.0)) / np.linalg.norm(pure - pure.mean(0))
    assert kept < 0.4
    strong = pure + source.normal(size=(30, 3)) @ source.normal(size=(3, 200))
    kept = np.linalg.norm(denoised(strong, count, 1.0)) / np.linalg.norm(strong - strong.mean(0))
    assert kept > 0.8


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (1, 3)])
def test_without_noise_denoising_changes_no_inner_product(shape):
    mean = np.random.default_rng(0).normal(size=shape)
    points = denoised(mean, np.arange(1, shape[0] + 1), 0.0)
    centred = mean - mean.mean(0)
    np.testing.assert_allclose(points @ points.T, centred @ centred.T, atol=1e-9)


def test_turning_scaling_and_order_change_nothing():
    _, embeddings, labels = classes(1)
    source = np.random.default_rng(2)
    turn = np.linalg.qr(source.normal(size=(20, 20)))[0]
    order = source.permutation(len(labels))
    first = distances_from_embeddings(embeddings, labels)
    second = distances_from_embeddings(5 * embeddings[order] @ turn + 3, labels[order])
    np.testing.assert_allclose(first.distance_P, second.distance_P, atol=1e-6)


def test_every_form_of_the_same_embeddings_gives_the_same():
    _, embeddings, labels = classes(3)
    expected = distances_from_embeddings(embeddings, labels).distance_P
    for values, names in (
        (torch.from_numpy(embeddings), torch.from_numpy(labels)),
        (embeddings.tolist(), labels.tolist()),
        (embeddings.astype(np.float32), [str(label).zfill(2) for label in labels]),
        (embeddings, labels.astype(object)),
    ):
        np.testing.assert_allclose(distances_from_embeddings(values, names).distance_P, expected, atol=1e-4)


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_numbers_at_the_edge_of_float64_are_embeddings_too(scale):
    _, embeddings, labels = classes(8)
    expected = distances_from_embeddings(embeddings, labels).distance_P
    np.testing.assert_allclose(distances_from_embeddings(embeddings * scale, labels).distance_P, expected, atol=1e-6)


def test_drawing_anew_keeps_the_classes_and_follows_the_seed():
    _, embeddings, labels = classes(4, images=4)
    found = distances_from_embeddings(embeddings, [f"c{label}" for label in labels])
    one, two, other = (found.resampled(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.classes == found.classes == tuple(sorted(f"c{i}" for i in range(12)))
    np.testing.assert_array_equal(one.distance_P, two.distance_P)
    assert not np.array_equal(one.distance_P, other.distance_P)


def test_classes_of_one_image_beside_others_and_copies():
    _, embeddings, labels = classes(5)
    labels[:2] = [100, 101]
    assert len(distances_from_embeddings(embeddings, labels)) == 14
    same = distances_from_embeddings(np.repeat(np.eye(3), 4, axis=0), np.repeat(list("abc"), 4))
    assert "all the same" in same.notes[0]
    np.testing.assert_allclose(same.distance_P, 1.5)
    assert len(distances_from_embeddings(np.zeros((4, 2)), list("aabb")).distance_P) == 1


def test_the_slope_tells_scale_from_offset():
    _, embeddings, labels = classes(6, count=30, images=40)
    counts = np.full(30, 40)
    means = embeddings.reshape(30, 40, -1).mean(1)
    assert abs(scale_slope(embeddings, means, counts)) < 0.2
    scale = np.exp(np.random.default_rng(0).normal(0, 0.5, 30))
    scaled = embeddings * scale[labels][:, None]
    assert scale_slope(scaled, means * scale[:, None], counts) > 0.8
    assert scale_slope(embeddings[:80], means[:2], counts[:2]) == 0


def test_the_scale_of_a_class_counts_for_nothing_where_it_is_a_scale():
    _, embeddings, labels = classes(7, count=30, images=200)
    scale = np.exp(np.random.default_rng(0).normal(0, 0.7, 30))
    plain = distances_from_embeddings(embeddings, labels).distance_P
    scaled = distances_from_embeddings(embeddings * scale[labels][:, None], labels).distance_P
    assert np.corrcoef(plain, scaled)[0, 1] > 0.95


@pytest.mark.parametrize(
    ("embeddings", "labels", "message"),
    [
        (np.zeros((0, 3)), [], "at least one row"),
        (np.zeros(3), None, r"shape \(n, d\)"),
        ([["x"]], None, "table of numbers"),
        (np.full((2, 2), np.nan), ["a", "b"], "2 of 2 embeddings are not finite"),
        (np.zeros((2, 2)), ["a"], "one label for each of the 2"),
        (np.zeros((2, 2)), [0.5, 1.5], "texts or whole numbers"),
        (np.zeros((2, 2)), [None, "a"], "text or a whole number"),
    ],
)
def test_what_cannot_be_used_is_told(embeddings, labels, message):
    with pytest.raises(DataError, match=message):
        distances_from_embeddings(embeddings, labels)
