"""Meta-classes that nobody has declared: found in embeddings, weights, confusions or logits, with how sure that is."""

from hierclf.discovery.agreement import compare as compare_taxonomies
from hierclf.discovery.confusion import distances_from_confusion
from hierclf.discovery.cut import LocalCut
from hierclf.discovery.dendrogram import Dendrogram
from hierclf.discovery.discovery import Clade, Discovery
from hierclf.discovery.distances import ClassDistances
from hierclf.discovery.embedded import distances_from_embeddings
from hierclf.discovery.finding import discover, discover_taxonomy
from hierclf.discovery.hdbscan import CondensedTree
from hierclf.discovery.hierarchy import Finder, Hierarchy, hierarchies
from hierclf.discovery.induced import Induced
from hierclf.discovery.kmeans import RecursiveKMeans
from hierclf.discovery.logits import distances_from_logits
from hierclf.discovery.weights import distances_from_weights

__all__ = [
    "Clade",
    "ClassDistances",
    "CondensedTree",
    "Dendrogram",
    "Discovery",
    "Finder",
    "Hierarchy",
    "Induced",
    "LocalCut",
    "RecursiveKMeans",
    "compare_taxonomies",
    "discover",
    "discover_taxonomy",
    "distances_from_confusion",
    "distances_from_embeddings",
    "distances_from_logits",
    "distances_from_weights",
    "hierarchies",
]
