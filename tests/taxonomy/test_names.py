import pytest

from hierclf.taxonomy.names import all_plain, complaint_about, normalise_name, quoted, visible

GOOD = [
    "0",
    "no",
    "..",
    "a/b",
    "../../etc/passwd",
    "<script>",
    "=HYPERLINK()",
    "a b",
    "é",
    "日本",
    "T-shirt/top",
    "x" * 200,
    "👍",
]
BAD = {
    "": "is empty",
    "x" * 201: "is 201 characters long",
    "a\u200bb": "U+200B (zero width space)",
    "a\u202eb": "U+202E (right-to-left override)",
    "\ufeffa": "U+FEFF",
    "a\nb": "U+000A (control character)",
    "a\x00": "U+0000",
    "a\u2028b": "U+2028",
    "\ud800": "U+D800",
    " a": "starts or ends with a space",
    "a\u00a0": "starts or ends with a space",
}


@pytest.mark.parametrize("name", GOOD)
def test_any_visible_text_is_a_name(name):
    assert complaint_about(name) is None


@pytest.mark.parametrize(("name", "reason"), BAD.items(), ids=ascii)
def test_what_cannot_be_seen_or_read_is_refused(name, reason):
    assert reason in complaint_about(name)


@pytest.mark.parametrize(
    "names", [[], ["a"], ["a b", "c"], [" a"], ["a "], [""], ["a", ""], ["x" * 201], ["a\tb"], ["a/ b"], ["a /b"]]
)
def test_the_quick_check_never_passes_a_bad_name(names):
    if all_plain(names):
        assert [complaint_about(name) for name in names] == [None] * len(names)


def test_the_quick_check_passes_plain_names():
    assert all_plain(["a", "b c", "x" * 200])


def test_names_are_in_normal_form_c():
    assert normalise_name("e\u0301") == "é"


def test_invisible_characters_are_spelt_out():
    assert visible("a\x1b[31m\u202e") == "a\\x1b[31m\\u202e"
    assert quoted("x" * 300) == '"' + "x" * 57 + '…"'
