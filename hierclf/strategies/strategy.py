"""What a strategy is: a way to a fitted classifier, complete and named, that differs from others in its settings.

Whatever a strategy does, its result is a `HierarchicalClassifier` on the same taxonomy, so it predicts, keeps its
promise, is evaluated and saved like any other. A user's own strategy is a registered one with some settings changed.

A fit has two halves. The first trains a network, which takes the time; the second puts a head, a gate and a rule on it,
which takes seconds (`Finish`). Strategies that differ in the second half alone share the network: they have the same
`Strategy.training_key`, and `Strategy.refit` makes one out of another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, Protocol

from hierclf.classifier import GATE_SETTINGS, HierarchicalClassifier
from hierclf.errors import ConfigError
from hierclf.gates import build_score
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.training import check_choices

KEPT = ("keep", "promise", "confidence")
"""Settings of the gate that say how many images are set aside to calibrate on, so a network is trained with them."""


class Fit(Protocol):
    """How a strategy gets from images to a classifier."""

    def __call__(
        self, taxonomy: Taxonomy | None, images: Any, other: Any, settings: Mapping[str, Any], **training: Any
    ) -> HierarchicalClassifier:
        """Learn from labelled images of the taxonomy, and from images of other where the strategy uses them."""
        ...


class Finish(Protocol):
    """How a strategy gets from a trained network to its own classifier, without training it any further."""

    def __call__(self, trained: HierarchicalClassifier, gate: Mapping[str, Any], /) -> HierarchicalClassifier:
        """A new classifier on the network of a fitted one.

        Args:
            trained: fitted in this process.
            gate: all of `hierclf.classifier.GATE_SETTINGS`.
        """
        ...


def fit_classifier(
    taxonomy: Taxonomy | None, images: Any, other: Any, settings: Mapping[str, Any], **training: Any
) -> HierarchicalClassifier:
    """The usual way: a `HierarchicalClassifier` with these settings."""
    return HierarchicalClassifier(taxonomy, **settings).fit(images, other=other, **training)


def fit_gate_only(trained: HierarchicalClassifier, gate: Mapping[str, Any]) -> HierarchicalClassifier:
    """The usual second half: the same head behind another gate and rule."""
    return trained.refit_gate(**gate)


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A named, complete recipe.

    Args:
        title: what to call it in a table.
        fit_with: how it learns.
        finish_with: how it gets from a network to a classifier, where that is more than fitting a gate.
        settings: of `HierarchicalClassifier`, on top of its defaults.
        uses_other: whether it learns from images of other where there are any.
        needs_other: whether it cannot do without them.
        gate_is_free: whether another gate can be put on the same network (`HierarchicalClassifier.refit_gate`).
        requires: modules of optional dependencies that it takes, each the name of an extra of hierclf as well.
    """

    title: str
    fit_with: Fit = fit_classifier
    finish_with: Finish = fit_gate_only
    settings: Mapping[str, Any] = field(default_factory=dict)
    uses_other: bool = True
    needs_other: bool = False
    gate_is_free: bool = True
    requires: tuple[str, ...] = ()

    def but(self, **settings: Any) -> Strategy:
        """The same strategy with some settings changed."""
        return replace(self, settings={**self.settings, **settings})

    def checked(self) -> Strategy:
        """The strategy itself, if its settings can be used.

        Raises:
            HierclfError: a setting, score, head, rule, loss or combination that does not exist, is out of range or
                contradicts another, or an optional dependency that is not installed.
        """
        settings = Settings.checked(self.settings)
        self._require_modules()
        if self.needs_other and not self.uses_other:
            raise ConfigError(f"{self.title!r} learns from images of other; it cannot do without them")
        if settings.gate not in (None, "auto", "none"):
            if not self.gate_is_free:
                raise ConfigError(f"{self.title!r} comes with its own gate; leave the setting 'gate' out")
            for choice in [settings.gate] if isinstance(settings.gate, str) else settings.gate:
                pair = (choice, {}) if isinstance(choice, str) else choice
                if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[1], Mapping)):
                    raise ConfigError(f"a gate score is a name or a pair of a name and its options, got {choice!r}")
                build_score(pair[0], **pair[1])
        check_choices(settings)
        return self

    def fit(
        self, taxonomy: Taxonomy | None, images: Any, *, other: Any = None, **training: Any
    ) -> HierarchicalClassifier:
        """Learn from images.

        Args:
            taxonomy: what may be recognised; None puts all classes of the data side by side.
            images: labelled images of its classes, in any form that `HierarchicalClassifier.fit` takes without
                ``labels``.
            other: images that are none of the classes, labelled by their kind; ignored by a strategy without use for
                them.
            training: ``state`` and ``on_epoch`` of `HierarchicalClassifier.fit`, to resume what was cut off.

        Raises:
            HierclfError: settings or images that cannot be used, or no images of other for a strategy that needs them.
        """
        self._require_modules()
        if other is None and self.needs_other:
            raise ConfigError(f"{self.title!r} learns from images of other, and there are none; give some, or drop it")
        given = other if self.uses_other else None
        if self.finish_with is fit_gate_only:
            return self.fit_with(taxonomy, images, given, self.settings, **training)
        return self.refit(self.fit_with(taxonomy, images, given, self._without_gate(), **training))

    def refit(self, trained: HierarchicalClassifier) -> HierarchicalClassifier:
        """This strategy on the network of another one with the same `training_key`; nothing is trained.

        Args:
            trained: what `fit` of one of them gave, whichever it was.
        """
        self._require_modules()
        network: Any = getattr(trained, "network_", trained)
        plain = HierarchicalClassifier()
        wanted = {name: self.settings.get(name, getattr(plain, name)) for name in GATE_SETTINGS}
        finished = self.finish_with(network, wanted)
        if self.finish_with is not fit_gate_only:
            finished.network_ = network  # for the next strategy, which may want the head that was trained
        return finished

    @property
    def training_key(self) -> str | None:
        """Equal for strategies that share a network; None when this one shares with nobody.

        >>> one, two = Strategy(title="one", settings={"gate": ["knn"]}), Strategy(title="two", settings={"keep": 0.9})
        >>> one.training_key == two.training_key, one.training_key == one.but(head="flat").training_key
        (True, False)
        """
        if not self.gate_is_free:
            return None
        trains = {name: value for name, value in self.settings.items() if name not in GATE_SETTINGS}
        return json.dumps([self.fit_with.__qualname__, self.uses_other, trains], sort_keys=True, default=str)  # type: ignore[attr-defined]

    def _without_gate(self) -> dict[str, Any]:
        """What the network is trained with; its gate would be replaced at once."""
        trains = {name: value for name, value in self.settings.items() if name in KEPT or name not in GATE_SETTINGS}
        return {**trains, "gate": "none", "node_gates": "none", "leave_one_out": False}

    def _require_modules(self) -> None:
        for module in self.requires:
            if find_spec(module) is None:
                raise ConfigError(f"{self.title!r} needs {module}: pip install 'hierclf[{EXTRAS.get(module, module)}]'")


EXTRAS = {"pytorch_ood": "ood"}
"""Extras of hierclf that are not called like the module that they bring."""
