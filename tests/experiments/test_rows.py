from pathlib import Path

import pytest

from experiments.config import load_config
from experiments.rows import SHIPPED, chosen, gathered
from hierclf.errors import ConfigError

ALL = "strategies:\n  flat_msp: {}\n  knn: {epochs: 3}\n  hierclf:\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "all.yaml").write_text(ALL)
    (tmp_path / "mine.yaml").write_text("title: mine\nbase: knn\nepochs: 7\n")
    return tmp_path


def test_included_strategies_come_first_and_own_entries_replace_add_and_remove(folder):
    own = {"knn": {"epochs": "9"}, "hierclf": "null", "ours": {"base": "hierclf"}}
    rows = gathered({"include": "all.yaml", "strategies": own}, folder)["strategies"]
    assert rows == {"flat_msp": {}, "knn": {"epochs": "9"}, "ours": {"base": "hierclf"}}
    assert list(rows) == ["flat_msp", "knn", "ours"]


def test_a_config_may_live_by_its_includes_alone_and_later_files_win(folder):
    (folder / "more.yaml").write_text("strategies: {knn: {epochs: 5}, flat_max: {base: flat_msp}}\n")
    rows = gathered({"include": ["all.yaml", "more.yaml"]}, folder)["strategies"]
    assert rows == {"flat_msp": {}, "knn": {"epochs": "5"}, "hierclf": "", "flat_max": {"base": "flat_msp"}}


def test_without_includes_nothing_changes():
    values = {"name": "x", "strategies": {"hierclf": "", "knn": "null"}}
    assert gathered(values) == {"name": "x", "strategies": {"hierclf": "", "knn": ""}}
    assert gathered({"name": "x"}) == {"name": "x"}


def test_some_rows_by_name_or_glob_in_their_own_order(folder):
    values = {"include": "all.yaml", "only": ["hierclf", "flat_*"]}
    assert list(gathered(values, folder)["strategies"]) == ["flat_msp", "hierclf"]
    assert chosen({"a": 1, "b": 2}, []) == {"a": 1, "b": 2}


def test_the_baseline_is_always_kept(folder):
    values = {"include": "all.yaml", "baseline": "flat_msp"}
    found = gathered({**values, "only": "knn"}, folder)
    assert (list(found["strategies"]), found["baseline"]) == (["flat_msp", "knn"], "flat_msp")
    assert gathered({**values, "baseline": "kn", "only": "knn"}, folder)["baseline"] == "kn", "a typo stays one"


def test_an_entry_may_be_a_file_or_another_name_for_a_registered_strategy(folder):
    values = {
        "name": "x",
        "data": {"source": "idx"},
        "strategies": {"own": "mine.yaml", "plain": "flat_msp"},
    }
    config = load_config(values, beside=folder)
    built = config.built()
    assert built["own"].title == "mine"
    assert built["own"].settings["epochs"] == 7
    assert built["own"].settings["gate"] == ["knn"]
    assert built["plain"].settings["head"] == "flat"
    assert config.strategies["own"] == {"title": "mine", "base": "knn", "epochs": "7"}, "the file is no longer needed"


def test_shipped_files_are_found_from_anywhere(tmp_path):
    name = next(SHIPPED.glob("strategies/*.yaml")).relative_to(SHIPPED)
    assert gathered({"include": str(name)}, tmp_path)["strategies"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"include": "al.yaml"}, "include: there is no file 'al.yaml' (looked for"),
        ({"include": "mine.yaml"}, "expected 'strategies' with one entry each and nothing else, got 'title'"),
        ({"include": "all.yaml", "strategies": {"kn": "~"}}, "strategies.kn: null takes away what include brought"),
        ({"include": "all.yaml", "strategies": {"kn": "~"}}, "it brought no 'kn'; did you mean 'knn'?"),
        (
            {"include": "all.yaml", "only": "flat_mps"},
            "only: no strategy is called 'flat_mps'; did you mean 'flat_msp'?",
        ),
        ({"strategies": {"own": "none.yaml"}}, "strategies.own: there is no file 'none.yaml'"),
    ],
)
def test_mistakes_are_told(folder, values, message):
    with pytest.raises(ConfigError) as caught:
        gathered(values, folder)
    assert message in str(caught.value)


def test_a_file_of_strategies_with_another_shape_is_refused(tmp_path):
    (tmp_path / "list.yaml").write_text("strategies: [knn]\n")
    with pytest.raises(ConfigError, match="expected 'strategies' with one entry each and nothing else, got none"):
        gathered({"include": "list.yaml"}, Path(tmp_path))
