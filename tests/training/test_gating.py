from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from hierclf.classifier import HierarchicalClassifier
from hierclf.dag import compile_plan
from hierclf.errors import ConfigError, DataError
from hierclf.gates import Evidence
from hierclf.gates.gate import INNER_SHARE
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.training.gate_images import GateImages
from hierclf.training.gating import build_gate, needed_to_calibrate
from hierclf.training.quick_head import quick_head
from hierclf.training.score_choice import choose_scores, usual_root_scores
from tests.conftest import DEEP_DAG
from tests.gates.synthetic import auroc, planted
from tests.synthetic import clouds

GROUPS = Taxonomy.from_edges(
    {"digit": ["0", "1", "2", "3"], "letter": ["a", "b", "c"], "mark": ["!", "?"]}, root="sign"
)
USUAL = ("mahalanobis++", "knn")
QUICK = {"gate": ["mahalanobis++"], "node_gates": ["node_relative"], "leave_one_out": False}


class Collection:
    """Embeddings of all classes, divided into parts, and a head that has seen neither tune nor calibration."""

    def __init__(self, taxonomy, seed, *, count=24, spread=1.0, parts=(10, 6, 8), **options):
        generator = torch.Generator().manual_seed(seed)
        self.plan = compile_plan(taxonomy)
        images = planted(taxonomy, generator, count, spread=spread, **options)
        place = torch.arange(len(images)) % count
        ends = np.cumsum(parts)
        rows = [
            torch.nonzero((place >= end - size) & (place < end))[:, 0] for size, end in zip(parts, ends, strict=True)
        ]
        self.head = quick_head(images.embedding_BD[rows[0]], images.label_B[rows[0]], self.plan)
        self.images = GateImages(
            plan=self.plan,
            embedding_nD=images.embedding_BD,
            logits_nL=self.head(images.embedding_BD),
            label_n=self.plan.leaf_L[images.label_B],
            fit=rows[0],
            tune=rows[1],
            calibration=rows[2],
            frozen=True,
        )
        self.rest = self.evidence(images[place >= ends[-1]].embedding_BD)

    def evidence(self, embedding_BD, label_B=None):
        return Evidence(embedding_BD, self.head(embedding_BD), label_B)

    def strange(self, seed, count=60, far=6.0):
        generator = torch.Generator().manual_seed(seed)
        size = self.images.embedding_nD.shape[1]
        return self.evidence(far * torch.randn(count, size, generator=generator).double(), torch.zeros(count).long())

    def with_other(self, count=60):
        return replace(self.images, other=self.strange(7, count))

    def build(self, images=None, **settings):
        return build_gate(images or self.images, Settings(**settings), USUAL)


@pytest.fixture(scope="module")
def groups():
    return Collection(GROUPS, 0)


def same(left, right, but=()):
    left, right = left.tensors(), right.tensors()
    if left.keys() != right.keys():
        return False
    return all(torch.equal(left[name], right[name]) for name in left if not name.startswith(but))


# ------------------------------------------------------------------------------------------------------ who sees what


def test_no_choice_and_no_map_sees_a_calibration_image(groups):
    images = groups.images
    garbage, noise = images.embedding_nD.clone(), images.logits_nL.clone()
    garbage[images.calibration] = 1e3 * torch.randn(len(images.calibration), 9).double()
    noise[images.calibration] = 1e3 * torch.randn(len(images.calibration), 9).double()
    label_n = images.label_n.clone()
    label_n[images.calibration] = label_n[images.calibration].flip(0)
    clean = groups.build()
    dirty = groups.build(replace(images, embedding_nD=garbage, logits_nL=noise, label_n=label_n))
    assert same(clean, dirty, but=("promise.",))
    assert clean.detections == dirty.detections
    before, after = clean.settings(), dirty.settings()
    assert {name: before[name] for name in before if name != "promise"} == {
        name: after[name] for name in after if name != "promise"
    }
    assert not torch.equal(clean.calibration_scores, dirty.calibration_scores)


def test_what_the_promise_counts_is_the_gates_statistic_on_the_calibration_images(groups):
    gate = groups.build()
    slow = sorted(float(gate.score(groups.images.evidence(row[None]))) for row in groups.images.calibration)
    np.testing.assert_allclose(gate.calibration_scores, slow, rtol=1e-8, atol=1e-8)


def test_the_statistic_is_the_strangest_step_on_the_way_to_the_likeliest_leaf(groups):
    gate = groups.build()
    new = groups.strange(1, far=3.0)
    read = gate.read(new)
    for row, leaf in enumerate(new.logits_BC.argmax(1).tolist()):
        parent = GROUPS.parents(GROUPS.leaves[leaf])[0]
        steps = [float(read.surprise_BN[row, 0]), float(read.surprise_BN[row, GROUPS.index(parent)])]
        assert float(read.statistic.score_B[row]) == pytest.approx(max(steps[0], steps[1] + math.log(INNER_SHARE)))
    assert read.surprise_BN.shape == (len(new), len(GROUPS))


