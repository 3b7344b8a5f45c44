import numpy as np
import pytest
from scipy.spatial.distance import pdist

from hierclf.discovery.distances import ROWS, ClassDistances, cosine_distances, named
from hierclf.errors import DataError


@pytest.mark.parametrize("classes", [1, 2, 5, ROWS, ROWS + 3])
def test_cosine_distances_equal_scipy_from_the_mean(classes):
    points = np.random.default_rng(classes).normal(size=(classes, 7)) + 3
    expected = pdist(points - points.mean(0), "cosine") if classes > 1 else np.empty(0)
    np.testing.assert_allclose(cosine_distances(points), expected, atol=1e-12)


def test_a_point_at_the_mean_is_as_far_from_all():
    points = np.array([[1.0, 0], [-1, 0], [0, 0]])
    np.testing.assert_allclose(cosine_distances(points), [2, 1, 1])
    np.testing.assert_allclose(cosine_distances(np.ones((3, 2))), [1, 1, 1])


@pytest.mark.parametrize(
    ("classes", "distance", "message"),
    [
        ((), np.empty(0), "at least one"),
        (("a", "b", "a"), np.ones(3), "'a' is listed twice"),
        (("a", "b"), np.ones(2), "have 1 pairs"),
        (("a", "b"), np.array([np.nan]), "finite"),
        (("a", "b"), np.array([-1.0]), "not negative"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(classes, distance, message):
    with pytest.raises(DataError, match=message):
        ClassDistances(classes=classes, distance_P=distance)


def test_nothing_can_be_drawn_where_there_are_no_images():
    bare = ClassDistances(classes=("a", "b"), distance_P=np.ones(1))
    assert not bare.can_resample
    with pytest.raises(DataError, match="no images to draw from"):
        bare.resampled(np.random.default_rng(0))


def test_names_become_text():
    assert named(["a", 3, np.int64(4), np.str_("b")]) == ("a", "3", "4", "b")
    for bad in (None, 1.5, True, ["a"]):
        with pytest.raises(DataError, match="text or a whole number"):
            named([bad])
