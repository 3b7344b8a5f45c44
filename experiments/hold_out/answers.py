"""What a method says about images, in one form for ours and for those from the literature.

Every method answers with nodes, and every method is asked twice:

* *under the promise*: the threshold is set on known calibration images, which nobody learnt from, so that at most a
  share α of the known is called novel. This is where methods can be compared: all may err alike on the known.
* *at its own operating point*: as it stands, whatever that costs the known.

For a reference, the knob is a bias on all novel answers, and an image's score its critical bias (see
`hierclf.references`). Ours keeps its promise with its own gates; its own operating point is the answer that it gives
without a promise (``promise="none", rule="expected_distance"``): the node of least expected distance. Its stop
distribution can also be asked as a reference is, which tells what the gates add to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hierclf.classifier import HierarchicalClassifier
from hierclf.dag import DagPlan
from hierclf.decisions import nearest_to_stops
from hierclf.errors import ConfigError
from hierclf.model import Model
from hierclf.promises import conformal_threshold
from hierclf.reading import Reading
from hierclf.references import FittedReference, FittedStops, Reference

# B images, n images to learn from, D embedding, N nodes

TURNED_AWAY = ("novel_child", "other")


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """The answers of one method about B images.

    Args:
        promised_B: node ids under the promise, int64.
        rejected_B: which images the promise counts as turned away, bool.
        natural_B: node ids at the method's own operating point, int64.
        unknown_B: how unknown each image looks, larger = more unknown, float64; may be infinite.
        stop_log_probs_BN: log-probability to stop at each node, float64, or None.
        decide: node ids when all novel answers get a bias, for methods that do not answer with the likeliest node.
    """

    promised_B: npt.NDArray[np.int64]
    rejected_B: npt.NDArray[np.bool_]
    natural_B: npt.NDArray[np.int64]
    unknown_B: npt.NDArray[np.float64]
    stop_log_probs_BN: npt.NDArray[np.float64] | None
    decide: Callable[[float], npt.NDArray[np.int64]] | None = None


def our_answers(model: Model, embedding_BD: Tensor) -> Answers:
    """Answers of a model of ours."""
    return read_answers(model, model.read(embedding_BD))


def read_answers(model: Model, reading: Reading) -> Answers:
    """Answers of a model of ours about what it has read."""
    decisions = model.decide(reading)
    promised_B = np.array([model.taxonomy.index(node) for node in decisions.node], dtype=np.int64)
    stops_BN = reading.stop_log_probs_BN.numpy() if model.knows_novelty else None
    return Answers(
        promised_B=promised_B,
        rejected_B=np.isin(decisions.status.astype(str), TURNED_AWAY),
        natural_B=promised_B if stops_BN is None else nearest_to_stops(reading.stop_log_probs_BN, model.plan).numpy(),
        unknown_B=reading.unknown_score_B.numpy(),
        stop_log_probs_BN=stops_BN,
    )


def our_distribution(model: Model) -> FittedStops:
    """The stop distribution of a model of ours, as a reference would be asked: without the promise of its gates.

    Raises:
        ConfigError: the model has no account of where something new may belong.
    """
    if not model.knows_novelty:
        raise ConfigError("by_distribution: the gate of the first strategy says nothing about where novelty belongs")
    return FittedStops(
        name="hierclf", plan=model.plan, stops=lambda embedding_BD: model.read(embedding_BD).stop_log_probs_BN
    )


def fit_reference(reference: Reference, classifier: HierarchicalClassifier) -> FittedReference:
    """A reference on the embeddings of a classifier: it learns from the images that the classifier learnt from.

    Images for choices serve its choices; those for calibration it does not see.
    """
    embedding_nD, label_n = classifier.fitted_.embedding_nD, torch.from_numpy(classifier.prepared_.label_n)
    parts = classifier.prepared_.parts
    fit, tune = torch.from_numpy(parts.fit), torch.from_numpy(parts.tune)
    return reference.fit(
        embedding_nD[fit],
        label_n[fit],
        classifier.model_.plan,
        held_out=(embedding_nD[tune], label_n[tune]),
        generator=torch.Generator().manual_seed(classifier.seed),
    )


def reference_answers(
    fitted: FittedReference, calibration_nD: Tensor, embedding_BD: Tensor, plan: DagPlan, *, alpha: float
) -> Answers:
    """Answers of a reference, its bias calibrated so that at most a share α of the known is called novel.

    Args:
        fitted: the reference.
        calibration_nD: embeddings of known images that nobody learnt from, shape ``(n, D)``.
        embedding_BD: the images in question, shape ``(B, D)``.
        plan: the compiled taxonomy.
        alpha: the promised share.
    """
    threshold = conformal_threshold(-fitted.known_score(calibration_nD), alpha)
    if isinstance(fitted, FittedStops):  # everything that is asked below follows from one table
        table_BN = fitted(embedding_BD)
        fitted = replace(fitted, stops=lambda _: table_BN)
    promised_B = fitted.decide(embedding_BD, -threshold)
    return Answers(
        promised_B=promised_B.numpy(),
        rejected_B=(plan.leaf_slot_N[promised_B] < 0).numpy(),
        natural_B=fitted.decide(embedding_BD, 0.0).numpy(),
        unknown_B=-fitted.known_score(embedding_BD).numpy(),
        stop_log_probs_BN=fitted(embedding_BD).numpy() if fitted.gives_stops else None,
        decide=None if isinstance(fitted, FittedStops) else lambda bias: fitted.decide(embedding_BD, bias).numpy(),
    )
