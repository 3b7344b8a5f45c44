import gzip

import numpy as np
import pytest
from sklearn.datasets import load_digits

from experiments.config import DataConfig
from experiments.sources import load_pool, read_idx
from hierclf.errors import ConfigError, DataError, UnknownName
from tests.experiments.conftest import glyphs, write_idx


def test_scikit_learns_digits_keep_their_order_and_fill_the_grey_scale():
    pool = load_pool(DataConfig(source="sklearn:digits"))
    digits = load_digits()
    assert pool.test is None
    assert pool.train.labels == tuple(str(digit) for digit in digits.target)
    assert pool.train.images.dtype == np.uint8
    assert pool.train.images.max() == 255
    np.testing.assert_allclose(pool.train.images / 255, digits.images / 16, atol=0.5 / 255)


@pytest.mark.parametrize("suffix", [".gz", ""])
@pytest.mark.parametrize("place", ["MNIST/raw", "raw", "."])
@pytest.mark.parametrize("source", ["idx", "torchvision:EMNIST:balanced"])
def test_idx_files_are_found_wherever_mnist_puts_them(idx_folder, suffix, place, source):
    root = idx_folder("01A", learn=3, test=2, suffix=suffix, place=place)
    pool = load_pool(DataConfig(source=source, root=str(root)))
    np.testing.assert_array_equal(pool.train.images, glyphs("01A", 3, seed=0)[0])
    assert pool.train.labels == ("0", "0", "0", "1", "1", "1", "A", "A", "A")
    assert pool.test.labels == ("0", "0", "1", "1", "A", "A")
    assert len({*pool.train.names, *pool.test.names}) == 9 + 6, "every image has a name of its own"


def test_without_names_classes_are_numbers(idx_folder):
    pool = load_pool(DataConfig(source="idx", root=str(idx_folder("AB", learn=2, test=1, names=False))))
    assert pool.train.labels == ("0", "0", "1", "1")


def test_folders_may_be_joined_and_hold_other(class_folders):
    root = class_folders(
        {
            "train": {"hat": 2},
            "val": {"hat": 1},
            "test": {"hat": 3},
            "other_train": {"fish": 2},
            "other_test": {"sky": 1},
        }
    )
    pool = load_pool(DataConfig(source="folder", root=str(root), train=["train", "val"]))
    assert [len(part) for part in (pool.train, pool.test, pool.other_train, pool.other_test)] == [3, 3, 2, 1]
    assert pool.other_test.labels == ("sky",)
    instead = load_pool(DataConfig(source="torchvision:EMNIST:balanced", root=str(root)))
    assert len(instead.train) == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("idx", "there is no folder 'nowhere' with the data of this experiment"),
        ("folder", "there is no folder 'nowhere'"),
        ("torchvision:EMNIST:balanced", "EMNIST (balanced-train) is not in the folder 'nowhere'"),
    ],
)
def test_missing_data_says_what_was_expected_and_how_to_get_it(source, message):
    with pytest.raises(DataError) as caught:
        load_pool(DataConfig(source=source, root="nowhere"))
    assert message in str(caught.value)
    assert "data.root=PATH" in str(caught.value)
    with pytest.raises(DataError, match="ask grandmother"):
        load_pool(DataConfig(source=source, root="nowhere", help="ask grandmother"))


def test_a_folder_without_what_belongs_there(tmp_path):
    with pytest.raises(DataError, match=r"no idx files in .*: expected train-images-idx3-ubyte"):
        load_pool(DataConfig(source="idx", root=str(tmp_path)))
    with pytest.raises(DataError, match="no folder 'train' in"):
        load_pool(DataConfig(source="folder", root=str(tmp_path)))


def test_unknown_names_get_a_hint():
    with pytest.raises(UnknownName, match="no data source named 'sklear'; did you mean 'sklearn'"):
        load_pool(DataConfig(source="sklear:digits"))
    with pytest.raises(ConfigError, match="scikit-learn has no images 'digit'; did you mean 'digits'"):
        load_pool(DataConfig(source="sklearn:digit"))
    with pytest.raises(UnknownName, match="EMNST"):
        load_pool(DataConfig(source="torchvision:EMNST"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no idx file"),
        (b"\0\0\x0d\x01", "no idx file of bytes"),
        (b"\0\0\x08\x09", "no idx file of bytes"),
        (b"\0\0\x08\x01\0\0", "cut off in its header"),
        (b"\0\0\x08\x01\0\0\0\x05abc", "expected 5 bytes, got 3"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "got 0"),
    ],
)
def test_broken_idx_files_are_refused(tmp_path, content, message):
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "broken")
    (tmp_path / "broken.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "broken.gz")


def test_a_broken_gzip_file_is_refused(tmp_path):
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"x" * 1000)[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path / "broken.gz")


def test_labels_and_names_that_do_not_fit_are_refused(idx_folder):
    root = idx_folder("01", learn=2, test=1)
    (root / "classes.txt").write_text("0\n")
    with pytest.raises(DataError, match=r"class 1 has no line in classes\.txt, which names 1"):
        load_pool(DataConfig(source="idx", root=str(root)))
    (root / "classes.txt").unlink()
    write_idx(root / "MNIST/raw/train-labels-idx1-ubyte.gz", np.zeros(3, np.uint8))
    with pytest.raises(DataError, match="do not go with"):
        load_pool(DataConfig(source="idx", root=str(root)))
    (root / "MNIST/raw/train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="images or labels of 'train', but not both"):
        load_pool(DataConfig(source="idx", root=str(root)))


def test_other_may_come_from_elsewhere(class_folders, tmp_path):
    root = class_folders({"known/train": {"hat": 2}, "known/test": {"hat": 1}, "more/train": {"A": 3, "B": 2, "C": 1}})
    beside = {"letters": {"source": "folder", "root": "../more", "other": ["A"], "unseen": ["B"]}}
    pool = load_pool(DataConfig(source="folder", root=str(root / "known"), beside=beside))
    assert pool.other_train.labels == ("letters A",) * 3
    assert pool.other_test.labels == ("letters B",) * 2, "without a test part there, its kinds are all for the test"
    assert len(pool.test) == 1
    unread = load_pool(DataConfig(source="folder", root=str(root / "known"), beside=beside, without_test=True))
    assert (len(unread.other_train), unread.test) == (3, None)


def test_other_from_elsewhere_keeps_its_own_parts_and_names(idx_folder, tmp_path):
    known = idx_folder("01", learn=3, test=2).rename(tmp_path / "known")
    idx_folder("AB", learn=4, test=1)
    beside = {"more": {"source": "idx", "root": "../idx", "other": ["A-B"], "unseen": ["C"]}}
    with pytest.raises(ConfigError, match=r"data\.beside\.more\.unseen: its data holds no class 'C'"):
        load_pool(DataConfig(source="idx", root=str(known), beside=beside))
    beside["more"] |= {"other": "A", "unseen": "B"}
    pool = load_pool(DataConfig(source="idx", root=str(known), beside=beside))
    assert pool.other_train.labels == ("more A",) * 4
    assert pool.other_test.labels == ("more B",)
    names = [*pool.train.names, *pool.test.names, *pool.other_train.names, *pool.other_test.names]
    assert len(names) == len(set(names))
    np.testing.assert_array_equal(pool.other_train.images, glyphs("AB", 4, seed=0)[0][:4])
