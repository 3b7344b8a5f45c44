"""What a table may show, in words for somebody who sees it for the first time.

Numbers about other come in three kinds, and end in the word for it: ``_seen`` are test images of the kinds of other
that were given to learn from; ``_unseen`` are of kinds that never came up before the test; ``_far`` too, but of another
sort altogether, where an experiment tells these apart.

>>> COLUMNS["auroc_other_far"].label
'AUROC, far other'
"""

from __future__ import annotations

from hierclf.report import Column

KINDS = {
    "unseen": ("new other", "kinds never seen before the test"),
    "seen": ("given other", "the kinds given as other"),
    "far": ("far other", "kinds never seen before the test and far from what is known"),
}
"""Name for a table and for a sentence of each kind of other."""

SHARES = {"0.001": "0.1 %", "0.01": "1 %", "0.1": "10 %"}


def _about(kind: str) -> tuple[Column, ...]:
    """All columns about a kind of other."""
    name, words = KINDS[kind]
    return (
        Column(
            f"unknown_rejected_{kind}",
            f"{name} noticed",
            "higher",
            words=f"test images of {words} that were turned away",
            group=name,
        ),
        Column(
            f"unknown_accepted_{kind}",
            f"{name} accepted",
            "lower",
            words=f"test images of {words} that were taken for a known class",
            group=name,
        ),
        Column(
            f"unknown_accepted_at_95_known_{kind}",
            f"{name} accepted at 95 %",
            "lower",
            words=f"{name} taken for known by the threshold at which 95 % of the known test images pass",
            group=name,
        ),
        Column(
            f"known_rejected_at_95_unknown_{kind}",
            f"known lost at 95 % {name}",
            "lower",
            words=f"known images turned away by the threshold at which 95 % of {name} are",
            group=name,
        ),
        Column(
            f"auroc_other_{kind}",
            f"AUROC, {name}",
            "higher",
            words=f"chance that an image of {name} looks less known than a known one; 50 % is guessing",
            group=name,
        ),
        Column(
            f"aupr_other_{kind}",
            f"AUPR, {name}",
            "higher",
            words=f"average precision at finding {name}; it depends on how many there are",
            group=name,
        ),
        Column(
            f"aupr_known_{kind}",
            f"AUPR, known against {name}",
            "higher",
            words=f"average precision at finding the known images beside {name}; it depends on how many there are",
            group=name,
        ),
        Column(
            f"oscr_{kind}",
            f"OSCR, {name}",
            "higher",
            words=f"chance that a known image gets its right class and looks more known than one of {name}",
            group=name,
        ),
        *(
            Column(
                f"ccr_at_fpr_{share}_{kind}",
                f"right at {written} {name}",
                "higher",
                words=f"known images accepted and right by the threshold that accepts {written} of {name}",
                group=name,
            )
            for share, written in SHARES.items()
        ),
    )


COLUMNS: dict[str, Column] = {
    column.key: column
    for column in (
        Column("leaf_accuracy", "right class", "higher", words="known images whose most likely class is the true one"),
        Column(
            "known_rejected",
            "known turned away",
            "lower",
            words="known images that were taken for other, or for a new kind",
        ),
        Column(
            "promise_kept",
            "promise kept",
            "",
            words="share of the runs in which not more known images were turned away than promised, chance allowed for",
        ),
        *(column for kind in KINDS for column in _about(kind)),
        Column(
            "hierarchical_f1",
            "hierarchical F1",
            "higher",
            words="how well decided and true routes agree; a turned away image has none",
        ),
        Column(
            "severity",
            "severity of mistakes",
            "lower",
            "number",
            "levels up to where truth and answer meet, over wrong answers",
        ),
        Column(
            "coverage",
            "said",
            "higher",
            words="how much the decisions about known images say: a class 100 %, turned away 0 %",
        ),
        Column(
            "correct_or_ancestor",
            "never off the route",
            "higher",
            words="known images decided at, above or below their class, or turned away",
        ),
        Column(
            "balanced_distance_mix",
            "BMHD mix",
            "lower",
            "number",
            "edges between decision and truth, mean of known and other, every label counting the same",
        ),
        Column(
            "trainings",
            "trainings",
            "lower",
            "count",
            "networks and heads trained for this row; what an earlier row has trained counts for that one",
        ),
        Column(
            "fit_seconds",
            "seconds to fit",
            "lower",
            "count",
            "with a shared network counted in full; what comes from the cache of embeddings is not counted",
        ),
        Column("predict_seconds", "seconds to test", "lower", "count", "for all test images"),
    )
}

DEFAULT_COLUMNS = (
    "leaf_accuracy",
    "known_rejected",
    "unknown_rejected_unseen",
    "unknown_accepted_seen",
    "auroc_other_unseen",
)
