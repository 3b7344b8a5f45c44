from __future__ import annotations

import hashlib
import json
import os
import shutil
import unicodedata

import numpy as np
import pytest

from hierclf.data import load_images
from hierclf.data import scan as scan_images
from hierclf.data.scan import changed_images, require_readable, shared_images
from hierclf.data.splits import stratified_split
from hierclf.errors import DataError
from hierclf.taxonomy import Taxonomy

PETS = Taxonomy(
    root="pet", edges=(("pet", "cat"), ("pet", "dog"), ("dog", "beagle"), ("pet", "fish")), other=("clutter",)
)


@pytest.fixture
def pets(paint, tmp_path):
    """Everything that can be wrong with a folder."""
    for place, name in enumerate(("cat/a.png", "cat/b.png", "cat/c.png", "beagel/d.png", "clutter/e.png", "dog/f.png")):
        paint(f"pets/{name}", place)
    top = tmp_path / "pets"
    shutil.copy(top / "cat" / "a.png", top / "cat" / "a again.png")
    shutil.copy(top / "cat" / "b.png", top / "dog" / "not a cat.png")
    (top / "cat" / "broken.jpg").write_bytes(b"<html>")
    (top / "Cat").mkdir()
    (top / "notes.txt").write_text("x")
    (top / "link.png").symlink_to(tmp_path.parent)
    paint("pets/loose.png", 99)
    return top


def test_everything_that_is_wrong_is_found(pets):
    found = scan_images(load_images(pets), PETS)
    assert len(found) == 10
    assert found.counts == (("", 1), ("Cat", 0), ("beagel", 1), ("cat", 4), ("clutter", 1), ("dog", 2))
    assert [name for name, _ in found.corrupt] == [str(pets / "cat" / "broken.jpg")]
    assert found.corrupt[0][1].startswith("not an image: it holds HTML")
    assert found.duplicates == tuple(
        tuple(str(pets / name) for name in pair)
        for pair in (("cat/a again.png", "cat/a.png"), ("cat/b.png", "dog/not a cat.png"))
    )
    assert found.conflicts == ((str(pets / "cat/b.png"), str(pets / "dog/not a cat.png")),)
    assert [(one.label, one.images, one.hint) for one in found.unmatched] == [
        ("", 1, ""),
        ("beagel", 1, "; did you mean 'beagle'?"),
    ]
    assert found.empty == ("Cat",)
    assert found.one_image == ("beagel", "clutter")
    assert found.leaves_without_images == ("fish", "beagle")
    assert found.lookalikes == (("Cat", "cat"),)
    assert found.ignored == 1
    assert [name for name, _ in found.refused] == [str(pets / "link.png")]


def test_problems_are_sentences(pets):
    text = "\n".join(scan_images(load_images(pets), PETS).problems())
    for words in (
        "1 of 10 images cannot be read: ",
        "'beagel' (1 image); did you mean 'beagle'?",
        "1 images are copies of one that bears another label: ",
        "1 images have no label",
        "'Cat' / 'cat'",
        "1 classes have no readable image: 'Cat'",
        "2 classes have one image only",
        "2 leaves of the taxonomy have no image",
        "1 files were left out: ",
    ):
        assert words in text


def test_folders_that_are_one_class_in_two_spellings_are_told(paint, tmp_path):
    for place, form in enumerate(("NFC", "NFD")):
        paint(f"{unicodedata.normalize(form, 'café')}/{place}.png", place)
    paint("pet/cat/a.png", 3)
    paint("cat/a.png", 4)
    told = [line for line in scan_images(load_images(tmp_path)).problems() if "two spellings" in line]
    assert len(told) == 1
    for form in ("NFC", "NFD"):
        assert repr(str(tmp_path / unicodedata.normalize(form, "café"))) in told[0]
    assert "cat" not in told[0].replace(str(tmp_path), "")


def test_a_set_without_faults_has_no_problems(paint, tmp_path):
    for place, label in enumerate(("cat", "cat", "beagle", "beagle", "fish", "fish")):
        paint(f"{label}/{place}.png", place)
    found = scan_images(load_images(tmp_path), PETS)
    assert found.problems() == ()
    assert len(found.readable) == 6


def test_hashes_are_those_of_the_files_and_all_of_it_fits_into_json(pets):
    image_set = load_images(pets)
    found = scan_images(image_set, PETS)
    expected = [hashlib.sha256(path.read_bytes()).hexdigest() for path in image_set.images]
    assert list(found.hashes) == expected
    manifest = json.loads(json.dumps(found.to_dict()))
    assert manifest["hashes"] == dict(zip(image_set.names, expected, strict=True))
    assert manifest["unmatched"][1] == {"label": "beagel", "images": 1, "hint": "; did you mean 'beagle'?"}


