"""Which image is for what."""

import csv
import io

import numpy as np
import pytest

from experiments.hold_out.config import load_hold_out
from experiments.hold_out.division import hold_out, load_material
from hierclf.errors import HierclfError
from tests.experiments.conftest import glyphs, write_idx

TAXONOMY = {"a": ["0", "1", "2", "3"], "b": ["4", "5", "6"], "c": ["7", "8"], "d": ["9"]}


@pytest.fixture
def make(idx_folder):
    def config(learn=6, test=3, **changes):
        root = idx_folder("0123456789", learn, test)
        far = {"glyphs": {"source": "idx", "root": ".", "limit": "7", "inverted": "true"}}
        values = {
            "name": "small",
            "data": {"source": "idx", "root": str(root)},
            "taxonomy": TAXONOMY,
            "hold_out": {"far": far},
            "strategies": {"hierclf": None},
            "references": [],
        }
        return load_hold_out({**values, **changes})

    return config


@pytest.mark.parametrize("seed", range(6))
def test_nothing_of_a_held_out_class_is_learnt(make, seed):
    config = make()
    held = hold_out(load_material(config), config, seed=seed)
    known, drawing = set(held.drawing.known.leaves), held.drawing
    assert set(held.parts["train"].labels) == set(held.parts["test"].labels) == known
    assert set(held.parts["leaf"].labels) == set(drawing.leaves)
    assert set(held.parts["subtree"].labels) == set(drawing.below_subtrees)
    assert held.parts["far"].labels == ("glyphs",) * 7
    assert len(held.parts["test"]) == 3 * len(known)
    names = [name for images in held.parts.values() for name in images.names]
    assert len(set(names)) == len(names)


def test_targets_and_classes_follow_the_labels(make):
    config = make()
    held = hold_out(load_material(config), config, seed=2)
    target_n, class_n = held.targets()
    known = held.drawing.known
    place = 0
    seen = {}
    for part in held.tested:
        for label in held.parts[part].labels:
            expected = known.root if part == "far" else held.drawing.target(label)
            assert known.nodes[target_n[place]] == expected
            assert seen.setdefault((part, label), class_n[place]) == class_n[place]
            place += 1
    assert place == len(target_n) == len(class_n)
    assert len(set(seen.values())) == len(seen), "no two classes share a number"
    ends = [0, *np.cumsum([len(held.parts[part]) for part in held.tested]).tolist()]
    assert held.places() == {part: slice(*ends[k : k + 2]) for k, part in enumerate(held.tested)}


def test_the_same_seed_gives_the_same_images_and_another_seed_others(make):
    config = make()
    material = load_material(config)
    one, same, other = (hold_out(material, config, seed=seed) for seed in (0, 0, 1))
    assert one.checksum == same.checksum != other.checksum
    assert one.to_csv() == same.to_csv()
    rows = list(csv.DictReader(io.StringIO(one.to_csv())))
    assert len(rows) == sum(len(images) for images in one.parts.values())
    assert all(len(row["sha256"]) == 64 for row in rows)


@pytest.mark.parametrize("copied", [1, 5])
def test_copies_of_test_images_are_not_learnt(make, tmp_path, copied):
    config = make(learn=5, test=5)
    learn, labels = glyphs("0123456789", 5, seed=0)
    other, _ = glyphs("0123456789", 5, seed=1)
    tested = np.where((np.arange(len(learn)) % 5 < copied)[:, None, None], learn, other)
    for word, values in (("images-idx3", tested), ("labels-idx1", labels.astype(np.uint8))):
        write_idx(tmp_path / "idx" / "MNIST/raw" / f"t10k-{word}-ubyte.gz", values)
    if copied == 5:
        with pytest.raises(HierclfError, match="equal an image of the test"):
            hold_out(load_material(config), config, seed=0)
        return
    held = hold_out(load_material(config), config, seed=0)
    classes = len(held.drawing.known.leaves)
    assert held.copies == classes
    assert len(held.parts["train"]) == 4 * classes
    assert f"{classes} images to learn from were left out" in " ".join(held.sentences())
    learnt = {held.hashes[name] for name in held.parts["train"].names}
    assert not learnt & {held.hashes[name] for part in held.tested for name in held.parts[part].names}


def test_data_without_a_test_part_is_divided_by_the_seed():
    config = load_hold_out(
        {
            "name": "digits",
            "data": {"source": "sklearn:digits", "test_share": "0.25"},
            "taxonomy": {"a": ["0-4"], "b": ["5-9"]},
            "hold_out": {},
            "strategies": {"hierclf": None},
        }
    )
    material = load_material(config)
    one, other = (hold_out(material, config, seed=seed) for seed in (0, 1))
    assert "subtree" not in one.parts
    assert "far" not in one.parts
    whole = sum(len(images) for images in one.parts.values())
    assert len(one.parts["test"]) / (whole - len(one.parts["leaf"])) == pytest.approx(0.25, abs=0.02)
    assert one.parts["test"].names != other.parts["test"].names


def test_a_limit_is_per_class_and_spares_the_test(make):
    config = make(data={"source": "idx", "root": "unset"})
    config = config.model_copy(update={"data": make().data.model_copy(update={"limit": 2})})
    held = hold_out(load_material(config), config, seed=0)
    labels, counts = np.unique(held.parts["train"].labels, return_counts=True)
    assert set(counts.tolist()) == {2}
    assert len(held.parts["test"]) == 3 * len(labels)


def test_classes_without_images_leave_the_taxonomy(make):
    config = make(taxonomy={**TAXONOMY, "e": ["x", "y"]})
    assert "e" not in load_material(config).taxonomy


def test_data_that_shows_no_class_of_the_taxonomy_is_told(make):
    with pytest.raises(HierclfError, match="the data holds no class of it"):
        load_material(make(taxonomy={"a": ["x", "y"]}))


def test_sentences_say_what_is_known_and_what_is_not(make):
    config = make()
    held = hold_out(load_material(config), config, seed=0)
    text = " ".join(held.sentences())
    assert f"Known: {len(held.drawing.known.leaves)} of 10 classes" in text
    assert "7 out of scope altogether" in text
