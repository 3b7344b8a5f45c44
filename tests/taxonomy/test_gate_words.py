"""The words of a taxonomy about its gates are those of the gates themselves."""

import inspect
from dataclasses import replace

import pytest

from hierclf import HierarchicalClassifier
from hierclf.errors import TaxonomyError
from hierclf.gates import guarantees, node_scores
from hierclf.settings import Settings
from hierclf.taxonomy import schema
from hierclf.taxonomy.gate_words import NODE_SCORES, PROMISE_OF, PROMISES, check_gate_words
from tests.synthetic import LETTERS, clouds


def test_the_promises_are_those_that_gates_can_make():
    assert tuple(guarantees) == PROMISES


def test_the_scores_are_those_that_come_with_hierclf():
    ours = {name for name in node_scores if inspect.getmodule(node_scores[name]).__name__.startswith("hierclf.")}
    assert ours == set(NODE_SCORES)


def test_each_number_belongs_to_the_promise_that_reads_it():
    for name, promise in PROMISE_OF.items():
        assert [word for word in guarantees if name in guarantees[word].__dataclass_fields__] == [promise]
        assert name in Settings.model_fields


def test_the_schema_knows_the_same_words():
    table = schema()["properties"]["other"]["properties"]
    assert table["promise"]["enum"] == [*PROMISES, None]
    assert schema()["definitions"]["node_score"]["enum"] == list(NODE_SCORES)


@pytest.mark.parametrize("gates", [None, "auto", "none", ("knn",), NODE_SCORES])
@pytest.mark.parametrize("promise", [None, *PROMISES])
def test_what_the_gates_understand_is_taken(promise, gates):
    check_gate_words(promise, None, None, gates)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("crosss", None, None, None), "did you mean 'cross'"),
        (("confident", 1.0, None, None), "confidence is a share between 0 and 1, got 1.0"),
        (("confident", float("nan"), None, None), "confidence is a share between 0 and 1, got nan"),
        (("two_sided", None, -0.1, None), "other_accepted is a share between 0 and 1, got -0.1"),
        ((None, 0.9, None, None), "confidence belongs to the promise 'confident', got promise=None"),
        (("confident", 0.9, 0.1, None), "other_accepted belongs to the promise 'two_sided'"),
        ((None, None, None, "knn"), "a tuple of names"),
        ((None, None, None, ()), "a tuple of names"),
        ((None, None, None, ("auto",)), "no node score named 'auto'"),
        ((None, None, None, ("knn", "knn")), "twice"),
    ],
)
def test_anything_else_is_refused(words, told):
    with pytest.raises(TaxonomyError, match=told):
        check_gate_words(*words)


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [
        ({"promise": "confident", "confidence": 0.9}, {}, ("confident", 0.9, "auto")),
        ({"promise": "confident", "confidence": 0.9}, {"promise": "none"}, ("none", 0.9, "auto")),
        ({"promise": "confident", "confidence": 0.9}, {"confidence": 0.8}, ("confident", 0.8, "auto")),
        ({"node_gates": ("knn",)}, {}, ("average", 0.95, ("knn",))),
        ({"node_gates": ("knn",)}, {"node_gates": ["gen"]}, ("average", 0.95, ("gen",))),
        ({"node_gates": "none"}, {"promise": "per_class"}, ("per_class", 0.95, ())),
    ],
)
def test_a_classifier_takes_them_where_its_own_setting_is_at_its_default(own, given, expected):
    taxonomy = replace(LETTERS, edges=(*LETTERS.edges, ("vowel", "i"), ("consonant", "d")), **own)
    quick = {"gate": ["knn"], "leave_one_out": False, "rule": "leaf"} | given
    gate = HierarchicalClassifier(taxonomy, **quick).fit(*clouds(list("aeibcd"), count=40)).model_.gate
    promise, confidence, node_gates = expected
    assert gate.guarantee.name == promise
    assert getattr(gate.guarantee, "confidence", confidence) == confidence
    if node_gates == "auto":
        assert gate.nodes is not None
    else:
        assert (gate.nodes.names if gate.nodes is not None else ()) == node_gates
