from __future__ import annotations

import os
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from hierclf.data.folder import is_image_name, load_folder
from hierclf.errors import DataError


def test_the_class_is_the_folder_that_holds_the_image_at_any_depth(paint, tmp_path):
    for name in ("animal/dog/beagle/b.png", "animal/dog/beagle/a.PNG", "animal/dog/x.png", "rock/r.png"):
        paint(f"data/{name}")
    found = load_folder(tmp_path / "data")
    assert found.names == tuple(
        str(tmp_path / "data" / name)
        for name in ("animal/dog/beagle/a.PNG", "animal/dog/beagle/b.png", "animal/dog/x.png", "rock/r.png")
    )
    assert found.labels == ("beagle", "beagle", "dog", "rock")
    assert found.classes == ("beagle", "dog", "rock")
    assert found.kind == "paths"


def test_a_class_in_two_places_is_one_class(paint, tmp_path):
    paint("pet/cat/1.png")
    paint("wild/cat/2.png")
    found = load_folder(tmp_path)
    assert found.labels == ("cat", "cat")
    assert found.twins == ((str(tmp_path / "pet" / "cat"), str(tmp_path / "wild" / "cat")),)


def test_images_right_in_the_top_folder_have_no_label(paint, tmp_path):
    paint("a.png")
    assert load_folder(tmp_path).labels is None
    paint("cat/b.png")
    assert load_folder(tmp_path).labels == ("", "cat")


def test_names_are_as_the_folder_was_given(paint, tmp_path, monkeypatch):
    paint("data/cat/a.png")
    monkeypatch.chdir(tmp_path)
    assert load_folder("data").names == (os.path.join("data", "cat", "a.png"),)


def test_hidden_files_and_other_files_are_counted_and_left_out(paint, tmp_path):
    paint("cat/a.png")
    for name in (".hidden/b.png", "cat/.c.png", "__MACOSX/cat/a.png"):
        paint(name)
    (tmp_path / "cat" / "notes.txt").write_text("x")
    (tmp_path / "Thumbs.db").write_text("x")
    os.mkfifo(tmp_path / "cat" / "pipe.jpg")
    found = load_folder(tmp_path)
    assert len(found) == 1
    assert found.ignored == 6
    assert found.classes == ("cat",)


def test_an_empty_class_is_noticed(paint, tmp_path):
    paint("cat/a.png")
    (tmp_path / "dog").mkdir()
    (tmp_path / "bird").mkdir()
    (tmp_path / "bird" / "notes.txt").write_text("x")
    (tmp_path / "meta" / "fish").mkdir(parents=True)
    assert load_folder(tmp_path).classes == ("bird", "cat", "dog", "fish")


def test_links_are_followed_inside_the_folder_and_refused_outside(paint, tmp_path):
    secret = paint("secret/s.png")
    kept = paint("data/cat/a.png")
    data = tmp_path / "data"
    (data / "dog").mkdir()
    (data / "dog" / "same.png").symlink_to(kept)
    (data / "dog" / "stolen.png").symlink_to(secret)
    (data / "stolen").symlink_to(secret.parent)
    (data / "relative").symlink_to("../secret")
    (data / "feline").symlink_to("cat")
    (data / "dog" / "gone.png").symlink_to(data / "nowhere.png")
    found = load_folder(data)
    assert Counter(found.labels) == {"cat": 1, "dog": 2, "feline": 1}
    assert [name for name, _ in found.refused] == [str(data / n) for n in ("dog/stolen.png", "relative", "stolen")]
    assert all(reason.startswith("link out of the data folder, to ") for _, reason in found.refused)
    assert not any(str(path.resolve()).startswith(str(secret.parent)) for path in found.images)


def test_a_link_to_itself_is_left_out_and_told(paint, tmp_path):
    paint(tmp_path / "data" / "cat" / "1.png")
    (tmp_path / "data" / "cat" / "circle.png").symlink_to("circle.png")
    found = load_folder(tmp_path / "data")
    assert [name.rpartition("/")[2] for name in found.names] == ["1.png"]
    assert found.refused == ((str(tmp_path / "data" / "cat" / "circle.png"), "link that leads nowhere"),)


def test_a_link_to_a_folder_above_does_not_go_round_for_ever(paint, tmp_path):
    paint("data/cat/a.png")
    (tmp_path / "data" / "cat" / "loop").symlink_to("..")
    found = load_folder(tmp_path / "data")
    assert found.labels == ("cat",)
    assert found.refused == ((str(tmp_path / "data" / "cat" / "loop"), "link to a folder that it lies in"),)


def test_the_top_folder_itself_may_be_a_link(paint, tmp_path):
    paint("real/cat/a.png")
    (tmp_path / "link").symlink_to("real")
    assert load_folder(tmp_path / "link").labels == ("cat",)


def test_composed_and_decomposed_folder_names_are_one_class(paint, tmp_path):
    for place, form in enumerate(("NFC", "NFD")):
        paint(f"{unicodedata.normalize(form, 'café')}/{place}.png")
    assert set(load_folder(tmp_path).labels) == {unicodedata.normalize("NFC", "café")}


@pytest.mark.parametrize("name", ["<script>", "=HYPERLINK(1)", "a..", "x" * 200, "no", "010", "a b", "猫"])
def test_odd_folder_names_stay_what_they_are(paint, tmp_path, name):
    paint(f"{name}/a.png")
    assert load_folder(tmp_path).labels == (name,)


def test_a_folder_name_that_cannot_be_seen_is_refused(paint, tmp_path):
    paint("cat\u202egod/a.png")
    with pytest.raises(DataError, match=r"folder '.*cat\\u202egod': the label .* rename it"):
        load_folder(tmp_path)


def test_file_names_in_no_encoding_can_be_printed(paint, tmp_path):
    path = paint("cat/a.png")
    os.rename(path, os.fsencode(path.parent) + b"/caf\xe9.png")
    found = load_folder(tmp_path)
    assert found.names[0].endswith("caf\\xe9.png")
    assert found.images[0].is_file()


def test_a_missing_folder_is_named_with_the_nearest_one(paint, tmp_path):
    paint("train/cat/a.png")
    with pytest.raises(DataError, match=r"no folder '.*trian'; did you mean 'train'\?"):
        load_folder(tmp_path / "trian")
    with pytest.raises(DataError, match=r"there is no folder '.*nowhere' either"):
        load_folder(tmp_path / "nowhere" / "train")


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    (tmp_path / "dog").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"no image in .*\(empty folders: 1, files that are hidden or no images: 1\)"):
        load_folder(tmp_path)


def test_a_folder_that_cannot_be_listed_is_named(paint, tmp_path, monkeypatch):
    paint("cat/a.png")
    listed = os.scandir

    def refuse(path):
        if str(path).endswith("cat"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"cat' cannot be listed \(Permission denied\)"):
        load_folder(tmp_path)


def test_a_folder_that_nobody_may_look_into_is_not_called_missing(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"no folder '.*cat' that can be seen: this user may not list '.*shut'"):
        load_folder(tmp_path / "shut" / "cat")


def test_what_ends_like_an_image():
    assert is_image_name("a.JPG")
    assert not is_image_name(".a.jpg")
    assert not is_image_name("jpg")
    assert not is_image_name("a.svg")


def test_a_deep_chain_of_folders(tmp_path):
    path = tmp_path
    for _ in range(300):
        path = path / "d"
    path.mkdir(parents=True)
    with pytest.raises(DataError, match="empty folders: 1"):
        load_folder(tmp_path)
