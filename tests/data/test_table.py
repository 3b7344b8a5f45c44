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
        ("path,size\na.png,3\n", r"list\.csv:1: no column of labels among \['path', 'size'\]"),
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
