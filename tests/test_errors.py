from __future__ import annotations

import inspect
import pickle

import pytest
from sklearn.exceptions import NotFittedError

from hierclf import errors
from hierclf.classifier import NotFitted
from hierclf.errors import DataError, DataTypeError, HierclfError, ImageError, TaxonomyError, UnknownName

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", [*TREE, NotFitted], ids=lambda kind: kind.__name__)
def test_every_error_is_one_of_ours_and_shows_its_message(kind):
    assert issubclass(kind, HierclfError)
    assert str(kind("a 'quoted' message")) == "a 'quoted' message"
    assert kind.__name__ in errors.__doc__
    again = pickle.loads(pickle.dumps(kind("a message")))
    assert (type(again), str(again)) == (kind, "a message")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (UnknownName, KeyError),
        (DataError, ValueError),
        (ImageError, DataError),
        (DataTypeError, TypeError),
        (DataTypeError, DataError),
        (errors.ConfigError, ValueError),
        (errors.CalibrationError, ValueError),
        (NotFitted, NotFittedError),
    ],
)
def test_who_expects_pythons_own_errors_gets_them(kind, builtin):
    with pytest.raises(builtin):
        raise kind("a message")


def test_an_unknown_name_without_a_message_is_empty():
    assert str(UnknownName()) == ""


def test_a_taxonomy_error_carries_its_faults():
    assert TaxonomyError("two faults", faults=("one", "two")).faults == ("one", "two")
    assert TaxonomyError("built in Python").faults == ()
