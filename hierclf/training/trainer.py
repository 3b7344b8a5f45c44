"""One training in progress: networks, optimiser, and the best weights so far. The only mutable thing of a fit.

When images of other are given, or negatives are made from the known images, they join every batch if the objective has
a use for them. What a batch is minimised for is in `hierclf.training.objective`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hierclf.backbones import Backbone, Projection, depth_factors
from hierclf.embedding import Batch
from hierclf.errors import DataError
from hierclf.heads import Head
from hierclf.negatives import NegativeRecipe, Negatives, make_negatives
from hierclf.progress import Progress
from hierclf.training.averaging import Averaging
from hierclf.training.material import Reader, TrainingImages
from hierclf.training.objective import Objective, ObjectiveValue
from hierclf.training.order import visiting_order
from hierclf.training.schedule import LARGE_PRIME, Schedule

# B images, M images of other and negatives, C channels, H height, W width, D embedding, O outputs, N nodes, K nodes
# on the longest path

PATIENCE_WITH_NAN = 5
"""Steps in a row that may be skipped for a loss that is not finite."""

LONGEST_GRADIENT = 5.0
HELD_OUT_BATCH = 256
FEWEST_STRANGERS = 8  # images of other in a step
NEGATIVES_PER_IMAGE = 1.0  # that are tried; those of transformations that a class survives are left out


class Trainer:
    """Trains backbone and head in place.

    Args:
        backbone: the feature extractor, unfrozen; or a projection, where embeddings take the place of images.
        head: built on the same plan as the labels.
        known: images to learn from.
        other: images of other, labelled with the number of their kind, 0 to O - 1, or None.
        weight_NK: loss weights, from `hierclf.losses.label_weights`.
        schedule: how to train.
        reader: how to get batches of images, or of embeddings.
        device: where to compute.
        negatives: what to make from known images to learn from beside them, or None.
    """

    def __init__(
        self,
        backbone: Backbone | Projection,
        head: Head,
        known: TrainingImages,
        other: TrainingImages | None,
        weight_NK: Tensor,
        schedule: Schedule,
        *,
        reader: Reader,
        device: torch.device,
        negatives: NegativeRecipe | None = None,
    ) -> None:
        assert isinstance(head, nn.Module)
        self.backbone, self.head, self.known, self.other = backbone, head, known, other
        self.schedule, self.reader, self.device = schedule, reader, device
        self.negatives, self.chance = negatives, torch.Generator()
        self.kinds_of_other = 0 if other is None else int(other.label_n.max()) + 1
        kinds = self.kinds_of_other + (negatives.num_kinds if negatives else 0)
        self.objective = Objective(head, weight_NK, schedule, in_features=backbone.dim, kinds=kinds)
        networks = {"backbone": backbone, "head": head, "objective": self.objective}
        self.networks = nn.ModuleDict(networks).to(device)
        self.optimizer = torch.optim.AdamW(self._parameter_groups())
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.averaging = Averaging(self.networks, decay=schedule.averaging) if schedule.averaging else None
        self.steps_per_epoch = math.ceil(known.visited / schedule.batch_size)
        self.step = 0
        self.best: dict[str, Tensor] = {}
        self.best_result = (-math.inf, -math.inf)
        self.epochs_since_best = 0

    def run_epoch(self, epoch: int, progress: Progress) -> dict[str, float]:
        """One pass over the known images.

        Returns:
            ``epoch`` (counted from 1), mean ``loss`` of the steps and mean of each of its terms, and ``skipped_steps``.

        Raises:
            DataError: the loss was not finite five times in a row; the message names images of the last batch.
        """
        self.networks.train()
        self.chance.manual_seed(self.schedule.seed * LARGE_PRIME + epoch)
        healthy = {name: values.clone() for name, values in self.networks.named_buffers()}
        generator = np.random.default_rng([self.schedule.seed, epoch])
        places = self.known.places(generator)
        as_drawn = self.schedule.balanced_batches and self.known.draw is not None and self.schedule.together == 1
        order = places if as_drawn else self._order(places, generator)
        strangers = self._strangers(len(order), generator) if self._sees_other else None
        totals, steps = {"loss": 0.0}, {"loss": 0}
        skipped, in_a_row = 0, 0
        for batch in progress(self._stream(order), self.steps_per_epoch, f"epoch {epoch + 1}/{self.schedule.epochs}"):
            if len(batch.index_B) < 2:  # batch norm needs two
                continue
            values = self.take_step(epoch, batch, next(strangers) if strangers is not None else None)
            if values is not None:
                in_a_row = 0
                for name, value in values.items():
                    totals[name], steps[name] = totals.get(name, 0.0) + value, steps.get(name, 0) + 1
                continue
            skipped, in_a_row = skipped + 1, in_a_row + 1
            for name, buffer in self.networks.named_buffers():  # batch norm has seen the bad batch already
                buffer.copy_(healthy[name])
            if in_a_row == PATIENCE_WITH_NAN:
                raise _never_finite(self.known, batch)
        means = {name: total / max(1, steps[name]) for name, total in totals.items()}
        return {"epoch": epoch + 1, **means, "skipped_steps": skipped}

    def take_step(self, epoch: int, batch: Batch, strange: Batch | None) -> dict[str, float] | None:
        """One step of the optimiser.

        Returns:
            ``loss`` and its terms; None where loss or gradient is not finite and no step was taken.
        """
        factor = self.schedule.rate_factor(self.step, self.steps_per_epoch * self.schedule.epochs)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.step += 1
        self.optimizer.zero_grad()
        value = self.value(epoch, batch, strange)
        numbers = torch.stack([value.total.detach(), *value.terms.values()]).tolist()
        if not math.isfinite(numbers[0]):
            return None
        value.total.backward()  # type: ignore[no-untyped-call]
        if not nn.utils.clip_grad_norm_(self.networks.parameters(), LONGEST_GRADIENT).isfinite():
            return None
        self.optimizer.step()
        if self.averaging is not None:
            self.averaging.update()
        return dict(zip(("loss", *value.terms), numbers, strict=True))

    def value(self, epoch: int, batch: Batch, strange: Batch | None) -> ObjectiveValue:
        """What one batch of known images, and one of other, is minimised for."""
        images_BCHW = self.reader.changed(batch, epoch, self.device)
        made = self._negatives(images_BCHW, self.known.label_n[batch.index_B])
        kinds: list[Tensor] = []
        if strange is not None and self.other is not None:
            images_BCHW = torch.cat([images_BCHW, self.reader.changed(strange, epoch, self.device)])
            kinds.append(self.other.label_n[strange.index_B])
        if made is not None and self.negatives is not None and len(made):
            images_BCHW = torch.cat([images_BCHW, made.images_MCHW])
            kinds.append(self.kinds_of_other + self.negatives.kind_TN[made.how_M, made.label_M])
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
            embedding_BD = self.backbone(images_BCHW)
        embedding_BD = embedding_BD.float()
        weight_n = self.known.weight_n
        weight_B = None if weight_n is None else weight_n[batch.index_B].to(self.device)
        value: ObjectiveValue = self.objective(
            embedding_BD,
            self.head(embedding_BD),
            self.known.label_n[batch.index_B].to(self.device),
            image_weight_C=weight_B,
            kinds=kinds,
            done=self.step / (self.steps_per_epoch * self.schedule.epochs),
        )
        return value

    def assess(self, held_out: TrainingImages) -> dict[str, float]:
        """Loss and accuracy on held-out images: right is the most likely leaf at or below the label.

        Where weights are averaged, it is the mean that answers.

        Returns:
            ``held_out_loss`` and ``held_out_accuracy``; nothing without such images, or where the head does not learn.
        """
        if not self.objective.classifies:
            return {}
        self.networks.eval()
        with torch.no_grad(), self._averaged():
            return self._assessed(held_out)

    def _assessed(self, held_out: TrainingImages) -> dict[str, float]:
        plan = self.head.plan.to(self.device)
        losses, right, seen = 0.0, 0, 0
        for batch in self.reader.batches(held_out, range(len(held_out.label_n)), batch_size=HELD_OUT_BATCH):
            if not len(batch.index_B):
                continue
            logits_BO = self.head(self.backbone(batch.images_BCHW.to(self.device)).float())
            log_probs_BN = self.head.node_log_probs(logits_BO)
            label_B = held_out.label_n[batch.index_B].to(self.device)
            loss = self.objective.classification(logits_BO, label_B)
            leaf_B = plan.leaf_L[log_probs_BN[:, plan.leaf_L].argmax(1)]
            right += int(((plan.path_NK[leaf_B] == label_B[:, None]).any(1) | (label_B == 0)).sum())
            losses, seen = losses + loss.item() * len(label_B), seen + len(label_B)
        if not seen:
            return {}
        return {"held_out_loss": losses / seen, "held_out_accuracy": right / seen}

    def keep_best(self, entry: dict[str, float]) -> None:
        """Remember the weights if an epoch did better than all before, as the objective judges."""
        result = self.objective.result(entry)
        self.epochs_since_best += 1
        if result > self.best_result:
            self.best_result, self.epochs_since_best = result, 0
            weights = self.networks.state_dict() if self.averaging is None else self.averaging.means
            self.best = {name: values.detach().cpu().clone() for name, values in weights.items()}

    def finish(self) -> None:
        """Put the best weights into the networks, on the CPU."""
        if self.best:
            self.networks.load_state_dict(self.best)
        self.networks.to("cpu").eval()

    def state(self) -> dict[str, Any]:
        """All that `load` needs, independent of what happens to the networks from now on."""
        state = {
            "networks": dict(self.networks.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "best_result": list(self.best_result),
            "epochs_since_best": self.epochs_since_best,
            "step": self.step,
        }
        if self.averaging is not None:
            state["averaging"] = {"means": self.averaging.means, "steps": self.averaging.steps}
        return copy.deepcopy(state)

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a `state`.

        Raises:
            DataError: it belongs to another training.
        """
        try:
            self.networks.load_state_dict(state["networks"])
            self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
            if self.averaging is not None:
                self.averaging.load(**state["averaging"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise DataError(
                f"the checkpoint is of another training ({str(error).splitlines()[0]}); resume with the same data, "
                "taxonomy and settings, or start anew"
            ) from error
        self.best = dict(state["best"])
        self.best_result = (state["best_result"][0], state["best_result"][1])
        self.epochs_since_best, self.step = state["epochs_since_best"], state["step"]

    # --------------------------------------------------------------------------------------------------------- helpers

    def _averaged(self) -> AbstractContextManager[None]:
        """Inside, the networks hold the mean of their weights, where there is one."""
        return nullcontext() if self.averaging is None else self.averaging.in_place()

    def _parameter_groups(self) -> list[dict[str, Any]]:
        """The backbone may learn more slowly than the rest, and its beginning than its end; norms do not decay."""
        groups = []
        for name, network in self.networks.items():
            for block, rate in self._rates(network) if name == "backbone" else self._same_rate(network):
                for decays in (True, False):
                    chosen = [p for p in block if p.requires_grad and (p.ndim > 1) == decays]
                    if chosen:
                        decay = self.schedule.weight_decay if decays else 0.0
                        groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
        return groups

    def _same_rate(self, network: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
        return [(list(network.parameters()), self.schedule.head_rate)]

    def _rates(self, backbone: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
        """Parts of the backbone with their peak rates."""
        schedule = self.schedule
        if not self.backbone.pretrained:
            return self._same_rate(backbone)
        if schedule.layer_decay == 1:
            return [(list(backbone.parameters()), schedule.backbone_rate)]
        blocks = depth_factors(backbone, schedule.layer_decay)
        return [(block, schedule.backbone_rate * factor) for block, factor in blocks]

    def _stream(self, order: np.ndarray) -> Iterator[Batch]:
        return self.reader.batches(self.known, order.tolist(), batch_size=self.schedule.batch_size)

    def _order(self, place_m: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        label_m = self.known.label_n[place_m].numpy()
        return visiting_order(place_m, label_m, together=self.schedule.together, generator=generator)

    def _strangers(self, known_per_epoch: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Batches of other without end, about as many images per step as their share among all images."""
        assert self.other is not None
        count, size = len(self.other.label_n), self.schedule.batch_size
        size = int(np.clip(round(size * count / max(1, known_per_epoch)), min(FEWEST_STRANGERS, count), size))
        while True:
            order = generator.permutation(count).tolist()
            for batch in self.reader.batches(self.other, order, batch_size=size):
                if len(batch.index_B):
                    yield batch

    @property
    def _sees_other(self) -> bool:
        return self.other is not None and self.objective.reads_other

    def _negatives(self, images_BCHW: Tensor, label_B: Tensor) -> Negatives | None:
        if self.negatives is None or not self.objective.reads_other:
            return None
        count = round(NEGATIVES_PER_IMAGE * len(label_B))
        return make_negatives(images_BCHW, label_B, self.negatives, self.chance, count=count)


def _never_finite(images: TrainingImages, batch: Batch) -> DataError:
    names = images.names(batch.index_B.tolist()[:8])
    return DataError(
        f"the loss was not finite {PATIENCE_WITH_NAN} times in a row, last on a batch with {', '.join(names)}; lower "
        "the learning rates (head_rate, backbone_rate) or look at these images"
    )
