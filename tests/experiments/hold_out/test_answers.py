"""Methods of every kind asked in one way."""

import numpy as np
import pytest
import torch

from experiments.hold_out.answers import fit_reference, our_answers, our_distribution, reference_answers
from hierclf import HierarchicalClassifier
from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.references import references
from hierclf.taxonomy import Taxonomy

TAXONOMY = Taxonomy.from_edges({"x": ["a", "b"], "y": ["c", "d", "e"]}, root="r")
PLAN = compile_plan(TAXONOMY)


class Scripted:
    """A reference whose known score is the first number of an embedding, and whose leaf the second."""

    gives_stops = False

    def known_score(self, embedding_BD):
        return embedding_BD[:, 0].double()

    def decide(self, embedding_BD, bias=0.0):
        return torch.where(embedding_BD[:, 0] >= bias, PLAN.leaf_L[embedding_BD[:, 1].long()], 0)


def embeddings(count, seed):
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(count, 1, generator=generator, dtype=torch.float64)
    return torch.cat([score, torch.randint(0, 5, (count, 1), generator=generator).double()], dim=1)


def test_exactly_the_images_beyond_the_calibrated_rank_are_rejected():
    calibration, tested = embeddings(199, 0), embeddings(500, 1)
    answers = reference_answers(Scripted(), calibration, tested, PLAN, alpha=0.05)
    lowest = sorted(calibration[:, 0].tolist())[9]  # of 199, the 10th from below: 10 / 200 lie at or below by chance
    for place, (score, leaf) in enumerate(tested.tolist()):
        assert answers.rejected_B[place] == (score < lowest)
        assert answers.promised_B[place] == (0 if score < lowest else PLAN.leaf_L[int(leaf)])
        assert answers.unknown_B[place] == -score
        assert (answers.natural_B[place] == 0) == (score < 0)
    assert answers.stop_log_probs_BN is None
    assert answers.decide(np.inf).max() == 0


def test_the_promise_holds_over_many_draws_and_would_not_without_calibration():
    shares = []
    for draw in range(200):
        together = embeddings(40 + 50, draw)
        shares.append(reference_answers(Scripted(), together[:40], together[40:], PLAN, alpha=0.05).rejected_B.mean())
    assert np.mean(shares) <= 0.05 + 2 * np.std(shares) / np.sqrt(200)
    assert np.mean(shares) >= 0.03, "the threshold is not just out of reach"
    assert reference_answers(Scripted(), together[:40], together[40:], PLAN, alpha=0.05).natural_B.min() == 0


def test_with_too_few_calibration_images_nobody_is_turned_away():
    answers = reference_answers(Scripted(), embeddings(18, 0), embeddings(50, 1), PLAN, alpha=0.05)
    assert not answers.rejected_B.any()
    assert np.isin(answers.promised_B, PLAN.leaf_L.numpy()).all()


@pytest.fixture(scope="module")
def fitted():
    source = np.random.default_rng(0)
    labels = np.repeat(TAXONOMY.leaves, 60)
    centres = {leaf: source.normal(size=8) * 3 for leaf in TAXONOMY.leaves}
    points = np.array([centres[leaf] for leaf in labels]) + source.normal(size=(len(labels), 8))
    return HierarchicalClassifier(TAXONOMY, seed=0).fit(points, labels), torch.from_numpy(points), labels


def test_our_answers_are_what_predict_says(fitted):
    classifier, points, _ = fitted
    tested = torch.cat([points[::7], points[:3] + 40])
    answers = our_answers(classifier.model_, tested)
    decisions = classifier.predict(tested.numpy())
    assert [TAXONOMY.nodes[node] for node in answers.promised_B] == list(decisions.node)
    assert answers.rejected_B.tolist() == [status in ("other", "novel_child") for status in decisions.status]
    assert answers.rejected_B[-3:].all()
    assert answers.unknown_B[-3:].min() > answers.unknown_B[:-3].max()


@pytest.mark.parametrize("name", ["climbing", "prohoc_complement"])
def test_references_learn_from_the_parts_that_are_not_for_calibration(fitted, name):
    classifier, points, labels = fitted
    parts = classifier.prepared_.parts
    given = {}

    class Watched:
        def fit(self, embedding_nD, label_n, plan, *, held_out, generator):
            given.update(fit=len(embedding_nD), tune=len(held_out[0]), seed=generator.initial_seed())
            return references[name].fit(embedding_nD, label_n, plan, held_out=held_out, generator=generator)

    reference = fit_reference(Watched(), classifier)
    assert given == {"fit": len(parts.fit), "tune": len(parts.tune), "seed": 0}
    calibration = classifier.fitted_.embedding_nD[torch.from_numpy(parts.calibration)]
    answers = reference_answers(reference, calibration, points, classifier.model_.plan, alpha=0.05)
    leaves = np.array([TAXONOMY.index(leaf) for leaf in labels])
    assert (answers.promised_B == leaves).mean() > 0.85
    assert answers.rejected_B.mean() < 0.12
    assert (answers.stop_log_probs_BN is None) == (name == "climbing")


def test_our_distribution_is_asked_as_a_reference_is(fitted):
    classifier, points, _ = fitted
    model = classifier.model_
    calibration = classifier.fitted_.embedding_nD[torch.from_numpy(classifier.prepared_.parts.calibration)]
    tested = torch.cat([points, points[:20] + 40])
    answers = reference_answers(our_distribution(model), calibration, tested, model.plan, alpha=0.05)
    stops_BN = model.read(tested).stop_log_probs_BN.numpy()
    np.testing.assert_allclose(np.exp(stops_BN).sum(axis=1), 1)
    leaf_N = np.isin(np.arange(len(TAXONOMY.nodes)), model.plan.leaf_L.numpy())
    margin_B = stops_BN[:, leaf_N].max(axis=1) - stops_BN[:, ~leaf_N].max(axis=1)
    lowest = np.sort(-reference_scores(model, calibration))[int(np.ceil(0.95 * (len(calibration) + 1))) - 1]
    np.testing.assert_array_equal(answers.rejected_B, -margin_B > lowest)
    np.testing.assert_array_equal(answers.natural_B, stops_BN.argmax(axis=1))
    assert answers.rejected_B[-20:].all()
    assert answers.rejected_B[:-20].mean() < 0.25, "with 45 calibration images or so the threshold varies a lot"


def reference_scores(model, embedding_BD):
    stops_BN = model.read(embedding_BD).stop_log_probs_BN.numpy()
    leaf_N = np.isin(np.arange(len(TAXONOMY.nodes)), model.plan.leaf_L.numpy())
    return stops_BN[:, leaf_N].max(axis=1) - stops_BN[:, ~leaf_N].max(axis=1)


def test_a_gate_without_an_account_of_novelty_has_no_distribution(fitted):
    classifier, _, _ = fitted
    with pytest.raises(ConfigError, match="by_distribution: the gate of the first strategy says nothing"):
        our_distribution(classifier.refit_gate(gate="none").model_)