def test_folds_choose_and_learn_without_their_own_images(groups):
    images = groups.images
    gate = groups.build(promise="cross", node_gates="none")
    fold_n = gate.guarantee.folds
    assert len(fold_n) == len(images.label_n)
    garbage = images.embedding_nD.clone()
    garbage[fold_n == 2] = 1e3
    dirty = groups.build(replace(images, embedding_nD=garbage), promise="cross", node_gates="none")
    assert torch.equal(dirty.guarantee.folds, fold_n)
    assert same(gate.folds[2].gate, dirty.folds[2].gate)
    assert not same(gate.folds[1].gate, dirty.folds[1].gate)
    for number, fold in enumerate(gate.folds):  # each image was scored by the gate of its fold
        mine_n = fold_n == number
        torch.testing.assert_close(gate.calibration_scores[mine_n], fold.statistic(images.embedding_nD[mine_n]))


# ------------------------------------------------------------------------------------------------------------- choosing


def test_leaving_children_out_says_how_well_newcomers_will_be_noticed(groups):
    gate = groups.build()
    assert [one.node for one in gate.detections] == ["sign", "digit", "letter"]
    assert all(one.auroc > 0.8 for one in gate.detections)
    assert [one.children for one in gate.detections] == [3, 4, 3]
    assert gate.nodes.gated.tolist() == [GROUPS.index(name) for name in ("digit", "letter", "mark")]


def test_newcomers_below_a_node_are_noticed_there():
    """Letters of a kind that nobody has seen surprise the letters' gate."""
    more = Taxonomy(root="sign", edges=(*GROUPS.edges, ("letter", "zz")))
    whole = Collection(more, 3, spread=0.5)
    new = whole.plan.nodes.index("zz")
    plan = compile_plan(GROUPS)
    old = torch.tensor([plan.nodes.index(name) if name != "zz" else -1 for name in whole.plan.nodes])
    keep_n = whole.images.label_n != new
    place_n = keep_n.cumsum(0) - 1
    parts = {
        name: place_n[getattr(whole.images, name)[keep_n[getattr(whole.images, name)]]]
        for name in ("fit", "tune", "calibration")
    }
    embedding_nD, label_n = whole.images.embedding_nD[keep_n], old[whole.images.label_n[keep_n]]
    head = quick_head(embedding_nD[parts["fit"]], plan.leaf_slot_N[label_n[parts["fit"]]], plan)
    images = GateImages(
        plan=plan, embedding_nD=embedding_nD, logits_nL=head(embedding_nD), label_n=label_n, frozen=True, **parts
    )
    gate = build_gate(images, Settings(), USUAL)
    stranger_BD = whole.images.embedding_nD[~keep_n]
    novel_BN = gate.read(Evidence(stranger_BD, head(stranger_BD))).surprise_BN
    rows = images.calibration[label_n[images.calibration] == plan.nodes.index("a")]
    known_BN = gate.read(images.evidence(rows)).surprise_BN
    letter = plan.nodes.index("letter")
    assert auroc(known_BN[:, letter], novel_BN[:, letter]) > 0.95
    assert gate.novel(novel_BN)[:, letter].exp().median() > gate.novel(known_BN)[:, letter].exp().median() + 0.3


@pytest.mark.parametrize(
    ("settings", "names", "root"),
    [
        ({"node_gates": ["gen", "msp"]}, {"gen", "msp"}, USUAL),
        ({"node_gates": "energy"}, {"energy"}, USUAL),
        ({"node_gates": "none"}, None, USUAL),
        ({"gate": "energy"}, set(), ("energy",)),
        ({"gate": ["msp", ("knn", {"k": 1})], "leave_one_out": False}, {"node_relative", "knn"}, ("msp", "knn")),
        ({"leave_one_out": False}, {"node_relative", "knn"}, USUAL),
    ],
    ids=range(6),
)
def test_what_the_user_names_is_read(groups, settings, names, root):
    gate = groups.build(**settings)
    if names is None:
        assert gate.nodes is None
        assert (gate.read(groups.strange(2)).surprise_BN[:, 1:] == 0).all()
    elif names:
        assert set(gate.nodes.names) == names
    assert tuple(part.name for part in gate.parts)[: len(root)] == root
    assert bool(gate.detections) == settings.get("leave_one_out", True)
    assert groups.build(gate="none") is None


