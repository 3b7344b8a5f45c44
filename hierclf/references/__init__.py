"""L6: methods from the literature on the same embeddings, behind one interface, to measure ours against."""

from hierclf.references.back_off import BackOff
from hierclf.references.hnd_loo import HndLoo
from hierclf.references.hnd_td import HndTd
from hierclf.references.linear import LinearMap, fit_linear
from hierclf.references.mos import Mos
from hierclf.references.nearest import FittedNearest
from hierclf.references.openmax import OpenMax
from hierclf.references.prohoc import Prohoc
from hierclf.references.reference import FittedReference, FittedStops, Reference, references

__all__ = [
    "BackOff",
    "FittedNearest",
    "FittedReference",
    "FittedStops",
    "HndLoo",
    "HndTd",
    "LinearMap",
    "Mos",
    "OpenMax",
    "Prohoc",
    "Reference",
    "fit_linear",
    "references",
]
