import csv
import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from experiments.config import load_config
from experiments.protocol import content_hashes, divide, known_taxonomy, protocol_taxonomy
from experiments.sealed import Exam
from experiments.sources import Pool
from hierclf import Taxonomy
from hierclf.data import load_images
from hierclf.errors import ConfigError
from tests.experiments.conftest import glyphs


def pool_of(kinds, learn=20, test=None):
    def part(name, count, seed):
        pictures, labels = glyphs(kinds, count, seed=seed)
        images = load_images(pictures, [kinds[label] for label in labels])
        return replace(images, names=tuple(f"{name}{place}" for place in range(len(images))))

    return Pool(train=part("train", learn, 0), test=None if test is None else part("test", test, 1))


def config_of(classes, **data):
    given = {"name": "x", "data": {"source": "idx", **data}, "classes": classes, "strategies": {"hierclf": ""}}
    return load_config(given)


def division_of(pool, config, seed=0):
    return divide(pool, config, protocol_taxonomy(config, pool), content_hashes(pool), seed=seed)


ROLES = {"known": ["0", "1"], "other": ["A"], "unseen": ["N"]}


def test_no_image_is_in_two_parts_and_no_unseen_class_is_learnt():
    division = division_of(pool_of("01ANx"), config_of(ROLES, test_share="0.25"))
    names = [name for images in division.parts.values() for name in images.names]
    assert len(names) == len(set(names))
    assert {part: Counter(images.labels) for part, images in division.parts.items()} == {
        "train": {"0": 15, "1": 15},
        "other": {"A": 15},
        "test": {"0": 5, "1": 5},
        "seen": {"A": 5},
        "unseen": {"N": 20},
    }, "of an unseen class all images are tested on, of an unnamed one none"


def test_a_split_of_the_data_itself_is_kept():
    pool = pool_of("01AN", learn=8, test=3)
    one, two = division_of(pool, config_of(ROLES), seed=0), division_of(pool, config_of(ROLES), seed=1)
    assert one.checksum == two.checksum
    assert all(name.startswith("train") for name in one.train.names + one.other.names)
    assert all(name.startswith("test") for name in one.test.names + one.seen.names + one.unseen.names)
    assert Counter(one.unseen.labels) == {"N": 3}


def test_a_split_of_the_data_itself_can_be_given_up():
    pool, config = pool_of("01AN", learn=8, test=4), config_of(ROLES, resplit="true", test_share="0.25")
    one, two = division_of(pool, config, seed=0), division_of(pool, config, seed=1)
    assert one.checksum != two.checksum
    assert {part: len(images) for part, images in one.parts.items()} == {
        "train": 18,
        "other": 9,
        "test": 6,
        "seen": 3,
        "unseen": 12,
    }
    assert {name[:4] for name in one.test.names + one.train.names} == {"trai", "test"}


def test_the_seed_decides_and_the_checksum_tells():
    pool = pool_of("01AN")
    one, again, two = (division_of(pool, config_of(ROLES), seed=seed) for seed in (0, 0, 1))
    assert one.checksum == again.checksum != two.checksum
    assert one.test.names == again.test.names
    assert one.test.names != two.test.names


def test_the_checksum_sees_pixels_and_labels_but_no_names():
    pool = pool_of("01AN")
    one = division_of(pool, config_of(ROLES))
    renamed = replace(pool.train, names=tuple(f"image {name}" for name in pool.train.names))
    assert division_of(Pool(train=renamed), config_of(ROLES)).checksum == one.checksum
    pixels = pool.train.images.copy()
    pixels[0, 0, 0] ^= 1
    assert division_of(Pool(train=replace(pool.train, images=pixels)), config_of(ROLES)).checksum != one.checksum


def test_images_that_equal_a_test_image_are_not_learnt():
    pool = pool_of("01AN", learn=5, test=4)
    pool.test.images[0] = pool.train.images[2]
    pool.test.images[-1] = pool.train.images[11]
    division = division_of(pool, config_of(ROLES))
    assert "train2" not in division.train.names
    assert "train11" not in division.other.names
    assert division.copies == 2
    assert "2 images to learn from were left out" in division.sentences()[-1]


