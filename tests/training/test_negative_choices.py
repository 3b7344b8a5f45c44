from __future__ import annotations

import pytest

from hierclf.errors import ConfigError, UnknownName
from hierclf.training.negative_choices import TRIED, named_transformations


def test_names_of_the_setting():
    assert named_transformations("none") == ()
    assert named_transformations("auto") == TRIED
    assert named_transformations("mixed") == named_transformations(["mixed"]) == ("mixed",)
    with pytest.raises(UnknownName, match="did you mean 'mirrored'"):
        named_transformations(["miror"])
    with pytest.raises(ConfigError, match="at least one transformation"):
        named_transformations([])
