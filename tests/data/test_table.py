from __future__ import annotations

import pytest

from hierclf.data.image_set import image_to_pil
from hierclf.data.table import load_table
from hierclf.errors import DataError


@pytest.fixture
def table(tmp_path):
    def write(text, name="list.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return path

    return write


@pytest.mark.parametrize("header", ["", "path,label\n", " Image , CLASS \n"])
def test_rows_with_and_without_a_header(table, tmp_path, header):
    found = load_table(table(f"{header}a.png,cat\nsub/b.png,dog\n\n"))
    assert found.names == ("a.png", "sub/b.png")
    assert found.images == (tmp_path / "a.png", tmp_path / "sub/b.png")
    assert found.labels == ("cat", "dog")


def test_labels_stay_text(table):
    assert load_table(table("a,no\nb,010\nc,0\nd,1:30\ne,1e3\nf,\n")).labels == ("no", "010", "0", "1:30", "1e3", "")


def test_columns_by_name_in_any_order_and_others_left_alone(table):
    found = load_table(table("id,label,filename\n1,cat,a.png\n2,dog,b.png\n"))
    assert (found.names, found.labels) == (("a.png", "b.png"), ("cat", "dog"))


@pytest.mark.parametrize(
    "text",
    [
        "photo,species\na.png,cat\nsub/b.png,dog\n",
        "species,photo\ncat,a.png\ndog,sub/b.png\n",
        "path,species\na.png,cat\nsub/b.png,dog\n",
        "what,photo,label\n1,a.png,cat\n2,sub/b.png,dog\n",
        "a.png;cat\nsub/b.png;dog\n",
        "photo;species\r\na.png;cat\r\nsub/b.png;dog\r\n",
        "Path\tLabel\na.png\tcat\nsub/b.png\tdog\n",
    ],
)
def test_columns_under_other_names_and_other_separators(table, text):
    found = load_table(table(text))
    assert (found.names, found.labels) == (("a.png", "sub/b.png"), ("cat", "dog"))


def test_columns_of_files_whose_names_do_not_end_like_images(table, paint, tmp_path):
    paint("x.png").rename(tmp_path / "0af3")
    assert load_table(table("photo,species\n0af3,cat\n")).labels == ("cat",)
    assert load_table(table("0af3,cat\na.png,dog\n")).labels == ("cat", "dog")


def test_a_semicolon_in_the_name_of_a_file_divides_nothing(table, paint):
    paint("a;b.png")
    assert load_table(table("a;b.png\nc;d.png\n")).names == ("a;b.png", "c;d.png")
    assert load_table(table("a;b.png,cat\n")).labels == ("cat",)


def test_a_name_that_is_too_long_is_refused(table, tmp_path):
    with pytest.raises(DataError, match=r"no file '.*xxx"):
        load_table(tmp_path / f"{'x' * 300}.csv")
    assert load_table(table(f"photo,species\n{'x' * 300}.png,cat\n{'y' * 300},dog\n")).labels == ("cat", "dog")


def test_one_column_has_no_labels(table):
    assert load_table(table("a.png\nb.png\n")).labels is None
    assert load_table(table("path\na.png\n")).names == ("a.png",)


def test_quotes_tabs_a_byte_order_mark_and_composed_text(table):
    assert load_table(table('"a,b.png","x ""y"""\r\n')).labels == ('x "y"',)
    assert load_table(table("a b.png\tcat\n", "list.tsv")).names == ("a b.png",)
    assert load_table(table("path,label\na.png,e\u0301\n", encoding="utf-8-sig")).labels == ("\u00e9",)


def test_paths_may_be_absolute_or_lead_upwards(table, tmp_path, paint):
    outside = paint("images/a.png", 9)
    (tmp_path / "lists").mkdir()
    found = load_table(table(f"{outside},cat\n../images/a.png,cat\n", "lists/list.csv"))
    assert [image_to_pil(found, place).getpixel((0, 0)) for place in (0, 1)] == [(9, 9, 9)] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"list\.csv: expected rows of path,label; the file is empty"),
        ("path,label\n", r"list\.csv: no row below"),
        ("a.png,cat\nb.png\n", r"list\.csv:2: expected a path and a label, got \['b\.png'\]"),
        ("a.png,cat\n ,cat\n", r"list\.csv:2: expected a path"),
        ("path,size,day\na.png,3,4\n", r"list\.csv:1: no column of labels among \['path', 'size', 'day'\]"),
        ("id,photo,species\n1,a.png,cat\n", r"list\.csv:1: no column .* name the columns 'path' and 'label'"),
        ("a.png,c\u202eat\n", r"list\.csv:1: the label .* cannot be seen"),
        (b"\xff\xfe\x00\x01", r"list\.csv: expected a table as text in UTF-8"),
        ("a" * 200_000, r"list\.csv: it cannot be read as a table"),
        ('"a.png,cat\n', r"list\.csv: it cannot be read as a table"),
    ],
)
def test_faults_are_named_with_file_and_line(table, text, words):
    with pytest.raises(DataError, match=words):
        load_table(table(text))


def test_a_missing_table_is_named_with_the_nearest(table, tmp_path):
    table("a,b\n", "labels.csv")
    with pytest.raises(DataError, match=r"no file '.*lables\.csv'; did you mean 'labels\.csv'\?"):
        load_table(tmp_path / "lables.csv")