def test_at_most_so_many_images_of_a_class_are_learnt():
    division = division_of(pool_of("01AN", learn=9, test=4), config_of(ROLES, limit="3"))
    assert Counter(division.train.labels) == {"0": 3, "1": 3}
    assert Counter(division.other.labels) == {"A": 3}
    assert len(division.test) == 8


def test_the_csv_lists_every_image_with_its_part():
    division = division_of(pool_of("01AN", learn=4, test=2), config_of(ROLES))
    lines = list(csv.DictReader(io.StringIO(division.to_csv())))
    assert Counter(line["part"] for line in lines) == {"train": 8, "other": 4, "test": 4, "seen": 2, "unseen": 2}
    assert lines[0]["image"] == "train0"
    assert lines[0]["label"] == "0"
    assert all(len(line["sha256"]) == 64 for line in lines)


def test_sentences_name_what_is_known_given_and_new():
    told = division_of(pool_of("01AN", learn=4, test=2), config_of(ROLES)).sentences()
    assert told == [
        "Known: 0, 1 (8 images) to learn from and 4 images to test on.",
        "Given as other: A (4 images) to learn from; 2 images of these kinds in the test.",
        "Other never seen before the test: N (2 images).",
    ]


def test_without_known_classes_the_taxonomy_says_what_is_known():
    taxonomy = Taxonomy.from_edges({"root": ["0", "1"]})
    pool, config = pool_of("01AN"), config_of({"other": ["A"]})
    division = divide(pool, config, taxonomy, content_hashes(pool), seed=0)
    assert set(division.train.labels) == {"0", "1"}
    assert division.unseen is None


def test_without_a_taxonomy_the_known_classes_stand_side_by_side():
    config = config_of({"known": ["1", "0"], "other": ["A"], "unseen": ["N"]})
    assert protocol_taxonomy(config, pool_of("01AN")).leaves == ("0", "1")
    assert protocol_taxonomy(config_of({"other": ["A"], "unseen": ["N"]}), pool_of("01AN")).leaves == ("0", "1")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"known": ["0"], "unseen": ["b"]}, "classes.unseen: the data holds no class 'b' (it holds 0, 1, hat, shoe)"),
        ({"known": ["0"], "other": ["hut"]}, "classes.other: the data holds no class 'hut'; did you mean 'hat'?"),
        ({"known": ["0", "7"]}, "classes.known: the data holds no class '7'"),
        ({"known": ["0", "shoe"]}, "classes.known: the taxonomy holds no class 'shoe'"),
    ],
)
def test_classes_that_are_not_there_are_told(classes, message):
    labels = ["0", "1", "hat", "shoe"] * 3
    pool = Pool(train=load_images(np.arange(12 * 16, dtype=np.uint8).reshape(12, 4, 4), labels))
    taxonomy = Taxonomy.from_edges({"root": ["0", "1", "7"]})
    with pytest.raises(ConfigError) as caught:
        divide(pool, config_of(classes), taxonomy, content_hashes(pool), seed=0)
    assert message in str(caught.value)


def test_data_without_a_class_of_the_taxonomy_is_refused():
    pool = pool_of("AN")
    with pytest.raises(ConfigError, match="the data holds no class of the taxonomy"):
        divide(pool, config_of({}), Taxonomy.from_edges({"root": ["0", "1"]}), content_hashes(pool), seed=0)


def test_far_other_is_told_apart_from_near_where_there_are_both():
    pool = pool_of("01ANxy", learn=6, test=3)
    far = replace(pool_of("s", learn=4).train, names=tuple(f"far{place}" for place in range(4)))
    elsewhere = Pool(train=pool.train, test=pool.test, other_test=far)
    division = division_of(elsewhere, config_of({**ROLES, "far": ["x"]}))
    assert Counter(division.unseen.labels) == {"N": 3}
    assert Counter(division.far.labels) == {"x": 3, "s": 4}
    assert division.sentences()[-1] == "Far other never seen before the test: s, x (7 images)."
    alone = division_of(elsewhere, config_of({"known": ["0", "1"]}))
    assert Counter(alone.unseen.labels) == {"s": 4}
    assert alone.far is None, "there is nothing to tell it apart from"


