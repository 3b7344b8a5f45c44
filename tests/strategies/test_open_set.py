import pytest

from hierclf.errors import ConfigError
from hierclf.strategies import strategies
from hierclf.strategies.open_set import RECIPES
from tests.strategies.conftest import SIGNS


@pytest.mark.parametrize("name", RECIPES)
def test_each_learns_from_images_of_other_and_cannot_do_without(name, known):
    with pytest.raises(ConfigError, match="learns from images of other, and there are none"):
        strategies[name].fit(SIGNS, known)


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("one_vs_rest", "max_logit"),
        ("entropic", "msp"),
        ("objectosphere", "objectosphere"),
        ("outlier_exposure", "msp"),
    ],
)
def test_each_is_read_by_the_score_of_its_paper(name, score, fitted):
    assert [part.name for part in fitted(name).model_.gate.parts] == [score]


def test_images_of_other_are_shorter_after_objectosphere(fitted, known, other):
    model = fitted("objectosphere")
    lengths = [float((model.embed(images) ** 2).sum(1).mean()) for images in (known, other)]
    assert lengths[0] > lengths[1]
