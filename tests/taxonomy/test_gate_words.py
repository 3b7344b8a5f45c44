"""The words of a taxonomy about its gates are those of the gates themselves."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch

from hierclf import HierarchicalClassifier
from hierclf.errors import ConfigError, TaxonomyError
from hierclf.gates import guarantees, node_scores
from hierclf.settings import Settings
from hierclf.taxonomy import schema
from hierclf.taxonomy.gate_words import DISCOVERING, NODE_SCORES, PROMISE_OF, PROMISES, check_gate_words
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


@pytest.mark.parametrize("promise", PROMISES)
def test_false_discoveries_go_with_the_promises_whose_p_values_share_their_calibration_images(promise):
    quick = {"gate": ["knn"], "leave_one_out": False, "rule": "leaf", "promise": promise}
    values, _ = clouds(count=40)
    model = HierarchicalClassifier(LETTERS, **quick).fit(*clouds(count=40), other=clouds("xyz", 20)[0]).model_
    try:
        model.discovered(model.read(torch.from_numpy(values[:5])), 0.1)
    except ConfigError:
        assert promise not in DISCOVERING
    else:
        assert promise in DISCOVERING


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
        ((None, None, None, None, 1.0), "correct is a share between 0 and 1, or 'none', got 1.0"),
        ((None, None, None, None, "nothing"), "correct is a share between 0 and 1, or 'none', got 'nothing'"),
        ((None, None, None, None, None, 0.0), "false_discovery is a share between 0 and 1, got 0.0"),
        ((None, None, None, None, None, float("nan")), "false_discovery is a share between 0 and 1, got nan"),
        (("cross", None, None, None, None, 0.1), "goes with the promises .* and 'two_sided', got promise='cross'"),
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


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [
        ({"correct": 0.8}, {}, 0.8),
        ({"correct": 0.8}, {"correct": 0.7}, 0.7),
        ({"correct": 0.8}, {"correct": None}, None),
        ({"correct": 0.8}, {"correct": "none"}, None),
        ({"correct": "none"}, {}, None),
        ({"correct": "none"}, {"correct": 0.9}, 0.9),
        ({}, {}, 0.95),
    ],
)
def test_the_share_to_be_right_reaches_the_rule(own, given, expected):
    quick = {"gate": ["knn"], "leave_one_out": False, "node_gates": "none"} | given
    classifier = HierarchicalClassifier(replace(LETTERS, **own), **quick).fit(*clouds(count=60))
    assert classifier.model_.operation.correct == expected


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [
        ({"false_discovery": 0.2}, {}, 0.2),
        ({"false_discovery": 0.2}, {"false_discovery": 0.3}, 0.3),
        ({"false_discovery": 0.2}, {"false_discovery": "none"}, None),
        ({"false_discovery": 0.2, "promise": "confident"}, {}, 0.2),
        ({}, {"false_discovery": 0.3}, 0.3),
        ({}, {}, None),
    ],
)
def test_the_share_of_false_discoveries_is_kept_with_the_model(own, given, expected, tmp_path):
    quick = {"gate": ["knn"], "leave_one_out": False, "node_gates": "none", "rule": "leaf"} | given
    classifier = HierarchicalClassifier(replace(LETTERS, **own), **quick).fit(*clouds(count=40))
    classifier.save(tmp_path / "model")
    again = HierarchicalClassifier.load(tmp_path / "model")
    assert classifier.discovery_rate() == again.discovery_rate() == expected
    batch = np.concatenate([clouds(count=10, spread=1.0, seed=1)[0], clouds("xyz", 10, seed=1)[0]])
    told = [list(model.predict(batch)) for model in (classifier, again)]
    assert told[0] == told[1] == list(classifier.predict(batch, false_discovery=expected or "none"))
