from __future__ import annotations

from experiments.discovery.columns import SCORES
from hierclf.discovery.agreement import compare
from hierclf.taxonomy import Taxonomy


def test_every_column_is_a_score_of_the_agreement():
    pets = Taxonomy.from_edges({"cat": ["manx", "lynx"], "dog": ["pug", "collie"]}, root="pet")
    scores = compare(pets, pets).to_dict()
    for column in SCORES:
        assert column.key in {*scores, "seconds"}
        assert column.words
        if column.better == "higher":
            assert scores[column.key] == 1
