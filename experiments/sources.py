"""Data by name: where the images of an experiment come from.

``sklearn:digits``
    1,797 handwritten digits of 8 × 8 pixels that come with scikit-learn; no download, no split of its own.
``idx``
    A folder with idx files, plain or gzip'd, as MNIST is distributed: ``train-images-idx3-ubyte``,
    ``train-labels-idx1-ubyte`` and the same with ``t10k``; in the folder itself, in ``raw`` or in ``MNIST/raw``.
    ``classes.txt`` beside them holds the names of the classes, one a line; without it, classes are numbers.
``folder``
    Folders of class folders: ``train`` and perhaps ``test``, ``other_train`` and ``other_test``.
``torchvision:NAME`` or ``torchvision:NAME:VARIETY``
    A torchvision data set by name, in the folder ``root``. A folder of your own takes its place: where ``root`` holds
    idx files or the folders above, these are read.

Images of other may come from another source, by ``data.beside``: MNIST's digits are known, and of notMNIST's letters
some are given as other, some are never seen before the test.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.config import BesideConfig, DataConfig
from hierclf.data import ImageSet, join_sets, load_images
from hierclf.errors import ConfigError, DataError
from hierclf.registry import Registry, did_you_mean

ROOT = "data"
IDX_PLACES = (".", "raw", "MNIST/raw", "FashionMNIST/raw")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """All images of an experiment before they are divided, each with its label; names are unique.

    Args:
        train: to learn from; where ``test`` is None, also to test on.
        test: to test on, or None when the data has no split of its own.
        other_train: of other, to learn from, labelled by kind; beside those among ``train``.
        other_test: of other, never seen before the test; beside those among ``test``.
        apart: whether the data has a test part, even one that was left unread; None: whether ``test`` is there.
    """

    train: ImageSet
    test: ImageSet | None = None
    other_train: ImageSet | None = None
    other_test: ImageSet | None = None
    apart: bool | None = None

    @property
    def parted(self) -> bool:
        """Whether the data says itself which images are to learn from and which to test on."""
        return self.test is not None if self.apart is None else self.apart


Source = Callable[[str, DataConfig], Pool]

sources: Registry[Source] = Registry("data source")


def load_pool(config: DataConfig) -> Pool:
    """Read the images that a config names.

    Raises:
        UnknownName: no such source.
        DataError: the data is not there or cannot be read; the message says what was expected and how to get it.
    """
    kind, _, rest = config.source.partition(":")
    try:
        pool = sources[kind](rest, config)
    except DataError as error:
        raise DataError(f"{error}\n{config.help.strip() or _how_to_get(config)}") from error
    other = [(name, *_from_beside(name, beside, config)) for name, beside in config.beside.items()]
    return Pool(
        train=_named("train", pool.train),
        test=pool.test and _named("test", pool.test),
        other_train=_joined([pool.other_train and _named("other_train", pool.other_train), *(one[1] for one in other)]),
        other_test=_joined([pool.other_test and _named("other_test", pool.other_test), *(one[2] for one in other)]),
        apart=pool.parted,
    )


@sources.register("sklearn")
def load_sklearn(name: str, config: DataConfig) -> Pool:
    """scikit-learn's own handwritten digits, grey values 0..16 brought to 0..255."""
    if name != "digits":
        raise ConfigError(f"data.source: scikit-learn has no images {name!r}{did_you_mean(name, ['digits'])}")
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Pool(train=load_images(np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target))


@sources.register("idx")
def load_idx(name: str, config: DataConfig) -> Pool:
    """Idx files as MNIST is distributed."""
    root = _folder(config)
    place = next((root / inner for inner in IDX_PLACES if _idx_file(root / inner, "train-images-idx3-ubyte")), None)
    if place is None:
        raise DataError(
            f"no idx files in {str(root)!r}: expected train-images-idx3-ubyte and train-labels-idx1-ubyte (or .gz) "
            f"there, in raw or in MNIST/raw"
        )
    names = _class_names(root)
    apart = _idx_file(place, "t10k-images-idx3-ubyte") is not None
    test = _idx_part(place, "t10k", names) if apart and _reads_test(config) else None
    return Pool(train=_idx_part(place, "train", names), test=test, apart=apart)


@sources.register("folder")
def load_folders(name: str, config: DataConfig) -> Pool:
    """Folders of class folders; several of one part are joined."""
    root = _folder(config)

    def part(folders: Sequence[str], default: str) -> ImageSet | None:
        if not folders and not (root / default).is_dir():
            return None
        return join_sets([load_images(root / folder) for folder in folders or [default]])

    train = part(config.train, "train")
    if train is None:
        raise DataError(f"no folder 'train' in {str(root)!r}: expected one folder per class in it")
    return Pool(
        train=train,
        test=part(config.test, "test") if _reads_test(config) else None,
        other_train=part(config.other_train, "other_train"),
        other_test=None if config.without_test else part(config.other_test, "other_test"),
        apart=bool(config.test) or (root / "test").is_dir(),
    )


