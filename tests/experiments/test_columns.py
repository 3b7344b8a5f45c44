from experiments.columns import COLUMNS, DEFAULT_COLUMNS, KINDS
from experiments.measurement import ABOUT_OTHER
from hierclf.metrics import MEASURES

OWN = {"promise_kept", "fit_seconds", "predict_seconds", "trainings", *(f"unknown_rejected_{kind}" for kind in KINDS)}
REPORTED = [
    "leaf_accuracy",
    "auroc_other",
    "unknown_accepted_at_95_known",
    "oscr",
    "ccr_at_fpr_0.001",
    "ccr_at_fpr_0.01",
    "ccr_at_fpr_0.1",
    "hierarchical_f1",
    "severity",
    "balanced_distance_mix",
    "promise_kept",
    "fit_seconds",
    "predict_seconds",
]


def test_every_column_is_a_number_that_is_measured():
    measured = {*MEASURES, *OWN, *(f"{name}_{kind}" for name in ABOUT_OTHER for kind in KINDS)}
    assert not set(COLUMNS) - measured
    assert set(DEFAULT_COLUMNS) <= set(COLUMNS)


def test_all_that_is_measured_about_other_can_be_shown_for_every_kind_of_it():
    for name in set(ABOUT_OTHER) - {"n_other"}:
        assert {f"{name}_{kind}" for kind in KINDS} <= set(COLUMNS), name


def test_what_a_comparison_should_report_has_a_column():
    for name in REPORTED:
        assert name in COLUMNS or f"{name}_unseen" in COLUMNS, name


def test_every_column_says_what_it_means():
    assert all(column.words for column in COLUMNS.values())
    assert len({column.label for column in COLUMNS.values()}) == len(COLUMNS)


def test_columns_about_one_kind_of_other_share_a_headline():
    for key, column in COLUMNS.items():
        kind = next((kind for kind in KINDS if key.endswith(f"_{kind}")), None)
        assert column.group == (KINDS[kind][0] if kind else "")
