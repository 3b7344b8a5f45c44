from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hierclf.errors import DataError
from hierclf.taxonomy import Taxonomy
from hierclf.training import prepare_embeddings, prepare_images
from hierclf.training.preparation import taxonomy_of_labels
from tests.synthetic import GLYPHS, LETTERS, SHAPES, STRANGE, clouds, glyphs, write_folder

DIVISION = {"keep": 0.95, "calibration_share": 0.15, "seed": 0}


def names_of(prepared):
    return [prepared.taxonomy.nodes[node] for node in prepared.label_n]


def test_a_folder_is_labelled_scanned_and_divided(tmp_path):
    prepared = prepare_images(write_folder(tmp_path), None, None, SHAPES, **DIVISION)
    assert len(prepared.images) == len(prepared.label_n) == 120
    assert [path.parent.name for path in prepared.images.images] == names_of(prepared)
    assert dict(prepared.scans["data"].counts) == dict.fromkeys(GLYPHS, 30)
    assert prepared.other is prepared.kind_m is None
    assert prepared.notes == ()


def test_without_a_taxonomy_the_classes_stand_side_by_side(tmp_path):
    prepared = prepare_images(write_folder(tmp_path), None, None, None, **DIVISION)
    assert prepared.taxonomy.leaves == tuple(sorted(GLYPHS))
    assert prepared.notes[0] == (
        "No taxonomy was given: the 4 classes stand side by side right under 'root'. Write one with `hierclf taxonomy "
        "init` to group them."
    )


def test_one_class_alone_is_a_taxonomy_too(tmp_path):
    prepared = prepare_images(write_folder(tmp_path, GLYPHS[:1]), None, None, None, **DIVISION)
    assert prepared.taxonomy.leaves == GLYPHS[:1]
    assert prepared.notes == ("No taxonomy was given: the one class stands right under 'root'.",)


@pytest.mark.parametrize(
    ("labels", "leaves", "root"),
    [
        (["10", "9", "2"], ("2", "9", "10"), "root"),
        (["no", "010", "0"], ("0", "010", "no"), "root"),
        (["root", "b"], ("b", "root"), "anything"),
        (["", "a"], ("a",), "root"),
    ],
)
def test_the_taxonomy_of_labels(labels, leaves, root):
    made = taxonomy_of_labels(labels)
    assert (made.leaves, made.root) == (leaves, root)


def test_images_of_other_have_kinds(tmp_path):
    other = write_folder(tmp_path / "other", STRANGE, 5)
    prepared = prepare_images(write_folder(tmp_path / "data"), None, other, SHAPES, **DIVISION)
    assert len(prepared.other) == 10
    assert prepared.kinds == ("dots", "square")
    assert [prepared.kinds[kind] for kind in prepared.kind_m] == [path.parent.name for path in prepared.other.images]
    assert set(prepared.scans) == {"data", "other"}


def test_a_taxonomy_may_say_which_folders_are_other(tmp_path):
    taxonomy = Taxonomy(root="shape", edges=SHAPES.edges, other=STRANGE, labels=(("line", "bar"),))
    pictures, labels = glyphs((*GLYPHS, *STRANGE), 10)
    labels = np.where(labels == "bar", "line", labels)
    prepared = prepare_images(pictures, labels, None, taxonomy, **DIVISION)
    assert len(prepared.images) == 40
    assert len(prepared.other) == 20
    assert set(names_of(prepared)) == set(GLYPHS)


def test_other_that_is_known_is_left_out_and_told(tmp_path):
    pictures, labels = glyphs()
    strange, _ = glyphs(STRANGE, 5)
    prepared = prepare_images(pictures, labels, np.concatenate([strange, pictures[:7]]), SHAPES, **DIVISION)
    assert len(prepared.other) == 10
    assert "7 of other are copies of known images and were left out." in prepared.notes
    with pytest.raises(DataError, match="other is among the known images already, all 7 of it"):
        prepare_images(pictures, labels, pictures[:7], SHAPES, **DIVISION)


@pytest.mark.parametrize("empty", [[], np.zeros((0, 12, 12), np.uint8)], ids=["list", "array"])
def test_other_without_anything_in_it_is_refused(empty):
    with pytest.raises(DataError, match="other was given, but there is nothing in it; leave it out"):
        prepare_images(*glyphs(), empty, SHAPES, **DIVISION)


