"""What a taxonomy may say about its gates: which promise, how sure, and what the gates below the root read.

The gates themselves are tensors and live further up, where their registries are (`hierclf.gates.guarantees`,
`hierclf.gates.node_scores`). Nothing in this layer imports torch, so the words stand here once more; a test holds them
against the registries. Scores of one's own are no words of a taxonomy file: they go in by the setting ``node_gates``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from hierclf.errors import TaxonomyError
from hierclf.registry import did_you_mean

PROMISES = ("average", "confident", "per_class", "cross", "two_sided", "none")
"""What may be promised about the images that are turned away."""

GATE_RULES = ("auto", "none")
"""What the gates below the root may be, beside names of scores."""

NODE_SCORES = ("node_relative", "mahalanobis++", "knn", "gen", "msp", "energy", "max_logit", "outside")
"""What the gates below the root may read."""

PROMISE_OF = {"confidence": "confident", "other_accepted": "two_sided"}
"""Numbers that one promise alone has a use for."""

DISCOVERING = ("average", "confident", "two_sided")
"""Promises whose p-values share their calibration images, so that false discoveries can be counted among them."""

NOTHING: Literal["none"] = "none"
"""Instead of a share: nothing is promised."""

NodeGates: TypeAlias = str | tuple[str, ...]
"""``"auto"``, ``"none"``, or names of scores."""

Correct: TypeAlias = float | str
"""A share, or ``"none"``."""


def check_gate_words(
    promise: str | None,
    confidence: float | None,
    other_accepted: float | None,
    node_gates: NodeGates | None,
    correct: Correct | None = None,
    false_discovery: float | None = None,
) -> None:
    """Refuse what the gates would not understand; None is always fine.

    Raises:
        TaxonomyError: an unknown word, a share out of range, or a number that the promise has no use for.

    >>> check_gate_words("confidnt", None, None, None)
    Traceback (most recent call last):
        ...
    hierclf.errors.TaxonomyError: no promise named 'confidnt'; did you mean 'confident'? (known: average, ...)
    """
    if promise is not None and promise not in PROMISES:
        hint = did_you_mean(str(promise), PROMISES)
        raise TaxonomyError(f"no promise named {promise!r}{hint} (known: {', '.join(PROMISES)})")
    for name, share in (("confidence", confidence), ("other_accepted", other_accepted)):
        if share is None:
            continue
        if not 0 < share < 1:
            raise TaxonomyError(f"{name} is a share between 0 and 1, got {share!r}")
        if promise != PROMISE_OF[name]:
            raise TaxonomyError(f"{name} belongs to the promise {PROMISE_OF[name]!r}, got promise={promise!r}")
    if correct is not None and correct != NOTHING and (isinstance(correct, str) or not 0 < correct < 1):
        raise TaxonomyError(f"correct is a share between 0 and 1, or 'none', got {correct!r}")
    if false_discovery is not None:
        if not 0 < false_discovery < 1:
            raise TaxonomyError(f"false_discovery is a share between 0 and 1, got {false_discovery!r}")
        if promise is not None and promise not in DISCOVERING:
            raise TaxonomyError(f"false_discovery goes with {listed(DISCOVERING)}, got promise={promise!r}")
    if node_gates is not None and node_gates not in GATE_RULES:
        _check_names(node_gates)


def listed(promises: Sequence[str]) -> str:
    """Promises by name, in words.

    >>> listed(DISCOVERING)
    "the promises 'average', 'confident' and 'two_sided'"
    """
    *names, last = map(repr, promises)
    return f"the promises {', '.join(names)} and {last}"


def _check_names(node_gates: NodeGates) -> None:
    known = f"(known: {', '.join(NODE_SCORES)})"
    if isinstance(node_gates, str) or not isinstance(node_gates, Sequence) or not node_gates:
        raise TaxonomyError(f"node_gates is 'auto', 'none' or a tuple of names of scores, got {node_gates!r} {known}")
    for name in node_gates:
        if name not in NODE_SCORES:
            raise TaxonomyError(f"no node score named {name!r}{did_you_mean(str(name), NODE_SCORES)} {known}")
    if len(set(node_gates)) < len(node_gates):
        raise TaxonomyError(f"node_gates names a score twice, got {node_gates!r}; keep one")
