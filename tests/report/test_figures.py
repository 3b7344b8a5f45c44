import numpy as np

from hierclf.report.axes import Axis
from hierclf.report.figures import curve_charts, drift_chart, training_charts

ROC = (np.array([0.0, 0.1, 1.0]), np.array([0.0, 0.9, 1.0]))


def test_known_curves_are_drawn_in_order_and_others_left_out():
    charts = curve_charts({"operating": ROC, "roc": ROC, "mystery": ROC}, {})
    assert [chart.title for chart in charts] == ["Noticing other (ROC)", "Detail against correctness"]


def test_an_empty_curve_is_no_chart():
    assert curve_charts({"roc": (np.array([]), np.array([])), "operating": (np.array([]), np.array([]))}, {}) == ()


def test_the_working_point_lies_where_the_metrics_say():
    (chart,) = curve_charts({"roc": ROC}, {"known_rejected": 0.05, "unknown_accepted": 0.2})
    (mark,) = chart.marks
    assert mark.name == "works here: 80.0\u202f% noticed"
    assert mark.x == round(float(Axis(label="", low=0, high=1).place(0.05)), 1)
    assert mark.y == round(float(Axis(label="", low=0, high=1, upright=True).place(0.8)), 1)


def test_losses_and_shares_have_charts_of_their_own():
    history = [{"epoch": e, "train_loss": 2.0 / e, "accuracy": 1 - 0.5 / e, "seconds": 3.0} for e in (1, 2, 3)]
    charts = training_charts(history)
    assert [[line.name for line in chart.lines] for chart in charts] == [["train loss"], ["accuracy"]]


def test_history_with_nothing_to_draw():
    assert training_charts([]) == ()
    assert training_charts([{"epoch": 1, "loss": 0.5}]) == ()  # one point is no curve
    assert training_charts([{"loss": None}, {"loss": float("nan")}]) == ()
    assert training_charts([{"note": "text"}, {"note": "text"}]) == ()


def test_a_gap_in_the_history_is_bridged_and_zero_losses_are_drawn():
    (chart,) = training_charts([{"loss": 1.0}, {"loss": None}, {"loss": 0.5}])
    assert len(chart.lines[0].dots) == 2
    assert len(training_charts([{"loss": 0.0}, {"loss": 0.0}])) == 1


def test_p_values_are_drawn_beside_the_diagonal():
    chart = drift_chart((np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.6, 1.0])), "more unknown")
    assert [line.name for line in chart.lines] == ["these known images", "as calibrated"]
    assert chart.reading == "more unknown"
    frame = Axis(label="", low=0, high=1), Axis(label="", low=0, high=1, upright=True)
    diagonal = [tuple(map(float, point.split())) for point in chart.lines[1].path[1:].split("L")]
    for x, y in diagonal:
        share = (x - frame[0].place(0.0)) / (frame[0].place(1.0) - frame[0].place(0.0))
        assert abs(frame[1].place(share) - y) < 1
