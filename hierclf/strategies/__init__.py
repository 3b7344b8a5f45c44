"""L6: named, complete recipes behind one interface, so that a comparison is fair and one command long.

>>> strategies.names
('hierclf', 'flat_msp', 'flat_other_class', 'knn')
>>> strategies["hierclf"].but(head="flat", gate=["msp"]).settings["gate"]
['msp']
"""

from hierclf.strategies.other_class import fit_with_other_class
from hierclf.strategies.recipes import strategies
from hierclf.strategies.strategy import Strategy, fit_classifier

__all__ = ["Strategy", "fit_classifier", "fit_with_other_class", "strategies"]