@sources.register("torchvision")
def load_torchvision(name: str, config: DataConfig) -> Pool:
    """A torchvision data set, or a folder of the user's own in its place."""
    root = Path(config.root or ROOT)
    if any(_idx_file(root / inner, "train-images-idx3-ubyte") for inner in (".", "raw")) or (
        (root / "classes.txt").is_file()
    ):
        return load_idx("", config)
    if (root / (config.train or ["train"])[0]).is_dir():
        return load_folders("", config)
    word, _, variety = name.partition(":")
    parts = {
        part: load_images(
            f"torchvision:{word}:{variety}-{part}" if variety else f"torchvision:{word}:{part}",
            root=root,
            download=config.download,
        )
        for part in ("train", "test")
        if part == "train" or _reads_test(config)
    }
    return Pool(train=parts["train"], test=parts.get("test"), apart=True)


def read_idx(path: Path) -> np.ndarray:
    """The array of an idx file of bytes, plain or gzip'd.

    Raises:
        DataError: no idx file of bytes, or not as long as it says.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08" or not 1 <= content[3] <= 3:
        raise DataError(f"{path}: no idx file of bytes with one to three axes")
    axes = content[3]
    if len(content) < 4 + 4 * axes:
        raise DataError(f"{path}: cut off in its header")
    shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if len(values) != np.prod(shape, dtype=object):
        raise DataError(f"{path}: expected {' × '.join(map(str, shape))} bytes, got {len(values)}")
    return values.reshape(shape)


def _reads_test(config: DataConfig) -> bool:
    """Whether a test part is wanted: where all images are divided anew, it is not for the test alone."""
    return config.resplit or not config.without_test


def _from_beside(name: str, beside: BesideConfig, config: DataConfig) -> tuple[ImageSet | None, ImageSet | None]:
    """Images of other from another source: those to learn from, and those never seen before the test.

    Raises:
        ConfigError: a class that the source does not hold.
        DataError: there is nothing to read, or it cannot be read.
    """
    root = beside.root if beside.root is None else str(Path(config.root or ROOT) / beside.root)
    pool = load_pool(
        DataConfig(
            source=beside.source,
            root=root,
            train=beside.train,
            test=beside.test,
            without_test=config.without_test,
            download=config.download,
            help=beside.help,
        )
    )
    held = sorted(set(pool.train.labels or ()))
    for role in ("other", "unseen"):
        strange = [one for one in getattr(beside, role) if one not in held]
        if strange:
            raise ConfigError(
                f"data.beside.{name}.{role}: its data holds no class {strange[0]!r}{did_you_mean(strange[0], held)} "
                f"(it holds {', '.join(held)})"
            )
    examined = pool.test if pool.parted else pool.train  # kinds that differ share no image
    return _of_kinds(pool.train, beside.other, name), examined and _of_kinds(examined, beside.unseen, name)


def _of_kinds(images: ImageSet, kinds: Sequence[str], name: str) -> ImageSet | None:
    """The images of some classes, with the name of their source before image and class."""
    labels = images.labels or ("",) * len(images)
    chosen = images.subset(np.array([place for place, label in enumerate(labels) if label in kinds], dtype=np.int64))
    if not len(chosen):
        return None
    return replace(
        chosen,
        names=tuple(f"{name}:{one}" for one in chosen.names) if chosen.kind != "paths" else chosen.names,
        labels=tuple(f"{name} {label}" for label in chosen.labels or ()),
    )


def _joined(parts: Sequence[ImageSet | None]) -> ImageSet | None:
    found = [part for part in parts if part is not None]
    return join_sets(found) if found else None


def _idx_file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _idx_part(folder: Path, part: str, names: Sequence[str]) -> ImageSet:
    images, labels = (_idx_file(folder, f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    if images is None or labels is None:
        raise DataError(f"{str(folder)!r} holds images or labels of {part!r}, but not both")
    pixels, label_n = read_idx(images), read_idx(labels)
    if pixels.ndim != 3 or label_n.shape != pixels.shape[:1]:
        raise DataError(f"{images.name} and {labels.name}: {pixels.shape} pixels do not go with {label_n.shape} labels")
    if names and label_n.max(initial=0) >= len(names):
        raise DataError(f"{labels}: class {label_n.max()} has no line in classes.txt, which names {len(names)}")
    return load_images(pixels, [names[label] if names else str(label) for label in label_n.tolist()])


def _class_names(root: Path) -> list[str]:
    path = root / "classes.txt"
    if not path.is_file():
        return []
    try:
        return path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _folder(config: DataConfig) -> Path:
    root = Path(config.root or ROOT)
    if not root.is_dir():
        raise DataError(f"there is no folder {str(root)!r} with the data of this experiment")
    return root


def _named(part: str, image_set: ImageSet) -> ImageSet:
    """The same images; those in memory are called after their part, so that no two have one name."""
    if image_set.kind == "paths":
        return image_set
    return replace(image_set, names=tuple(f"{part}{name}" for name in image_set.names))


def _how_to_get(config: DataConfig) -> str:
    if config.source.startswith("torchvision:"):
        return "Download it with data.download=true, or give a folder of your own with data.root=PATH."
    return "Give the folder with data.root=PATH; what belongs into it is told at the top of experiments/sources.py."
