"""The scores that use the weights of the classifier: fdbd and vim, and the head that they read off the evidence."""

from __future__ import annotations

import warnings

import pytest
import torch

from hierclf.errors import ConfigError
from hierclf.gates import Evidence, build_score
from hierclf.gates.linear_head import linear_head

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pytorch_ood.detector import ViM, fDBD


@pytest.fixture
def head(generator):
    linear = torch.nn.Linear(10, 4)
    torch.nn.init.normal_(linear.weight, generator=generator)
    torch.nn.init.normal_(linear.bias, generator=generator)
    return linear.requires_grad_(False)


def see(head, rows):
    return Evidence(rows, head(rows), torch.zeros(len(rows), dtype=torch.int64))


def test_a_linear_head_is_recovered_exactly(head, generator):
    weight_CD, bias_C = linear_head(see(head.double(), torch.randn(50, 10, generator=generator, dtype=torch.float64)))
    torch.testing.assert_close(weight_CD, head.weight)
    torch.testing.assert_close(bias_C, head.bias)


@pytest.mark.parametrize("case", ["constant feature", "too few images", "one image"])
def test_where_the_head_is_not_determined_the_logits_still_are(case, head, generator):
    rows = torch.randn({"constant feature": 50, "too few images": 6, "one image": 1}[case], 10, generator=generator)
    if case == "constant feature":
        rows[:, 3] = 7.0
    evidence = see(head, rows)
    weight_CD, bias_C = linear_head(evidence)
    torch.testing.assert_close((rows.double() @ weight_CD.T + bias_C).float(), evidence.logits_BC, rtol=1e-4, atol=1e-4)


def test_fdbd_equals_that_of_pytorch_ood(head, generator):
    known, new = (
        see(head, torch.randn(80, 10, generator=generator)),
        see(head, 3 * torch.randn(20, 10, generator=generator)),
    )
    expected = fDBD(None, head).fit_features(known.embedding_BD).predict_features(new.embedding_BD)
    measured = build_score("fdbd").fit(known, generator)(new)
    torch.testing.assert_close(
        measured.float() / 3, expected, rtol=1e-4, atol=1e-5
    )  # theirs is a mean over 4 - 1 classes


@pytest.mark.parametrize("name", ["vim", "fdbd"])
@pytest.mark.parametrize("case", ["usual", "far off", "flat", "near the mean", "huge", "tiny", "large logits"])
def test_float32_is_as_good_as_float64(name, case, head, generator):
    rows = torch.randn(90, 10, generator=generator) * torch.linspace(0.1, 3, 10)
    if case == "far off":
        rows += 300
    if case == "flat":  # the residual of known images is next to nothing, so that it counts for very much
        rows[:, :6] *= 1e-4
    if case == "huge":
        rows *= 1e24
    if case == "tiny":
        rows *= 1e-24
    if case == "large logits":
        head.bias *= 1000
    known, new = see(head, rows[:60]), rows[60:].clone()
    if case == "near the mean":
        new = (rows[:60].double().mean(0) + 1e-3 * rows[60:]).float()
    if case == "flat":
        new[::2, :6] *= 1e4
    fitted = build_score(name).fit(known, generator)
    single = see(head, new)
    exact = fitted(Evidence(single.embedding_BD.double(), single.logits_BC.double()))
    assert exact.isfinite().all()
    torch.testing.assert_close(fitted(single), exact, rtol=1e-5, atol=1e-5)


def test_vim_does_not_mind_coarser_products(head, generator):
    known = see(head, torch.randn(60, 10, generator=generator))
    fitted = build_score("vim").fit(known, generator)
    exact = fitted(Evidence(known.embedding_BD.double(), known.logits_BC))
    usual = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        measured = fitted(known)
    finally:
        torch.set_float32_matmul_precision(usual)
    assert torch.equal(measured, exact)


def test_fdbd_by_hand(generator):
    # two classes, weights (1, 0) and (-1, 0): the boundary is x = 0; the mean of the images is (0, 0)
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    logits = torch.stack([rows[:, 0], -rows[:, 0]], dim=1)
    fitted = build_score("fdbd").fit(Evidence(rows, logits), generator)
    new = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    measured = fitted(Evidence(new, torch.stack([new[:, 0], -new[:, 0]], dim=1)))
    assert measured.tolist() == pytest.approx([-3 / 5, 0.0])


def test_vim_equals_that_of_pytorch_ood(head, generator):
    stretch = torch.linspace(0.5, 3, 10)
    known, new = (see(head, torch.randn(count, 10, generator=generator) * stretch) for count in (80, 20))
    detector = ViM(None, d=5, w=head.weight, b=head.bias).fit_features(known.embedding_BD, known.label_B)
    measured = build_score("vim").fit(known, generator)(new)
    torch.testing.assert_close(measured.float(), detector.predict_features(new.embedding_BD), rtol=1e-4, atol=1e-4)


def test_vim_still_counts_the_residual_where_the_logits_are_log_probabilities(head, generator):
    rows = torch.randn(80, 10, generator=generator) * torch.linspace(0.1, 3, 10)
    fitted = build_score("vim").fit(Evidence(rows, head(rows).log_softmax(1)), generator)
    far = rows + 9 * torch.eye(10)[0]
    logits = head(rows).log_softmax(1)
    assert (fitted(Evidence(far, logits)) > fitted(Evidence(rows, logits))).all()


def test_a_principal_subspace_that_leaves_nothing_is_refused(head, generator):
    known = see(head, torch.randn(80, 10, generator=generator))
    with pytest.raises(ConfigError, match="fewer principal dimensions than the embedding's 10, got 10"):
        build_score("vim", dimensions=10).fit(known, generator)
