"""Gate scores: how unknown an image looks, by one criterion; larger is more unknown, always.

A score comes in two stages, and both are values:

* a `Score` is a name with its options and knows two pure functions: `learn` turns the evidence of known images into a
  few tensors, `measure` reads new evidence with them;
* a `FittedScore` is a score with what it learnt. It is called with evidence and can be taken apart into named tensors
  (for a file without pickle) and put together again by `load_score`.

To add a score that reads logits alone, decorate a function with `logit_score`; for any other, write a frozen dataclass
of its options under `Score` and enter it into `scores`.

>>> evidence = Evidence(torch.zeros(2, 4), torch.tensor([[4.0, 0.0], [1.0, 1.0]]))
>>> energy = build_score("energy", temperature=1.0).fit(evidence, torch.Generator())
>>> energy(evidence)
tensor([-4.0181, -1.6931], dtype=torch.float64)

B images, C known leaf classes
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from hierclf.errors import BundleError, ConfigError, DataError
from hierclf.gates.evidence import Evidence, at_least_single, in_chunks
from hierclf.registry import Registry, did_you_mean

LogitFunction = Callable[..., Tensor]

scores: Registry[Callable[..., Score]] = Registry("score")
families: Registry[Callable[..., Score]] = Registry("family of scores")  # "ood" of "ood:ViM": takes the rest as `name`


class Score(ABC):
    """A criterion with its options; subclasses are frozen dataclasses of these options."""

    needs_other: ClassVar[bool] = False
    """Whether the score can only be fitted when images of other are at hand."""

    @property
    def learns(self) -> tuple[str, ...]:
        """Names of the tensors that `learn` returns."""
        return ()

    @abstractmethod
    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """What the score remembers of the known images (and of other, if it can use them), as named tensors."""

    @abstractmethod
    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """How unknown each of a chunk of images looks, shape ``(B,)``; each row depends on its own image only."""

    def prepare(self, learnt: Mapping[str, Tensor]) -> Callable[[Evidence], Tensor]:
        """`measure` with the learnt tensors filled in; override it where something is worth building once."""
        return partial(self.measure, learnt=learnt)

    def fit(self, known: Evidence, generator: Generator, other: Evidence | None = None) -> FittedScore:
        """Learn from images of the known classes.

        Args:
            known: evidence of at least one known image, with labels.
            generator: the source of randomness (for subsampling).
            other: evidence of images that are none of the classes, if there are any.

        Returns:
            The fitted score.

        Raises:
            DataError: without any known image, with NaN or infinity, or without other where the score needs it.
        """
        if len(known) == 0:
            raise DataError(f"expected images of the known classes to fit {self!r} on, got none")
        if self.needs_other and not other:
            raise DataError(
                f"{self!r} needs images of other to learn from, got none; give some, or leave this score out"
            )
        known.require_finite()
        if other is not None:
            other.require_finite()
        with torch.no_grad():
            learnt = self.learn(known.cpu(), generator, other.cpu() if other else None)
        return FittedScore(self, {name: values.contiguous() for name, values in learnt.items()})


@dataclass(frozen=True, eq=False)
class FittedScore:
    """A score and what it learnt: maps evidence to ``(B,)`` float64, larger = more unknown."""

    score: Score
    learnt: Mapping[str, Tensor]

    def __call__(self, evidence: Evidence) -> Tensor:
        """Score each image.

        Args:
            evidence: any number of images, none included.

        Returns:
            Finite float64 on the CPU, shape ``(B,)``.

        Raises:
            DataError: when a row holds NaN or infinity; the message names the rows.
        """
        evidence.require_finite()
        with torch.no_grad():
            return in_chunks(self._measure, evidence)

    @cached_property
    def _measure(self) -> Callable[[Evidence], Tensor]:
        return self.score.prepare(self.learnt)

    def __getstate__(self) -> dict[str, Any]:
        """Without what `Score.prepare` built, which can be built again and need not be picklable."""
        return {"score": self.score, "learnt": self.learnt}

    def tensors(self) -> dict[str, Tensor]:
        """What the score learnt, under names, ready for a file."""
        return dict(self.learnt)


@dataclass(frozen=True)
class LogitScore(Score):
    """A score that is a plain function of the logits and learns nothing.

    Args:
        function: maps logits ``(B, C)`` to scores ``(B,)``.
        options: its keyword options.
        reads_single: whether the function may be given float32, see `logit_score`.
    """

    function: LogitFunction
    options: tuple[tuple[str, Any], ...] = ()
    reads_single: bool = False

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """Nothing: the head has learnt already."""
        return {}

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """The function of the logits."""
        logits_BC = at_least_single(evidence.logits_BC) if self.reads_single else evidence.logits_BC.double()
        return self.function(logits_BC, **dict(self.options))


def logit_score(name: str, *, reads_single: bool = False) -> Callable[[LogitFunction], LogitFunction]:
    """Decorator that enters a function ``(logits_BC, *, options…) -> (B,)`` among the scores and returns it as is.

    Args:
        name: the score's name.
        reads_single: False gives the function float64 always. True passes float32 logits on as they are, for functions
            that come within 1e-5 of their value in float64 all the same, and are faster for it.
    """

    def enter(function: LogitFunction) -> LogitFunction:
        def build(**options: Any) -> Score:
            return LogitScore(function, tuple(sorted(options.items())), reads_single)

        options = [one for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]
        build.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
        scores.register(name)(build)
        return function

    return enter


def build_score(name: str, **options: Any) -> Score:
    """The score of that name with these options, not yet fitted.

    Args:
        name: one of `scores`, or ``family:name`` such as ``ood:ViM``.
        options: keyword options of that score.

    Raises:
        UnknownName: when there is no such score.
        ConfigError: when the score has no such option.

    >>> build_score("energy", temprature=2.0)
    Traceback (most recent call last):
        ...
    hierclf.errors.ConfigError: score 'energy' has no option 'temprature'; did you mean 'temperature'?...
    """
    family, _, member = name.partition(":")
    builder = partial(families[family], name=member) if family in families and member else scores[name]
    known = [option for option in inspect.signature(builder).parameters if not (member and option == "name")]
    for option in options:
        if option not in known:
            hint = did_you_mean(option, known)
            raise ConfigError(f"score {name!r} has no option {option!r}{hint} (it has: {', '.join(known) or 'none'})")
    return builder(**options)


def load_score(name: str, options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> FittedScore:
    """Put a fitted score together again from its name, its options and `FittedScore.tensors`.

    Raises:
        BundleError: when the tensors are not those of this score.
    """
    score = build_score(name, **options)
    if set(tensors) != set(score.learns):
        expected, came = ", ".join(sorted(score.learns)) or "no tensors", ", ".join(sorted(tensors)) or "no tensors"
        raise BundleError(f"the stored score {name!r} is not whole: expected {expected}, got {came}; save it anew")
    broken = [key for key, values in tensors.items() if values.is_floating_point() and not values.isfinite().all()]
    if broken:
        raise BundleError(f"the stored score {name!r} holds NaN or infinity in {', '.join(broken)}; save it anew")
    return FittedScore(score, dict(tensors))
