"""What the tables show, in words for somebody who sees it for the first time."""

from __future__ import annotations

from hierclf.report import Column

TREES = (
    Column("clade_f1", "clade F1", "higher", words="how many of its groups the declared taxonomy has too, and back"),
    Column(
        "triplets", "triplets", "higher", words="of three classes, the same two belong together as in the declared one"
    ),
    Column("meta_classes", "meta-classes", "", "number", "nodes between the root and the classes"),
    Column("depth", "depth", "", "number", "edges on the longest way from the root to a class"),
)
"""About the taxonomies themselves."""

LEVELS = tuple(
    Column(
        f"accuracy_level_{level}",
        f"right at level {level}",
        "higher",
        words=f"known images whose likeliest declared node {level} below the root is the true one",
    )
    for level in range(1, 7)
)

KNOWN = (
    Column("leaf_accuracy", "right class", "higher", words="known images whose likeliest class is the true one"),
    *LEVELS,
    Column("severity", "severity", "lower", "number", "declared edges between a mistake and the truth"),
    Column(
        "ap_info",
        "AP(info)",
        "higher",
        words="area below precision over recall, both in bits, as answers back off to coarser nodes",
    ),
    Column(
        "said_at_95_right",
        "said at 95 % right",
        "higher",
        words="share of the information that is given while 95 % of the answers are the truth or above it",
    ),
    Column("calibration_error", "calibration error", "lower", words="of the probability of the likeliest class"),
)
"""On images of known classes, the gates left aside."""

NOVEL = (
    Column("bmhd_mix_promise", "BMHD mix", "lower", "number", "mean of BMHD known and BMHD novel"),
    Column("bmhd_known_promise", "BMHD known", "lower", "number", "declared edges to the true class, by class"),
    Column("bmhd_novel_promise", "BMHD novel", "lower", "number", "declared edges to the target, by target"),
    Column("accuracy_novel_promise", "novel right", "higher", words="novel images answered with their target"),
    Column("accepted_leaf_promise", "held-out class accepted", "lower", words="answered with a known class"),
    Column("bmhd_mix_natural", "BMHD mix without promise", "lower", "number", "at the model's own operating point"),
    Column(
        "auroc_novel_child",
        "AUROC novel child",
        "higher",
        words="chance that a held-out class looks newer at its declared parent than known classes there",
    ),
    Column("auroc_novel", "AUROC known / novel", "higher", words="the same for all novel images at once"),
    Column(
        "known_rejected", "known called novel", "lower", words="known images that the promise counts as turned away"
    ),
    Column("promise_kept", "promise kept", "", words="share of the runs in which the promise held, chance allowed for"),
)
"""With the threshold that keeps the promised share of the known, and answers in declared words."""

COST = (
    Column(
        "fit_seconds", "seconds to fit", "lower", "number", "of head and gates, and of the backbone if it is trained"
    ),
    Column("features_seconds", "seconds before", "", "number", "for features that all rows share"),
)

TABLES = {"Known images": KNOWN, "Novel images": NOVEL, "Cost": COST}
"""The tables of each kind of features, by their headlines."""

COMPARED = tuple(
    column
    for column in (*KNOWN, *NOVEL)
    if column.key
    in (
        "leaf_accuracy",
        "accuracy_level_1",
        "accuracy_level_2",
        "severity",
        "ap_info",
        "said_at_95_right",
        "bmhd_mix_promise",
        "bmhd_novel_promise",
        "accuracy_novel_promise",
        "bmhd_mix_natural",
        "auroc_novel_child",
        "auroc_novel",
    )
)
"""What rows are subtracted in."""
