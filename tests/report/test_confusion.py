import numpy as np

from hierclf.report.confusion import MOST_CLASSES, family_order, heat_map, top_confusions

LEAVES = ("a", "b", "c")
COUNTS = np.array([[8, 1, 0, 1, 0, 0, 0], [3, 5, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 0, 0]])  # three leaves, four answers


def test_every_leaf_appears_once(taxonomy):
    assert sorted(family_order(taxonomy)) == sorted(taxonomy.leaves)


def test_rows_are_shares_of_the_true_class_in_the_order_asked_for():
    drawn = heat_map(COUNTS, LEAVES, ("b", "a", "c"))
    assert drawn.columns == ("b", "a", "c", "stopped early", "called other")
    (first, images, cells), (second, _, _), (_, none, empty) = drawn.rows
    assert (first, second, images, none) == ("b", "a", 10, 0)
    assert [cell.text for cell in cells] == ["50", "30", "", "", "20"]
    assert cells[1].hint == "b → a: 3 of 10 (30.0\u202f%)"
    assert {cell.text for cell in empty} == {""}


def test_answers_that_only_some_models_give_have_a_column_where_they_were_given():
    counts = COUNTS.copy()
    counts[0, 5] = 4
    drawn = heat_map(counts, LEAVES, LEAVES)
    assert drawn.columns == (*LEAVES, "stopped early", "called novel", "called other")
    assert drawn.answers == 3
    assert drawn.rows[0][2][-2].hint == "a → called novel: 4 of 14 (28.6\u202f%)"
    assert heat_map(COUNTS, LEAVES, LEAVES).answers == 2


def test_too_many_classes_or_no_images_draw_nothing():
    names = tuple(map(str, range(MOST_CLASSES + 1)))
    assert heat_map(np.ones((len(names), len(names) + 4), dtype=int), names, names) is None
    assert heat_map(np.zeros((3, 7), dtype=int), LEAVES, LEAVES) is None


def test_confusions_come_most_frequent_first_without_the_right_ones():
    pairs = top_confusions(COUNTS, LEAVES, most=9)
    assert [(pair.truth, pair.answer, pair.images, pair.share) for pair in pairs] == [
        ("b", "a", 3, 0.3),
        ("a", "b", 1, 0.1),
    ]
    assert len(top_confusions(COUNTS, LEAVES, most=1)) == 1
