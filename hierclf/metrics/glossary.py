"""Every metric of a report in plain words, in the order in which a report lists them.

>>> MEASURES["severity"].title
'Severity of mistakes'
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Measure(NamedTuple):
    """How to show a metric and how to read it.

    Args:
        title: its name for a reader.
        unit: a share is shown in percent, a verdict as yes or no.
        words: what it says, in one sentence.
        better: which way is better, empty when neither is.
    """

    title: str
    unit: Literal["share", "count", "number", "verdict"]
    words: str
    better: Literal["higher", "lower", ""] = ""


MEASURES: dict[str, Measure] = {
    "n_known": Measure("Known images", "count", "images whose label is a class or meta-class of the taxonomy"),
    "n_other": Measure("Images of other", "count", "images that are none of the classes"),
    "n_novel": Measure(
        "Images of new kinds", "count", "images of classes that the model does not know, below a node that it knows"
    ),
    "n_errors": Measure("Unreadable images", "count", "images left out because they could not be read"),
    "leaf_accuracy": Measure(
        "Accuracy", "share", "known images whose most probable class is right, the gate left aside", "higher"
    ),
    "level_accuracy": Measure(
        "Accuracy per level", "share", "the same at each level of the taxonomy, the coarsest first", "higher"
    ),
    "level_calibration_error": Measure(
        "Calibration error per level", "share", "how far the stated probability is from how often it is right", "lower"
    ),
    "level_brier": Measure("Brier score per level", "number", "squared error of the probabilities", "lower"),
    "level_log_loss": Measure("Log-loss per level", "number", "-log of the probability given to the truth", "lower"),
    "severity": Measure(
        "Severity of mistakes",
        "number",
        "when the most probable class is wrong, how many levels up truth and answer meet, on average",
        "lower",
    ),
    "hierarchical_distance_at_1": Measure(
        "Hierarchical distance at 1", "number", "the same over all images, right ones counting 0", "lower"
    ),
    "hierarchical_distance_at_5": Measure(
        "Hierarchical distance at 5", "number", "the same over the five most probable classes", "lower"
    ),
    "hierarchical_precision": Measure(
        "Hierarchical precision", "share", "of the nodes on the decided routes, those that are true", "higher"
    ),
    "hierarchical_recall": Measure(
        "Hierarchical recall", "share", "of the nodes on the true routes, those that were decided", "higher"
    ),
    "hierarchical_f1": Measure("Hierarchical F1", "share", "the harmonic mean of the two above", "higher"),
    "hierarchical_precision_macro": Measure(
        "Hierarchical precision per image", "share", "the mean of the images' own precision", "higher"
    ),
    "hierarchical_recall_macro": Measure(
        "Hierarchical recall per image", "share", "the mean of the images' own recall", "higher"
    ),
    "hierarchical_f1_macro": Measure("Hierarchical F1 per image", "share", "the mean of the images' own F1", "higher"),
    "balanced_accuracy": Measure(
        "Balanced accuracy",
        "share",
        "known images decided exactly at their label, every label counting the same",
        "higher",
    ),
    "balanced_accuracy_novel": Measure(
        "Balanced accuracy, novel",
        "share",
        "the same for unknown images, which belong at the node that they are new below, those of other at the root",
        "higher",
    ),
    "balanced_accuracy_mix": Measure("Balanced accuracy, mix", "share", "the mean of the two above", "higher"),
    "balanced_distance_known": Measure(
        "Balanced distance, known", "number", "edges between decision and label, every label counting the same", "lower"
    ),
    "balanced_distance_other": Measure(
        "Balanced distance, other", "number", "edges between decision and root for images of other", "lower"
    ),
    "balanced_distance_novel": Measure(
        "Balanced distance, novel",
        "number",
        "edges between decision and the node that an unknown image is new below, the root for other, every such node "
        "counting the same",
        "lower",
    ),
    "balanced_distance_mix": Measure(
        "Balanced distance, mix", "number", "the mean of those for known and for novel (BMHD Mix)", "lower"
    ),
    "known_novel_area": Measure(
        "Area under known-novel curve",
        "share",
        "novel images placed rightly, averaged over how many known ones are, as novelty is made likelier",
        "higher",
    ),
    "average_precision_information": Measure(
        "AP (information)", "share", "precision in bits averaged over how much is said", "higher"
    ),
    "average_correct_information": Measure(
        "AC (information)", "share", "share of correct answers averaged over how much is said", "higher"
    ),
    "recall_at_90_correct": Measure(
        "Detail at 90 % correct",
        "share",
        "how much of the label can be said when 90 % of the answers must be right",
        "higher",
    ),
    "recall_at_95_correct": Measure(
        "Detail at 95 % correct", "share", "the same when 95 % of the answers must be right", "higher"
    ),
    "hierarchical_aurc": Measure(
        "Area under risk-coverage", "number", "wrong answers averaged over how much is said", "lower"
    ),
    "coverage": Measure(
        "Coverage", "share", "how much the decisions about known images say: a class 1, the root 0", "higher"
    ),
    "risk": Measure("Risk", "share", "known images whose decision is off the true route", "lower"),
    "correct_or_ancestor": Measure(
        "Never off the route",
        "share",
        "known images decided at their label, above or below it, the root included",
        "higher",
    ),
    "correct_when_accepted": Measure(
        "Right or above, when accepted", "share", "the same, of the known images that were answered", "higher"
    ),
    "known_rejected": Measure(
        "Known turned away", "share", "known images taken for other, or for a novel child anywhere on the way", "lower"
    ),
    "known_rejected_standard_error": Measure(
        "its standard error", "share", "how far chance moves the share above if the promise holds"
    ),
    "alpha": Measure("Promised at most", "share", "the share of known images that may be turned away"),
    "known_called_novel": Measure(
        "Known called novel", "share", "those turned away that were taken for a novel child of a node", "lower"
    ),
    "uncertain_known": Measure(
        "Known left uncertain", "share", "known images that were neither answered nor turned away", "lower"
    ),
    "unknown_accepted": Measure(
        "Other accepted", "share", "images of other that were answered with a class or meta-class", "lower"
    ),
    "uncertain_other": Measure(
        "Other left uncertain", "share", "images of other that were neither answered nor turned away"
    ),
    "novel_at_its_node": Measure(
        "New kinds at their node", "share", "images of new kinds called novel, and below the right node", "higher"
    ),
    "novel_accepted": Measure(
        "New kinds accepted", "share", "images of new kinds that were answered with a class or meta-class", "lower"
    ),
    "auroc_novel": Measure(
        "AUROC, new kinds",
        "share",
        "chance that an image of a new kind looks less known than a known one; 50 % is guessing",
        "higher",
    ),
    "unknown_accepted_at_95_known": Measure(
        "Other accepted at 95 % known",
        "share",
        "images of other that would pass with the threshold at which 95 % of these known pass",
        "lower",
    ),
    "known_rejected_at_95_unknown": Measure(
        "Known turned away at 95 % other",
        "share",
        "known images turned away with the threshold at which 95 % of these other are",
        "lower",
    ),
    "auroc_other": Measure(
        "AUROC", "share", "chance that an image of other looks less known than a known one; 50 % is guessing", "higher"
    ),
    "aupr_other": Measure("AUPR, other", "share", "average precision at finding the images of other", "higher"),
    "aupr_known": Measure("AUPR, known", "share", "average precision at finding the known images", "higher"),
    "oscr": Measure(
        "OSCR",
        "share",
        "chance that a known image is classified rightly and looks more known than one of other",
        "higher",
    ),
    **{
        f"ccr_at_fpr_{share}": Measure(
            f"Right at {100 * share:g} % other accepted",
            "share",
            f"known images accepted and classified rightly where {100 * share:g} % of the other are accepted",
            "higher",
        )
        for share in (0.001, 0.01, 0.1)
    },
    "drift_statistic": Measure(
        "Drift", "number", "largest distance between how strange these known and the calibration images look, up to 1"
    ),
    "drift_p_value": Measure("its p-value", "number", "how often chance alone makes such a distance"),
    "drifted": Measure(
        "Drifted", "verdict", "whether that is more than chance explains, so that the promise may not hold here"
    ),
}
