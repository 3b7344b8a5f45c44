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
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from torch import nn

from hierclf.backbones import choose_device, default_cache
from hierclf.bundle import Bundle, load_bundle, save_bundle
from hierclf.class_values import class_array, class_values
from hierclf.data import ImageSet, load_images
from hierclf.decisions import Decision, Decisions, rules
from hierclf.errors import BundleError, ConfigError, DataError, HierclfError
from hierclf.model import Model, Operation
from hierclf.progress import Progress, bars, silent
from hierclf.reading import Reading
from hierclf.registry import did_you_mean
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.taxonomy.gate_words import NOTHING
from hierclf.training import (
    Prepared,
    TrainingState,
    calibrate_model,
    check_choices,
    choose_backbone,
    embedding_matrix,
    few_threads,
    fit_model,
    needed_to_calibrate,
    prepare_embeddings,
    prepare_images,
)

# n images, D embedding, N nodes

KEEP = 0.95
GATE_SETTINGS = (
    "gate",
    "combine",
    "node_gates",
    "leave_one_out",
    "novelty_prior",
    "keep",
    "promise",
    "confidence",
    "other_accepted",
    "false_discovery",
    "rule",
    "correct",
    "point",
)
"""What may change without training anew; see `HierarchicalClassifier.refit_gate`."""

OF_TAXONOMY = ("keep", "promise", "confidence", "other_accepted", "false_discovery", "node_gates", "correct")
"""What a taxonomy may say as well; it counts where the setting is at its default."""

MACHINE_SETTINGS = ("device", "workers", "cache")
"""What belongs to the machine at hand and not to a model."""