def test_splits_give_every_seed_its_own_classes_and_its_own_part_of_the_taxonomy():
    taxonomy = Taxonomy.from_edges({"even": ["0", "2"], "odd": ["1", "3"]}, root="number")
    pool, config = pool_of("0123", learn=6, test=3), config_of({"splits": [["0", "1", "2"], ["1", "3"]]})
    first, second = (divide(pool, config, taxonomy, content_hashes(pool), seed=seed) for seed in (0, 1))
    assert set(first.train.labels) == {"0", "1", "2"}
    assert set(first.unseen.labels) == {"3"}
    assert set(second.unseen.labels) == {"0", "2"}
    assert first.taxonomy.nodes == ("number", "even", "odd", "0", "2", "1")
    assert second.taxonomy.nodes == ("number", "odd", "1", "3")
    assert known_taxonomy(pool, config, taxonomy, seed=1) == second.taxonomy
    both = config.model_copy(update={"seeds": [0, 1]})
    assert set(protocol_taxonomy(both, pool).leaves) == {"0", "1", "2", "3"}
    told = divide(pool, both, taxonomy, content_hashes(pool), seed=1).sentences()[-1]
    assert told == "These are the classes of seed 1; other seeds have others."
    assert "seed" not in " ".join(first.sentences()), "one seed is all there is"


def test_a_held_out_class_belongs_below_the_closest_node_that_is_left():
    taxonomy = Taxonomy.from_edges({"number": ["even", "odd", "A"], "even": ["0", "2"], "odd": ["1", "3"]})
    pool, config = pool_of("0123AN", learn=6, test=3), config_of({"known": ["0", "1"], "other": ["2"]})
    roles = {"known": ["0", "1"], "other": ["2"], "unseen": ["3", "A", "N"]}
    division = divide(pool, config_of(roles), taxonomy, content_hashes(pool), seed=0)
    assert division.below == {"2": "even", "3": "odd", "A": "number"}, "N has no place in it"
    exam = Exam.of(division)
    places = {
        label: division.taxonomy.nodes[node] for label, node in zip(exam.images.labels, exam.place_n, strict=True)
    }
    assert places == {"0": "0", "1": "1", "2": "even", "3": "odd", "A": "number", "N": "number"}
    assert len(set(zip(exam.images.labels, exam.class_n.tolist(), strict=True))) == 6
    assert divide(pool, config, taxonomy, content_hashes(pool), seed=0).below == {"2": "even"}


def test_a_taxonomy_that_is_all_known_stays_as_it_is():
    taxonomy = Taxonomy.from_edges({"root": ["0", "1"]})
    pool = pool_of("01AN", learn=6, test=3)
    assert divide(pool, config_of(ROLES), taxonomy, content_hashes(pool), seed=0).taxonomy is taxonomy


def test_a_meta_class_that_is_known_keeps_the_classes_below_it():
    taxonomy = Taxonomy.from_edges({"root": ["x", "1", "2"], "x": ["0", "A"]})
    pool = pool_of("01x", learn=6, test=3)
    division = divide(pool, config_of({"known": ["x", "1"]}), taxonomy, content_hashes(pool), seed=0)
    assert set(division.taxonomy.leaves) == {"0", "A", "1"}


def test_a_taxonomy_may_lie_beside_the_data(tmp_path):
    (tmp_path / "edges.csv").write_text("parent,child\nroot,0\nroot,1\n")
    config = config_of(ROLES, root=str(tmp_path)).model_copy(update={"taxonomy": "edges.csv"})
    assert protocol_taxonomy(config, pool_of("01AN")).leaves == ("0", "1")
