from pathlib import Path

import pytest

from experiments.config import expanded, load_config
from experiments.document import read_document
from hierclf.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "experiments" / "configs"
OWN = ("discovery_", "hold_out_", "weights_", "worth_")  # read by packages of their own
CONFIGS = sorted(path for path in FOLDER.glob("*.yaml") if not path.stem.startswith(OWN))
SMALLEST = {"name": "small", "data": {"source": "sklearn:digits"}, "strategies": {"hierclf": ""}}


def with_change(**changes):
    return load_config({**SMALLEST, **changes})


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_that_comes_with_the_project_is_good(path):
    config = load_config(read_document(path), beside=path.parent)
    assert config.name == path.stem
    assert config.about
    assert config.look_at
    assert config.built()


def test_there_are_configs_to_check():
    assert {"clothing", "digits", "digits_vs_letters"} <= {path.stem for path in CONFIGS}


def test_defaults():
    config = with_change()
    assert config.seeds == [0]
    assert config.threads is None
    assert config.built()["hierclf"].settings == {"backbone": "auto"}


def test_classes_stay_text_and_ranges_are_written_out():
    config = with_change(classes={"known": ["0-3", "010"], "other": ["A-C"], "unseen": "Z"})
    assert config.classes.known == ["0", "1", "2", "3", "010"]
    assert config.classes.other == ["A", "B", "C"]
    assert config.classes.unseen == ["Z"]
    assert expanded("a-c") == ["a", "b", "c"]
    assert expanded("T-shirt") == ["T-shirt"]
    assert expanded("A-c") == ["A-c"]


def test_a_strategy_is_a_base_with_settings_of_its_own():
    built = with_change(
        settings={"epochs": "5", "head": "per_node"},
        strategies={
            "hierclf": "",
            "ours": {"title": "with GEN", "gate": ["gen"], "epochs": "3"},
            "plain": {"base": "flat_msp", "use_other": "true"},
        },
    ).built()
    assert built["hierclf"].title == "hierclf"
    assert built["hierclf"].uses_other
    assert built["ours"].title == "with GEN"
    assert built["ours"].settings == {"backbone": "auto", "epochs": 3, "head": "per_node", "gate": ["gen"]}
    assert built["plain"].settings["head"] == "flat", "a recipe is more than the common settings"
    assert built["plain"].uses_other


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seds": ["0"]}, "seds: there is no such setting; did you mean 'seeds'?"),
        ({"data": {"source": "idx", "rot": "x"}}, "data.rot: there is no such setting; did you mean 'root'?"),
        ({"data": {}}, "data.source: this setting is missing"),
        ({"data": {"source": "idx", "test_share": "2"}}, "data.test_share: input should be less than 1, got '2'"),
        ({"seeds": ["0", "x"]}, "seeds.1: input should be a valid integer"),
        ({"seeds": ["1", "1"]}, "seeds: each seed once"),
        ({"seeds": []}, "seeds: list should have at least 1 item"),
        ({"name": "../x"}, "name: use letters, digits"),
        ({"strategies": {"a/b": ""}}, "strategies.a/b: use letters, digits"),
        ({"strategies": {}}, "strategies: dictionary should have at least 1 item"),
        (
            {"strategies": {"ours": {"base": "hierclff"}}},
            "strategies.ours: no strategy named 'hierclff'; did you mean 'hierclf'?",
        ),
        (
            {"strategies": {"flat_mps": ""}},
            "strategies.flat_mps: no strategy named 'flat_mps'; did you mean 'flat_msp'?",
        ),
        ({"strategies": {"ours": {"epoch": "3"}}}, "strategies.ours: no setting named 'epoch'; did you mean 'epochs'?"),
        ({"strategies": {"ours": {"gate": ["kn"]}}}, "strategies.ours: no score named 'kn'; did you mean 'knn'?"),
        ({"strategies": {"ours": {"seed": "1"}}}, "strategies.ours: the seed comes from 'seeds'"),
        ({"strategies": {"ours": {"use_other": "maybe"}}}, "strategies.ours: use_other: expected true or false"),
        ({"strategies": {"ours": ["knn"]}}, "strategies.ours: expected settings as 'name: value'"),
        ({"strategies": {"flat_other_class": {"gate": ["knn"]}}}, "comes with its own gate"),
        ({"columns": ["leaf_acuracy"]}, "columns: no column named 'leaf_acuracy'; did you mean 'leaf_accuracy'?"),
        ({"classes": {"known": ["0"], "other": ["0"]}}, "classes: '0' is in two of known, other, unseen and far"),
        ({"classes": {"known": ["0-3", "2"]}}, "'2' is listed twice"),
        ({"hold_out": {}}, "run it with python -m experiments.hold_out"),
        ({"threads": "0"}, "threads: input should be greater than or equal to 1, got '0'"),
        ({"processes": "0"}, "processes: input should be greater than or equal to 1, got '0'"),
        ({"inclde": "x.yaml"}, "inclde: there is no such setting; did you mean 'include'?"),
        (
            {"baseline": "hierclff"},
            "baseline: no strategy of this config is called 'hierclff'; did you mean 'hierclf'?",
        ),
        ({"classes": {"splits": [["0", "1"]], "known": ["2"]}}, "the known classes are told twice, by known and by"),
        ({"classes": {"splits": [["0"], {"known": ["1"], "other": ["1"]}]}}, "classes: '1' is in two of known, other"),
        ({"classes": {"splits": [["0", "1"]], "far": ["1"]}}, "classes: '1' is in two of known, other, unseen and far"),
        ({"classes": {"splits": [{"knwn": ["0"]}]}}, "classes.splits.0.knwn: there is no such setting; did you mean"),
        ({"data": {"source": "idx", "beside": {"a": {"root": "x"}}}}, "data.beside.a.source: this setting is missing"),
    ],
)
def test_mistakes_are_told_with_their_place(changes, message):
    with pytest.raises(ConfigError) as caught:
        with_change(**changes)
    assert message in str(caught.value)


