"""What a strategy is: a way to a fitted classifier, complete and named, that differs from others in its settings.

Whatever a strategy does, its result is a `HierarchicalClassifier` on the same taxonomy, so it predicts, keeps its
promise, is evaluated and saved like any other. A user's own strategy is a registered one with some settings changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from hierclf.classifier import GATE_SETTINGS, HierarchicalClassifier
from hierclf.data import ImageSet
from hierclf.decisions import rules
from hierclf.errors import ConfigError
from hierclf.gates import build_score, combinations
from hierclf.heads import heads
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy


class Fit(Protocol):
    """How a strategy gets from images to a classifier."""

    def __call__(
        self, taxonomy: Taxonomy, images: ImageSet, other: ImageSet | None, settings: Mapping[str, Any]
    ) -> HierarchicalClassifier:
        """Learn from labelled images of the taxonomy, and from images of other where the strategy uses them."""
        ...


def fit_classifier(
    taxonomy: Taxonomy, images: ImageSet, other: ImageSet | None, settings: Mapping[str, Any]
) -> HierarchicalClassifier:
    """The usual way: a `HierarchicalClassifier` with these settings."""
    return HierarchicalClassifier(taxonomy, **settings).fit(images, other=other)


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A named, complete recipe.

    Args:
        title: what to call it in a table.
        fit_with: how it learns.
        settings: of `HierarchicalClassifier`, on top of its defaults.
        uses_other: whether it learns from images of other where there are any.
        needs_other: whether it cannot do without them.
        gate_is_free: whether another gate can be put on the same network (`HierarchicalClassifier.refit_gate`).
    """

    title: str
    fit_with: Fit = fit_classifier
    settings: Mapping[str, Any] = field(default_factory=dict)
    uses_other: bool = True
    needs_other: bool = False
    gate_is_free: bool = True

    def but(self, **settings: Any) -> Strategy:
        """The same strategy with some settings changed."""
        return replace(self, settings={**self.settings, **settings})

    def checked(self) -> Strategy:
        """The strategy itself, if its settings can be used.

        Raises:
            HierclfError: a setting, score, head, rule or combination that does not exist or is out of range.
        """
        settings = Settings.checked(self.settings)
        heads[settings.head]
        rules[settings.rule]
        combinations[settings.combine]
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
        return self

    def fit(self, taxonomy: Taxonomy, images: ImageSet, *, other: ImageSet | None = None) -> HierarchicalClassifier:
        """Learn from images.

        Args:
            taxonomy: what may be recognised.
            images: labelled images of its classes.
            other: images that are none of the classes, labelled by their kind; ignored by a strategy without use for
                them.

        Raises:
            HierclfError: settings or images that cannot be used, or no images of other for a strategy that needs them.
        """
        if other is None and self.needs_other:
            raise ConfigError(f"{self.title!r} learns from images of other, and there are none; give some, or drop it")
        return self.fit_with(taxonomy, images, other if self.uses_other else None, self.settings)

    def refit(self, trained: HierarchicalClassifier) -> HierarchicalClassifier:
        """This strategy on the network of another one with the same `training_key`: only the gate is fitted."""
        plain = HierarchicalClassifier()
        wanted = {name: self.settings.get(name, getattr(plain, name)) for name in GATE_SETTINGS}
        return trained.refit_gate(**wanted)

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
