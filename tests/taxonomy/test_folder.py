import pytest

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.folder import taxonomy_from_folder


def make(top, *folders):
    for folder in folders:
        (top / folder).mkdir(parents=True)


def test_nested_folders_mirror_the_taxonomy(tmp_path):
    make(tmp_path, "data/animal/dog", "data/animal/cat", "data/plant", "data/.cache/x", "data/__MACOSX/animal")
    (tmp_path / "data" / "notes.txt").write_text("")
    (tmp_path / "data" / "animal" / "dog" / "1.png").write_text("")
    taxonomy = taxonomy_from_folder(tmp_path / "data")
    assert taxonomy.edges == (("data", "animal"), ("data", "plant"), ("animal", "cat"), ("animal", "dog"))
    assert taxonomy_from_folder(tmp_path / "data", root="thing").root == "thing"


def test_a_name_in_two_places_is_refused_with_both(tmp_path):
    make(tmp_path, "train/cat", "val/cat")
    with pytest.raises(TaxonomyError, match="train/cat and val/cat"):
        taxonomy_from_folder(tmp_path)


def test_links_that_lead_out_are_refused(tmp_path):
    make(tmp_path, "data/a", "secret/b")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(TaxonomyError, match="leads out of"):
        taxonomy_from_folder(tmp_path / "data")


def test_links_that_lead_in_circles_are_refused(tmp_path):
    make(tmp_path, "data/a/b")
    (tmp_path / "data" / "a" / "loop").symlink_to(tmp_path / "data")
    with pytest.raises(TaxonomyError, match="two places"):
        taxonomy_from_folder(tmp_path / "data")


def test_a_link_to_itself_is_named(tmp_path):
    make(tmp_path, "data/a")
    (tmp_path / "data" / "a" / "self").symlink_to("self")
    with pytest.raises(TaxonomyError, match=r"a/self: this link cannot be followed"):
        taxonomy_from_folder(tmp_path / "data")


def test_no_folder_and_no_classes_are_refused(tmp_path):
    with pytest.raises(TaxonomyError, match="found no folder"):
        taxonomy_from_folder(tmp_path)
    with pytest.raises(TaxonomyError, match="expected a folder"):
        taxonomy_from_folder(tmp_path / "missing")


def test_folder_names_are_checked(tmp_path):
    make(tmp_path, "data/a\u202eb")
    with pytest.raises(TaxonomyError, match="right-to-left override"):
        taxonomy_from_folder(tmp_path / "data")
