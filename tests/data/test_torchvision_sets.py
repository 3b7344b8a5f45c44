from __future__ import annotations

import pickle

import numpy as np
import pytest
import torchvision.datasets

from hierclf.data.image_set import image_to_pil
from hierclf.data.torchvision_sets import load_torchvision, torchvision_sets
from hierclf.errors import DataError, UnknownName


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def mnist(tmp_path):
    """Four images in the layout of MNIST; the pixel in the first row and second column is white."""
    images = np.zeros((4, 28, 28), np.uint8)
    images[:, 0, 1] = 255
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"MNIST/raw/{part}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"MNIST/raw/{part}-labels-idx1-ubyte", np.array([7, 0, 7, 3]))
    return tmp_path


@pytest.mark.parametrize("name", ["torchvision:MNIST", "torchvision:MNIST:test"])
def test_mnist_comes_as_one_array_and_its_classes_are_digits(mnist, name):
    found = load_torchvision(name, root=mnist)
    assert found.kind == "array"
    assert found.images.shape == (4, 28, 28)
    assert found.labels == ("7", "0", "7", "3")
    assert found.classes == tuple("0123456789")


def test_emnist_comes_upright(tmp_path):
    images = np.zeros((2, 28, 28), np.uint8)
    images[:, 1, 0] = 255  # as the files have it: on its side
    for part in ("train", "test"):
        write_idx(tmp_path / f"EMNIST/raw/emnist-letters-{part}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"EMNIST/raw/emnist-letters-{part}-labels-idx1-ubyte", np.array([1, 26]))
    found = load_torchvision("torchvision:EMNIST:letters-test", root=tmp_path)
    assert found.labels == ("a", "z")
    assert found.classes == tuple("abcdefghijklmnopqrstuvwxyz")
    assert image_to_pil(found, 0).getpixel((1, 0)) == (255, 255, 255)


def test_cifar_in_colour(tmp_path, monkeypatch):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    pixels = np.arange(2 * 3072, dtype=np.int64).reshape(2, 3072).astype(np.uint8)
    content = {"data": pixels, "labels": [0, 9]}
    (folder / "test_batch").write_bytes(pickle.dumps(content))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"kind {place}" for place in range(10)]}))
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *arguments: True)
    found = load_torchvision("torchvision:CIFAR10:test", root=tmp_path)
    assert found.images.shape == (2, 32, 32, 3)
    assert found.labels == ("kind 0", "kind 9")
    np.testing.assert_array_equal(np.asarray(image_to_pil(found, 1))[0, 0], pixels[1, [0, 1024, 2048]])


def test_wrong_names_and_splits_are_refused(tmp_path):
    with pytest.raises(UnknownName, match="no torchvision data set named 'MNITS'; did you mean 'MNIST'"):
        load_torchvision("torchvision:MNITS", root=tmp_path)
    with pytest.raises(DataError, match="MNIST has no split 'tset'; did you mean 'test'"):
        load_torchvision("torchvision:MNIST:tset", root=tmp_path)
    with pytest.raises(UnknownName):  # in torchvision, but no data set
        load_torchvision("torchvision:os", root=tmp_path)


@pytest.mark.parametrize("name", torchvision_sets.names)
def test_every_split_is_known_to_torchvision_and_missing_data_is_explained(name, tmp_path):
    for split in torchvision_sets[name].splits:
        with pytest.raises(
            DataError, match=rf"{name} \({split}\) is not in the folder .*; allow the download"
        ) as caught:
            load_torchvision(f"torchvision:{name}:{split}", root=tmp_path)
        assert "nknown value" not in str(caught.value)  # torchvision's words for a split that it does not have
    assert list(tmp_path.rglob("*.*")) == []
