"""All taxonomies of one seed, on the same images for the same purposes.

The known images are divided once: a part to learn from, one for choices, one for the promise. Every row learns from the
same part and is calibrated on the same images, whatever its taxonomy. Where features are frozen the images are embedded
once, and a row is a head and gates on these embeddings; where the backbone is trained with a taxonomy, it starts from
the same weights in every row.

What discovery reads never taught the features it is read in. A pretrained backbone has seen none of the images, so the
part to learn from is read. A backbone that was trained on that part has pulled its classes apart as training ends do,
each to its own corner, whatever they have in common; so the part for choices is read, of which training only took when
to stop. Only where that holds fewer than `FEWEST_READ` images of some class, too few to draw anew from, both are read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from experiments.hold_out.division import HeldOut
from experiments.worth.config import Cell, WorthConfig
from experiments.worth.measures import Ruler, measure
from experiments.worth.trees import Ground, agreement, trees
from hierclf.backbones import Backbone, choose_device, default_cache
from hierclf.data import ImageSet
from hierclf.embedding import embed_images
from hierclf.errors import DataError
from hierclf.model import Model
from hierclf.progress import bars
from hierclf.references.back_off import flat_classifier
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.training import (
    Prepared,
    choose_backbone,
    fit_model,
    needed_to_calibrate,
    prepare_images,
)
from hierclf.training.preparation import taxonomy_of_labels

FEWEST_READ = 5
"""Images of each class without which discovery reads more than the part for choices."""

# n known images to learn from, B tested images, K classes, D embedding, R directions


@dataclass(frozen=True, kw_only=True, eq=False)
class Embeddings:
    """What frozen features make of the images.

    Args:
        embedding_nD: of the known images, in the order of the prepared set.
        tested_BD: of the tested images, part after part.
        seconds: that it took to get there.
    """

    embedding_nD: Tensor
    tested_BD: Tensor
    seconds: float


class Bench:
    """Measures the rows of one seed; remembers features and taxonomies.

    Args:
        held_out: which images are for what.
        config: of the experiment.
        seed: of every fit.

    Raises:
        HierclfError: the images cannot be learnt from.
    """

    def __init__(self, held_out: HeldOut, config: WorthConfig, *, seed: int) -> None:
        self.held_out, self.config, self.seed = held_out, config, seed
        self.source = next(iter(config.features))
        settings = self._settings(self.source, config.variants_of(self.source)[0])
        self.prepared = prepare_images(
            held_out.parts["train"],
            None,
            None,
            held_out.drawing.known,
            keep=settings.keep,
            calibration_share=settings.calibration_share,
            seed=seed,
            needed=needed_to_calibrate(settings),
        )
        target_B, class_B = held_out.targets()
        self.ruler = Ruler.of(
            held_out.drawing.known,
            target_B=target_B,
            class_B=class_B,
            places=held_out.places(),
            alpha=1 - settings.keep,
            count=len(self.prepared.parts.calibration),
        )
        self._embeddings: dict[str, Embeddings] = {}
        self._trees: dict[str, Taxonomy] = {}
        self._ground: Ground | None = None

    def measure(self, cell: Cell) -> dict[str, Any]:
        """The metrics of a row.

        Raises:
            HierclfError: it cannot learn from these images; the message says why.
        """
        taxonomy = self.tree(cell.tree)
        settings = self._settings(cell.features, cell.variant)
        if self.config.features[cell.features].how == "own":
            started = time.perf_counter()
            model = self._trained(taxonomy, settings)
            seconds, apart = time.perf_counter() - started, 0.0
            tested_BD = self._embedded_tests(model.backbone, settings)
        else:
            frozen = self._frozen(cell.features)
            started = time.perf_counter()
            given = replace(self._labelled(taxonomy), images=frozen.embedding_nD)
            model = fit_model(given, None, settings.model_copy(update={"backbone": None})).model
            seconds, apart = time.perf_counter() - started, frozen.seconds
            tested_BD = frozen.tested_BD
        return {
            **measure(model, tested_BD, self.ruler),
            **agreement(taxonomy, self.held_out.drawing.known),
            "fit_seconds": round(seconds, 3),
            "features_seconds": round(apart, 3),
            "images_read": len(self.ground.label_n),
        }

    def tree(self, name: str) -> Taxonomy:
        """A taxonomy of the known classes by the name of `experiments.worth.trees`."""
        if name not in self._trees:
            self._trees[name] = trees[name].grow(self.ground)
        return self._trees[name]

    @property
    def ground(self) -> Ground:
        """What taxonomies are made from: images that the features have not learnt from, and a flat classifier."""
        if self._ground is None:
            embedding_nD = self._frozen(self.source).embedding_nD
            rows = self._to_read()
            known = self.held_out.drawing.known
            self._ground = Ground(
                declared=known,
                embedding_nD=embedding_nD[torch.from_numpy(rows)].double().numpy(),
                label_n=tuple(known.nodes[label] for label in self.prepared.label_n[rows].tolist()),
                weight_KD=self._flat_weights(embedding_nD),
                options=self.config.discovery,
                seed=self.seed,
            )
        return self._ground

    def _to_read(self) -> npt.NDArray[np.int64]:
        """Places of the known images that discovery reads, see the module."""
        parts, label_n = self.prepared.parts, self.prepared.label_n
        if self.config.features[self.source].how == "pretrained":
            return parts.fit
        fewest = min(int((label_n[parts.tune] == label).sum()) for label in np.unique(label_n))
        return parts.tune if fewest >= FEWEST_READ else np.union1d(parts.fit, parts.tune)

    def _flat_weights(self, embedding_nD: Tensor) -> npt.NDArray[np.float64]:
        """Weights of a flat classifier on embeddings, shape ``(K, D)``, in the order of the declared leaves."""
        parts, label_n = self.prepared.parts, torch.from_numpy(self.prepared.label_n)
        fit, tune = torch.from_numpy(parts.fit), torch.from_numpy(parts.tune)
        flat = flat_classifier(
            embedding_nD[fit],
            label_n[fit],
            self.ruler.plan,
            (embedding_nD[tune], label_n[tune]),
            torch.Generator().manual_seed(self.seed),
        )
        return flat.weight_OD.numpy()

    def _frozen(self, features: str) -> Embeddings:
        """Embeddings by features that no row changes, computed once."""
        if features not in self._embeddings:
            started = time.perf_counter()
            settings = self._settings(features, self.config.variants_of(features)[0])
            if self.config.features[features].how == "pretrained":
                backbone, _ = choose_backbone(self._images, settings)
                backbone.freeze()
            else:
                flat = settings.model_copy(update={"head": "flat", "level_weights": "leaf", "gate": "none"})
                model = self._trained(taxonomy_of_labels(self.held_out.drawing.known.leaves), flat)
                assert model.backbone is not None
                backbone = model.backbone
            embedding_nD = self._embed(backbone, self._images, settings)
            tested_BD = self._embedded_tests(backbone, settings)
            directions = self.config.features[features].directions
            if directions is not None:
                mean_D, basis_DR = principal(embedding_nD[torch.from_numpy(self.prepared.parts.fit)], directions)
                embedding_nD, tested_BD = ((part - mean_D) @ basis_DR for part in (embedding_nD, tested_BD))
            seconds = time.perf_counter() - started
            self._embeddings[features] = Embeddings(embedding_nD=embedding_nD, tested_BD=tested_BD, seconds=seconds)
        return self._embeddings[features]

    def _trained(self, taxonomy: Taxonomy, settings: Settings) -> Model:
        """A model whose backbone was trained with a taxonomy, always from the same weights on."""
        backbone, _ = choose_backbone(self._images, settings)
        trained = settings.model_copy(update={"freeze": False})
        return fit_model(self._labelled(taxonomy), backbone, trained, progress=bars).model

    def _labelled(self, taxonomy: Taxonomy) -> Prepared:
        """The same images for the same purposes, labelled with the nodes of another taxonomy of the same classes."""
        node_N = np.array([taxonomy.index(node) if node in taxonomy else -1 for node in self.prepared.taxonomy.nodes])
        return replace(self.prepared, taxonomy=taxonomy, label_n=node_N[self.prepared.label_n])

    def _embedded_tests(self, backbone: Backbone | None, settings: Settings) -> Tensor:
        assert backbone is not None
        held_out = self.held_out
        return torch.cat([self._embed(backbone, held_out.parts[part], settings) for part in held_out.tested])

    def _embed(self, backbone: Backbone, images: ImageSet, settings: Settings) -> Tensor:
        """Embeddings of images, kept by content where the weights are published ones.

        Raises:
            DataError: an image that cannot be read.
        """
        embedded = embed_images(
            backbone,
            images,
            device=choose_device(settings.device),
            workers=settings.workers,
            cache=default_cache() if settings.cache and backbone.pretrained else None,
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

    def _settings(self, features: str, variant: str) -> Settings:
        return self.config.settings_of(features, variant, seed=self.seed)


def principal(embedding_nD: Tensor, directions: int) -> tuple[Tensor, Tensor]:
    """The mean of embeddings and the directions in which they vary most, shapes ``(D,)`` and ``(D, R)``.

    There are as many directions as asked for, or as many as there can be.
    """
    mean_D = embedding_nD.double().mean(0)
    basis_RD = torch.linalg.svd(embedding_nD.double() - mean_D, full_matrices=False).Vh[:directions]
    return mean_D.to(embedding_nD.dtype), basis_RD.T.to(embedding_nD.dtype)