def test_the_same_seed_chooses_the_same(groups):
    assert same(groups.build(seed=5), groups.build(seed=5))
    before = torch.get_rng_state()
    groups.build(seed=6)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("other", "trained", "given", "scores"),
    [
        (False, False, False, ("knn", "gen")),
        (False, False, True, ("mahalanobis", "knn", "gen")),
        (True, False, True, ("mahalanobis", "knn", "gen", "outlier")),
        (True, False, False, ("knn", "gen", "outlier")),
        (False, True, False, ("knn", "vim")),
        (True, True, False, ("knn", "vim")),  # the features tell other apart
    ],
)
def test_usual_scores_of_the_root(other, trained, given, scores):
    assert usual_root_scores(Settings(), "leaf", other=other, trained=trained, given=given) == scores


@pytest.mark.parametrize(("trained", "scores"), [(False, ("knn", "gen")), (True, ("knn", "one_class_svm_per_class"))])
def test_where_classes_crowd_the_embedding_the_root_reads_how_far_each_reaches(trained, scores):
    assert usual_root_scores(Settings(), "leaf", other=False, trained=trained, crowded=True) == scores


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({"other_loss": "none"}, "leaf"),
        ({"other_weight": 0}, "leaf"),
        ({"classification_weight": 0, "embedding_loss": "supcon"}, "leaf"),
        ({}, (0.0, 1.0)),
    ],
    ids=str,
)
def test_images_of_other_that_taught_no_feature_teach_the_gate(settings, levels):
    names = usual_root_scores(Settings(**settings), levels, other=True, trained=True)
    assert names == ("knn", "vim", "outlier")


def test_no_gate_stands_where_no_image_could_say_what_is_usual(groups):
    images = groups.images
    marks = [GROUPS.index(name) for name in "!?"]
    only_marks = images.tune[torch.isin(images.label_n[images.tune], torch.tensor(marks))]
    gate = groups.build(replace(images, tune=only_marks))
    assert gate.score(groups.strange(3)).isfinite().all()
    coarse_n = torch.full_like(images.label_n, GROUPS.index("digit"))
    settings = Settings(**{**QUICK, "leave_one_out": True})
    choice = choose_scores(replace(images, label_n=coarse_n), settings, USUAL, torch.Generator())
    assert (len(choice.gated), choice.told) == (0, ())


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("change", "settings", "error", "message"),
    [
        ({}, {"promise": "two_sided"}, ConfigError, r"is about images of other too: give some \(other=, --other\)"),
        ({"frozen": False}, {"promise": "cross"}, ConfigError, r"not trained on them; freeze it \(freeze=True"),
        ({"label_n": None}, {"promise": "cross"}, DataError, "at least 4 known images with a leaf class, got 3"),
    ],
)
def test_promises_that_these_images_do_not_allow_are_refused(groups, change, settings, error, message):
    if "label_n" in change:
        label_n = torch.full_like(groups.images.label_n, GROUPS.index("digit"))
        label_n[groups.images.fit[:3]] = GROUPS.index("a")
        change = {"label_n": label_n}
    with pytest.raises(error, match=message):
        groups.build(replace(groups.images, **change), **settings)


def test_two_sided_needs_images_of_other_that_nothing_was_trained_on(groups):
    with pytest.raises(ConfigError, match=r"nothing was trained on, and the backbone was trained on all of them"):
        groups.build(replace(groups.with_other(), frozen=False), promise="two_sided")
    with pytest.raises(ConfigError, match="give some"):
        groups.build(groups.with_other(1), promise="two_sided")
    gate = groups.build(groups.with_other(60), promise="two_sided")
    assert len(gate.guarantee.other) == 19  # as many as the promise takes; the other 41 teach
    poisoned = groups.with_other(60)
    kept = torch.randperm(60, generator=torch.Generator().manual_seed(0))[:19]
    garbage = poisoned.other.embedding_BD.clone()
    garbage[kept] = 1e3
    again = groups.build(replace(poisoned, other=groups.evidence(garbage, poisoned.other.label_B)), promise="two_sided")
    assert same(gate, again, but=("promise.other",))


# ----------------------------------------------------------------------------------------------------------- resampling


def shares_turned_away(promise, draws, *, taxonomy=GROUPS, keep=0.9, other=False, **settings):
    """Of new known images, over many collections: the share that is turned away, and by gates one by one."""
    shares, apart, missed = [], [], []
    for seed in range(draws):
        made = Collection(taxonomy, seed, count=44, size=6, spread=1.5, parts=(8, 4, 8))
        images = made.with_other() if other else made.images
        gate = made.build(images, **QUICK, promise=promise, keep=keep, seed=seed, **settings)
        read = gate.read(made.rest)
        shares.append(float((read.p_value_B <= gate.level).double().mean()))
        apart.append(gates_one_by_one(gate, made, 1 - keep))
        if other:
            known = gate.guarantee.zones.zones(gate.score(made.strange(10_000 + seed, 200))) == 0
            missed.append(float(known.double().mean()))
    return np.array(shares), np.array(apart), np.array(missed)


