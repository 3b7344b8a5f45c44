import pytest

from hierclf.settings import Settings
from hierclf.strategies import projected
from hierclf.strategies.projected import WIDTH, fit_features, is_frozen


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"backbone": None}, False),
        ({"backbone": "small_cnn"}, False),
        ({"backbone": "small_cnn", "freeze": True}, True),
        ({"backbone": "mobilenet_v2", "freeze": False}, False),
    ],
)
def test_a_backbone_is_frozen_where_the_settings_say_so_or_it_is_pretrained(settings, expected, known):
    assert is_frozen(Settings.checked(settings), known) is expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"backbone": "small_cnn", "freeze": True}, WIDTH),
        ({"backbone": "small_cnn", "freeze": True, "projection": 8}, 8),
        ({"backbone": "small_cnn"}, None),
    ],
)
def test_a_frozen_backbone_gets_a_projection(settings, expected, known, monkeypatch):
    given = []
    monkeypatch.setattr(projected, "fit_classifier", lambda *arguments: given.append(arguments[3]))
    fit_features(None, known, None, settings)
    assert given[0].get("projection") == expected
