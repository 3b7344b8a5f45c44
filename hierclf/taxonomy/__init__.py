"""L1: what may be recognised. Plain Python and networkx; nothing here imports torch."""

from hierclf.taxonomy.taxonomy import LevelWeights, Taxonomy

__all__ = ["LevelWeights", "Taxonomy"]
