"""How long gate scores take, beside the same detectors of pytorch-ood.

    OMP_NUM_THREADS=1 python -m experiments.gate_speed --threads 1

Both read the same embeddings and logits, were fitted on the same known images, and take turns in one process; medians
in milliseconds. The last two columns are the largest differences in units of 1e-5 (relative, absolute below 1): of our
score from the same score of the same numbers in float64, and from theirs, which is put into float64 where it allows.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn.functional import normalize

from hierclf.gates import Evidence, FittedScore, build_score, default_scores

PATIENCE = 15.0  # seconds for a side, beyond which it is not timed again

Work = Callable[[], Any]
Predict = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One score of ours and the detector that it is held against.

    Args:
        ours: our fitted score.
        theirs: their score of embeddings and logits, in the precision in which it runs; None where they have none.
        exact: the same in float64, or in the best precision that it allows.
        scale: what theirs is to be multiplied by.
        note: what keeps the two from being the same.
    """

    ours: FittedScore
    theirs: Predict | None = None
    exact: Predict | None = None
    scale: float = 1.0
    note: str = ""


def made_up(count: int, size: int, leaves: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Embeddings like those of a network (not negative, a few strong directions, a cluster per leaf) and labels."""
    spectrum_D = torch.arange(1, size + 1).pow(-0.7)
    centre_KD = torch.randn(leaves, size, generator=torch.Generator().manual_seed(1))
    label_B = torch.arange(count) % leaves
    noise_BD = torch.randn(count, size, generator=generator)
    return 10 * (spectrum_D * (centre_KD[label_B] + noise_BD)).relu(), label_B


def linear(known_BD: Tensor, label_B: Tensor) -> torch.nn.Linear:
    """A head that tells the classes apart by their means, with mild logits: theirs cuts small probabilities off."""
    mean_KD = torch.stack([known_BD[label_B == label].mean(0) for label in range(int(label_B.max()) + 1)])
    weight_KD = mean_KD - mean_KD.mean(0)
    scale = 3 * (known_BD @ weight_KD.T).std(1).mean()
    head = torch.nn.Linear(known_BD.shape[1], len(mean_KD))
    head.weight.data, head.bias.data = weight_KD / scale, -(weight_KD @ known_BD.mean(0)) / scale
    return head.requires_grad_(False)


def cases(known: Evidence, other: Evidence, head: torch.nn.Linear, bank: int) -> dict[str, Case]:
    """Every score with its counterpart, both fitted on the same images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_ood.detector import GEN, KNN, RMD, EnergyBased, MaxLogit, MaxSoftmax, ViM, fDBD
        from pytorch_ood.detector import Mahalanobis as Distance
    assert known.label_B is not None

    def fit(name: str, **options: Any) -> FittedScore:
        return build_score(name, **options).fit(known, torch.Generator().manual_seed(0), other)

    made = {}
    for name, detector, scale in (
        ("max_logit", MaxLogit(None), 1.0),
        ("msp", MaxSoftmax(None), 1.0),
        ("energy", EnergyBased(None), 1.0),
        ("gen", GEN(None), float(known.logits_BC.shape[1])),
    ):
        read = partial(of_logits, detector)
        made[name] = Case(ours=fit(name), theirs=read, exact=read, scale=scale, note="theirs is a mean" * (scale > 1))
    for name, kind in (("mahalanobis", Distance), ("mahalanobis++", Distance), ("relative_mahalanobis++", RMD)):
        ours, unit = fit(name, shrinkage=0.0), name != "mahalanobis"
        fitted, exact = (like(ours, kind(None), dtype) for dtype in (torch.float32, torch.float64))
        scale = 2.0 if kind is Distance else 1.0
        read, exactly = partial(of_embeddings, fitted, unit), partial(of_embeddings, exact, unit)
        made[name] = Case(ours=ours, theirs=read, exact=exactly, scale=scale, note="theirs is half" * (scale == 2))
    knn = fit("knn", bank=bank)
    neighbours = KNN(None, k=2).fit_features(knn.learnt["bank"], torch.zeros(len(knn.learnt["bank"])).long())
    read = partial(of_embeddings, neighbours, False)
    made["knn"] = Case(ours=knn, theirs=read, exact=read)
    vim, boundaries = fit("vim"), fDBD(None, head).fit_features(known.embedding_BD)
    dimensions = known.embedding_BD.shape[1] - vim.learnt["residual"].shape[1]
    residual = ViM(None, d=dimensions, w=head.weight, b=head.bias).fit_features(known.embedding_BD, known.label_B)
    residual.principal_subspace = vim.learnt["residual"].float()
    residual.alpha, residual.u = float(vim.learnt["factor"]), vim.learnt["origin"].float()
    read = partial(of_embeddings, residual, False)
    made["vim"] = Case(ours=vim, theirs=read, exact=read, note="theirs in float32, computes the logits too")
    read, scale = partial(of_embeddings, boundaries, False), float(len(head.weight) - 1)
    note = "theirs in float32, computes the logits too, a mean"
    made["fdbd"] = Case(ours=fit("fdbd"), theirs=read, exact=read, scale=scale, note=note)
    made["outlier"] = Case(ours=fit("outlier"), note="they have none")
    return made


def of_logits(detector: Any, embedding_BD: Tensor, logits_BC: Tensor) -> Tensor:
    """Their score of the logits."""
    return torch.as_tensor(detector.predict_logits(logits_BC))


def of_embeddings(detector: Any, unit: bool, embedding_BD: Tensor, logits_BC: Tensor) -> Tensor:
    """Their score of the embeddings, scaled to length 1 first or as they are."""
    return torch.as_tensor(detector.predict_features(normalize(embedding_BD, dim=1) if unit else embedding_BD))


def like(ours: FittedScore, detector: Any, dtype: torch.dtype) -> Any:
    """Their Gaussians set to the ones that we fitted, so that only the scoring differs."""
    detector.mu = ours.learnt["mean"].to(dtype)
    detector.precision = (ours.learnt["whitening"].T @ ours.learnt["whitening"]).to(dtype)
    if "pooled_mean" in ours.learnt:
        pooled = ours.learnt["pooled_whitening"]
        detector.background_mu = ours.learnt["pooled_mean"][0].to(dtype)
        detector.background_precision = (pooled.T @ pooled).to(dtype)
    return detector


def in_turn(ours: Work, theirs: Work | None, repeats: int) -> tuple[float, float]:
    """Median times in milliseconds of two pieces of work that take turns; NaN for none.

    A first round does not count, except where one round alone takes longer than a side may take.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        for spent, work in zip(times, (ours, theirs), strict=True):
            if work is not None and sum(spent) < PATIENCE:
                start = time.perf_counter()
                work()
                spent.append(time.perf_counter() - start)
    first, second = (1000 * statistics.median(spent[1:] or spent) if spent else float("nan") for spent in times)
    return first, second


def apart(one_B: Tensor, two_B: Tensor) -> float:
    """Largest difference in units of 1e-5, relative to the second where that exceeds 1."""
    return float(((one_B.double() - two_B.double()).abs() / two_B.double().abs().clamp(min=1)).max() / 1e-5)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("images", 50_000), ("size", 512), ("leaves", 100), ("known", 20_000), ("bank", 10_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--compared", type=int, default=1000, help="images of which the scores are compared")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--float64", action="store_true", help="embeddings and logits in float64, as the model's are")
    parser.add_argument("--only", nargs="*", help="names of scores; all without it")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    with threadpool_limits(limits=options.threads):
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Print the table."""
    generator = torch.Generator().manual_seed(0)
    known_BD, label_B = made_up(options.known, options.size, options.leaves, generator)
    head = linear(known_BD, label_B)
    other_BD = made_up(1000, options.size, options.leaves, generator)[0].flip(1)
    known, other = Evidence(known_BD, head(known_BD), label_B), Evidence(other_BD, head(other_BD))
    embedding_BD, _ = made_up(options.images, options.size, options.leaves, generator)
    new = Evidence(embedding_BD, head(embedding_BD))
    if options.float64:
        new = Evidence(new.embedding_BD.double(), new.logits_BC.double())
    few = new[: options.compared]
    exact = Evidence(few.embedding_BD.double(), few.logits_BC.double())
    print(
        f"{len(new)} images, {options.size} numbers each, {options.leaves} leaves, {new.embedding_BD.dtype}, "
        f"{options.threads} thread(s), torch {torch.__version__}; medians in ms"
    )
    checked = in_turn(lambda: Evidence(new.embedding_BD, new.logits_BC).require_finite(), None, options.repeats)[0]
    print(f"{'look for NaN':<24}{checked:10.2f}   once, whatever the number of scores; below it is done already")
    print(f"{'score':<24}{'ours':>10}{'theirs':>10}{'ratio':>8}{'float64':>10}{'theirs':>10}")
    times = {}
    for name, case in cases(known, other, head, options.bank).items():
        if options.only and name not in options.only:
            continue
        times[name] = in_turn(partial(case.ours, new), their_work(case, new), options.repeats)
        ratio = times[name][1] / times[name][0]
        drift = apart(case.ours(few), case.ours(exact))
        gap = float("nan")
        if case.exact is not None:
            gap = apart(case.ours(few), case.scale * case.exact(exact.embedding_BD, exact.logits_BC))
        row = (
            f"{name:<24}{times[name][0]:10.2f}{times[name][1]:10.2f}{ratio:8.1f}{drift:10.3f}{gap:10.3f}   {case.note}"
        )
        print(row.rstrip(), flush=True)
    for names in (default_scores(other=False), (*default_scores(other=True), "mahalanobis")):
        if set(names) <= set(times):
            total = checked + sum(times[name][0] for name in names)
            theirs = sum(times[name][1] for name in names if name != "outlier")
            print(f"{' + '.join(names)}, the look included: {total:.0f}, theirs {theirs:.0f}, {theirs / total:.1f}x")


def their_work(case: Case, new: Evidence) -> Work | None:
    """Their score of all images; what cannot read float64 is given float32."""
    if case.theirs is None:
        return None
    reads_logits = case.theirs.func is of_logits if isinstance(case.theirs, partial) else False
    embedding_BD = new.embedding_BD if reads_logits else new.embedding_BD.float()
    return partial(case.theirs, embedding_BD, new.logits_BC)


if __name__ == "__main__":
    main()
