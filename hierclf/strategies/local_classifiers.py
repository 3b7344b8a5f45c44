"""HiClass on our features: its local classifiers per parent node become our head, so that rejection and promise apply.

HiClass fits one multi-class classifier for each parent of a tree. With logistic regression each is a linear layer over
the parent's children and a softmax, which is what `PerNodeHead` is: the coefficients are carried over as they are, and
going down the tree by the likeliest child (the rule ``top_down``) gives the labels that HiClass itself predicts.

Miranda, Köhnecke and Renard, *HiClass: a Python Library for Local Hierarchical Classification Compatible with
Scikit-learn*, JMLR 2023, arXiv:2112.06560.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hierclf.classifier import HierarchicalClassifier
from hierclf.dag import DagPlan
from hierclf.errors import ConfigError
from hierclf.heads import PerNodeHead
from hierclf.strategies.network import Lessons, lessons, under_head

# n images, D embedding, E edges

NEVER = -1e3
"""The logit of a child without images, which HiClass does not know; it is never answered."""
STEPS = 1000


def on_local_classifiers(trained: HierarchicalClassifier, gate: Mapping[str, Any]) -> HierarchicalClassifier:
    """The network of a fitted classifier under the local classifiers of HiClass.

    Args:
        trained: fitted in this process.
        gate: settings of the gate and the rule.

    Raises:
        ConfigError: HiClass is not installed, or the taxonomy has a node with two parents.
    """
    plan = trained.model_.plan
    learnt, chosen = lessons(trained)
    both = Lessons(
        embedding_nD=torch.cat([learnt.embedding_nD, chosen.embedding_nD]),
        slot_n=torch.cat([learnt.slot_n, chosen.slot_n]),
    )
    head, earlier = (head_of(fit_local_classifiers(part, plan), plan) for part in (both, learnt))
    return under_head(trained, head, earlier).refit_gate(**gate)


def fit_local_classifiers(images: Lessons, plan: DagPlan) -> Any:
    """HiClass's ``LocalClassifierPerParentNode`` with logistic regression, at scikit-learn's usual penalty.

    Raises:
        ConfigError: HiClass is not installed, or the taxonomy is no tree.
    """
    if not plan.is_tree:
        double = next(node for node in plan.nodes if len(plan.taxonomy.parents(node)) > 1)
        raise ConfigError(f"HiClass fits trees, and {double!r} has two parents; take another strategy, or drop an edge")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from hiclass import LocalClassifierPerParentNode
    except ImportError as error:
        raise ConfigError("this strategy needs HiClass: pip install 'hierclf[hiclass]'") from error
    from sklearn.linear_model import LogisticRegression

    local = LocalClassifierPerParentNode(local_classifier=LogisticRegression(max_iter=STEPS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns of (an only child) is dealt with below
        local.fit(images.embedding_nD.double().numpy(), ways(images.slot_n, plan))
    return local


def ways(slot_n: Tensor, plan: DagPlan) -> npt.NDArray[np.str_]:
    """The nodes on the way to each leaf, without the root, as HiClass wants them: short ways end in empty texts."""
    depth = len(plan.level_sizes) - 1
    above = [[plan.nodes[node] for node in row if node >= 0] for row in plan.path_NK[plan.leaf_L].tolist()]
    padded = np.array([row + [""] * (depth - len(row)) for row in above])
    rows: npt.NDArray[np.str_] = padded[slot_n.numpy()]
    return rows


def head_of(local: Any, plan: DagPlan) -> PerNodeHead:
    """The local classifiers as one head in float64, in which they were fitted; it gives the labels that they give.

    Args:
        local: from `fit_local_classifiers`.
        plan: the compiled taxonomy.
    """
    head = PerNodeHead(local.n_features_in_, plan).double()
    weight_ED, bias_E = torch.zeros_like(head.linear.weight), torch.full_like(head.linear.bias, NEVER)
    row_of = {plan.nodes[child]: row for row, child in enumerate(plan.child_E.tolist())}
    separator, graph = local.separator_, local.hierarchy_
    for node in graph.nodes:
        classifier = graph.nodes[node].get("classifier")
        if classifier is None:
            continue
        rows = [row_of[str(name).split(separator)[-1]] for name in classifier.classes_]
        bias_E[rows] = 0.0
        if len(rows) > 1:  # an only child has a constant classifier
            weight, bias = torch.from_numpy(classifier.coef_).double(), torch.from_numpy(classifier.intercept_).double()
            if len(rows) == 2:  # one row for two classes: the log odds of the second
                weight, bias = (torch.cat([torch.zeros_like(part), part]) for part in (weight, bias))
            weight_ED[rows], bias_E[rows] = weight, bias
    head.load_state_dict({"linear.weight": weight_ED, "linear.bias": bias_E})
    head.requires_grad_(False).eval()
    return head
