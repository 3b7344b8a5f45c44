"""One-class machines on the features of a flat softmax: an outlier detector for all known images, or one per class.

Schölkopf et al., *Estimating the Support of a High-Dimensional Distribution*, Neural Computation 2001.
"""

from __future__ import annotations

from typing import Any

from hierclf.strategies.flat import flat
from hierclf.strategies.strategy import Strategy


def machine(kernel: str, *, per_class: bool) -> list[Any]:
    """The gate of a one-class support vector machine."""
    return [("one_class_svm", {"kernel": kernel, "per_class": per_class})]


RECIPES: dict[str, Strategy] = {
    "svm_linear": flat("one-class SVM, linear", machine("linear", per_class=False)),
    "svm_linear_per_class": flat("one-class SVM, linear, per class", machine("linear", per_class=True)),
    "svm_rbf": flat("one-class SVM, RBF", machine("rbf", per_class=False)),
    "svm_rbf_per_class": flat("one-class SVM, RBF, per class", machine("rbf", per_class=True)),
}
