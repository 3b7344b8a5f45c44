"""Every protocol that comes with the project, end to end on stand-ins for its data."""

import json
from pathlib import Path

import pytest

from experiments.config import load_config
from experiments.document import read_document, with_assignments
from experiments.protocol import content_hashes, divide, protocol_taxonomy
from experiments.sources import load_pool
from hierclf.errors import ConfigError, DataError
from tests.experiments.stand_ins import ALPHABETS, STAND_INS

FOLDER = Path(__file__).parents[2] / "experiments" / "configs"
QUICK = ("settings.epochs=1", "settings.augmentation=none", "data.limit=24", "threads=1")
FEW = "[flat_msp, knn, flat_other_class_weighted, hierclf]"
MORE = {"clothing": ("settings.image_size=32", "settings.cache=false")}
PARTS = {"train", "other", "test", "unseen"}
EXPECTED = {
    "mnist": PARTS | {"far"},
    "omniglot_small": PARTS | {"seen", "far"},
    "clothing": PARTS | {"far"},
}


def config_of(name, root, *assignments):
    path = FOLDER / f"{name}.yaml"
    return load_config(with_assignments(read_document(path), [f"data.root={root}", *assignments]), beside=path.parent)


@pytest.fixture(scope="module", params=STAND_INS)
def protocol(request, tmp_path_factory):
    """A config's name and the root of its stand-in."""
    return request.param, STAND_INS[request.param](tmp_path_factory.mktemp(request.param))


def divisions(config):
    pool = load_pool(config.data)
    taxonomy, hashes = protocol_taxonomy(config, pool), content_hashes(pool)
    return [divide(pool, config, taxonomy, hashes, seed=seed) for seed in config.seeds]


def test_every_seed_divides_the_classes_as_it_should(protocol):
    name, root = protocol
    config = config_of(name, root)
    assert config.name == name
    assert config.seeds == [0, 1, 2, 3, 4]
    found = divisions(config)
    for division in found:
        assert set(division.parts) == EXPECTED.get(name, PARTS | {"seen"})
        known = set(division.train.labels)
        assert known == set(division.test.labels) == set(division.taxonomy.leaves)
        for part in ("other", "seen", "unseen", "far"):
            assert not known & set(getattr(division.parts.get(part), "labels", ()))
        assert not set(division.other.labels) & set(division.unseen.labels)
    if config.classes.splits:
        assert len({tuple(sorted(set(one.unseen.labels))) for one in found}) == 5, "every seed has classes of its own"


def test_a_rehearsal_opens_no_test(protocol):
    name, root = protocol
    config = config_of(name, root, "validation=true", "seeds=[0, 1]")
    real = divisions(config_of(name, root, "seeds=[0, 1]"))
    for division, whole in zip(divisions(config), real, strict=True):
        assert {"train", "test", "unseen"} <= set(division.parts)
        tested = {
            image for part in ("test", "seen", "unseen", "far") for image in getattr(whole.parts.get(part), "names", ())
        }
        assert not tested & set(division.hashes)
        assert not set(whole.unseen.labels) & {label for images in division.parts.values() for label in images.labels}


@pytest.mark.parametrize("include", ["all", "ablations"])
def test_all_strategies_can_be_built(protocol, include):
    name, root = protocol
    words = [f"include=strategies/{include}.yaml", "baseline=hierclf"]
    built = config_of(name, root, *words).built()
    assert len(built) >= 24
    assert len({strategy.title for strategy in built.values()}) == len(built), "a reader tells rows by their titles"
    taught = [strategy.title for strategy in built.values() if strategy.uses_other]
    assert all(title.endswith(" [notMNIST]") for title in taught) == (name == "mnist")


@pytest.mark.slow
def test_a_handful_of_rows_end_to_end(protocol, call, tmp_path):
    name, root = protocol
    words = [*QUICK, *MORE.get(name, ()), "seeds=[0, 1]", f"only={FEW}", f"data.root={root}"]
    result = call(str(FOLDER / f"{name}.yaml"), *words)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "runs" / f"{name}-1"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert len(metrics["runs"]) == 8
    assert all(row["error"] is None for row in metrics["runs"])
    kinds = EXPECTED.get(name, PARTS | {"seen"}) - {"train", "other", "test"}
    for row in metrics["runs"]:
        assert all(row[f"auroc_other_{kind}"] is not None for kind in kinds)
    assert len(list((folder / "splits").glob("*.csv"))) == 2, "seeds differ at least in the images to learn from"
    table = (folder / "table.md").read_text()
    assert "right class" in table
    assert "AUROC, new other" in table


@pytest.mark.slow
def test_a_rehearsal_end_to_end(call, tmp_path):
    root = STAND_INS["chars74k_fonts"](tmp_path / "data")
    words = [*QUICK, "seeds=[0]", "only=[flat_msp, hierclf]", "validation=true", f"data.root={root}"]
    result = call(str(FOLDER / "chars74k_fonts.yaml"), *words)
    assert result.exit_code == 0, result.output
    assert "VALIDATION" in result.stdout
    folder = tmp_path / "runs" / "chars74k_fonts-1"
    (split,) = (folder / "splits").glob("*.csv")
    assert "test" in split.read_text()
    assert "test0" not in split.read_text(), "no image of the test files"


@pytest.mark.slow
def test_fine_tuning_end_to_end(call, tmp_path):
    root = STAND_INS["clothing"](tmp_path / "data")
    rows = ["tuned", "frozen", "layer_decay_60", "trivial_augment", "averaging", "label_smoothing"]
    words = [*QUICK[:1], *QUICK[2:], *MORE["clothing"], "seeds=[0]", f"only=[{', '.join(rows)}]", f"data.root={root}"]
    result = call(str(FOLDER / "fine_tuning_clothing.yaml"), *words)
    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "runs" / "fine_tuning_clothing-1" / "metrics.json").read_text())
    assert {row["strategy"]: row["error"] for row in metrics["runs"]} == dict.fromkeys(rows)
    assert not list(tmp_path.rglob("test_openings.csv")), "this is for choosing"


def test_splits_of_mnist_are_those_that_papers_use(tmp_path):
    config = config_of("mnist", tmp_path)
    known = ["".join(split.known) for split in config.classes.splits]
    assert known == ["245983", "326940", "583246", "378405", "634982"]


def test_every_garment_is_never_seen_once_and_every_alphabet_known_at_least_twice(tmp_path):
    splits = config_of("fashion_mnist", tmp_path).classes.splits
    unseen = [name for split in splits for name in split.unseen]
    assert len(unseen) == len(set(unseen)) == 10
    assert len({name for split in splits for name in split.other}) == 5
    for alphabet in ALPHABETS:
        away = [
            f"{alphabet}__*" in [*split.other, *split.far]
            for split in config_of("omniglot_small", tmp_path).classes.splits
        ]
        assert 1 <= sum(away) <= 3, alphabet


def test_a_config_without_its_data_says_what_is_missing(tmp_path):
    for name in STAND_INS:
        with pytest.raises((DataError, ConfigError), match=r"data\.root=PATH"):
            load_pool(config_of(name, tmp_path / "nowhere").data)