def test_an_image_that_changed_since_is_named(pets, paint):
    before = scan_images(load_images(pets)).to_dict()["hashes"]
    paint("pets/cat/c.png", 77)
    paint("pets/cat/new.png", 78)
    assert changed_images(scan_images(load_images(pets)), before) == (str(pets / "cat/c.png"),)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_number_of_threads_changes_nothing(pets, workers):
    assert scan_images(load_images(pets), PETS, workers=workers) == scan_images(load_images(pets), PETS)


def test_good_images_go_on_and_copies_share_a_group(pets):
    image_set = load_images(pets)
    found = scan_images(image_set)
    good = image_set.subset(found.readable)
    assert len(good) == 9
    assert str(pets / "cat/broken.jpg") not in good.names
    group_of = dict(zip(found.names, found.groups.tolist(), strict=True))
    assert group_of[str(pets / "cat/b.png")] == group_of[str(pets / "dog/not a cat.png")]
    assert len(set(group_of.values())) == 8
    parts = stratified_split(image_set.labels, (0.5, 0.5), groups=found.groups, generator=np.random.default_rng(0))
    assert not set(found.groups[parts[0]]) & set(found.groups[parts[1]])


def test_copies_across_two_sets(paint, tmp_path):
    for name, value in (("train/a.png", 1), ("train/b.png", 2), ("test/c.png", 2), ("test/d.png", 3)):
        paint(name, value)
    one, two = (scan_images(load_images(tmp_path / part)) for part in ("train", "test"))
    assert shared_images(one, two) == ((str(tmp_path / "train/b.png"), str(tmp_path / "test/c.png")),)


def test_arrays_are_scanned_too():
    pixels = np.zeros((4, 3, 3), np.uint8)
    pixels[3] = 9
    found = scan_images(load_images(pixels, ["cat", "dog", "cat", "fish"]), PETS)
    assert found.duplicates == (("#0", "#1", "#2"),)
    assert found.conflicts == (("#0", "#1"),)
    assert found.corrupt == ()


def test_an_unlabelled_and_an_empty_set():
    found = scan_images(load_images(np.zeros((2, 3, 3), np.uint8)), PETS)
    assert (found.counts, found.conflicts, found.leaves_without_images) == ((), (), ())
    assert len(scan_images(load_images([]), PETS).readable) == 0


def test_missing_files_are_corrupt(tmp_path):
    found = scan_images(load_images([tmp_path / "none.png"]))
    assert found.corrupt == ((str(tmp_path / "none.png"), "no such file"),)
    assert found.hashes == ("",)


def test_above_one_percent_training_stops(paint, tmp_path):
    paths = [paint(f"{place}.png", place) for place in range(100)]
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    require_readable(scan_images(load_images([*paths, bad])))
    worse = scan_images(load_images([*paths, bad, tmp_path / "none.png"]))
    with pytest.raises(DataError, match=r"2 of 102 images cannot be read.*bad\.png \(the file is empty\), .*none\.png"):
        require_readable(worse)
    require_readable(worse, max_share=0.05)
    with pytest.raises(DataError, match="1 of 1 images"):
        require_readable(scan_images(load_images([bad])), max_share=1.0)


def test_many_broken_images_are_not_all_listed(tmp_path):
    found = scan_images(load_images([tmp_path / f"{place}.png" for place in range(9)]))
    with pytest.raises(DataError, match=r"4\.png \(no such file\) and 4 more; mend or remove them"):
        require_readable(found)


def test_a_second_scan_reads_only_what_changed(pets, tmp_path):
    image_set = load_images(pets)
    first = scan_images(image_set, PETS, cache=tmp_path / "cache")
    assert first == scan_images(image_set, PETS)
    secretly = pets / "cat" / "c.png"
    status = secretly.stat()
    secretly.write_bytes(bytes(status.st_size))  # of the same size and time, so nobody can notice without reading
    os.utime(secretly, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert scan_images(image_set, PETS, cache=tmp_path / "cache") == first
    os.utime(secretly, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    second = scan_images(image_set, PETS, cache=tmp_path / "cache")
    assert str(secretly) in dict(second.corrupt)
    assert second == scan_images(image_set, PETS)


def test_progress_sees_every_image(pets):
    seen = []

    def watch(items, count, words):
        for item in items:
            seen.append((count, words))
            yield item

    scan_images(load_images(pets), progress=watch)
    assert seen == [(10, "scanning images")] * 10
