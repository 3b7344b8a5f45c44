"""Settings that are names, read before any data: a typo costs a second and not an epoch.

What may be written in more than one way (level weights, the gate's scores) is brought to one form here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from hierclf.backbones import backbones, build_backbone, choose_device, named_changes
from hierclf.data import BALANCES
from hierclf.decisions import rules
from hierclf.errors import ConfigError
from hierclf.gates import build_score, combinations, guarantees, node_scores
from hierclf.heads import heads
from hierclf.registry import did_you_mean
from hierclf.settings import Settings
from hierclf.taxonomy import LevelWeights, Taxonomy
from hierclf.training.loss_choices import check_losses
from hierclf.training.negative_choices import named_transformations

ScoreChoice = str | tuple[str, Mapping[str, Any]]

CLASS_WEIGHTS = ("balanced", *(name for name in BALANCES if name not in ("none", "weights")))
LEVEL_RULES = ("leaf", "uniform")


def check_choices(settings: Settings) -> None:
    """Refuse names that no registry holds, and settings that contradict each other.

    Raises:
        UnknownName: no such backbone, head, rule, score, combination, augmentation or loss.
        ConfigError: no such device or way to weigh classes or levels, or an operating point out of range.
    """
    _check_backbone(settings.backbone)
    heads[settings.head]
    combinations[settings.combine]
    guarantees[settings.promise]
    node_score_names(settings.node_gates)
    choose_device(settings.device)
    named_changes(settings.augmentation)
    named_transformations(settings.negatives)
    for choice in gate_scores(settings.gate) or ():
        name, options = (choice, {}) if isinstance(choice, str) else choice
        _build(name, options)
    _check_point(settings)
    chosen = settings.class_weights
    if isinstance(chosen, str) and chosen not in CLASS_WEIGHTS:
        raise ConfigError(
            f"no class_weights named {chosen!r}{did_you_mean(chosen, CLASS_WEIGHTS)} (known: "
            f"{', '.join(CLASS_WEIGHTS)}, or factors by class)"
        )
    if settings.level_weights is not None:
        level_rule(settings.level_weights)
    check_losses(settings)


def gate_scores(gate: object) -> tuple[ScoreChoice, ...] | None:
    """The gate's scores in one form: names, or pairs of a name and its options.

    Args:
        gate: ``"none"`` or None for no gate, ``"auto"``, a name, a pair ``(name, options)``, a list of these, or a
            mapping from names to options.

    Returns:
        The scores; none at all for ``"auto"``, which is decided later; None for no gate.

    Raises:
        ConfigError: anything else.

    >>> gate_scores("knn"), gate_scores({"knn": {"k": 5}}), gate_scores(["knn", ("energy", {"temperature": 2.0})])
    (('knn',), (('knn', {'k': 5}),), ('knn', ('energy', {'temperature': 2.0})))
    """
    if gate is None:
        return None
    if isinstance(gate, str):
        return {"none": None, "auto": ()}.get(gate, (gate,))
    if isinstance(gate, Mapping):
        return tuple((str(name), _options(options)) for name, options in gate.items())
    if isinstance(gate, Sequence):
        if _is_pair(gate):
            return ((gate[0], _options(gate[1])),)
        return tuple(_score(choice) for choice in gate)
    raise ConfigError(f"gate is 'auto', 'none', or names of scores, got {gate!r}")


def node_score_names(node_gates: object) -> tuple[str, ...] | None:
    """What the gates of inner nodes read, in one form.

    Args:
        node_gates: ``"none"`` or None for no gates below the root, ``"auto"``, a name, or a list of names.

    Returns:
        Names of node scores; none at all for ``"auto"``, which is decided later; None for no gates.

    Raises:
        UnknownName: no such node score.
        ConfigError: anything else, or a name twice.

    >>> node_score_names("knn"), node_score_names("auto"), node_score_names("none")
    (('knn',), (), None)
    """
    if node_gates is None or node_gates == "none":
        return None
    if node_gates == "auto":
        return ()
    names = (node_gates,) if isinstance(node_gates, str) else node_gates
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"node_gates is 'auto', 'none', or names of node scores, got {node_gates!r}")
    for name in names:
        node_scores[name]
    if len(set(names)) < len(names):
        raise ConfigError(f"expected each node score once, got node_gates={list(names)!r}")
    return tuple(names)


def level_rule(given: object) -> LevelWeights:
    """Level weights in the form that `hierclf.losses.label_weights` reads.

    Args:
        given: ``"leaf"``, ``"uniform"``, ``{"decay": 0.5}``, or one weight per level, the gate's first.

    Raises:
        ConfigError: anything else.

    >>> level_rule({"decay": 0.5}), level_rule([1.0, 0.5])
    (('decay', 0.5), (1.0, 0.5))
    """
    if isinstance(given, str):
        if given not in LEVEL_RULES:
            hint = "; write {'decay': 0.5}" if given == "decay" else did_you_mean(given, LEVEL_RULES)
            raise ConfigError(
                f"no level_weights named {given!r}{hint} (known: leaf, uniform, {{'decay': 0.5}}, a list)"
            )
        return given
    if isinstance(given, Mapping):
        if set(given) != {"decay"}:
            raise ConfigError(f"level_weights as a mapping is {{'decay': number}}, got {dict(given)!r}")
        return ("decay", _number(given["decay"]))
    if isinstance(given, Sequence) and given:
        if given[0] == "decay" and len(given) == 2:
            return ("decay", _number(given[1]))
        return tuple(_number(weight) for weight in given)
    raise ConfigError(f"level_weights is a rule, a list of numbers or {{'decay': number}}, got {given!r}")


def level_weights(settings: Settings, taxonomy: Taxonomy) -> LevelWeights:
    """Level weights in force: those of the settings, else those of the taxonomy, else all at the leaves."""
    if settings.level_weights is not None:
        return level_rule(settings.level_weights)
    return taxonomy.level_weights if taxonomy.level_weights is not None else "leaf"


def node_weights(settings: Settings, taxonomy: Taxonomy) -> dict[str, float]:
    """Factors by node: those of the taxonomy, overridden by those of the settings.

    Raises:
        ConfigError: a name that is no node of the taxonomy.
    """
    given = settings.node_weights or {}
    return dict(taxonomy.class_weights) | {node_named(name, taxonomy, "node_weights"): given[name] for name in given}


def node_named(name: str, taxonomy: Taxonomy, table: str) -> str:
    """The node of that name, or that a label of that name means.

    Raises:
        ConfigError: there is none.
    """
    node = taxonomy.node_of_label(name)
    if node is None:
        raise ConfigError(f"unknown class {name!r} in {table}{did_you_mean(name, taxonomy.nodes)}")
    return node


def _check_backbone(backbone: object) -> None:
    if backbone is None or isinstance(backbone, nn.Module):
        return
    if not isinstance(backbone, str) or not (
        backbone == "auto" or backbone.startswith("timm/") or backbone in backbones
    ):
        build_backbone(backbone)  # type: ignore[arg-type]  # says what is wrong with it


def _check_point(settings: Settings) -> None:
    rule = rules[settings.rule]
    if settings.point is None:
        return
    if rule.careful is None:
        raise ConfigError(f"the rule {settings.rule!r} has no operating point; leave point out, or take 'threshold'")
    if not rule.careless <= settings.point <= rule.careful:
        raise ConfigError(
            f"the operating point of the rule {settings.rule!r} lies between {rule.careless:g} and {rule.careful:g}, "
            f"got point={settings.point:g}"
        )


def _score(choice: object) -> ScoreChoice:
    if isinstance(choice, str):
        return choice
    if isinstance(choice, Sequence) and _is_pair(choice):
        return (choice[0], _options(choice[1]))
    if isinstance(choice, Mapping) and len(choice) == 1:
        ((name, options),) = choice.items()
        return (str(name), _options(options))
    raise ConfigError(f"a gate score is a name or a pair (name, options), got {choice!r}")


def _is_pair(choice: Sequence[Any]) -> bool:
    return len(choice) == 2 and isinstance(choice[0], str) and isinstance(choice[1], Mapping)


def _options(options: object) -> dict[str, Any]:
    if options is not None and not isinstance(options, Mapping):
        raise ConfigError(f"options of a gate score are given by name, got {options!r}")
    return {str(name): value for name, value in (options or {}).items()}


def _build(name: str, options: Mapping[str, Any]) -> None:
    try:
        build_score(name, **options)
    except TypeError as error:  # an option of the wrong type
        raise ConfigError(f"options of the gate score {name!r}: {error}") from None


def _number(value: object) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ConfigError(f"level_weights are numbers, got {value!r}")
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ConfigError(f"level_weights are finite numbers of at least 0, got {value!r}")
    return number
