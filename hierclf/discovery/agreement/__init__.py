"""How well a found taxonomy agrees with a reference: scores over clades, triples, pairs and levels.

`compare` gives all of them, `compare_by_chance` what they are worth; each is a pure function of two `LeafSets`, which
`common_leaf_sets` makes.
"""

from hierclf.discovery.agreement.agreement import Agreement, Row, compare
from hierclf.discovery.agreement.ancestors import ancestor_agreement
from hierclf.discovery.agreement.chance import compare_by_chance
from hierclf.discovery.agreement.clades import clade_agreement, clade_jaccard
from hierclf.discovery.agreement.cophenetic import CopheneticCorrelation, cophenetic_correlation
from hierclf.discovery.agreement.crossing import Crossing, cross
from hierclf.discovery.agreement.leaf_sets import LeafSets, common_leaf_sets, leaf_sets
from hierclf.discovery.agreement.levels import LevelAgreement, adjusted_mutual_information, level_agreement
from hierclf.discovery.agreement.matches import CladeMatch, clade_matches
from hierclf.discovery.agreement.matching import Matching, match_clades
from hierclf.discovery.agreement.precision import PrecisionRecall, precision_recall
from hierclf.discovery.agreement.purity import dendrogram_purity
from hierclf.discovery.agreement.triplets import TripletAgreement, triplet_agreement

__all__ = [
    "Agreement",
    "CladeMatch",
    "CopheneticCorrelation",
    "Crossing",
    "LeafSets",
    "LevelAgreement",
    "Matching",
    "PrecisionRecall",
    "Row",
    "TripletAgreement",
    "adjusted_mutual_information",
    "ancestor_agreement",
    "clade_agreement",
    "clade_jaccard",
    "clade_matches",
    "common_leaf_sets",
    "compare",
    "compare_by_chance",
    "cophenetic_correlation",
    "cross",
    "dendrogram_purity",
    "leaf_sets",
    "level_agreement",
    "match_clades",
    "precision_recall",
    "triplet_agreement",
]
