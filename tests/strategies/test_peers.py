import pytest

from hierclf.strategies import strategies
from hierclf.strategies.peers import NAMED, RECIPES


def test_each_names_the_package_that_it_takes():
    assert {name: strategies[name].requires for name in RECIPES} == {
        "hiclass": ("hiclass",),
        **dict.fromkeys([*NAMED, "ood_best"], ("pytorch_ood",)),
    }


@pytest.mark.parametrize("name", NAMED)
def test_a_detector_is_the_gate_of_a_flat_softmax(name, fitted):
    pytest.importorskip("pytorch_ood")
    assert [part.name for part in fitted(name).model_.gate.parts] == [f"ood:{NAMED[name]}"]
    assert fitted(name).head == "flat"
