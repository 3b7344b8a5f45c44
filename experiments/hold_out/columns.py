"""What the tables of a hold-out experiment show, in words for somebody who sees it for the first time."""

from __future__ import annotations

from hierclf.report import Column

_BMHD = "edges between answer and target, every {} the same"

PROMISE = (
    Column("bmhd_mix_promise", "BMHD mix", "lower", "number", "mean of BMHD known and BMHD novel"),
    Column("bmhd_known_promise", "BMHD known", "lower", "number", _BMHD.format("known class counting")),
    Column("bmhd_novel_promise", "BMHD novel", "lower", "number", _BMHD.format("target node counting")),
    Column("accuracy_known_promise", "known right", "higher", words="known images answered with their class, by class"),
    Column(
        "accuracy_novel_promise", "novel right", "higher", words="novel images answered with their target, by target"
    ),
    Column(
        "known_rejected", "known called novel", "lower", words="known images that the promise counts as turned away"
    ),
    Column(
        "known_unanswered_promise", "known without class", "lower", words="these, and known images called ambiguous"
    ),
    Column("promise_kept", "promise kept", "", words="share of the runs in which the promise held, chance allowed for"),
)
"""With the threshold that keeps the promised share of the known."""

NATURAL = (
    Column("bmhd_mix_natural", "BMHD mix", "lower", "number", "as above"),
    Column("bmhd_known_natural", "BMHD known", "lower", "number"),
    Column("bmhd_novel_natural", "BMHD novel", "lower", "number"),
    Column("accuracy_known_natural", "known right", "higher"),
    Column("accuracy_novel_natural", "novel right", "higher"),
    Column("known_unanswered_natural", "known without class", "lower", words="known images answered with no class"),
)
"""As the method stands by itself."""

KINDS = (
    Column("bmhd_leaf_promise", "BMHD held-out class", "lower", "number", "over targets, under the promise"),
    Column("bmhd_subtree_promise", "BMHD held-out subtree", "lower", "number"),
    Column("bmhd_far_promise", "BMHD far", "lower", "number"),
    Column("accepted_leaf_promise", "held-out class accepted", "lower", words="answered with a known class"),
    Column("accepted_subtree_promise", "held-out subtree accepted", "lower"),
    Column("accepted_far_promise", "far accepted", "lower"),
)
"""By what the novel images are."""

GATES = (
    Column(
        "auroc_novel_child",
        "AUROC novel child",
        "higher",
        words="chance that an image of a held-out class looks newer to its parent's gate than a known image below",
    ),
    Column(
        "estimated_novel_child",
        "the same, estimated",
        "",
        words="what leaving known children out said about these gates before any test, where it can say something",
    ),
    Column(
        "estimated_nodes_measured", "and measured there", "", words="AUROC novel child at the nodes of the estimate"
    ),
    Column(
        "auroc_other",
        "AUROC other",
        "higher",
        words="chance that an image whose target is the root looks newer to the root's gate than a known one",
    ),
    Column(
        "auroc_novel",
        "AUROC known / novel",
        "higher",
        words="chance that a novel image looks less known than a known one, each image counting the same",
    ),
    Column(
        "known_novel_area",
        "known-novel area",
        "higher",
        words="area below novel accuracy over known accuracy as novel answers get a bias",
    ),
    Column("novel_accuracy_at_half_known", "novel right at 50 % known", "higher", words="a point on the same curve"),
    Column("fit_seconds", "seconds to fit", "lower", "count", "beyond the network, which all rows share"),
)
"""Freed of any threshold."""

TABLES = {
    "Under the promise": PROMISE,
    "At each method's own operating point": NATURAL,
    "By kind of novelty, under the promise": KINDS,
    "Whatever the threshold": GATES,
}
"""The tables in order, by their headlines."""
