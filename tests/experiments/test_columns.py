from experiments.columns import COLUMNS, DEFAULT_COLUMNS
from experiments.measurement import ABOUT_OTHER
from hierclf.metrics import MEASURES

OWN = {"promise_kept", "fit_seconds", "predict_seconds", "unknown_rejected_seen", "unknown_rejected_unseen"}


def test_every_column_is_a_number_that_is_measured():
    measured = {*MEASURES, *OWN, *(f"{name}_{kind}" for name in ABOUT_OTHER for kind in ("seen", "unseen"))}
    assert not set(COLUMNS) - measured
    assert set(DEFAULT_COLUMNS) <= set(COLUMNS)


def test_every_column_says_what_it_means():
    assert all(column.words for column in COLUMNS.values())
    assert len({column.label for column in COLUMNS.values()}) == len(COLUMNS)
