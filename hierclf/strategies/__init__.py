"""L6: named, complete recipes behind one interface, so that a comparison is fair and one command long.

>>> strategies.names[:3]
('hierclf', 'flat_msp', 'flat_max_logit')
>>> strategies["hierclf"].but(head="flat", gate=["msp"]).settings["gate"]
['msp']
"""

from hierclf.strategies.description import described, load_strategy
from hierclf.strategies.other_class import fit_with_other_class
from hierclf.strategies.projected import fit_features
from hierclf.strategies.recipes import strategies
from hierclf.strategies.strategy import Finish, Fit, Strategy, fit_classifier, fit_gate_only

__all__ = [
    "Finish",
    "Fit",
    "Strategy",
    "described",
    "fit_classifier",
    "fit_features",
    "fit_gate_only",
    "fit_with_other_class",
    "load_strategy",
    "strategies",
]