def test_all_mistakes_of_a_config_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        with_change(seds="0", threads="x", data={"source": "idx", "limt": "3"})
    assert len(str(caught.value).splitlines()) == 3


def test_a_written_config_reads_back_as_the_same():
    import yaml

    config = with_change(classes={"known": ["0-3"]}, strategies={"ours": {"gate": ["gen"], "epochs": "3"}}, threads="2")
    written = yaml.safe_dump(config.model_dump(), sort_keys=False)
    from experiments.document import parse

    again = load_config(parse(written, "x"))
    assert again.model_dump(exclude={"strategies"}) == config.model_dump(exclude={"strategies"})
    assert again.built() == config.built()


@pytest.mark.parametrize(
    "rows",
    [
        {"flat_msp": "", "mine": {"title": "flat softmax + threshold"}},
        {"mine": {"title": "knn  "}, "other": {"base": "flat_msp", "title": "knn"}},
        {"flat_msp": "", "flat_energy": {"title": "flat softmax + threshold", "keep": "0.9"}},
    ],
)
def test_two_strategies_of_one_title_are_refused(rows):
    first, second = rows
    with pytest.raises(ConfigError, match=f"strategies.{second}: '{first}' is called .* such as title: {second}"):
        with_change(strategies=rows)


def test_titles_are_compared_as_the_tables_show_them():
    rows = {"mine": {"title": "knn [A]", "use_other": "false"}, "theirs": {"title": "knn"}}
    with pytest.raises(ConfigError, match=r"strategies.theirs: 'mine' is called 'knn \[A\]' in the tables too"):
        with_change(strategies=rows, other_called="A")
    assert len(with_change(strategies=rows).built()) == 2


def test_what_a_run_is_told_beside_its_data():
    config = with_change(
        strategies={"hierclf": "", "flat_msp": ""}, processes="3", baseline="flat_msp", other_called="letters"
    )
    assert (config.processes, config.baseline) == (3, "flat_msp")
    built = config.built()
    assert built["hierclf"].title == "hierclf [letters]", "it learns from images of other"
    assert "[" not in built["flat_msp"].title


def test_a_validation_leaves_the_test_unread():
    assert not with_change().data.without_test
    config = with_change(validation="true", validation_unseen="0.5")
    assert config.data.without_test
    assert config.validation_unseen == 0.5
    assert with_change(validation_unseen=["0-2"]).validation_unseen == ["0", "1", "2"]


def test_a_list_is_a_split_of_its_known_classes():
    config = with_change(classes={"splits": [["0-2"], {"other": "4", "unseen": ["5", "6"]}]})
    assert [split.model_dump() for split in config.classes.splits] == [
        {"known": ["0", "1", "2"], "other": [], "unseen": [], "far": []},
        {"known": [], "other": ["4"], "unseen": ["5", "6"], "far": []},
    ]
    again = load_config(config.model_dump())
    assert again.classes == config.classes
