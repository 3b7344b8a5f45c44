import numpy as np
import pytest

from hierclf import Taxonomy
from hierclf.strategies import strategies

SIGNS = Taxonomy.from_edges({"sign": ["round", "straight"], "round": ["0", "6"], "straight": ["1"]})
SMALL = {"backbone": "small_cnn", "epochs": 4, "augmentation": "none", "cache": False}


@pytest.mark.parametrize("name", strategies)
def test_every_recipe_recognises_the_known_and_turns_others_away(name, known, other, fresh):
    strategy = strategies[name].but(**SMALL).checked()
    decisions = strategy.fit(SIGNS, known, other=other).predict(fresh)
    leaf_right = np.mean(decisions.leaf[:90] == np.array(fresh.labels[:90]))
    assert leaf_right > 0.9
    assert np.mean(decisions.status[:90] == "other") < 0.3
    assert np.mean(decisions.status[90:] == "other") > 0.5


def test_titles_tell_the_recipes_apart():
    titles = [strategies[name].title for name in strategies]
    assert len(set(titles)) == len(titles)