def test_copies_of_an_image_stay_in_one_part():
    pictures, labels = glyphs(count=20)
    prepared = prepare_images(
        np.concatenate([pictures, pictures]), np.concatenate([labels, labels]), None, SHAPES, **DIVISION
    )
    parts = prepared.parts
    for one, two in ((parts.fit, parts.tune), (parts.fit, parts.calibration), (parts.tune, parts.calibration)):
        assert not set(one % 80) & set(two % 80)
    assert any("80 images are copies of another" in note for note in prepared.notes)


def test_a_class_whose_only_image_was_set_aside_is_told():
    pictures, labels = glyphs(count=10)
    singles = [f"rare {place}" for place in range(20)]
    labels = np.concatenate([labels[:20], singles])
    prepared = prepare_images(pictures, labels, None, None, **DIVISION)
    aside = set(prepared.label_n) - set(prepared.label_n[prepared.parts.fit])
    assert aside
    assert any(f"{len(aside)} classes have their only image set aside" in note for note in prepared.notes)


def test_broken_images_are_listed_up_to_a_hundredth(tmp_path):
    folder = write_folder(tmp_path)
    (folder / "bar" / "half.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    prepared = prepare_images(folder, None, None, SHAPES, **DIVISION)
    assert len(prepared.images) == 120
    assert any("1 of 121 images cannot be read" in note and "half.png" in note for note in prepared.notes)
    for number in range(4):
        (folder / "bar" / f"{number}.jpg").write_text("<html>not found</html>")
    with pytest.raises(DataError, match=r"5 of 125 images cannot be read.*mend or remove them"):
        prepare_images(folder, None, None, SHAPES, **DIVISION)


def test_a_class_of_broken_images_only_is_no_class_and_told(tmp_path):
    folder = write_folder(tmp_path)
    (folder / "wedge").mkdir()
    (folder / "wedge" / "half.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    prepared = prepare_images(folder, None, None, None, **DIVISION)
    assert prepared.taxonomy.leaves == tuple(sorted(GLYPHS))
    assert "Left out of the classes, for want of an image that can be read: 'wedge'." in prepared.notes


def test_images_outside_class_folders_are_named(tmp_path):
    folder = write_folder(tmp_path, count=3)
    for place in range(7):
        Image.new("RGB", (4, 4), (place, 0, 0)).save(folder / f"stray {place}.png")
    for taxonomy in (None, SHAPES):
        with pytest.raises(
            DataError, match=r"7 images lie outside class folders: .*stray 0\.png.* and 2 more; put them"
        ):
            prepare_images(folder, None, None, taxonomy, **DIVISION)
    pictures, labels = glyphs(count=2)
    with pytest.raises(DataError, match="1 image has no label: '#0'; give each a label"):
        prepare_images(pictures, ["", *labels[1:]], None, SHAPES, **DIVISION)


def test_parts_side_by_side_are_not_learnt_as_one(tmp_path):
    for part in ("test", "train", "val"):
        write_folder(tmp_path / part, count=3)
    with pytest.raises(DataError) as caught:
        prepare_images(tmp_path, None, None, None, **DIVISION)
    for path in ("test/bar", "train/bar", "train"):
        assert repr(str(tmp_path / path)) in str(caught.value)
    assert len(prepare_images(tmp_path, None, None, SHAPES, **DIVISION).images) == 36
    assert len(prepare_images([tmp_path / "train", tmp_path / "val"], None, None, None, **DIVISION).images) == 24


def test_a_class_folder_inside_itself_is_one_class(tmp_path):
    folder = write_folder(tmp_path, count=3)
    (folder / "bar" / "bar").mkdir()
    Image.new("RGB", (4, 4)).save(folder / "bar" / "bar" / "more.png")
    assert len(prepare_images(folder, None, None, None, **DIVISION).images) == 13


@pytest.mark.parametrize("name", ["other", "Unknown", "NEGATIVES"])
def test_a_class_that_is_called_like_other_is_told(tmp_path, name):
    folder = write_folder(tmp_path, count=3)
    (folder / "bar").rename(folder / name)
    prepared = prepare_images(folder, None, None, None, **DIVISION)
    assert name in prepared.taxonomy.leaves
    assert any(note.startswith(f"The folder {name!r} was learnt as a class like any other.") for note in prepared.notes)


@pytest.mark.parametrize(
    ("mode", "size"), [("CMYK", (9, 9)), ("RGBA", (1, 1)), ("P", (300, 2)), ("I;16", (12, 12)), ("LA", (5, 70))]
)
def test_exotic_images_are_read(tmp_path, mode, size):
    folder = write_folder(tmp_path, count=3)
    Image.new(mode, size).save(folder / "bar" / "exotic.tif" if mode == "CMYK" else folder / "bar" / "exotic.png")
    assert len(prepare_images(folder, None, None, SHAPES, **DIVISION).images) == 13


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (lambda tmp_path: tmp_path / "nowhere", None, "no folder or file .*nowhere"),
        (lambda tmp_path: glyphs()[0], None, "images without labels"),
        (lambda tmp_path: glyphs()[0], ["bar"], "expected one label per image: got 120 images and 1 labels"),
        (lambda tmp_path: [], None, "no images to learn from"),
        (lambda tmp_path: clouds()[0], clouds()[1], "embeddings need backbone=None"),
        (lambda tmp_path: 123, None, "expected images as a folder, paths"),
        (lambda tmp_path: {"a": 1}, None, "expected images as a folder, paths"),
        (lambda tmp_path: None, None, "expected images as a folder, paths"),
        (lambda tmp_path: ["a.jpg", np.zeros((4, 4))], ["bar", "bar"], "item 1 of the list: expected a path"),
        (lambda tmp_path: glyphs()[0].astype(np.int64), glyphs()[1], "expected pixels as uint8"),
        (lambda tmp_path: glyphs(count=1)[0][:1], ["bar"], "at least two different known images"),
    ],
    ids=range(11),
)
def test_what_cannot_be_used_is_refused(tmp_path, images, labels, message):
    with pytest.raises(DataError, match=message):
        prepare_images(images(tmp_path), labels, None, SHAPES, **DIVISION)


