"""The Python API: fit on a folder of pictures, predict on others, save, load.

>>> import numpy as np
>>> source = np.random.default_rng(0)
>>> labels = np.repeat(["cat", "dog"], 100)
>>> embeddings = source.normal(size=(200, 8)) + 6 * (labels == "dog")[:, None]
>>> model = HierarchicalClassifier(seed=0).fit(embeddings, labels)
>>> model.predict(embeddings[:1] + 100).status
array(['other'], dtype=object)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.multiclass import check_classification_targets
from torch import nn

from hierclf.backbones import Backbone, build_backbone, choose_device, default_cache
from hierclf.bundle import Bundle, load_bundle, save_bundle
from hierclf.data import ImageSet, image_to_pil, label_text, load_images
from hierclf.decisions import Decisions, rules
from hierclf.embedding import Embedded
from hierclf.errors import BackboneError, ConfigError, DataError, HierclfError
from hierclf.model import Model, Operation, Reading
from hierclf.progress import Progress, bars, silent
from hierclf.registry import did_you_mean
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.training import (
    Prepared,
    TrainingState,
    calibrate_model,
    embedding_matrix,
    fit_model,
    prepare_embeddings,
    prepare_images,
)

# n images, D embedding, N nodes

KEEP = 0.95
GATE_SETTINGS = ("gate", "combine", "keep", "rule", "correct", "point")
"""What may change without training anew; see `HierarchicalClassifier.refit_gate`."""
IMAGES_AT_ONCE = 2048
SMALL_PIXELS = 64
"""Grey images up to this size count as glyphs, for which a small network is trained from scratch."""


class NotFitted(HierclfError, NotFittedError):  # type: ignore[misc]
    """Asked before `HierarchicalClassifier.fit`."""


class HierarchicalClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Recognises the classes of a taxonomy, turns away what is none of them, and stops early when unsure.

    Args:
        taxonomy: what may be recognised: a `Taxonomy`, the path of a YAML file, or the name of a shipped one. None
            puts all classes of the data side by side.
        backbone: a name (see `hierclf.list_backbones`), any ``nn.Module``, ``"auto"``, or None for embeddings
            ``(n, d)`` instead of images.
        weights: ``"default"`` for published ones, a file, or None for random ones.
        freeze: keep the backbone as it is, or train it; None freezes pretrained ones.
        image_size: pixels, one number or (height, width); None takes what the backbone was made for.
        head: ``"shared"``, ``"per_node"`` or ``"flat"``.
        level_weights: weight of each level in the loss: ``"leaf"``, ``"uniform"``, ``{"decay": 0.5}``, or a list whose
            first entry belongs to the gate. None takes the taxonomy's, else ``"leaf"``.
        node_weights: factors in the loss by node name.
        class_weights: None, ``"balanced"``, ``"effective"``, ``"oversample"``, ``"undersample"``, or factors by class.
        embedding_loss: ``"triplet_semihard"`` or ``"supcon"`` beside the classification loss, when training a backbone.
        embedding_weight: its weight.
        gate: ``"auto"``, ``"none"``, or names of scores (see `hierclf.gates.scores`) to combine.
        combine: how: ``"fisher"``, ``"mean"`` or ``"max"``.
        keep: share of known images that must not be turned away. At its default, a taxonomy's own ``keep`` counts.
        rule: ``"threshold"``, ``"leaf"``, ``"expected_distance"`` or ``"information"``.
        correct: promised share of known images whose answer is right or an ancestor; None promises nothing.
        point: the rule's operating point (θ or λ), instead of calibrating it for ``correct``.
        epochs: of training a backbone; None chooses by the number of images.
        batch_size: images per step, at most.
        head_rate: peak learning rate of the head and of backbones with random weights.
        backbone_rate: peak learning rate of pretrained backbones.
        weight_decay: of training a backbone.
        patience: epochs without improvement after which to stop.
        augmentation: ``"auto"``, ``"glyphs"``, ``"photos"`` or ``"none"``.
        calibration_share: share of the known images that is kept for the promise alone.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.
        workers: processes that decode files.
        cache: keep embeddings of a frozen backbone on disk, by content.
        seed: of everything random; the same seed gives the same model.

    Attributes:
        taxonomy_: the taxonomy in force.
        classes_: the labels that were seen, as they were given, sorted.
        model_: the finished `hierclf.model.Model`.
        notes_: what was assumed, left out or could not be promised, in sentences.
        log_: one entry per epoch of training.
        n_features_in_: width of the embeddings, with ``backbone=None``.
    """

    def __init__(
        self,
        taxonomy: Taxonomy | str | os.PathLike[str] | None = None,
        *,
        backbone: str | nn.Module | None = None,
        weights: str | None = "default",
        freeze: bool | None = None,
        image_size: int | tuple[int, int] | None = None,
        head: str = "shared",
        level_weights: str | Sequence[float] | Mapping[str, float] | None = None,
        node_weights: Mapping[str, float] | None = None,
        class_weights: str | Mapping[str, float] | None = None,
        embedding_loss: str | None = None,
        embedding_weight: float = 0.5,
        gate: str | Sequence[Any] | None = "auto",
        combine: str = "fisher",
        keep: float = KEEP,
        rule: str = "threshold",
        correct: float | None = 0.95,
        point: float | None = None,
        epochs: int | None = None,
        batch_size: int = 64,
        head_rate: float = 2e-3,
        backbone_rate: float = 2e-4,
        weight_decay: float = 0.01,
        patience: int = 15,
        augmentation: str = "auto",
        calibration_share: float = 0.15,
        device: str = "auto",
        workers: int = 0,
        cache: bool = True,
        seed: int = 0,
    ) -> None:
        self.taxonomy = taxonomy
        self.backbone = backbone
        self.weights = weights
        self.freeze = freeze
        self.image_size = image_size
        self.head = head
        self.level_weights = level_weights
        self.node_weights = node_weights
        self.class_weights = class_weights
        self.embedding_loss = embedding_loss
        self.embedding_weight = embedding_weight
        self.gate = gate
        self.combine = combine
        self.keep = keep
        self.rule = rule
        self.correct = correct
        self.point = point
        self.epochs = epochs
        self.batch_size = batch_size
        self.head_rate = head_rate
        self.backbone_rate = backbone_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.augmentation = augmentation
        self.calibration_share = calibration_share
        self.device = device
        self.workers = workers
        self.cache = cache
        self.seed = seed

    # --------------------------------------------------------------------------------------------------------- fitting

    def fit(
        self,
        images: Any,
        labels: Any = None,
        *,
        other: Any = None,
        state: TrainingState | None = None,
        on_epoch: Callable[[TrainingState], None] | None = None,
    ) -> HierarchicalClassifier:
        """Learn from labelled images, and from images of other if there are any.

        Args:
            images: a folder of class folders (nested ones may mirror the taxonomy), paths, a CSV of path,label, arrays
                ``(n, h, w[, c])`` uint8, tensors, a torch Dataset, ``"torchvision:NAME"``, or embeddings ``(n, d)``.
            labels: one per image, where the images do not come with theirs. A label may be any node.
            other: images that are none of the classes, in the same forms; the names of their folders are their kinds.
            state: where an earlier training was cut off, see `hierclf.training.TrainingState`.
            on_epoch: called after each epoch with the state to resume from.

        Returns:
            The classifier itself.

        Raises:
            HierclfError: settings, taxonomy or images that cannot be used; the message says what to do.
        """
        taxonomy = self._given_taxonomy()
        settings = self._settings(taxonomy)
        progress: Progress = bars
        backbone: Backbone | None = None
        store = default_cache() if settings.cache else None
        if self.backbone is None:
            if labels is not None:
                _check_targets(labels)
            prepared = prepare_embeddings(
                images,
                labels,
                other,
                taxonomy,
                keep=settings.keep,
                calibration_share=settings.calibration_share,
                seed=settings.seed,
            )
        else:
            prepared = prepare_images(
                images,
                labels,
                other,
                taxonomy,
                keep=settings.keep,
                calibration_share=settings.calibration_share,
                seed=settings.seed,
                cache=str(store.path.parent) if store else None,
                progress=progress,
            )
            assert isinstance(prepared.images, ImageSet)
            backbone, note = self._built_backbone(prepared.images, settings)
            prepared = replace(prepared, notes=(*note, *prepared.notes))
        fitted = fit_model(prepared, backbone, settings, cache=store, progress=progress, state=state, on_epoch=on_epoch)
        self._adopt(fitted.model, notes=(*prepared.notes, *fitted.notes))
        self.log_ = fitted.log
        self.prepared_, self.fitted_ = prepared, fitted
        self._learn_classes(labels, prepared)
        return self

    def refit_gate(self, **settings: Any) -> HierarchicalClassifier:
        """The same backbone and head behind another gate or rule; nothing is trained, everything is calibrated anew.

        It gives what a fit with these settings would have given, in a fraction of the time; only another ``keep`` might
        have set aside another number of images to calibrate on.

        Args:
            settings: any of ``gate``, ``combine``, ``keep``, ``rule``, ``correct``, ``point``.

        Returns:
            A new classifier; this one stays as it is.

        Raises:
            ConfigError: another setting, one that the network depends on.
            NotFitted: before `fit`, or on a loaded model, which holds no images to calibrate on.
        """
        wrong = [name for name in settings if name not in GATE_SETTINGS]
        if wrong:
            hint = did_you_mean(wrong[0], GATE_SETTINGS)
            raise ConfigError(f"{wrong[0]!r} is no setting of the gate{hint} (these are: {', '.join(GATE_SETTINGS)})")
        if not hasattr(self, "fitted_"):
            raise NotFitted("only a classifier that was fitted in this process can refit its gate; call fit first")
        refitted = copy(self).set_params(**settings)
        fitted, prepared = self.fitted_, self.prepared_
        model, notes = calibrate_model(
            fitted.model,
            fitted.embedding_nD,
            fitted.other_mD,
            prepared,
            refitted._settings(refitted._given_taxonomy()),
            pretrained=fitted.pretrained,
        )
        refitted._adopt(model, notes=(*prepared.notes, *notes))
        refitted.fitted_ = replace(fitted, model=model, notes=notes)
        return refitted  # type: ignore[no-any-return]  # scikit-learn's set_params is untyped

    # ------------------------------------------------------------------------------------------------------ predicting

    def predict(self, images: Any, *, rule: str | None = None) -> Decisions:
        """Decide about each image.

        Args:
            images: as in `fit`, without labels; an unreadable image is a row with an error.
            rule: another rule than the one fitted with; it works at its default operating point, without a promise.

        Returns:
            One row per image, in order. As an array it is the likeliest class of each.
        """
        model = self._fitted_model()
        operation = model.operation if rule in (None, model.operation.rule) else _other_operation(str(rule))
        decisions = Decisions([], classes=self._class_of_node)
        for reading in self._readings(images):
            decisions = decisions + model.decide(reading, operation=operation)
        return decisions

    def predict_node_proba(self, images: Any) -> npt.NDArray[np.float64]:
        """Memberships M of all nodes, given that the image is known.

        Returns:
            Shape ``(n, N)``, columns in the order of ``taxonomy_.nodes``; the leaves of a row sum to 1.

        Raises:
            DataError: an image cannot be read.
        """
        return np.concatenate([_whole(reading).node_log_probs_BN.exp().numpy() for reading in self._readings(images)])

    def predict_proba(self, images: Any) -> npt.NDArray[np.float64]:
        """Memberships of the classes in ``classes_``, shape ``(n, classes)``; gate left aside."""
        columns = [self.taxonomy_.index(self._node_of_class[label_text(label)]) for label in self.classes_]
        proba: npt.NDArray[np.float64] = self.predict_node_proba(images)[:, columns]
        return proba

    def unknown_score(self, images: Any) -> npt.NDArray[np.float64]:
        """How unknown each image looks, larger = more unknown, shape ``(n,)``."""
        return np.concatenate([_whole(reading).unknown_score_B.numpy() for reading in self._readings(images)])

    def p_value(self, images: Any) -> npt.NDArray[np.float64]:
        """How ordinary each image looks among known ones, shape ``(n,)``; at most 1 - keep is turned away."""
        return np.concatenate([_whole(reading).p_value_B.numpy() for reading in self._readings(images)])

    def embed(self, images: Any) -> npt.NDArray[np.float32]:
        """Embeddings of the backbone, float32, shape ``(n, D)``.

        Raises:
            DataError: an image cannot be read, or there is no backbone.
        """
        embedded = self._embedded(load_images(images), progress=bars)
        if embedded.errors:
            raise DataError("; ".join(embedded.errors.values()))
        return embedded.embedding_nD.numpy()

    def read(self, images: Any) -> Reading:
        """Everything that the model sees in the images at once, see `hierclf.model.Reading`."""
        return _joined(list(self._readings(images)))

    # ------------------------------------------------------------------------------------------------- saving, loading

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model folder that `load` reads; see `hierclf.bundle`.

        Raises:
            BundleError: the folder holds something else, or cannot be written.
        """
        facts: dict[str, Any] = {
            "classes": [value.item() if hasattr(value, "item") else value for value in self._fitted_classes()],
            "class_kind": self.classes_.dtype.kind,
            "notes": list(self.notes_),
            "settings": self._plain_settings(),
        }
        save_bundle(Bundle(model=self._fitted_model(), facts=facts), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, backbone: nn.Module | None = None) -> HierarchicalClassifier:
        """Read a model folder, or a run folder that holds one.

        Args:
            path: the folder.
            backbone: the module itself, for a model that was fitted on a module of the user's own.

        Raises:
            BundleError: the folder is no whole model, or its parts do not belong together.
        """
        bundle = load_bundle(path, backbone=backbone)
        settings = {
            name: value for name, value in bundle.facts.get("settings", {}).items() if name in cls().get_params()
        }
        classifier = cls(**settings)
        classifier.taxonomy = bundle.model.taxonomy
        if backbone is not None:
            classifier.backbone = backbone
        classifier._adopt(bundle.model, notes=tuple(bundle.facts.get("notes", ())))
        classifier.log_ = []
        kind = {"U": str, "O": object}.get(bundle.facts.get("class_kind", "U"))
        classifier.classes_ = np.array(bundle.facts.get("classes", []), dtype=kind)
        classifier._match_classes()
        return classifier

    @classmethod
    def from_model(
        cls, model: Model, *, classes: npt.ArrayLike | None = None, notes: Sequence[str] = (), **settings: Any
    ) -> HierarchicalClassifier:
        """A fitted classifier around a finished model.

        Args:
            model: ready to decide.
            classes: the labels that it knows; None takes the leaves of its taxonomy.
            notes: what was assumed, in sentences.
            settings: what else the classifier should say about itself; see the class.
        """
        classifier = cls(model.taxonomy, **settings)
        classifier._adopt(model, notes=tuple(notes))
        classifier.log_ = []
        classifier.classes_ = np.unique(np.array(model.taxonomy.leaves if classes is None else classes))
        classifier._match_classes()
        return classifier

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    # --------------------------------------------------------------------------------------------------------- helpers

    def _given_taxonomy(self) -> Taxonomy | None:
        if self.taxonomy is None or isinstance(self.taxonomy, Taxonomy):
            return self.taxonomy
        if isinstance(self.taxonomy, (str, os.PathLike)):
            return Taxonomy.from_yaml(self.taxonomy)
        raise ConfigError(f"taxonomy is a Taxonomy, a path or None, got {type(self.taxonomy).__name__}")

    def _settings(self, taxonomy: Taxonomy | None) -> Settings:
        given = {name: value for name, value in self.get_params(deep=False).items() if name != "taxonomy"}
        if taxonomy is not None and taxonomy.keep is not None and given["keep"] == KEEP:
            given["keep"] = taxonomy.keep
        return Settings.checked(given)

    def _plain_settings(self) -> dict[str, Any]:
        plain = {name: value for name, value in self.get_params(deep=False).items() if name != "taxonomy"}
        if isinstance(plain["backbone"], nn.Module):
            plain["backbone"] = "auto"
        for name, value in plain.items():
            if isinstance(value, tuple):
                plain[name] = list(value)
            elif isinstance(value, np.generic):
                plain[name] = value.item()
            elif isinstance(value, os.PathLike):
                plain[name] = os.fspath(value)
        return plain

    def _built_backbone(self, images: ImageSet, settings: Settings) -> tuple[Backbone, tuple[str, ...]]:
        """The backbone and what was assumed about it; its random weights follow from the seed."""
        chosen, size, grey = self.backbone, settings.image_size, None
        notes: tuple[str, ...] = ()
        if chosen == "auto" or chosen == "small_cnn":
            first = image_to_pil(images, 0)
            grey = _all_grey(images)
            small = max(first.size) <= SMALL_PIXELS
            if chosen == "auto":
                chosen = "small_cnn" if grey and small else "efficientnet_lite0"
                notes = (_why(str(chosen), grey=grey, small=small),)
            if chosen == "small_cnn" and size is None:
                size = (first.height, first.width) if small else 32
        grey = grey if chosen == "small_cnn" else None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            weights = None if chosen == "small_cnn" and settings.weights == "default" else settings.weights
            try:
                return build_backbone(chosen, weights=weights, image_size=size, grey=grey), notes  # type: ignore[arg-type]
            except BackboneError as error:
                if self.backbone != "auto":
                    raise
                try:
                    return build_backbone("mobilenet_v2", image_size=size), (
                        "Colour or large images: mobilenet_v2 with torchvision's weights was taken as backbone.",
                    )
                except BackboneError as second:
                    raise BackboneError(
                        f"no pretrained backbone is at hand: {error}; {second}\n"
                        "or train one from scratch: backbone='small_cnn'"
                    ) from second

    def _adopt(self, model: Model, *, notes: tuple[str, ...]) -> None:
        self.model_, self.taxonomy_, self.notes_ = model, model.taxonomy, notes
        if model.backbone is None:
            self.n_features_in_ = model.in_features

    def _learn_classes(self, labels: Any, prepared: Prepared) -> None:
        if self.backbone is None and labels is not None:
            given = np.asarray(labels)
            known = [self.taxonomy_.node_of_label(label_text(label)) is not None for label in given.ravel()]
            self.classes_ = np.unique(given.ravel()[np.array(known, dtype=bool)])
        else:
            self.classes_ = np.array([self.taxonomy_.nodes[node] for node in np.unique(prepared.label_n)])
        self._match_classes()

    def _match_classes(self) -> None:
        texts = {label_text(value): value for value in self.classes_}
        self._node_of_class = {text: str(self.taxonomy_.node_of_label(text)) for text in texts}
        self._class_of_node = {self._node_of_class[text]: value for text, value in texts.items()}

    def _fitted_model(self) -> Model:
        if not hasattr(self, "model_"):
            raise NotFitted("this HierarchicalClassifier is not fitted yet; call fit, or load a saved model")
        return self.model_

    def _fitted_classes(self) -> npt.NDArray[Any]:
        self._fitted_model()
        return self.classes_

    def _embedded(self, images: ImageSet, *, progress: Progress) -> Embedded:
        settings = self._settings(self.taxonomy_)
        return self._fitted_model().embed(
            images, device=choose_device(settings.device), workers=settings.workers, progress=progress
        )

    def _readings(self, images: Any) -> Any:
        """Readings of a few thousand images at a time, so that memory does not grow with their number."""
        model = self._fitted_model()
        if model.backbone is None:
            values_nD = _embeddings_like_fitted(images, model.in_features)
            yield model.read(values_nD)
            return
        image_set = load_images(images)
        starts = range(0, max(len(image_set), 1), IMAGES_AT_ONCE)
        for start in starts:
            part = image_set.subset(np.arange(start, min(start + IMAGES_AT_ONCE, len(image_set))))
            embedded = self._embedded(part, progress=bars if len(image_set) > 64 else silent)
            yield model.read(embedded.embedding_nD, names=part.names, errors=embedded.errors)


def _other_operation(rule: str) -> Operation:
    chosen = rules[rule]
    return Operation(rule=rule, point=0.0 if chosen.careful is None else 0.5)


def _check_targets(labels: Any) -> None:
    flat = np.asarray(labels)
    if flat.ndim == 2 and flat.shape[1] > 1:
        raise DataError(f"expected one label per embedding, got labels of shape {flat.shape}: bad input shape")
    if flat.dtype.kind in "fc":
        try:
            check_classification_targets(flat.ravel())
        except ValueError as error:
            raise DataError(str(error)) from None


def _embeddings_like_fitted(values: Any, width: int) -> torch.Tensor:
    values_nD = embedding_matrix(values)
    if values_nD.shape[1] != width:
        raise DataError(
            f"X has {values_nD.shape[1]} features, but HierarchicalClassifier is expecting {width} features as input: "
            "embeddings of the width it was fitted on"
        )
    return values_nD


def _whole(reading: Reading) -> Reading:
    if reading.errors:
        raise DataError("; ".join(reading.errors.values()))
    return reading


def _joined(readings: Sequence[Reading]) -> Reading:
    """Several readings as one."""
    if len(readings) == 1:
        return readings[0]
    errors: dict[int, str] = {}
    names: list[str] = []
    for reading in readings:
        errors |= {len(names) + place: error for place, error in reading.errors.items()}
        names.extend(reading.names)
    return Reading(
        names=tuple(names),
        node_log_probs_BN=torch.cat([reading.node_log_probs_BN for reading in readings]),
        unknown_score_B=torch.cat([reading.unknown_score_B for reading in readings]),
        p_value_B=torch.cat([reading.p_value_B for reading in readings]),
        components={name: torch.cat([r.components[name] for r in readings]) for name in readings[0].components},
        baseline_log_probs_BL=torch.cat([reading.baseline_log_probs_BL for reading in readings]),
        errors=errors,
    )


def _all_grey(images: ImageSet) -> bool:
    """Whether the first, the last and some images between have no colour."""
    places = np.unique(np.linspace(0, len(images) - 1, min(len(images), 16)).astype(int))
    pixels = (np.asarray(image_to_pil(images, int(place))) for place in places)
    return all(bool((picture == picture[..., :1]).all()) for picture in pixels)


def _why(backbone: str, *, grey: bool, small: bool) -> str:
    look = f"{'grey' if grey else 'coloured'}, {'small' if small else 'large'} images"
    if backbone == "small_cnn":
        return f"Backbone: the {look} look like glyphs, so a small network is trained from scratch."
    return f"Backbone: for {look}, EfficientNet-Lite0 with ImageNet weights is used as it is."
