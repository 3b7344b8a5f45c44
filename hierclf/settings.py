"""Every setting of a fit, with its type, its range and its default, in one place.

The Python API, the command line (``--set key=value``) and experiment configs all end here, so a typo gets the same
"did you mean" everywhere.

>>> Settings.checked({"epochs": 3, "kep": 0.9})
Traceback (most recent call last):
    ...
hierclf.errors.ConfigError: no setting named 'kep'; did you mean 'keep'? (known: ...)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean
from hierclf.taxonomy.gate_words import DISCOVERING, NOTHING, PROMISES, listed


def _named(factors: object) -> object:
    """Factors by name: a class may be called 3 or np.int64(3) and means "3"."""
    return {str(name): factor for name, factor in factors.items()} if isinstance(factors, Mapping) else factors


def _path(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _class(value: object) -> object:
    """A class may be called 3 or np.int64(3) and means "3"; files and the command line write the word none."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(value)
    return _nothing(value)


def _nothing(value: object) -> object:
    """Files and the command line write the word none."""
    return None if isinstance(value, str) and value == NOTHING else value


Share = Annotated[float, Field(gt=0, lt=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=10)]
"""Beyond it no training ends well, and far beyond it numbers overflow."""
Factors = Annotated[dict[str, Weight], BeforeValidator(_named)]


class Settings(BaseModel):
    """Settings of `hierclf.HierarchicalClassifier`, which documents each of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    backbone: Any = None
    weights: Annotated[str | None, BeforeValidator(_path)] = "default"
    freeze: bool | None = None
    projection: Annotated[int | None, Field(ge=2, le=16_384), BeforeValidator(_nothing)] = None
    image_size: int | tuple[int, int] | None = None
    head: str = "shared"
    level_weights: Any = None
    node_weights: Factors | None = None
    class_weights: str | Factors | None = None
    favour: Annotated[str | None, BeforeValidator(_class)] = None
    favour_precision: Share = 0.9
    loss: str = "hierarchical"
    classification_weight: Weight = 1.0
    refit_head: bool = True
    temperature: Annotated[float, Field(ge=0.01, le=100)] | Literal["auto"] = "auto"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    embedding_loss: Annotated[Any, BeforeValidator(_nothing)] = "auto"
    embedding_weight: Weight = 1.0
    embedding_levels: Any = "leaf"
    other_loss: str = "kinds"
    other_weight: Weight = 1.0
    gate: Any = "auto"
    combine: str = "fisher"
    node_gates: Any = "auto"
    leave_one_out: bool = True
    novelty_prior: Share = 0.5
    keep: Share = 0.95
    promise: str = "average"
    confidence: Share = 0.95
    other_accepted: Share = 0.05
    false_discovery: Share | Literal["none"] | None = None
    rule: str = "threshold"
    correct: Annotated[Share | None, BeforeValidator(_nothing)] = 0.95
    point: Annotated[float, Field(allow_inf_nan=False)] | None = None
    epochs: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=2)] = 64
    batch_per_class: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    head_rate: Rate = 2e-3
    backbone_rate: Rate = 2e-4
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    weight_decay: Weight = 0.01
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.0
    patience: Annotated[int, Field(ge=1)] = 15
    augmentation: str = "auto"
    negatives: str | tuple[str, ...] = "none"
    calibration_share: Annotated[float, Field(gt=0, lt=0.8)] = 0.15
    device: str = "auto"
    workers: Annotated[int, Field(ge=0)] = 0
    cache: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def _count_discoveries_where_that_is_possible(self) -> Settings:
        """False discoveries are counted among p-values from one set of calibration images."""
        gateless = self.gate is None or (isinstance(self.gate, str) and self.gate == "none")
        wanted = self.false_discovery not in (None, NOTHING)
        if wanted and (gateless or self.promise in set(PROMISES) - set(DISCOVERING)):
            got = f"gate={self.gate!r}" if gateless else f"promise={self.promise!r}"
            sentence = (
                f"false_discovery goes with a gate and {listed(DISCOVERING)}, got {got} and "
                f"false_discovery={self.false_discovery!r}; change one of them (false_discovery='none' does without)"
            )
            raise PydanticCustomError("contradiction", "{sentence}", {"sentence": sentence})
        return self

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> Settings:
        """Settings from a mapping.

        Raises:
            ConfigError: an unknown name, a wrong type or a value out of range, all of them in one message; or settings
                that contradict each other.
        """
        plain = {str(name): value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
        try:
            return cls(**plain)
        except ValidationError as error:
            raise ConfigError("\n".join(_sentences(error, cls))) from None


def _sentences(error: ValidationError, kind: type[BaseModel]) -> list[str]:
    lines: dict[str, str] = {}
    for fault in error.errors():
        if fault["type"] == "contradiction":  # of several settings, so it has no place
            return [fault["msg"]]
        name = str(fault["loc"][0])
        if fault["type"] == "extra_forbidden":
            known = tuple(kind.model_fields)
            lines[name] = f"no setting named {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})"
        else:
            told = fault["msg"][:1].lower() + fault["msg"][1:]
            sentence = f"{name}: {told}, got {fault['input']!r}"
            lines[name] = f"{lines[name]}; or {told}" if name in lines else sentence
    return list(lines.values())
