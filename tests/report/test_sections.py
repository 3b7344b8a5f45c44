from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hierclf.errors import ImageError
from hierclf.report import RunContext
from hierclf.report.sections import MOST_SKIPPED, sections


def test_the_four_numbers_that_matter(report):
    shown = sections(report, RunContext())
    stopped = report.confusion[:, -4].sum() / report.confusion.sum()
    assert [card.value.replace("\u202f", "") for card in shown.cards] == [
        "86.8%",
        "95.1%",
        "4.4 ± 0.6%",
        f"{100 * stopped:.1f}%",
    ]
    assert shown.cards[2].verdict == "kept"
    assert "1,200 images of known classes and 700 images of other" in shown.lead[1]


def test_a_broken_promise_is_called_broken(report_with, report):
    broken = report_with(metrics={**report.metrics, "known_rejected": 0.2})
    assert sections(broken, RunContext()).cards[2].verdict == "broken"


def test_promises_lie_on_their_track_in_order(report):
    for row in sections(report, RunContext()).promises:
        assert 0 <= row.low_at <= row.measured_at <= row.high_at <= 100
        assert 0 < row.promised_at <= 100
    kept, broken = sections(report, RunContext()).promises
    assert kept.measured_at < kept.promised_at
    assert broken.measured_at > broken.promised_at


def test_without_other_images_it_says_so(report_with):
    shown = sections(report_with(metrics={"n_known": 5, "n_other": 0, "unknown_accepted": None}), RunContext())
    assert "not measured: no images of other were given" in shown.cards[1].remark
    assert shown.cards[1].value == "–"


@pytest.mark.parametrize("error", [ImageError("gone.jpg: empty file"), OSError("gone"), ValueError("bad")])
def test_a_picture_that_cannot_be_read_becomes_a_sentence(report, error):
    def images(index):
        if index == 0:
            raise error
        return Image.new("RGB", (8, 8))

    first, second, *_ = sections(report, RunContext(), images).pictures
    assert (first.source, first.missing) == ("", f"cannot be shown: {error}")
    assert second.source.startswith("data:image/")


def test_right_after_training_the_context_speaks(context_with, report):
    context = context_with(
        taxonomy=report.taxonomy, known_scores=np.arange(20.0), threshold=18.0, alpha=0.05, metrics={"oscr": 0.5}
    )
    shown = sections(None, context)
    assert not shown.evaluated
    assert "It learned from" in shown.lead[1]
    assert "5.0\u202f% of the known images lie" in shown.gate.reading
    assert [len(chart.lines) for chart in shown.training] == [2, 1]
    assert shown.promises == shown.pictures == shown.curves == ()


def test_skipped_files_are_listed_up_to_a_limit():
    shown = sections(None, RunContext(skipped=[(f"{n}.jpg", "empty") for n in range(MOST_SKIPPED + 7)]))
    assert (len(shown.skipped), shown.more_skipped) == (MOST_SKIPPED, 7)


def test_new_kinds_get_a_card_a_table_and_a_word_in_the_lead(report_with, report):
    metrics = {**report.metrics, "n_novel": 80, "novel_at_its_node": 0.725, "auroc_novel": 0.9}
    shown = sections(report_with(metrics=metrics), RunContext())
    assert "1,200 images of known classes, 80 images of new kinds and 700 images of other." in shown.lead[1]
    assert "“new” when it is an unknown kind of a meta-class" in shown.lead[0]
    assert [card.label for card in shown.cards][2] == "New kinds placed"
    assert shown.cards[2].value == "72.5\u202f%"
    assert [title for title, _ in shown.tables] == ["Recognising", "Turning away", "Placing what is new"]
    assert "AUROC, new kinds" not in [row.title for row in shown.further]
    assert [title for title, _ in sections(report, RunContext()).tables] == ["Recognising", "Turning away"]


def test_uncertain_images_are_neither_noticed_nor_answered(report_with, report):
    metrics = {**report.metrics, "unknown_accepted": 0.1, "uncertain_other": 0.3, "uncertain_known": 0.25}
    cards = sections(report_with(metrics=metrics), RunContext()).cards
    assert cards[1].value == "60.0\u202f%"
    assert cards[3].remark.endswith("; 25.0\u202f% are left uncertain")


def test_gates_and_drift_are_drawn(report, report_with):
    shown = sections(report, RunContext())
    assert [row.node for row in shown.gates] == list(report.taxonomy.internal_nodes)
    assert (shown.newcomers, shown.more_gates) == (True, 0)
    assert shown.drifted is False
    assert "Nothing shows that these known images (1200) look different" in shown.drift_sentence
    assert len(shown.drift.lines) == 2
    bare = sections(report_with(gates=(), drift=None, curves={}), RunContext())
    assert (bare.gates, bare.drift, bare.drifted, bare.newcomers) == ((), None, None, False)


@pytest.mark.parametrize("promise", ["per_class", "cross", "none"])
def test_no_threshold_is_drawn_where_none_decides(report_with, promise):
    gate = sections(report_with(promise=promise), RunContext()).gate
    assert gate.threshold is None
    assert gate.reading.startswith("No single threshold is drawn: ")
    assert gate.reading.endswith("4.4\u202f% of the known images were turned away.")


def test_what_was_called_new_is_told_as_such(report_with, report):
    novel = replace(report.mistakes[0], status="novel_child", decided="top")
    shown = sections(report_with(mistakes=(novel, report.mistakes[0])), RunContext()).pictures
    assert [(picture.answer, picture.status) for picture in shown] == [
        ("new under top", "called novel"),
        ("t-shirt", "known"),
    ]
