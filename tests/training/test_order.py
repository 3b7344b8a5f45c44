"""In which order an epoch visits its images."""

import numpy as np
import pytest

from hierclf.training.order import usual_together, visiting_order


def order_of(labels, together, seed=0):
    label_m = np.array(labels)
    place_m = np.arange(len(label_m)) * 10  # places are not their own ranks
    return visiting_order(place_m, label_m, together=together, generator=np.random.default_rng(seed)) // 10


def runs_of(label_m):
    """Lengths of the stretches of one class."""
    edges = np.flatnonzero(np.diff(label_m)) + 1
    return np.diff(np.concatenate([[0], edges, [len(label_m)]]))


@pytest.mark.parametrize("together", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("labels", [[], [5], [0] * 7, [3, 1, 1, 2, 3, 3, 1, 1, 1, 9] * 5], ids=len)
def test_every_place_is_visited_once(labels, together):
    assert sorted(order_of(labels, together)) == list(range(len(labels)))


def test_one_shuffles_as_the_generator_does():
    place_m = np.array([4, 4, 1, 0, 7])
    order = visiting_order(place_m, np.zeros(5, int), together=1, generator=np.random.default_rng(3))
    assert np.array_equal(order, np.random.default_rng(3).permutation(place_m))


def test_images_of_a_class_come_in_groups():
    label_m = np.repeat(np.arange(50), 8)
    in_order = label_m[order_of(label_m, 4)]
    assert np.array_equal(in_order.reshape(-1, 4).min(1), in_order.reshape(-1, 4).max(1))
    assert (runs_of(in_order) % 4 == 0).all()
    assert np.median(runs_of(in_order)) == 4, "the groups of a class are apart from each other"


def test_a_batch_holds_partners_for_all_where_a_shuffled_one_holds_few():
    label_m = np.repeat(np.arange(100), 12)

    def share_with_partner(together):
        batches = label_m[order_of(label_m, together)][: 18 * 64].reshape(-1, 64)
        return np.mean([np.isin(batch, *np.where(np.bincount(batch) > 1)) for batch in batches])

    assert share_with_partner(4) == 1
    assert share_with_partner(1) < 0.6


def test_rests_of_classes_make_groups_of_their_own():
    in_order = np.array([0] * 5 + [1] * 2 + [2])[order_of([0] * 5 + [1] * 2 + [2], 3)]
    for label, size in ((1, 2), (2, 1)):
        found = np.flatnonzero(in_order == label)
        assert len(found) == size
        assert found[-1] - found[0] == size - 1


def test_chance_decides_which_images_meet():
    labels = [0] * 12 + [1] * 12
    first, second = order_of(labels, 4, seed=1), order_of(labels, 4, seed=2)
    assert set(map(frozenset, first.reshape(-1, 4).tolist())) != set(map(frozenset, second.reshape(-1, 4).tolist()))
    assert np.array_equal(first, order_of(labels, 4, seed=1))


@pytest.mark.parametrize(("batch_size", "classes", "together"), [(64, 32, 1), (64, 33, 4), (8, 10, 2), (3, 10, 1)])
def test_how_many_come_together(batch_size, classes, together):
    assert usual_together(batch_size=batch_size, classes=classes) == together
