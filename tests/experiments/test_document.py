import pytest

from experiments.document import parse, plain, read_document, with_assignments
from hierclf.errors import ConfigError


def test_every_scalar_stays_the_text_that_was_typed():
    assert parse("known: [0, 010, no, 1:30, 1.50]", "x") == {"known": ["0", "010", "no", "1:30", "1.50"]}


def test_numbers_and_words_are_made_where_they_are_wanted():
    given = ["3", "-1", "0.5", "1e-3", "010", "true", "false", "null", "~", "", "no", "1.2.3", {"7": ["8"]}, None, 4]
    assert plain(given) == [3, -1, 0.5, 1e-3, "010", True, False, None, None, None, "no", "1.2.3", {"7": [8]}, None, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "x:2:1: 'a' stands here twice"),
        ("a: &anchor [1]\nb: *anchor", "x:2:4: aliases are not read"),
        ("a: [1", "x:1"),
        ("{a: 1}: 2", "x:1:1: a key must be text"),
        ("a: \0", "x: not YAML"),
        ("[" * 100_000, "x"),
    ],
)
def test_what_is_no_config_is_refused_with_its_place(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text, "x")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.yaml: cannot read this config: No such file.*digits\.yaml"):
        read_document(tmp_path / "nothing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 9"):
        read_document(tmp_path / "latin.yaml")
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(ConfigError, match="expected settings as 'name: value', got list"):
        read_document(tmp_path / "list.yaml")
    (tmp_path / "large.yaml").write_bytes(b" " * (2 << 20))
    with pytest.raises(ConfigError, match="2 MiB are too much"):
        read_document(tmp_path / "large.yaml")


def test_assignments_reach_into_mappings_and_leave_the_original_alone():
    given = {"data": {"source": "idx", "root": "a"}, "strategies": {"ours": ""}}
    changed = with_assignments(given, ["data.root=b=c", "strategies.ours.epochs=3", "seeds=[0, 1]", "look_at="])
    assert changed == {
        "data": {"source": "idx", "root": "b=c"},
        "strategies": {"ours": {"epochs": "3"}},
        "seeds": ["0", "1"],
        "look_at": "",
    }
    assert given == {"data": {"source": "idx", "root": "a"}, "strategies": {"ours": ""}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seeds", "expected key=value"),
        ("=3", "expected key=value"),
        ("a..b=3", "expected key=value"),
        ("name.first=3", "'name' is 'x' and holds no 'first'"),
        ("seeds=[0", "seeds=[0:1"),
    ],
)
def test_assignments_that_lead_nowhere_are_refused(assignment, message):
    with pytest.raises(ConfigError) as caught:
        with_assignments({"name": "x"}, [assignment])
    assert message in str(caught.value)