WORTH_A_BAR = 256
"""With fewer images a progress bar would only flicker."""


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
        projection: width of a linear layer with batch norm that is trained on the embeddings of a frozen backbone, with
            the same losses as a backbone would be; None trains none.
        image_size: pixels, one number or (height, width); None takes what the backbone was made for.
        head: ``"shared"``, ``"per_node"`` or ``"flat"``.
        level_weights: weight of each level in the loss: ``"leaf"``, ``"uniform"``, ``{"decay": 0.5}``, or a list whose
            first entry belongs to the gate. None takes the taxonomy's, else ``"leaf"``.
        node_weights: factors in the loss by node name.
        class_weights: None, ``"balanced"``, ``"effective"``, ``"oversample"``, ``"undersample"``,
            ``"balanced_batches"`` (every class equally often in every batch, or in every epoch where
            ``batch_per_class`` brings images of a class together; a head that is fitted on embeddings has no batches,
            and weighs like ``"balanced"``), or factors by class; a factor for a meta-class counts for all classes below
            it.
        favour: a class or meta-class whose images must not be missed: its odds are multiplied by the factor that gives
            the highest recall at ``favour_precision`` on held-out images to learn from, after the temperature; see
            `hierclf.training.favour`. None favours nobody.
        favour_precision: precision that the favoured node must have. Where it has less without being favoured, its
            recall falls until it has it; where it cannot have it at all, nothing changes.
        loss: what training minimises: ``"hierarchical"``, the log-memberships on the way to the label, or
            ``"one_vs_rest"``, a sigmoid per leaf (see `hierclf.losses.classification_losses`).
        classification_weight: its weight; 0 lets a backbone learn by the embedding loss alone, and the head is fitted
            on what it has become. ``embedding_loss="auto"`` is enough where a backbone learns from random weights.
        refit_head: once a backbone (or a projection) is trained, fit the head anew on its finished features, and on the
            images for choices too; False keeps the head that was trained along. It is kept anyway where ``loss`` is not
            ``"hierarchical"``, and where images of other, or negatives, have taught the head itself (every
            ``other_loss`` but ``"kinds"``).
        temperature: what the head's logits are divided by when all is trained: ``"auto"`` makes the labels of held-out
            images likeliest (see `hierclf.training.temperature`), 1 leaves them as they are. It changes how sure an
            answer is; which class is the likeliest stays (but for close races with the head ``"per_node"``).
        label_smoothing: share of each label that is spread evenly over all leaves while training; a head that is fitted
            anew (``refit_head``), or on a frozen backbone, learns without it.
        embedding_loss: a loss on the embedding itself: ``"triplet_semihard"``, ``"supcon"``, ``"contrastive"``, or any
            loss of pytorch-metric-learning by the name of its class (``"ProxyAnchorLoss"``). Several are a list, or a
            mapping from names to options: ``{"supcon": {"weight": 0.5, "levels": "all", "temperature": 0.1}}``.
            ``"auto"`` is ``"supcon"`` where a backbone learns from random weights, and None where it knows something
            already or is frozen.
        embedding_weight: the weight of those without a ``weight`` of their own.
        embedding_levels: which classes embedding losses tell apart: ``"leaf"``, ``"all"`` levels alike, or one weight
            per level, level 1 first; for those without ``levels`` of their own.
        other_loss: how training learns from images of other: ``"kinds"`` (they compete with the leaves),
            ``"entropic"``, ``"outlier_exposure"``, ``"objectosphere"`` or ``"none"``
            (see `hierclf.losses.other_losses`). All but ``"kinds"`` act on the scores of the leaves, so the head stays
            as it was trained.
        other_weight: its weight, a factor on the gate's in ``level_weights``; at 0 training does not look at images of
            other, and the gate alone learns from them.
        gate: ``"auto"``, ``"none"``, or names of scores (see `hierclf.gates.scores`) to combine, with options if need
            be: ``["mahalanobis++", ("knn", {"k": 5})]``.
            ``"auto"`` reads what suits most models (see `hierclf.gates.default_scores`), a distance among it, and
            one score more if that notices left-out children better.
        combine: how: ``"fisher"``, ``"mean"`` or ``"max"``.
        node_gates: gates below the root: ``"auto"`` lets leaving children out choose the scores of each node,
            ``"none"``, or names of scores (see `hierclf.gates.node_scores`) for all nodes. At its default, a taxonomy's
            own ``gates`` counts.
        leave_one_out: leave children out, one after the other, to choose scores and to estimate how well newcomers will
            be noticed; takes some seconds.
        novelty_prior: how likely an image is new somewhere, before it is looked at; moves where an image that is turned
            away belongs, and with ``promise="none"`` how many are.
        keep: share of known images that must not be turned away. At its default, a taxonomy's own ``keep`` counts.
        promise: ``"average"``: at most a share 1 - keep of known images is turned away on the whole route, on average
            over calibration sets. ``"confident"``: by this very model, with ``confidence``. ``"per_class"``: of what
            is taken for each class. ``"cross"``: for few images, all of which teach and calibrate; a weaker promise.
            ``"two_sided"``: also, at most a share ``other_accepted`` of images like those of other is called known,
            and in between the answer is "uncertain". ``"none"``: the likeliest answer, new or not, without a promise.
            At its default, a taxonomy's own ``promise`` counts.
        confidence: of the promise ``"confident"``. At its default, a taxonomy's own counts.
        other_accepted: of the promise ``"two_sided"``. At its default, a taxonomy's own counts.
        false_discovery: share of the images that are *turned away* that may be known: `predict` then looks at all
            images of a call together, instead of turning away at most a share 1 - keep of the known ones. It goes with
            the promises ``"average"``, ``"confident"`` and ``"two_sided"``. ``"none"`` decides about each image alone,
            and so does the default None, unless a taxonomy's own ``false_discovery`` counts.
        rule: ``"threshold"``, ``"leaf"``, ``"expected_distance"`` or ``"information"``.
        correct: promised share of known images whose answer is right or an ancestor; None or ``"none"`` promises
            nothing. At its default, a taxonomy's own ``correct`` counts.
        point: the rule's operating point (θ or λ), instead of calibrating it for ``correct``.
        epochs: of training a backbone; None chooses by the number of images that an epoch visits.
        batch_size: images per step, at most.
        batch_per_class: so many images of a class come together in a batch, for losses on pairs of images; 1 shuffles
            freely, ``"auto"`` takes 4 (fewer in batches of less than 16) where ``embedding_loss`` is at work and a
            batch would hold fewer than 2 of each.
        head_rate: peak learning rate of the head and of backbones with random weights.
        backbone_rate: peak learning rate of pretrained backbones.
        layer_decay: factor on the learning rate of each stage of a pretrained backbone, from its end to its beginning.
        weight_decay: of training a backbone.
        averaging: decay of an exponential moving average of the weights, which is what training ends with (0.999, say);
            0 averages nothing.
        patience: epochs without improvement after which to stop.
        augmentation: how images to learn from are changed: ``"auto"``, ``"glyphs"``, ``"photos"``, each also with
            ``_strong``, ``"trivial_augment"``, ``"rand_augment"``, ``"erasing"`` or ``"none"``; several are joined by
            ``+``.
        negatives: whether to learn from images that are made of the known ones and show none of their classes (mirrored
            or turned glyphs, say): ``"none"``, names of transformations (see `hierclf.negatives.transformations`), or
            ``"auto"``, which lets held-out classes decide; a training then takes about four times as long.
        calibration_share: share of the known images that is kept for the promise alone.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.
        workers: processes that decode files.
        cache: keep embeddings of a frozen backbone on disk, by content (where: see `hierclf.backbones.default_cache`).
        seed: of everything random; the same seed gives the same model.

    Attributes:
        taxonomy_: the taxonomy in force.
        classes_: one value per leaf of the taxonomy, sorted: the label as it was given, 3 rather than "3".
        model_: the finished `hierclf.model.Model`.
        notes_: what was assumed, left out or could not be promised, in sentences.
        log_: one entry per epoch of training.
        favoured_: what favouring a class changed, a `hierclf.training.Favoured`; None where none was favoured.
        n_features_in_: width of the embeddings, with ``backbone=None``.

    With ``backbone=None`` it is a scikit-learn estimator: `clone`, pipelines, cross-validation and searches work, and
    scikit-learn's own checks pass, but for one: `fit` calls its first two arguments ``images`` and ``labels``, not
    ``X`` and ``y``. What `predict` returns is an array of the likeliest classes to scikit-learn, and more to others.
    """

    def __init__(
        self,
        taxonomy: Taxonomy | str | os.PathLike[str] | None = None,
        *,
        backbone: str | nn.Module | None = None,
        weights: str | None = "default",
        freeze: bool | None = None,
        projection: int | None = None,
        image_size: int | tuple[int, int] | None = None,
        head: str = "shared",
        level_weights: str | Sequence[float] | Mapping[str, float] | None = None,
        node_weights: Mapping[str, float] | None = None,
        class_weights: str | Mapping[str, float] | None = None,
        favour: str | None = None,
        favour_precision: float = 0.9,
        loss: str = "hierarchical",
        classification_weight: float = 1.0,
        refit_head: bool = True,
        temperature: float | str = "auto",
        label_smoothing: float = 0.0,
        embedding_loss: str | Sequence[str] | Mapping[str, Any] | None = "auto",
        embedding_weight: float = 1.0,
        embedding_levels: str | Sequence[float] = "leaf",
        other_loss: str = "kinds",
        other_weight: float = 1.0,
        gate: str | Sequence[Any] | None = "auto",
        combine: str = "fisher",
        node_gates: str | Sequence[str] | None = "auto",
        leave_one_out: bool = True,
        novelty_prior: float = 0.5,
        keep: float = KEEP,
        promise: str = "average",
        confidence: float = 0.95,
        other_accepted: float = 0.05,
        false_discovery: float | str | None = None,
        rule: str = "threshold",
        correct: float | str | None = 0.95,
        point: float | None = None,
        epochs: int | None = None,
        batch_size: int = 64,
        batch_per_class: int | str = "auto",
        head_rate: float = 2e-3,
        backbone_rate: float = 2e-4,
        layer_decay: float = 1.0,
        weight_decay: float = 0.01,
        averaging: float = 0.0,
        patience: int = 15,
        augmentation: str = "auto",
        negatives: str | Sequence[str] = "none",
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
        self.projection = projection
        self.image_size = image_size
        self.head = head
        self.level_weights = level_weights
        self.node_weights = node_weights
        self.class_weights = class_weights
        self.favour = favour
        self.favour_precision = favour_precision
        self.loss = loss
        self.classification_weight = classification_weight
        self.refit_head = refit_head
        self.temperature = temperature
        self.label_smoothing = label_smoothing
        self.embedding_loss = embedding_loss
        self.embedding_weight = embedding_weight
        self.embedding_levels = embedding_levels
        self.other_loss = other_loss
        self.other_weight = other_weight
        self.gate = gate
        self.combine = combine
        self.node_gates = node_gates
        self.leave_one_out = leave_one_out
        self.novelty_prior = novelty_prior
        self.keep = keep
        self.promise = promise
        self.confidence = confidence
        self.other_accepted = other_accepted
        self.false_discovery = false_discovery
        self.rule = rule
        self.correct = correct
        self.point = point
        self.epochs = epochs
        self.batch_size = batch_size
        self.batch_per_class = batch_per_class
        self.head_rate = head_rate
        self.backbone_rate = backbone_rate
        self.layer_decay = layer_decay
        self.weight_decay = weight_decay
        self.averaging = averaging
        self.patience = patience
        self.augmentation = augmentation
        self.negatives = negatives
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
        prepared = self.prepare(images, labels, other=other)
        values = () if labels is None else np.asarray(labels).ravel().tolist()
        return self.fit_prepared(prepared, values=values, state=state, on_epoch=on_epoch)

    def prepare(self, images: Any, labels: Any = None, *, other: Any = None) -> Prepared:
        """The first half of `fit`: find and label the images, and say what each is kept for; nothing is learnt.

        Args:
            images: as in `fit`.
            labels: as in `fit`.
            other: as in `fit`.

        Raises:
            HierclfError: settings, taxonomy or images that cannot be used; the message says what to do.
        """
        taxonomy = self._given_taxonomy()
        settings = self._settings(taxonomy)
        check_choices(settings)
        division: dict[str, Any] = {
            "keep": settings.keep,
            "calibration_share": settings.calibration_share,
            "seed": settings.seed,
            "needed": needed_to_calibrate(settings),
        }
        if settings.backbone is None:
            return prepare_embeddings(images, labels, other, taxonomy, **division)
        store = default_cache() if settings.cache else None
        folder = str(store.path.parent) if store is not None else None
        return prepare_images(images, labels, other, taxonomy, **division, cache=folder, progress=bars)

    def fit_prepared(
        self,
        prepared: Prepared,
        *,
        values: Sequence[Any] = (),
        state: TrainingState | None = None,
        on_epoch: Callable[[TrainingState], None] | None = None,
    ) -> HierarchicalClassifier:
        """The second half of `fit`: learn from images that are labelled and divided.

        Args:
            prepared: from `prepare`, or divided in a way of one's own; its taxonomy is the classifier's from now on.
            values: the labels as they were given, where they are no text: what `classes_` should hold.
            state: as in `fit`.
            on_epoch: as in `fit`.

        Raises:
            HierclfError: settings that cannot be used, or that the images do not allow.
        """
        settings = self._settings(prepared.taxonomy)
        check_choices(settings)
        if isinstance(prepared.images, ImageSet):
            store = default_cache() if settings.cache else None
            backbone, assumed = choose_backbone(prepared.images, settings)
        else:
            store, backbone, assumed = None, None, ()
        fitted = fit_model(prepared, backbone, settings, cache=store, progress=bars, state=state, on_epoch=on_epoch)
        together = _together(settings)
        fitted = replace(
            fitted,
            notes=(*fitted.notes, *together),
            calibration_notes=(*fitted.calibration_notes, *together),
        )
        self._adopt(
            fitted.model,
            notes=(*assumed, *prepared.notes, *fitted.notes),
            values=class_values(prepared.taxonomy, values),
        )
        self.log_, self.prepared_, self.fitted_ = fitted.log, prepared, fitted
        self.favoured_ = fitted.favoured
        return self

    def refit_gate(self, **settings: Any) -> HierarchicalClassifier:
        """The same backbone and head behind another gate or rule; nothing is trained, everything is calibrated anew.

        It gives what a fit with these settings would have given, in a fraction of the time; only another ``keep`` or
        ``promise`` might have set aside another number of images to calibrate on.

        Args:
            settings: any of `GATE_SETTINGS`.

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
        checked = refitted._settings(refitted._given_taxonomy())
        check_choices(checked)
        fitted, prepared = self.fitted_, self.prepared_
        with few_threads(fitted.embedding_nD.numel()):
            model, notes = calibrate_model(
                fitted.model,
                fitted.embedding_nD,
                fitted.other_mD,
                prepared,
                checked,
                made=fitted.made,
                earlier=fitted.earlier,
                trained=fitted.trained,
            )
        notes = (*notes, *_together(checked))
        kept = tuple(note for note in self.notes_ if note not in fitted.calibration_notes)
        refitted._adopt(model, notes=(*kept, *notes), values=self._values)
        refitted.prepared_ = prepared
        refitted.fitted_ = replace(fitted, model=model, notes=(*kept, *notes), calibration_notes=notes)
        return refitted  # type: ignore[no-any-return]  # scikit-learn's set_params is untyped

    # ------------------------------------------------------------------------------------------------------ predicting

    def predict(self, images: Any, *, rule: str | None = None, false_discovery: float | str | None = None) -> Decisions:
        """Decide about each image.

        Args:
            images: as in `fit`, without labels; an unreadable image is a row with an error.
            rule: another rule than the one fitted with; it works at its default operating point, without a promise.
            false_discovery: instead of turning away at most a share of the *known* images, let at most this share of
                the images that are *turned away* be known, on average, if the images of this call are independent of
                each other (Benjamini and Hochberg). The answer about an image then depends on the others. None takes
                the setting ``false_discovery``; ``"none"`` decides about each image alone, whatever that is.

        Returns:
            One row per image, in order; the status of each is ``known``, ``ambiguous``, ``novel_child``, ``other`` or
            ``uncertain`` (see `hierclf.decisions`). As an array it is the likeliest class of each.

        Raises:
            CalibrationError: a share out of range.
            ConfigError: p-values that do not come from one set of calibration images (no gate, or another promise), or
                another word than ``"none"``.
        """
        model = self._fitted_model()
        operation = model.operation if rule in (None, model.operation.rule) else _without_promise(str(rule))
        rate = self.discovery_rate(false_discovery)
        if rate is not None:
            together = self.read(images)
            away_B = model.discovered(together, rate)
            return Decisions(model.decide(together, operation=operation, away_B=away_B), classes=self._values)
        rows: list[Decision] = []
        for reading in self._readings(images):
            rows.extend(model.decide(reading, operation=operation))
        return Decisions(rows, classes=self._values)

    def discovery_rate(self, given: float | str | None = None) -> float | None:
        """The share of false discoveries that `predict` keeps to.

        Args:
            given: its argument ``false_discovery``.

        Returns:
            The share, of the setting or the taxonomy where none is given; None where each image is decided alone.

        Raises:
            ConfigError: another word than ``"none"``.
        """
        if isinstance(given, str) and given != NOTHING:
            raise ConfigError(f"false_discovery is a share between 0 and 1, 'none' or None, got {given!r}")
        rate = self._settings(self.taxonomy_).false_discovery if given is None else given
        return None if isinstance(rate, str) else rate

    def predict_node_proba(self, images: Any) -> npt.NDArray[np.float64]:
        """Memberships M of all nodes, given that the image is known.

        Returns:
            Shape ``(n, N)``, columns in the order of ``taxonomy_.nodes``; the leaves of a row sum to 1.

        Raises:
            DataError: an image cannot be read.
        """
        return self._collected(images, lambda reading: reading.node_log_probs_BN.exp().numpy())

    def predict_proba(self, images: Any) -> npt.NDArray[np.float64]:
        """Memberships of the classes in ``classes_``, shape ``(n, classes)``; rows sum to 1, the gate left aside."""
        taxonomy = self._fitted_model().taxonomy
        columns = [taxonomy.index(leaf) for leaf in self._values]
        return self._collected(images, lambda reading: reading.node_log_probs_BN[:, columns].exp().numpy())

    def unknown_score(self, images: Any) -> npt.NDArray[np.float64]:
        """How unknown each image looks, larger = more unknown, shape ``(n,)``."""
        return self._collected(images, lambda reading: reading.unknown_score_B.numpy())

    def p_value(self, images: Any) -> npt.NDArray[np.float64]:
        """How ordinary each image looks among known ones, shape ``(n,)``; at most 1 - keep is turned away."""
        return self._collected(images, lambda reading: reading.p_value_B.numpy())

    def embed(self, images: Any) -> npt.NDArray[np.float32]:
        """Embeddings of the backbone, float32, shape ``(n, D)``.

        Raises:
            DataError: an image cannot be read, or there is no backbone.
        """
        model, image_set = self._fitted_model(), self._images(images)
        settings = self._settings(self.taxonomy_)
        device = choose_device(settings.device)
        embedded = model.embed(image_set, device=device, workers=settings.workers, progress=_bar(image_set))
        if embedded.errors:
            raise DataError("; ".join(embedded.errors.values()))
        rows_nD: npt.NDArray[np.float32] = embedded.embedding_nD.numpy()
        return rows_nD

    def read(self, images: Any) -> Reading:
        """Everything that the model sees in the images at once, see `hierclf.reading.Reading`."""
        return Reading.joined(list(self._readings(images)))

    # ------------------------------------------------------------------------------------------------- saving, loading

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model folder that `load` reads; see `hierclf.bundle`.

        Raises:
            BundleError: the folder holds something else, or cannot be written.
        """
        model = self._fitted_model()
        facts = {"classes": self._values, "notes": list(self.notes_), "settings": self._plain_settings()}
        save_bundle(Bundle(model=model, facts=facts), path)

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
        model, facts = bundle.model, bundle.facts
        try:
            settings = Settings.checked(facts.get("settings", {})).model_dump(include=set(facts.get("settings", {})))
            classifier = cls(model.taxonomy, **settings)
            values = {str(leaf): value for leaf, value in facts["classes"].items()}
            notes = tuple(map(str, facts["notes"]))
        except (ConfigError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"the model in {path} says things about itself that make no sense: {error}") from error
        plain = all(isinstance(value, (str, int, float)) for value in values.values())
        if not plain or set(values) != set(model.taxonomy.leaves):
            raise BundleError(f"the model in {path} names other classes than its taxonomy; save it again")
        if backbone is not None:
            classifier.backbone = backbone
        classifier._adopt(model, notes=notes, values=values)
        classifier.log_ = []
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
        labels = () if classes is None else np.asarray(classes).ravel().tolist()
        classifier._adopt(model, notes=tuple(notes), values=class_values(model.taxonomy, labels))
        classifier.log_ = []
        return classifier

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the training images, which a pickle has no use for."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in ("prepared_", "fitted_")}

    # --------------------------------------------------------------------------------------------------------- helpers

    def _given_taxonomy(self) -> Taxonomy | None:
        if self.taxonomy is None or isinstance(self.taxonomy, Taxonomy):
            return self.taxonomy
        if isinstance(self.taxonomy, (str, os.PathLike)):
            return Taxonomy.from_yaml(self.taxonomy)
        raise ConfigError(f"taxonomy is a Taxonomy, a path or None, got {type(self.taxonomy).__name__}")

    def _settings(self, taxonomy: Taxonomy | None) -> Settings:
        given = {name: value for name, value in self.get_params(deep=False).items() if name != "taxonomy"}
        for name in OF_TAXONOMY if taxonomy is not None else ():
            own, default = getattr(taxonomy, name), Settings.model_fields[name].default
            if own is not None and isinstance(given[name], type(default)) and given[name] == default:
                given[name] = own
        return Settings.checked(given)

    def _plain_settings(self) -> dict[str, Any]:
        """The settings as JSON can hold them, without those that belong to this machine; a module stays behind."""
        settings = self._settings(None).model_dump(exclude=set(MACHINE_SETTINGS))
        if isinstance(settings["backbone"], nn.Module):
            settings["backbone"] = "auto"
        plain: dict[str, Any] = _plain(settings)
        return plain

    def _adopt(self, model: Model, *, notes: tuple[str, ...], values: dict[str, Any]) -> None:
        """Become the classifier around a model; ``values`` says what its leaves are called in arrays."""
        self.model_, self.taxonomy_, self.notes_ = model, model.taxonomy, notes
        self._values, self.classes_ = values, class_array(values)
        if model.backbone is None:
            self.n_features_in_ = model.in_features

    def _fitted_model(self) -> Model:
        if not hasattr(self, "model_"):
            raise NotFitted("this HierarchicalClassifier is not fitted yet; call fit, or load a saved model")
        return self.model_

    def _images(self, images: Any) -> ImageSet:
        if self._fitted_model().backbone is None:
            raise DataError("this model was fitted on embeddings (backbone=None); it cannot read images")
        return load_images(images, labelled=False)

    def _readings(self, images: Any) -> Iterator[Reading]:
        """Readings of a few images at a time, so that memory does not grow with their number."""
        model = self._fitted_model()
        if model.backbone is None:
            return model.readings(embedding_matrix(images, width=model.in_features))
        image_set = self._images(images)
        settings = self._settings(self.taxonomy_)
        device = choose_device(settings.device)
        return model.readings(image_set, device=device, workers=settings.workers, progress=_bar(image_set))

    def _collected(self, images: Any, column: Callable[[Reading], npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
        """One array out of all readings.

        Raises:
            DataError: an image cannot be read; all such images are named.
        """
        pieces: list[npt.NDArray[np.float64]] = []
        errors: list[str] = []
        for reading in self._readings(images):
            errors.extend(reading.errors.values())
            pieces.append(column(reading))
        if errors:
            raise DataError("; ".join(errors))
        return np.concatenate(pieces)


def _together(settings: Settings) -> tuple[str, ...]:
    """What to note where `predict` looks at all images of a call at once."""
    if not isinstance(settings.false_discovery, float):
        return ()
    return (
        f"predict decides about all images of a call together: on average, at most "
        f"{100 * settings.false_discovery:.6g} % of those that it turns away are known ones. Evaluations and explain "
        f"decide about each image alone, with keep={settings.keep:g}.",
    )


def _without_promise(rule: str) -> Operation:
    """Another rule than the one that was calibrated."""
    return Operation(rule=rule, point=0.0 if rules[rule].careful is None else 0.5)


def _bar(images: ImageSet) -> Progress:
    return bars if len(images) >= WORTH_A_BAR else silent


def _plain(value: Any) -> Any:
    """The same with lists, dictionaries and Python's own numbers."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