def gates_one_by_one(gate, made, alpha):
    """The share turned away where every gate has a threshold of its own: a quantile of what it sees of its children."""
    images, plan = made.images, made.plan
    old_BN, new_BN = (gate.read(seen).surprise_BN for seen in (images.evidence(images.calibration), made.rest))
    on_way = [
        plan.path_NK[plan.leaf_L[seen.logits_BC.argmax(1)]] for seen in (images.evidence(images.calibration), made.rest)
    ]
    away_B = torch.zeros(len(made.rest), dtype=torch.bool)
    for node in (0, *gate.nodes.gated.tolist()):
        old_B, new_B = ((path == node).any(1) | (node == 0) for path in on_way)
        if old_B.any():
            away_B |= new_B & (new_BN[:, node] > float(np.quantile(old_BN[old_B, node], 1 - alpha)))
    return float(away_B.double().mean())


def error(shares):
    return shares.std(ddof=1) / len(shares) ** 0.5


DRAWS = 200


@pytest.mark.slow
@pytest.mark.parametrize("taxonomy", [GROUPS, DEEP_DAG], ids=lambda taxonomy: taxonomy.root)
@pytest.mark.parametrize("promise", ["average", "per_class"])
def test_known_images_are_turned_away_as_rarely_as_promised_and_gates_one_by_one_break_it(promise, taxonomy):
    shares, apart, _ = shares_turned_away(promise, DRAWS, taxonomy=taxonomy)
    assert shares.mean() <= 0.1 + 2 * error(shares)
    assert shares.mean() >= 0.04  # not kept by letting everybody in
    assert apart.mean() > 0.1 + 4 * error(apart)


@pytest.mark.slow
def test_a_confident_promise_is_broken_by_few_models():
    shares, apart, _ = shares_turned_away("confident", DRAWS, confidence=0.9)
    spread = (0.1 * 0.9 / DRAWS) ** 0.5 + 0.02  # a share is measured on 216 images
    assert (shares > 0.1).mean() <= 0.1 + 2 * spread
    assert (apart > 0.1).mean() > 0.5


@pytest.mark.slow
def test_across_folds_about_as_many_are_turned_away_as_said():
    shares, apart, _ = shares_turned_away("cross", 60)
    assert shares.mean() <= 0.1 + 2 * error(shares)  # 2α and more are proven
    assert shares.mean() >= 0.04
    assert apart.mean() > shares.mean()


@pytest.mark.slow
def test_on_both_sides_as_promised():
    shares, apart, missed = shares_turned_away("two_sided", DRAWS, other=True, other_accepted=0.1)
    assert shares.mean() <= 0.1 + 2 * error(shares)
    assert missed.mean() <= 0.1 + 2 * error(missed)
    assert apart.mean() > 0.1 + 4 * error(apart)


@pytest.mark.slow
def test_without_a_promise_nobody_is_turned_away_for_a_p_value():
    shares, _, _ = shares_turned_away("none", 5)
    assert (shares == 0).all()


@pytest.mark.parametrize(("promise", "needed"), [("average", 19), ("per_class", 19), ("confident", 59)])
def test_as_many_calibration_images_are_set_aside_as_the_promise_takes(promise, needed):
    assert needed_to_calibrate(Settings(promise=promise)) == needed
    values, labels = clouds("abcdef", 50)
    model = HierarchicalClassifier(gate="knn", promise=promise, leave_one_out=False).fit(values, labels)
    assert model.model_.gate.promise.holds
    assert len(model.prepared_.parts.calibration) >= needed


def test_enough_of_other_is_kept_for_a_promise_about_it():
    values, labels = clouds("abcdef", 50)
    model = HierarchicalClassifier(gate="knn", promise="two_sided", leave_one_out=False)
    model.fit(values, labels, other=clouds("xyz", 20)[0])
    assert model.model_.gate.promise.m >= 19
    assert model.model_.gate.promise.holds


def test_notes_tell_which_classes_share_a_promise_and_when_nothing_is_known_of_the_usual():
    values, labels = clouds("abcdef", 50)
    model = HierarchicalClassifier(gate="knn", promise="per_class", leave_one_out=False).fit(values, labels)
    assert any("in groups" in note for note in model.notes_)
    few = HierarchicalClassifier(gate="knn", promise="none", leave_one_out=False).fit(values[::30], labels[::30])
    assert any("most images may seem new" in note for note in few.notes_)
