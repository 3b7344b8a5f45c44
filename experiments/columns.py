"""What a table may show, in words for somebody who sees it for the first time.

"seen" are test images of the kinds of other that were given to learn from; "unseen" are of kinds that never came up
before the test.
"""

from __future__ import annotations

from hierclf.report import Column

COLUMNS: dict[str, Column] = {
    column.key: column
    for column in (
        Column("leaf_accuracy", "right class", "higher", words="known images whose most likely class is the true one"),
        Column("known_rejected", "known turned away", "lower", words="known images that were taken for other"),
        Column(
            "promise_kept",
            "promise kept",
            "",
            words="share of the runs in which not more known images were turned away than promised, chance allowed for",
        ),
        Column(
            "unknown_rejected_unseen",
            "new other noticed",
            "higher",
            words="images of kinds never seen before the test that were turned away",
        ),
        Column(
            "unknown_accepted_unseen",
            "new other accepted",
            "lower",
            words="images of kinds never seen before the test that were taken for a known class",
        ),
        Column(
            "unknown_accepted_seen",
            "given other accepted",
            "lower",
            words="test images of the kinds given as other that were taken for a known class",
        ),
        Column(
            "unknown_accepted_at_95_known_unseen",
            "new other accepted at 95 %",
            "lower",
            words="new other taken for known by the threshold at which 95 % of the known test images pass",
        ),
        Column(
            "unknown_accepted_at_95_known_seen",
            "given other accepted at 95 %",
            "lower",
            words="given other taken for known by the threshold at which 95 % of the known test images pass",
        ),
        Column(
            "auroc_other_unseen",
            "AUROC, new other",
            "higher",
            words="chance that an image of new other looks less known than a known one; 50 % is guessing",
        ),
        Column(
            "auroc_other_seen",
            "AUROC, given other",
            "higher",
            words="chance that a test image of given other looks less known than a known one; 50 % is guessing",
        ),
        Column(
            "oscr_unseen",
            "OSCR, new other",
            "higher",
            words="chance that a known image gets its right class and looks more known than one of new other",
        ),
        Column(
            "oscr_seen",
            "OSCR, given other",
            "higher",
            words="chance that a known image gets its right class and looks more known than one of given other",
        ),
        Column(
            "ccr_at_fpr_0.01_unseen",
            "right at 1 % new other",
            "higher",
            words="known images accepted and right by the threshold that accepts 1 % of new other",
        ),
        Column(
            "ccr_at_fpr_0.1_unseen",
            "right at 10 % new other",
            "higher",
            words="known images accepted and right by the threshold that accepts 10 % of new other",
        ),
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
