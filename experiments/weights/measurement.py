"""All rows of one seed, on the same images for the same purposes and from the same weights to start from."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from experiments.weights.config import Cell, WeightsConfig
from experiments.weights.division import Divided
from experiments.weights.measures import measure
from experiments.worth.measurement import principal
from hierclf.backbones import Backbone, choose_device, default_cache
from hierclf.data import ImageSet
from hierclf.embedding import embed_images
from hierclf.errors import DataError
from hierclf.model import Model
from hierclf.progress import bars
from hierclf.settings import Settings
from hierclf.training import choose_backbone, fit_model, prepare_images

# n images to learn from, B tested images, D embedding


@dataclass(frozen=True, kw_only=True, eq=False)
class Embeddings:
    """What frozen features make of the images.

    Args:
        embedding_nD: of those to learn from, in the order of the prepared set.
        tested_BD: of the tested ones.
    """

    embedding_nD: Tensor
    tested_BD: Tensor


class Bench:
    """Measures the rows of one seed; remembers frozen features.

    Args:
        divided: which images are for what.
        config: of the experiment.
        seed: of every fit.

    Raises:
        HierclfError: the images cannot be learnt from.
    """

    def __init__(self, divided: Divided, config: WeightsConfig, *, seed: int) -> None:
        self.divided, self.config, self.seed = divided, config, seed
        settings = config.settings_of(config.usual, seed=seed)
        self.prepared = prepare_images(
            divided.train,
            None,
            None,
            divided.taxonomy,
            keep=settings.keep,
            calibration_share=settings.calibration_share,
            seed=seed,
        )

    def measure(self, cell: Cell) -> dict[str, Any]:
        """The metrics of a row.

        Raises:
            HierclfError: it cannot learn from these images; the message says why.
        """
        settings = self.config.settings_of(cell, seed=self.seed)
        frozen = None if self.config.features == "own" else self._frozen
        started = time.perf_counter()
        if frozen is None:
            model = self._trained(settings)
            seconds = time.perf_counter() - started
            assert model.backbone is not None
            tested_BD = self._embed(model.backbone, self.divided.test)
        else:
            given = replace(self.prepared, images=frozen.embedding_nD)
            model = fit_model(given, None, settings.model_copy(update={"backbone": None})).model
            seconds, tested_BD = time.perf_counter() - started, frozen.tested_BD
        reading = model.read(tested_BD)
        metrics = measure(reading.node_log_probs_BN, self.divided.truth(), model.plan, self.config.raised)
        return {**metrics, "fit_seconds": round(seconds, 3)}

    @cached_property
    def _frozen(self) -> Embeddings:
        """Embeddings by features that no row changes."""
        settings = self.config.settings_of(self.config.usual, seed=self.seed)
        if self.config.features == "pretrained":
            backbone = choose_backbone(self._images, settings)[0].freeze()
        else:
            plain = settings.model_copy(
                update={"head": "flat", "level_weights": "leaf", "class_weights": None, "node_weights": None}
            )
            trained = self._trained(plain.model_copy(update={"favour": None})).backbone
            assert trained is not None
            backbone = trained
        embedding_nD, tested_BD = (self._embed(backbone, images) for images in (self._images, self.divided.test))
        if self.config.directions is not None:
            fit = torch.from_numpy(self.prepared.parts.fit)
            mean_D, basis_DR = principal(embedding_nD[fit], self.config.directions)
            embedding_nD, tested_BD = ((part - mean_D) @ basis_DR for part in (embedding_nD, tested_BD))
        return Embeddings(embedding_nD=embedding_nD, tested_BD=tested_BD)

    def _trained(self, settings: Settings) -> Model:
        backbone, _ = choose_backbone(self._images, settings)
        return fit_model(self.prepared, backbone, settings.model_copy(update={"freeze": False}), progress=bars).model

    def _embed(self, backbone: Backbone, images: ImageSet) -> Tensor:
        """Embeddings of images, kept by content where the weights are published ones.

        Raises:
            DataError: an image that cannot be read.
        """
        settings = self.config.settings_of(self.config.usual, seed=self.seed)
        embedded = embed_images(
            backbone,
            images,
            device=choose_device(settings.device),
            workers=settings.workers,
            cache=default_cache() if settings.cache and self.config.features == "pretrained" else None,
            progress=bars,
        )
        backbone.to("cpu")
        if embedded.errors:
            raise DataError(f"images cannot be read: {'; '.join(embedded.errors.values())}")
        return embedded.embedding_nD

    @property
    def _images(self) -> ImageSet:
        assert isinstance(self.prepared.images, ImageSet)
        return self.prepared.images
