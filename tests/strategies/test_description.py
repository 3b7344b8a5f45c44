import pytest

from hierclf.errors import ConfigError
from hierclf.strategies import described, load_strategy, strategies

MINE = """
title: "no"                 # quoted: a text
base: knn
use_other: true
head: per_node
epochs: 3
keep: 0.9
leave_one_out: false
class_weights: null
gate: [mahalanobis++, [knn, {k: 5}]]
"""


def test_a_file_changes_a_registered_strategy(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    strategy = load_strategy(path)
    assert (strategy.title, strategy.uses_other) == ("no", True)
    expected = {"head": "per_node", "epochs": 3, "keep": 0.9, "leave_one_out": False, "class_weights": None}
    expected["gate"] = ["mahalanobis++", ["knn", {"k": 5}]]
    assert strategy.settings == {**strategies["knn"].settings, **expected}


def test_what_is_left_out_comes_from_the_default_and_the_name_of_the_file(tmp_path):
    path = tmp_path / "deep-ours.yaml"
    path.write_text("epochs: 7\n")
    strategy = load_strategy(path)
    assert (strategy.title, strategy.settings) == ("deep-ours", {"epochs": 7})
    assert strategy.fit_with is strategies["hierclf"].fit_with


def test_settings_common_to_all_lie_beneath_those_of_the_base():
    strategy = described({"epochs": 2}, called="flat_msp", common={"epochs": 9, "head": "shared", "batch_size": 8})
    assert strategy.settings["epochs"] == 2
    assert strategy.settings["head"] == "flat"
    assert strategy.settings["batch_size"] == 8
    assert strategy.title == strategies["flat_msp"].title


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "expected settings as 'name: value'"),
        ("", "expected settings as 'name: value'"),
        ("base: hierclff\n", "did you mean 'hierclf'?"),
        ("haed: flat\n", "no setting named 'haed'; did you mean 'head'?"),
        ("use_other: perhaps\n", "use_other: expected true or false, got 'perhaps'"),
        ("head: flat\nhead: shared\n", ":2:1: "),
        ("head: &x flat\n", ":1:7: "),
        ("head: [flat\n", "mine.yaml:"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_file(text, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_strategy(path)
    assert message in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot read this strategy"):
        load_strategy(tmp_path / "none.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * (3 << 20))
    with pytest.raises(ConfigError, match="MiB are too much"):
        load_strategy(tmp_path / "large.yaml")
