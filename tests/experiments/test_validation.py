"""A rehearsal must not know the test: not its files, not its images, not its never-seen classes."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from experiments.config import DataConfig, load_config
from experiments.protocol import content_hashes, divide, known_taxonomy, protocol_taxonomy
from experiments.roles import Roles
from experiments.sources import Pool, load_pool
from experiments.validation import rehearsed
from hierclf.errors import ConfigError, DataError
from tests.experiments.test_protocol import pool_of

CLASSES = {"known": ["0-4"], "other": ["A-B"], "unseen": ["N"]}


def config_of(classes=CLASSES, *, more=(), **data):
    given = {"name": "x", "data": {"source": "idx", **data}, "classes": classes, "strategies": {"hierclf": ""}}
    return load_config({**given, "validation": "true", **dict(more)})


def rehearsal(pool, config, seed=0):
    return divide(pool, config, protocol_taxonomy(config, pool), content_hashes(pool), seed=seed)


def test_known_classes_and_kinds_of_other_play_what_is_never_seen():
    division = rehearsal(pool_of("01234ABN", learn=10, test=4), config_of(test_share="0.2"))
    labels = {part: sorted(set(images.labels)) for part, images in division.parts.items()}
    known, unseen = labels["train"], labels["unseen"]
    assert sorted(known + unseen) == list("01234")
    assert len(unseen) == 2, "0.3 of five, rounded"
    assert labels["test"] == known
    assert sorted(labels["other"] + labels["far"]) == ["A", "B"]
    assert labels["seen"] == labels["other"]
    assert {part: len(images) for part, images in division.parts.items()} == {
        "train": 24,
        "other": 8,
        "test": 6,
        "seen": 2,
        "unseen": 20,
        "far": 10,
    }
    assert division.taxonomy.leaves == tuple(known)
    assert division.sentences()[0].startswith("VALIDATION: ")


@pytest.mark.parametrize("data", [{}, {"resplit": "true"}])
@pytest.mark.parametrize("test", [None, 6])
def test_no_image_of_the_real_test_and_no_class_never_seen_takes_part(test, data):
    pool = pool_of("01234ABN", learn=20, test=test)
    config = config_of(**data)
    real = load_config({**config.model_dump(), "validation": False, "data": {"source": "idx", **data}})
    whole = protocol_taxonomy(real, pool)
    for seed in range(3):
        tested = divide(pool, real, whole, content_hashes(pool), seed=seed)
        hidden = {name for part in ("test", "seen", "unseen") for name in tested.parts[part].names}
        division = rehearsal(pool, config, seed)
        lines = list(csv.DictReader(io.StringIO(division.to_csv())))
        assert not hidden & {line["image"] for line in lines}
        assert not hidden & set(division.hashes)
        assert "N" not in {line["label"] for line in lines}
        assert len(lines) == len({line["image"] for line in lines})


def test_test_files_are_not_opened(idx_folder, class_folders):
    root = idx_folder("01234ABN", learn=6, test=2)
    for path in root.glob("MNIST/raw/t10k*"):
        path.write_bytes(b"broken")
    config = config_of(root=str(root))
    pool = load_pool(config.data)
    assert pool.test is None
    assert rehearsal(pool, config).validation
    root = class_folders({"train": {"a": 3}, "test": {"a": 2}, "other_test": {"sky": 2}, "other_train": {"sea": 2}})
    pool = load_pool(DataConfig(source="folder", root=str(root), without_test=True))
    assert (pool.test, pool.other_test, pool.parted) == (None, None, True)
    assert len(pool.other_train) == 2
    pool = load_pool(DataConfig(source="folder", root=str(root), without_test=True, resplit=True))
    assert len(pool.test) == 2
    assert pool.other_test is None


def test_other_from_elsewhere_is_divided_as_well():
    pool = pool_of("0123", learn=10, test=4)
    given = replace(pool_of("AB", learn=10).train, names=tuple(f"given{place}" for place in range(20)))
    division = rehearsal(Pool(train=pool.train, other_train=given, apart=True), config_of({"known": ["0-3"]}))
    assert {len(division.parts[part]) for part in ("far",)} == {10}
    assert len(division.other) + len(division.seen) == 10
    assert len(set(division.other.labels) | set(division.far.labels)) == 2
    twice = replace(given, labels=("0",) * 20)
    with pytest.raises(DataError, match="'0' is a class of the data and a kind of other that is given beside it"):
        rehearsal(Pool(train=pool.train, other_train=twice, apart=True), config_of({"known": ["0-3"]}))


def test_the_seed_draws_and_named_classes_are_taken():
    config = config_of()
    drawn = {rehearsed(Roles(known=tuple("01234")), (), config, seed=seed).unseen for seed in range(10)}
    assert len(drawn) > 3
    named = config_of(more={"validation_unseen": ["2", "4"]})
    for seed in range(3):
        roles = rehearsed(Roles(known=tuple("01234")), "ABC", named, seed=seed)
        assert (roles.known, roles.unseen) == (("0", "1", "3"), ("2", "4"))
        assert len(roles.far) == 1, "half of three, rounded down: what is given must not run out"
        assert sorted(roles.far + roles.other) == ["A", "B", "C"]
    assert rehearsed(Roles(known=("0", "1", "2")), "A", config, seed=0).other == ("A",)


def test_a_taxonomy_is_cut_without_a_look_at_the_images():
    pool, config = pool_of("01234ABN", learn=10, test=4), config_of()
    whole = protocol_taxonomy(config, pool)
    for seed in range(3):
        assert known_taxonomy(pool, config, whole, seed=seed) == rehearsal(pool, config, seed).taxonomy


@pytest.mark.parametrize(
    ("unseen", "message"),
    [
        (["9"], "validation_unseen: '9' is no known class"),
        (["A"], "those that play unseen come from the known ones"),
        (["0-3"], "of 5 known classes 4 play unseen, and at least 2 must stay"),
        ("0.9", "of 5 known classes 4 play unseen"),
        ("1.5", "validation_unseen: give a share between 0 and 1, or the classes, got '1.5'"),
    ],
)
def test_what_cannot_play_is_told(unseen, message):
    with pytest.raises(ConfigError) as caught:
        rehearsal(pool_of("01234ABN", learn=4, test=2), config_of(more={"validation_unseen": unseen}))
    assert message in str(caught.value)


def test_copies_between_the_two_halves_are_left_out():
    pool = pool_of("01234", learn=10, test=2)
    pool.train.images[:10] = pool.train.images[0]
    classes = {"known": ["0-4"]}
    division = rehearsal(pool, config_of(classes, more={"validation_unseen": "4"}))
    assert division.copies == 10 - sum(label == "0" for label in division.test.labels)
    assert np.sum(np.array(division.train.labels) == "0") == 0
