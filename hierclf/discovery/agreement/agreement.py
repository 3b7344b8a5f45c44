"""How well a found taxonomy agrees with a reference, in every way that the field asks, at once.

No single number will do. Clade F1 is strict and says nothing about near misses; triplets are fine-grained and forgive
a missing middle; purity rewards splitting; mutual information sees one level at a time; the cophenetic correlation
sees how broad things are. A binary dendrogram does well in purity and triplet recall, a star in nothing; only what is
good in all of them is good.

All scores compare sets of classes. Names of meta-classes, the order of anything and chains of only children make no
difference, levels aside: in `levels` the reference's ranks stay ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from hierclf.discovery.agreement.ancestors import ancestor_agreement
from hierclf.discovery.agreement.clades import clade_agreement, clade_jaccard
from hierclf.discovery.agreement.cophenetic import CopheneticCorrelation, cophenetic_correlation
from hierclf.discovery.agreement.crossing import cross
from hierclf.discovery.agreement.leaf_sets import common_leaf_sets
from hierclf.discovery.agreement.levels import LevelAgreement, level_agreement
from hierclf.discovery.agreement.matching import match_clades
from hierclf.discovery.agreement.precision import PrecisionRecall
from hierclf.discovery.agreement.triplets import TripletAgreement, triplet_agreement
from hierclf.taxonomy import Taxonomy

UNDEFINED = "–"
LEGEND = "↑ higher is better, ↓ lower is better, – undefined."
PAIRS_SAMPLED = "so are pairs, where the correlations or the purity would have to look at too many"


class Row(NamedTuple):
    """One line of the table: a score's title, its value as text, and what it says."""

    title: str
    value: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """All scores of a found taxonomy against a reference; 1 is full agreement in each unless said otherwise.

    Args:
        leaves: number of classes that both have; on these alone they are compared.
        found_only: classes of the found taxonomy that the reference lacks, ascending.
        reference_only: classes of the reference that the found taxonomy lacks, ascending.
        found_clades: number of the found taxonomy's distinct clades.
        reference_clades: number of the reference's.
        clade: see `clade_agreement`.
        clade_jaccard: see `clade_jaccard`.
        triplet: see `triplet_agreement`.
        ancestor: see `ancestor_agreement`.
        cophenetic: see `cophenetic_correlation`.
        levels: see `level_agreement`; empty where the reference groups nothing.
    """

    leaves: int
    found_only: tuple[str, ...]
    reference_only: tuple[str, ...]
    found_clades: int
    reference_clades: int
    clade: PrecisionRecall
    clade_jaccard: float
    triplet: TripletAgreement
    ancestor: PrecisionRecall
    cophenetic: CopheneticCorrelation
    levels: tuple[LevelAgreement, ...]

    @property
    def dendrogram_purity(self) -> float | None:
        """Purity for the reference's coarsest groups; None without any.

        Where these are one large group and a few strangers it is high by chance: see that of the other `levels`. On a
        DAG the coarsest level counts where no class is in several groups.
        """
        return next((level.purity for level in self.levels if level.purity is not None), None)

    @property
    def adjusted_mutual_information(self) -> float | None:
        """The mean over the reference's levels that have one; None without any."""
        values = [level.adjusted_mutual_information for level in self.levels]
        defined = [value for value in values if value is not None]
        return float(np.mean(defined)) if defined else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers has to know: classes left out, samples, levels without a number."""
        return tuple(self._notes())

    def rows(self) -> tuple[Row, ...]:
        """The scores as lines of a table, the most telling first; a number that is undefined is an en dash."""
        return tuple(Row(title, _written(value), words) for title, value, words in self._scores())

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values for JSON, undefined numbers None; of the classes left out only how many."""
        triplet = self.triplet
        return {
            "leaves": self.leaves,
            "found_only": len(self.found_only),
            "reference_only": len(self.reference_only),
            "found_clades": self.found_clades,
            "reference_clades": self.reference_clades,
            **_three("clade", self.clade),
            "clade_jaccard": self.clade_jaccard,
            **_three("triplet", triplet.scores),
            "triplet_wrong": triplet.wrong,
            "triplet_unresolved": triplet.unresolved,
            "triplet_left_alone": triplet.left_alone,
            "triplet_standard_error": triplet.standard_error,
            "triples": triplet.triples,
            **_three("ancestor", self.ancestor),
            "dendrogram_purity": self.dendrogram_purity,
            "adjusted_mutual_information": self.adjusted_mutual_information,
            "cophenetic_correlation": self.cophenetic.pearson,
            "cophenetic_rank_correlation": self.cophenetic.spearman,
            "levels": [asdict(level) for level in self.levels],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        rows = self.rows()
        wide = max(len(row.title) for row in rows)
        lines = [self._heading, *(f"{row.title:<{wide}}  {row.value:>6}  {row.words}" for row in rows), LEGEND]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def to_markdown(self, chance: Agreement | None = None) -> str:
        """A table of all scores with a column in plain words, then the notes.

        Args:
            chance: scores to set beside these in a column "by chance", from `compare_by_chance`; None leaves it out.
        """
        heads = ["score", "value", *(["by chance"] if chance else []), "in plain words"]
        by_chance = {row.title: row.value for row in chance.rows()} if chance else {}
        lines = [
            self._heading,
            "",
            f"| {' | '.join(heads)} |",
            f"|{'---|' * len(heads)}",
        ]
        for row in self.rows():
            values = [row.value, *([by_chance.get(row.title, UNDEFINED)] if chance else [])]
            lines.append(f"| {' | '.join([row.title, *values, row.words])} |")
        lines += ["", LEGEND]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    @property
    def _heading(self) -> str:
        return (
            f"{_classes(self.leaves)} in common; {self.found_clades} meta-classes found, the reference has "
            f"{self.reference_clades} (the root not counted)."
        )

    def _scores(self) -> Iterator[tuple[str, float | None, str]]:
        triplet = self.triplet
        yield "Clade F1 ↑", self.clade.f1, "the harmonic mean of the next two"
        yield "Clade precision ↑", self.clade.precision, "found meta-classes that the reference has, class for class"
        yield "Clade recall ↑", self.clade.recall, "the reference's meta-classes that were found, class for class"
        yield "Clade best match ↑", self.clade_jaccard, "how alike each meta-class and its best match are (Jaccard)"
        yield "Triplet F1 ↑", triplet.scores.f1, "the harmonic mean of the next two"
        yield "Triplet precision ↑", triplet.scores.precision, "of three classes told apart, two rightly put together"
        yield "Triplet recall ↑", triplet.scores.recall, "of three classes that the reference tells apart, told alike"
        yield "Triplets wrong ↓", triplet.wrong, "of these, two others put together"
        yield "Triplets unresolved ↓", triplet.unresolved, "of these, none told apart"
        yield "Triplets left alone ↑", triplet.left_alone, "three equals in the reference that are equals here too"
        yield "Ancestor F1 ↑", self.ancestor.f1, "pairs of a class and a meta-class above it, meta-classes matched"
        yield "Ancestor precision ↑", self.ancestor.precision, "of the found pairs, those that are true"
        yield "Ancestor recall ↑", self.ancestor.recall, "of the true pairs, those that were found"
        yield (
            "Dendrogram purity ↑",
            self.dendrogram_purity,
            "where two of a coarsest group meet, the share of that group",
        )
        yield "Cophenetic correlation ↑", self.cophenetic.pearson, "agreement on how close any two classes are"
        yield "Cophenetic rank correlation ↑", self.cophenetic.spearman, "the same, by rank"
        yield "AMI ↑", self.adjusted_mutual_information, "grouping beyond chance, the mean over the reference's levels"
        for level in self.levels:
            words = f"{_groups(level.groups)} against {level.found_groups} at the found level {level.found_level}"
            words += "" if level.purity is None else f"; purity {_written(level.purity)}"
            yield f"AMI at level {level.level} ↑", level.adjusted_mutual_information, words

    def _notes(self) -> Iterator[str]:
        for names, side in ((self.found_only, "found taxonomy"), (self.reference_only, "reference")):
            if names:
                shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
                yield f"Left out, in the {side} alone: {_classes(len(names))} ({shown})."
        if self.triplet.sampled:
            error = self.triplet.standard_error
            within = "" if error is None else f" (standard error of the recall {error:.4f})"
            yield f"Triplets are a random sample of {self.triplet.triples:,}{within}; {PAIRS_SAMPLED}."
        crossed = [level.level for level in self.levels if level.adjusted_mutual_information is None]
        if crossed:
            levels = ", ".join(map(str, crossed))
            yield f"No AMI at level {levels} of the reference: a class is in several groups there, of either side."
        if self.reference_clades == 0:
            yield "The reference groups nothing, so there is no level to compare."


def compare(found: Taxonomy, reference: Taxonomy, *, seed: int = 0) -> Agreement:
    """Score a found taxonomy against a reference, on the classes that both have, by name.

    Args:
        found: the taxonomy to judge.
        reference: the one that is taken for true.
        seed: of the random samples; one is drawn only for DAGs of some 290 classes and more (see
            `triplet_agreement`), everything else is exact.

    Raises:
        TaxonomyError: fewer than two classes in common.

    >>> reference = Taxonomy.from_edges({"animal": ["cat", "dog"], "cat": ["tabby", "manx"], "dog": ["pug", "corgi"]})
    >>> found = Taxonomy.from_edges({"root": ["g", "manx"], "g": ["tabby", "h"], "h": ["pug", "corgi"]})
    >>> agreement = compare(found, reference)
    >>> agreement.clade
    PrecisionRecall(precision=0.5, recall=0.5, f1=0.5)
    >>> agreement.triplet.wrong, agreement.triplet.unresolved
    (0.5, 0.0)
    """
    found_sets, reference_sets = common_leaf_sets(found, reference)
    crossing = cross(found_sets, reference_sets)
    common = set(found_sets.leaves)
    return Agreement(
        leaves=len(common),
        found_only=tuple(sorted(set(found.leaves) - common)),
        reference_only=tuple(sorted(set(reference.leaves) - common)),
        found_clades=found_sets.num_sets - 1,
        reference_clades=reference_sets.num_sets - 1,
        clade=clade_agreement(found_sets, reference_sets),
        clade_jaccard=clade_jaccard(found_sets, reference_sets),
        triplet=triplet_agreement(found_sets, reference_sets, crossing, seed=seed),
        ancestor=ancestor_agreement(found_sets, reference_sets, match_clades(found_sets, reference_sets)),
        cophenetic=cophenetic_correlation(found_sets, reference_sets, crossing, seed=seed),
        levels=level_agreement(found_sets, reference_sets, seed=seed),
    )


def _three(name: str, scores: PrecisionRecall) -> dict[str, float]:
    return {f"{name}_f1": scores.f1, f"{name}_precision": scores.precision, f"{name}_recall": scores.recall}


def _written(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.3f}"


def _groups(number: int) -> str:
    return "1 group" if number == 1 else f"{number} groups"


def _classes(number: int) -> str:
    return "1 class" if number == 1 else f"{number:,} classes"
