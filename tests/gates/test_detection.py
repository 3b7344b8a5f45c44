from __future__ import annotations

from hierclf.gates import Detection


def test_the_estimate_in_words():
    one = Detection(node="dog", scores=("gen",), auroc=0.5, standard_error=0.0, children=1)
    assert (
        one.sentence
        == "dog: a new child is told from the known ones with AUROC 0.50 ± 0.00 (1 child forgotten, by gen)"
    )
    more = Detection(node="dog", scores=("knn", "gen"), auroc=0.999, standard_error=0.0249, children=12)
    assert more.sentence == (
        "dog: a new child is told from the known ones with AUROC 1.00 ± 0.02 (12 children forgotten in turn, by "
        "knn + gen)"
    )


def test_estimates_are_values():
    first, second = (Detection(node="dog", scores=("gen",), auroc=0.5, standard_error=0.0, children=1) for _ in "ab")
    assert first == second
    assert len({first, second}) == 1
