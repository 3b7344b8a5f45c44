"""A trained model: backbone, head, gate and decision rule, put together from finished parts.

::

    images → backbone → embedding (B, D) → head → log-memberships (B, N)  ┐
                                         ↘ gate → p-value (B,)            ┴→ decisions

A model is a value. It learns nothing and remembers nothing: `embed`, `read` and `decide` take values and return new
ones. What the flat baseline would have said comes along in every reading, because a hierarchy has to earn its place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hierclf.backbones import Backbone, EmbeddingCache
from hierclf.dag import DagPlan, stop_log_probs
from hierclf.data import ImageSet
from hierclf.decisions import Decisions, Novelty, decide, rules
from hierclf.embedding import BATCH, Embedded, embed_batches, embed_images
from hierclf.errors import ConfigError, DataError
from hierclf.gates import Average, BothSides, Confident, Evidence, Gate, Unbound, conformal_threshold
from hierclf.heads import Head
from hierclf.progress import Progress, silent
from hierclf.promises import discoveries
from hierclf.reading import Reading
from hierclf.taxonomy import Taxonomy

# B images, D embedding, N nodes, L leaves

LARGEST_TABLE = 1 << 22
"""Numbers in a table of log-memberships; as many embeddings are read at once as fit."""
FEWEST_ROWS, MOST_ROWS = 64, 4096


@dataclass(frozen=True, kw_only=True)
class Operation:
    """How decisions are made and what is promised about them.

    Args:
        rule: a name from `hierclf.decisions.rules`.
        point: the rule's operating point (θ or λ); ignored by rules without one.
        correct: the promised share of answers that are correct or an ancestor, or None when nothing is promised.
        calibrated_on: number of known images behind that promise.

    Raises:
        UnknownName: there is no such rule.
        ConfigError: a point that is no number, or a promise that is no share.
    """

    rule: str = "threshold"
    point: float = 0.5
    correct: float | None = None
    calibrated_on: int = 0

    def __post_init__(self) -> None:
        rules[self.rule]
        if not math.isfinite(self.point):
            raise ConfigError(f"the operating point of a rule is a finite number, got {self.point!r}")
        if self.correct is not None and not 0 < self.correct < 1:
            raise ConfigError(f"correct is a share between 0 and 1, or None, got {self.correct!r}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """The flat softmax with a threshold on its largest probability: what most people would have used.

    Args:
        head: a flat head on the same embedding.
        calibration_scores: its MSP score on the same calibration images, ascending, float64, shape ``(n,)``.
    """

    head: Head
    calibration_scores: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """Everything that is needed to decide about an image.

    Args:
        plan: the compiled taxonomy.
        backbone: the feature extractor, or None when embeddings are given.
        head: embedding to log-memberships.
        gate: known or other; None lets everything in.
        operation: how to decide.
        baseline: the flat softmax beside it.
        in_features: width D of the embedding.
    """

    plan: DagPlan
    backbone: Backbone | None
    head: Head
    gate: Gate | None
    operation: Operation
    baseline: Baseline
    in_features: int

    @property
    def taxonomy(self) -> Taxonomy:
        """What may be recognised."""
        return self.plan.taxonomy

    @property
    def alpha(self) -> float:
        """The share of known images that may be turned away; 0 without a gate."""
        return self.gate.alpha if self.gate is not None else 0.0

    @property
    def threshold(self) -> float:
        """The unknown score above which an image is turned away; infinity without a gate."""
        return self.gate.threshold if self.gate is not None else float("inf")

    def embed(
        self,
        image_set: ImageSet,
        *,
        device: torch.device | str = "cpu",
        batch_size: int = BATCH,
        workers: int = 0,
        cache: EmbeddingCache | None = None,
        progress: Progress = silent,
    ) -> Embedded:
        """Embed images; see `hierclf.embedding.embed_images`.

        Raises:
            DataError: the model was fitted on embeddings and has no backbone.
        """
        return embed_images(
            self._backbone_in_place(),
            image_set,
            device=device,
            batch_size=batch_size,
            workers=workers,
            cache=cache,
            progress=progress,
        )

    def readings(
        self,
        images: ImageSet | Tensor,
        *,
        device: torch.device | str = "cpu",
        batch_size: int = BATCH,
        workers: int = 0,
        progress: Progress = silent,
    ) -> Iterator[Reading]:
        """What the model sees, a few images at a time, so that memory does not grow with their number.

        Args:
            images: images, or embeddings ``(n, D)``.
            device: where to compute embeddings.
            batch_size: images at a time.
            workers: processes that decode files.
            progress: how to show how far it is.

        Yields:
            Readings of the next images, in order; a single empty one where there are no images.

        Raises:
            DataError: images for a model without a backbone, or embeddings of another width.
        """
        start = 0
        if isinstance(images, Tensor):
            for part_BD in torch.split(images, self.rows_at_once):
                yield self.read(part_BD, names=[f"#{start + place}" for place in range(len(part_BD))])
                start += len(part_BD)
            return
        backbone = self._backbone_in_place()
        if len(images) == 0:
            yield self.read(torch.empty(0, self.in_features))
        for part in embed_batches(
            backbone, images, device=device, batch_size=batch_size, workers=workers, progress=progress
        ):
            yield self.read(part.embedding_nD, names=images.names[start : start + len(part)], errors=part.errors)
            start += len(part)

    @torch.no_grad()
    def read(
        self, embedding_BD: Tensor, *, names: Sequence[str] = (), errors: Mapping[int, str] | None = None
    ) -> Reading:
        """What the model sees in embeddings.

        Args:
            embedding_BD: any float dtype, shape ``(B, D)``.
            names: what to call the images; ``#0``, ``#1``, … when left out.
            errors: what was wrong with images that could not be read; their rows may hold NaN.

        Returns:
            All values on the CPU in float64.

        Raises:
            DataError: another width than the model was fitted on, or NaN or infinity in a row without an error.
        """
        errors = dict(errors or {})
        if embedding_BD.ndim != 2 or embedding_BD.shape[1] != self.in_features:
            raise DataError(
                f"expected embeddings of shape (n, {self.in_features}), as the model was fitted on, "
                f"got {tuple(embedding_BD.shape)}"
            )
        names = tuple(names) or tuple(f"#{place}" for place in range(len(embedding_BD)))
        readable = torch.ones(len(embedding_BD), dtype=torch.bool)
        readable[list(errors)] = False
        good_BD = embedding_BD[readable].double()
        holes = (~good_BD.isfinite().all(1)).nonzero()
        if len(holes):
            raise DataError(f"expected finite embeddings, got NaN or infinity in {len(holes)} of {len(good_BD)} rows")
        parts = [self._read(part_BD) for part_BD in torch.split(good_BD, self.rows_at_once)]

        def spread(pieces: Sequence[Tensor]) -> Tensor:
            values = torch.cat(list(pieces))
            if not errors:
                return values
            whole = torch.full((len(embedding_BD), *values.shape[1:]), torch.nan, dtype=torch.float64)
            whole[readable] = values
            return whole

        components = {name: spread([part.components[name] for part in parts]) for name in parts[0].components}
        return Reading(
            names=names,
            node_log_probs_BN=spread([part.node_log_probs_BN for part in parts]),
            unknown_score_B=spread([part.unknown_score_B for part in parts]),
            p_value_B=spread([part.p_value_B for part in parts]),
            components=components,
            stop_log_probs_BN=spread([part.stop_log_probs_BN for part in parts]),
            surprise_BG=spread([part.surprise_BG for part in parts]),
            uncertain_B=spread([part.uncertain_B.double() for part in parts]) == 1,
            baseline_log_probs_BL=spread([part.baseline_log_probs_BL for part in parts]),
            errors=errors,
        )

    def decide(
        self, reading: Reading, *, operation: Operation | None = None, away_B: Tensor | None = None
    ) -> Decisions:
        """Decide about what was read.

        Args:
            reading: of this model.
            operation: instead of the model's own.
            away_B: who is turned away, bool, instead of those whose p-value is at most `level`.
        """
        operation = operation or self.operation
        novelty = Novelty(
            away_B=reading.p_value_B <= self.level if away_B is None else away_B,
            stop_log_probs_BN=reading.stop_log_probs_BN.nan_to_num(nan=0.0) if self.knows_novelty else None,
            uncertain_B=reading.uncertain_B,
            bound=away_B is not None or self.gate is None or not isinstance(self.gate.guarantee, Unbound),
        )
        return decide(
            reading.names,
            reading.node_log_probs_BN.nan_to_num(nan=0.0),
            reading.p_value_B,
            self.plan,
            rule=operation.rule,
            point=operation.point,
            alpha=self.level if away_B is None else _largest(reading.p_value_B[away_B]),
            errors=reading.errors,
            novelty=novelty,
            tree=getattr(self.head, "tree", None),
        )

    def discovered(self, reading: Reading, rate: float) -> Tensor:
        """Who is turned away so that at most a share of them is known, on average over batches.

        Args:
            reading: of all images of the batch.
            rate: the share; see `hierclf.promises.discoveries`.

        Returns:
            bool, shape ``(B,)``; unreadable images stay.

        Raises:
            ConfigError: the p-values are not all held against one set of calibration images.
            CalibrationError: the share is out of range.
        """
        guarantee = self.gate.guarantee if self.gate is not None else None
        if not isinstance(guarantee, (Average, Confident, BothSides)) or isinstance(guarantee, Unbound):
            raise ConfigError(
                "false discovery is counted among p-values from one set of calibration images: it takes a gate with "
                "promise='average', 'confident' or 'two_sided'"
            )
        readable_B = ~reading.p_value_B.isnan()
        away_B = torch.zeros_like(readable_B)
        away_B[readable_B] = discoveries(reading.p_value_B[readable_B], rate)
        return away_B

    @property
    def level(self) -> float:
        """An image is turned away where its p-value is at most this; 0 without a gate."""
        return self.gate.level if self.gate is not None else 0.0

    @property
    def knows_novelty(self) -> bool:
        """Whether there is an account of where something new may belong, beside known or other."""
        return self.gate is not None and self.gate.novel is not None

    @property
    def gated_nodes(self) -> tuple[str, ...]:
        """Names of the nodes with a gate, the root first; none without a gate."""
        if self.gate is None:
            return ()
        inner = () if self.gate.nodes is None else tuple(self.gate.nodes.gated.tolist())
        return tuple(self.plan.nodes[node] for node in (0, *inner))

    @property
    def rows_at_once(self) -> int:
        """How many embeddings are read at once: fewer for a taxonomy with many nodes."""
        return min(max(LARGEST_TABLE // self.plan.num_nodes, FEWEST_ROWS), MOST_ROWS)

    @property
    def baseline_threshold(self) -> float:
        """The baseline's MSP score above which it turns an image away, at the same share of known images."""
        return conformal_threshold(self.baseline.calibration_scores, self.alpha) if self.alpha else float("inf")

    def logits(self, embedding_BD: Tensor) -> Tensor:
        """What the head makes of embeddings, in float64 whatever it was trained in.

        So a row hardly depends on its batch: what is left of the order of summation is far below anything decided here.
        """
        assert isinstance(self.head, nn.Module)
        logits_BO: Tensor = functional_call(self.head, self._exact_head, (embedding_BD.double(),))
        return logits_BO

    def flat_logits(self, embedding_BD: Tensor) -> Tensor:
        """The same of the baseline's head, shape ``(B, L)``."""
        assert isinstance(self.baseline.head, nn.Module)
        logits_BL: Tensor = functional_call(self.baseline.head, self._exact_flat, (embedding_BD.double(),))
        return logits_BL

    @cached_property
    def _exact_head(self) -> dict[str, Tensor]:
        return _in_float64(self.head)

    @cached_property
    def _exact_flat(self) -> dict[str, Tensor]:
        return _in_float64(self.baseline.head)

    def _backbone_in_place(self) -> Backbone:
        if self.backbone is None:
            raise DataError("this model was fitted on embeddings (backbone=None); give it embeddings (n, d), no images")
        return self.backbone

    def _read(self, embedding_BD: Tensor) -> Reading:
        logits_BO = self.logits(embedding_BD)
        node_log_probs_BN = self.head.node_log_probs(logits_BO)
        node_log_probs_BN[:, 0] = 0.0  # M(root) = 1, whatever the rounding of a sum over leaves
        flat_BL = self.flat_logits(embedding_BD).log_softmax(1)
        known_BN = node_log_probs_BN.clamp(max=0.0)
        if self.gate is None:
            nothing_B = torch.zeros(len(embedding_BD), dtype=torch.float64)
            return Reading(
                names=(),
                node_log_probs_BN=known_BN,
                unknown_score_B=nothing_B,
                p_value_B=torch.ones_like(nothing_B),
                components={},
                stop_log_probs_BN=self._stops(known_BN, None),
                surprise_BG=nothing_B.new_zeros(len(nothing_B), 0),
                uncertain_B=nothing_B > 0,
                baseline_log_probs_BL=flat_BL,
            )
        seen = self.gate.read(Evidence(embedding_BD, self.head.leaf_scores(logits_BO)))
        columns = [0] if self.gate.nodes is None else [0, *self.gate.nodes.gated.tolist()]
        return Reading(
            names=(),
            node_log_probs_BN=known_BN,
            unknown_score_B=seen.statistic.score_B,
            p_value_B=seen.p_value_B,
            components=seen.components,
            stop_log_probs_BN=self._stops(known_BN, seen.surprise_BN),
            surprise_BG=seen.surprise_BN[:, columns] if seen.surprise_BN.shape[1] else seen.surprise_BN,
            uncertain_B=seen.uncertain_B,
            baseline_log_probs_BL=flat_BL,
        )

    def _stops(self, known_BN: Tensor, surprise_BN: Tensor | None) -> Tensor:
        """Log S; where nobody asks about novelty, everything stops at a leaf."""
        if surprise_BN is None or self.gate is None or self.gate.novel is None:
            novel_BN = torch.full_like(known_BN, -torch.inf)
        else:
            novel_BN = self.gate.novel(surprise_BN)
        return stop_log_probs(known_BN, novel_BN, self.plan)


def _largest(p_value_B: Tensor) -> float:
    """The p-value up to which images were turned away."""
    return float(p_value_B.max()) if len(p_value_B) else 0.0


def _in_float64(head: Head) -> dict[str, Tensor]:
    assert isinstance(head, nn.Module)
    return {name: values.detach().double() for name, values in head.named_parameters()}
