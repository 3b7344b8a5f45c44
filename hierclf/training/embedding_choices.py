"""The setting ``embedding_loss`` in one form: a name, several, or several with options become a list of choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hierclf.errors import ConfigError
from hierclf.losses import EmbeddingChoice
from hierclf.registry import did_you_mean
from hierclf.settings import Settings

EMBEDDING_LEVELS = ("leaf", "all")

AUTO = "auto"
FROM_SCRATCH = "supcon"
"""What a network that learns from random weights learns by as well, unless the user says otherwise.

It keeps the images of a class together by what they share and not only by what tells them from the other classes, so
more is left to notice a newcomer by: on held-out classes of printed glyphs about half as many of them passed, of
handwriting and clothes about as many as without, at the same accuracy or a better one. It learns from pairs of one
class, so where classes are many their images are put together in the batches (`hierclf.training.order`): with many
characters of few drawings each it then gained two points of accuracy over doing without, where shuffled batches lost
one. Fine-tuning and projections gained nothing clear or were not compared, so there it is not used.
"""


def embedding_choices(settings: Settings, *, from_scratch: bool = False) -> tuple[EmbeddingChoice, ...]:
    """The losses on the embedding in one form.

    Args:
        settings: ``embedding_loss`` is None, ``"auto"``, a name, names, or a mapping from names to options, of which
            ``weight`` and ``levels`` stand for ``embedding_weight`` and ``embedding_levels``.
        from_scratch: whether a backbone learns from random weights, which decides what ``"auto"`` is.

    Raises:
        ConfigError: anything else.

    >>> for choice in embedding_choices(Settings(embedding_loss={"supcon": {"weight": 2, "temperature": 0.2}})):
    ...     print(choice.name, choice.weight, choice.levels, choice.options)
    supcon 2.0 leaf (('temperature', 0.2),)
    """
    given = settings.embedding_loss
    if given == AUTO:
        given = FROM_SCRATCH if from_scratch else None
    if given is None:
        return ()
    if isinstance(given, str):
        named: dict[str, object] = {given: None}
    elif isinstance(given, Mapping):
        named = {str(name): options for name, options in given.items()}
    elif isinstance(given, Sequence) and all(isinstance(name, str) for name in given):
        named = dict.fromkeys(given)
        if len(named) < len(given):
            raise ConfigError(f"expected each embedding loss once, got embedding_loss={list(given)!r}")
    else:
        raise ConfigError(f"embedding_loss is a name, names, or a mapping from names to options, got {given!r}")
    return tuple(_embedding_choice(name, options, settings) for name, options in named.items())


def embedding_levels(given: object) -> str | tuple[float, ...]:
    """The setting ``embedding_levels`` in one form.

    Args:
        given: ``"leaf"``, ``"all"``, or one weight per level, level 1 first.

    Raises:
        ConfigError: anything else.
    """
    if isinstance(given, str):
        if given not in EMBEDDING_LEVELS:
            raise ConfigError(
                f"no embedding_levels named {given!r}{did_you_mean(given, EMBEDDING_LEVELS)} (known: leaf, all, or one "
                "weight per level)"
            )
        return given
    if not isinstance(given, Sequence) or not given:
        raise ConfigError(f"embedding_levels is 'leaf', 'all', or one weight per level, got {given!r}")
    weights = tuple(_number(weight, "a weight in embedding_levels") for weight in given)
    if not any(weights):
        raise ConfigError(f"embedding_levels needs a weight above 0, got {list(weights)!r}")
    return weights


def _embedding_choice(name: str, options: object, settings: Settings) -> EmbeddingChoice:
    if options is not None and not isinstance(options, Mapping):
        raise ConfigError(f"options of the embedding loss {name!r} are given by name, got {options!r}")
    own = {str(option): value for option, value in (options or {}).items()}
    weight = _number(own.pop("weight", settings.embedding_weight), f"the weight of the embedding loss {name!r}")
    levels = embedding_levels(own.pop("levels", settings.embedding_levels))
    return EmbeddingChoice(name=name, weight=weight, levels=levels, options=tuple(own.items()))


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ConfigError(f"{what} is a number, got {value!r}")
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ConfigError(f"{what} is a finite number of at least 0, got {value!r}")
    return number
