import numpy as np
import pytest
import torch
from sklearn.svm import OneClassSVM

from hierclf.strategies.one_class import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_the_gate_is_a_machine_of_scikit_learn_on_the_images_to_learn_from(name, fitted, fresh):
    model = fitted(name)
    plan, parts = model.model_.plan, model.prepared_.parts
    embedding_BD = model.fitted_.embedding_nD[torch.from_numpy(parts.fit)].double().numpy()
    slot_B = plan.leaf_slot_N[torch.from_numpy(model.prepared_.label_n[parts.fit])].numpy()
    kernel = "linear" if "linear" in name else "rbf"
    groups = [slot_B == slot for slot in np.unique(slot_B)] if "per_class" in name else [slot_B >= 0]
    new_BD = model.embed(fresh).astype(np.float64)
    inside = [OneClassSVM(nu=0.1, kernel=kernel, gamma="scale").fit(embedding_BD[rows]) for rows in groups]
    score = model.read(fresh).components["one_class_svm"].numpy()
    if len(groups) == 1:
        np.testing.assert_allclose(score, -inside[0].decision_function(new_BD), rtol=1e-4, atol=1e-4)
    else:  # the sign needs no scale: inside one machine is inside
        margins = np.stack([machine.decision_function(new_BD) for machine in inside]).max(0)
        clear = np.abs(margins) > 1e-4
        np.testing.assert_array_equal(score[clear] < 0, margins[clear] > 0)
