import pytest

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.fault import RULES, Fault, error_from

FAULT = Fault(
    path="taxonomy.yaml",
    line=6,
    column=13,
    rule="unknown-class",
    message='unknown class "round_shap" in "weights.classes"',
    help='did you mean "round"?',
    source="  classes: {round_shap: 0.25}",
    span=10,
)


def test_a_fault_is_drawn_under_its_line():
    assert str(FAULT) == (
        'taxonomy.yaml:6:13: unknown class "round_shap" in "weights.classes"\n'
        "  |\n"
        "6 |   classes: {round_shap: 0.25}\n"
        "  |             ^^^^^^^^^^\n"
        '  = help: did you mean "round"?'
    )


def test_the_margin_grows_with_the_line_number():
    drawn = str(Fault(path="t", line=1234, column=1, rule="syntax", message="m", source="abc", span=3)).splitlines()
    assert drawn[1:] == ["     |", "1234 | abc", "     | ^^^"]


def test_hostile_lines_are_drawn_without_their_control_characters():
    drawn = str(
        Fault(path="\x1b]0;t", line=1, column=5, rule="syntax", message="\u202em", source="a\x1b[2\u202eJx", span=1)
    )
    assert drawn.replace("\n", "").isprintable()
    assert "\\x1b" in drawn


def test_the_caret_stands_under_wide_and_combining_characters():
    lines = str(Fault(path="t", line=1, column=4, rule="syntax", message="m", source="日e\u0301x", span=1)).splitlines()
    assert lines[3] == "  |    ^"  # two columns for 日, one for the accented e


def test_a_long_line_is_cut_around_the_fault():
    drawn = str(
        Fault(path="t", line=1, column=500_001, rule="syntax", message="m", source="a" * 500_000 + "B" + "c" * 500_000)
    )
    source, caret = drawn.splitlines()[2:4]
    assert len(source) < 200
    assert source[caret.index("^")] == "B"


def test_a_fault_without_a_line_is_one_line():
    assert str(Fault(path="t.csv", line=0, column=0, rule="edges", message="m")) == "t.csv: m"


def test_a_fault_as_values():
    assert FAULT.to_dict()["rule"] == "unknown-class"
    assert set(FAULT.to_dict()) == {"path", "line", "column", "rule", "message", "help", "source", "span"}


def test_the_error_tells_every_fault():
    error = error_from((FAULT, FAULT))
    assert isinstance(error, TaxonomyError)
    assert error.faults == (FAULT, FAULT)
    assert str(error).count("round_shap") == 4


@pytest.mark.parametrize("rule", RULES)
def test_rules_are_words_with_a_description(rule):
    assert rule == rule.lower()
    assert len(RULES[rule]) > 10
