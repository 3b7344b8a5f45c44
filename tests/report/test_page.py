from __future__ import annotations

import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from hierclf.report import RunContext, write_report
from hierclf.taxonomy import Taxonomy

VOID = {"meta", "link", "img", "br", "line", "circle", "path"}


class Page(HTMLParser):
    """Checks that elements nest and collects attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.words.append(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def write(path: Path, report, **options) -> Page:
    write_report(report, path / "report.html", title=options.pop("title", "Clothes"), **options)
    return Page((path / "report.html").read_text(encoding="utf-8"))


def test_the_page_is_complete_small_and_asks_for_nothing(tmp_path, report, context, picture):
    page = write(tmp_path, report, images=picture, context=context)
    assert "script" not in page.tags
    for name, value in page.attributes:
        if name in ("src", "href", "data", "srcset", "action", "xlink:href"):
            assert value.startswith(("data:", "#")), (name, value)
    css = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "url(" not in css
    assert "@import" not in css
    assert (tmp_path / "report.html").stat().st_size < 200_000


def test_every_link_within_the_page_has_its_target(tmp_path, report, context):
    page = write(tmp_path, report, context=context)
    targets = {value for name, value in page.attributes if name == "id"}
    links = {value[1:] for name, value in page.attributes if name == "href" and value.startswith("#")}
    assert links == targets


def test_it_says_what_a_reader_wants_to_know(tmp_path, report, context, picture):
    text = write(tmp_path, report, images=picture, context=context).text
    for sentence in (
        "This model recognises 12 classes under 4 meta-classes",
        "at most 5 % of known images are turned away",
        "✓ kept",
        "✗ not kept",
        "flat baseline",
        "The taxonomy was taken from the nested folders.",
        "train/shirt/broken.jpg",
        "hierclf fit data/clothes",
        "other → t-shirt",
    ):
        assert sentence in text


HOSTILE = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def test_hostile_names_are_text_everywhere(tmp_path, report_with, report):
    taxonomy = Taxonomy(root=HOSTILE, edges=((HOSTILE, HOSTILE + "1"), (HOSTILE, HOSTILE + "2")))
    mistake = type(report.mistakes[0])(
        image=HOSTILE, truth=HOSTILE, decided=HOSTILE, status=HOSTILE, probability=0.5, severity=1.0, reason=HOSTILE,
        index=0,
    )  # fmt: skip
    promise = type(report.promises[0])(**{**vars(report.promises[0]), "name": HOSTILE})
    hostile = report_with(
        taxonomy,
        confusion=np.array([[1, 2, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]]),
        mistakes=(mistake,),
        promises=(promise,),
        notes=(HOSTILE,),
        metrics={**report.metrics, HOSTILE: 0.5},
    )
    context = RunContext(
        counts={HOSTILE: 3},
        assumptions=(HOSTILE,),
        skipped=((HOSTILE, HOSTILE),),
        history=[{"epoch": e, HOSTILE + "loss": 1.0} for e in (1, 2)],
        made={HOSTILE: HOSTILE},
    )
    page = write(tmp_path, hostile, context=context, title=HOSTILE, images=lambda index: _broken())
    assert "script" not in page.tags
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert "src" not in {name for name, _ in page.attributes}
    raw = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in raw
    assert raw.count("</style>") == 1
    assert page.text.count("<script>alert(1)</script>") > 15


def _broken():
    raise ValueError(HOSTILE)


@pytest.mark.parametrize("metrics", [{}, {"leaf_accuracy": None, "n_known": 0, "n_other": 0}])
def test_a_report_with_nothing_in_it_still_reads_well(tmp_path, report_with, taxonomy, metrics):
    leaves = len(taxonomy.leaves)
    page = write(
        tmp_path,
        report_with(
            taxonomy, metrics=metrics, baseline=None, curves={}, mistakes=(), promises=(), notes=(), nodes=(),
            known_scores=np.array([]), other_scores=np.array([]), threshold=float("inf"),
            confusion=np.zeros((leaves, leaves + 4), dtype=np.int64), gates=(), novel_scores=np.array([]),
            drift=None, promise="", promised="",
        ),
    )  # fmt: skip
    for sentence in (
        "No promise was made",
        "These images allow none of the measurements.",
        "No unknown scores were recorded",
        "here one of them was missing",
        "nothing to confuse",
        "There are none: no answer was off the true route",
        "Nothing had to be assumed.",
    ):
        assert sentence in page.text
    assert "svg" not in page.tags
    assert "nan" not in page.text.lower().split()


def test_right_after_training(tmp_path, context_with, report):
    page = write(tmp_path, None, context=context_with(taxonomy=report.taxonomy))
    assert "An evaluation on new images comes next." in page.text
    assert "Nothing was measured yet" in page.text
    assert "How training went" in page.text
    assert write(tmp_path, None).text  # even with no facts at all


def test_a_large_taxonomy_makes_a_modest_page(tmp_path, report_with):
    edges = [("r", f"g{i}") for i in range(100)] + [(f"g{i}", f"{i}-{j}") for i in range(100) for j in range(40)]
    large = Taxonomy(root="r", edges=tuple(edges))
    page = write(tmp_path, report_with(large, nodes=(), confusion=np.eye(4_000, 4_004, dtype=np.int8)))
    assert (tmp_path / "report.html").stat().st_size < 4_000_000
    assert "4,000 classes cannot be read" in page.text


def test_undecodable_file_names_are_written_as_escapes(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg") if os.sep == "/" else "caf\udce9.jpg"
    page = write(tmp_path, None, context=RunContext(skipped=((name, "empty"),)))
    assert "caf\\udce9.jpg" in page.text


def test_a_failed_write_leaves_the_old_page_and_nothing_else(tmp_path, monkeypatch):
    write(tmp_path, None, title="old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space left on device")))
    with pytest.raises(OSError, match="no space left"):
        write_report(None, tmp_path / "report.html", title="new")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert "old" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_equal_input_gives_equal_bytes(tmp_path, report, context, picture):
    for name in ("one.html", "two.html"):
        write_report(report, tmp_path / name, title="Clothes", images=picture, context=context)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_the_promise_is_told_once_before_it_can_be_tested(tmp_path, report_with):
    page = write(tmp_path, report_with(promises=()))
    assert page.text.count("At most 5 % of known images are turned away on the whole way.") == 1
    assert "are to be turned away" not in page.text
    assert "Whether that is kept shows on images that are new to the gate" in page.text


def test_gates_drift_and_new_kinds_are_on_the_page(tmp_path, report, report_with):
    page = write(tmp_path, report)
    for words in (
        "Gates at the nodes",
        "0.930 ± 0.012",
        "✓ no drift seen",
        "images of new kinds (80)",
        "as calibrated",
    ):
        assert words in page.text, words
    moved = replace(report.drift, p_value=1e-4)
    assert "✗ drifted" in write(tmp_path, report_with(drift=moved)).text
    assert "was not tested" in write(tmp_path, report_with(drift=None)).text
    alone = tuple(replace(gate, novel=0) for gate in report.gates)
    assert "--novel NODE=DIR" in write(tmp_path, report_with(gates=alone)).text