def test_an_unknown_class_is_told_with_the_nearest(tmp_path):
    write_folder(tmp_path, ("bar", "pole"), 3)
    (tmp_path / "bar").rename(tmp_path / "bars")
    with pytest.raises(DataError, match=r"'bars' \(3 images\); did you mean 'bar'\?"):
        prepare_images(tmp_path, None, None, SHAPES, **DIVISION)


def test_no_known_image_is_refused():
    taxonomy = Taxonomy(root="shape", edges=SHAPES.edges, other=STRANGE)
    with pytest.raises(DataError, match="no known images: every image is labelled as other"):
        prepare_images(*glyphs(STRANGE), None, taxonomy, **DIVISION)


# ---------------------------------------------------------------------------------------------------------- embeddings


def test_embeddings_are_labelled_and_divided():
    values, labels = clouds()
    prepared = prepare_embeddings(values, labels, None, LETTERS, **DIVISION)
    np.testing.assert_array_equal(prepared.images.numpy(), values)
    assert names_of(prepared) == labels.tolist()
    assert prepared.notes == ()


def test_embeddings_of_other_and_labels_that_are_other():
    values, labels = clouds()
    taxonomy = Taxonomy(root="letter", edges=LETTERS.edges[:-1], other=("c",))
    more = np.ones((5, 8))
    prepared = prepare_embeddings(
        values, labels, np.concatenate([more, values[labels == "a"][:2]]), taxonomy, **DIVISION
    )
    assert prepared.other.shape == (65, 8)
    assert [prepared.kinds[kind] for kind in prepared.kind_m] == ["c"] * 60 + [""] * 5
    assert "2 of other are copies of known images and were left out." in prepared.notes


def test_leaves_without_examples_are_told():
    values, labels = clouds("aeb")
    prepared = prepare_embeddings(values, labels, None, LETTERS, **DIVISION)
    assert prepared.notes == ("1 leaves of the taxonomy have no example: 'c'.",)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (np.zeros((3, 7)), "X has 7 features, but HierarchicalClassifier is expecting 8"),
        (np.zeros((0, 8)), "other was given, but there is nothing in it"),
        ([], "other was given, but there is nothing in it"),
        (np.full((3, 8), np.nan), "NaN or infinity"),
        ("data/other", "reads embeddings"),
        (clouds()[0], "other is among the known images already"),
    ],
    ids=range(6),
)
def test_embeddings_of_other_that_cannot_be_used(other, message):
    with pytest.raises(DataError, match=message):
        prepare_embeddings(*clouds(), other, LETTERS, **DIVISION)


def test_labels_that_match_no_class():
    values, labels = clouds()
    labels = np.where(labels == "a", "aa", labels)
    with pytest.raises(DataError, match=r"'aa' \(60 images\); did you mean 'a'\?"):
        prepare_embeddings(values, labels, None, LETTERS, **DIVISION)
    with pytest.raises(DataError, match="no labels at all"):
        prepare_embeddings(values, [""] * len(values), None, None, **DIVISION)
    taxonomy = Taxonomy(root="letter", edges=LETTERS.edges, other=("x",))
    with pytest.raises(DataError, match="no known embeddings: every one is labelled as other"):
        prepare_embeddings(values, ["x"] * len(values), None, taxonomy, **DIVISION)
