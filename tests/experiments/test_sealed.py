"""The test opens for the finished alone, once, on record; and nothing that learns can reach it."""

import csv
import gc
import types

import numpy as np
import pytest

from experiments.checksums import settings_checksum
from experiments.measurement import Bench
from experiments.sealed import Exam, Lessons, Opening, Openings, SealedTest, ValidationImages, model_fingerprint
from hierclf.classifier import HierarchicalClassifier
from hierclf.errors import DataError
from hierclf.strategies import Strategy
from tests.experiments.fakes import experiment_of, fit_pixels, strategy


@pytest.fixture(scope="module")
def division(tmp_path_factory):
    return experiment_of({"a": strategy("a")}, folder=tmp_path_factory.mktemp("x")).division(0)


@pytest.fixture(scope="module")
def finished(division):
    return fit_pixels(division.taxonomy, division.train, division.other, {})


def opened(sealed, classifier, name="a", seed=0):
    return sealed.open(classifier, strategy=name, seed=seed, settings="s")


def test_the_exam_holds_all_that_is_judged_on_with_its_truth(division):
    exam = Exam.of(division)
    assert exam.counts == {"test": len(division.test), "seen": len(division.seen), "unseen": len(division.unseen)}
    assert exam.images.names == (*division.test.names, *division.seen.names, *division.unseen.names)
    leaves = [division.taxonomy.nodes[node] for node in exam.label_n[: len(division.test)]]
    assert tuple(leaves) == division.test.labels
    assert set(exam.label_n[len(division.test) :].tolist()) == {-1}
    for (kind, places), images in zip(exam.places(), (division.seen, division.unseen), strict=True):
        names = np.array(exam.images.names)[places]
        assert tuple(names) == (*division.test.names, *images.names), kind


def test_an_opening_is_on_record_before_an_image_is_handed_out(division, finished, tmp_path):
    exam = opened(SealedTest(division, Openings.begin(tmp_path)), finished)
    assert len(exam.images) == sum(exam.counts.values())
    with (tmp_path / "test_openings.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert (line["strategy"], line["seed"], line["settings"], line["attempt"]) == ("a", "0", "s", "1")
    assert line["split"] == division.checksum
    assert line["model"] == model_fingerprint(finished.model_)


def test_a_register_that_cannot_be_written_keeps_the_test_shut(division, finished, tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        opened(SealedTest(division, Openings(path=tmp_path / "nowhere" / "test_openings.csv")), finished)


def test_it_opens_once_for_each_cell(division, finished, tmp_path):
    sealed = SealedTest(division, Openings.begin(tmp_path))
    opened(sealed, finished)
    opened(sealed, finished, "b")
    opened(sealed, finished, "a", seed=1)
    with pytest.raises(DataError, match=r"opened for 'a', seed 0 before; a strategy is tested once"):
        opened(sealed, finished)
    with pytest.raises(DataError, match="before"):
        opened(SealedTest(division, Openings(path=tmp_path / "test_openings.csv")), finished)  # another process
    assert len(Openings(path=tmp_path / "test_openings.csv").all()) == 3
    told = Openings(path=tmp_path / "test_openings.csv").sentence()
    assert told.startswith("The test images were opened 3 times")
    assert "once for each strategy and seed" in told


def test_a_resumed_run_opens_it_again_and_says_so(division, finished, tmp_path):
    opened(SealedTest(division, Openings.begin(tmp_path)), finished)
    again = Openings.begin(tmp_path)
    assert again.attempt == 2
    opened(SealedTest(division, again), finished)
    assert again.sentence() == (
        "The test images were opened twice for 1 pair of strategy and seed, each time for a finished classifier; more "
        "than once where a process was cut off, a strategy had failed, or its settings were changed "
        "(test_openings.csv)."
    )


def test_who_is_not_finished_is_turned_away(division, finished, tmp_path):
    sealed = SealedTest(division, Openings.begin(tmp_path))
    for judging in (sealed, ValidationImages(division)):
        with pytest.raises(DataError, match=r"that of 'a' is not fitted yet"):
            opened(judging, HierarchicalClassifier(division.taxonomy))
        finished.model_.head.train()
        with pytest.raises(DataError, match=r"the head of 'a' is still in training mode"):
            opened(judging, finished)
        finished.model_.head.eval()
    assert Openings(path=tmp_path / "test_openings.csv").all() == ()


def test_validation_images_leave_no_record(division, finished, tmp_path):
    judging = ValidationImages(division)
    assert judging.split == division.checksum
    assert opened(judging, finished) is opened(judging, finished)
    assert Openings(path=tmp_path / "test_openings.csv").sentence() == ""


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    openings = Openings.begin(tmp_path)
    with openings.path.open("a") as file:
        file.write("2026-01-01 10:00:00,a,0,s,d,m,1\n2026-01-01 10:")
    assert [one.cell for one in openings.all()] == [("a", 0)]


LINE = "2026-01-01 10:00:00,{},0,s,d,m,1"


@pytest.mark.parametrize("length", range(len(LINE.format("b"))))
def test_a_line_that_was_cut_off_leaves_the_next_one_alone(tmp_path, length):
    begun = Openings.begin(tmp_path)
    with begun.path.open("a") as file:
        file.write(LINE.format("a") + "\n" + LINE.format("b")[:length])
    resumed = Openings.begin(tmp_path)
    assert resumed.attempt == 2
    for name in "bc":
        resumed.record(Opening(time="t", strategy=name, seed=0, settings="s", split="d", model="m", attempt=2))
    assert [one.cell for one in Openings.begin(tmp_path).all()] == [("a", 0), ("b", 0), ("c", 0)]


@pytest.mark.parametrize("length", range(1, len(LINE.format("b"))))
def test_lines_that_ran_into_each_other_are_no_opening_and_no_obstacle(tmp_path, length):
    begun = Openings.begin(tmp_path)
    with begun.path.open("a") as file:
        file.write(LINE.format("a") + "\n" + LINE.format("b")[:length] + LINE.format("c") + "\n")
    found = Openings.begin(tmp_path).all()
    assert found[0].cell == ("a", 0)
    assert {one.cell for one in found[1:]} <= {("c", 0)}, "at most its time is odd"


def test_fingerprints_differ_with_whatever_a_model_decides_by(division, finished):
    mark = model_fingerprint(finished.model_)
    assert model_fingerprint(fit_pixels(division.taxonomy, division.train, division.other, {}).model_) == mark
    assert model_fingerprint(finished.refit_gate(gate=["energy"]).model_) != mark
    assert model_fingerprint(finished.refit_gate(keep=0.9).model_) != mark
    assert model_fingerprint(finished.refit_gate(rule="leaf").model_) != mark
    assert model_fingerprint(fit_pixels(division.taxonomy, division.train, None, {"head": "flat"}).model_) != mark


def reachable(*roots):
    """Everything that objects lead to, modules and types aside."""
    found, todo = {}, list(roots)
    while todo:
        one = todo.pop()
        if id(one) in found or isinstance(one, (types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType)):
            continue
        found[id(one)] = one
        todo.extend(gc.get_referents(one))
    return found.values()


def test_nothing_that_learns_can_reach_a_test_image(division, tmp_path):
    """Whatever a fit and a refit are given leads to no array of the test, however far one goes."""
    tested = {id(images.images) for name, images in division.parts.items() if name not in ("train", "other")}
    names = {name for part in (division.test, division.seen, division.unseen) for name in part.names}
    looked: list[str] = []

    def look(where, *given):
        found = list(reachable(*given))
        assert any(isinstance(one, np.ndarray) for one in found), "the images to learn from are found"
        assert not tested & {id(one) for one in found}, where
        assert not names & {one for one in found if isinstance(one, str)}, where
        looked.append(where)

    def fit(taxonomy, images, other, settings):
        look("fit", taxonomy, images, other, settings)
        return fit_pixels(taxonomy, images, other, settings)

    class Watched(Strategy):
        def refit(self, trained):
            look("refit", trained)
            return super().refit(trained)

    bench = Bench(Lessons.of(division), SealedTest(division, Openings.begin(tmp_path)), seed=0)
    bench.measure(Watched(title="one", fit_with=fit, settings={"gate": ["msp"]}))
    bench.measure(Watched(title="two", fit_with=fit, settings={"gate": ["energy"]}))
    assert looked == ["fit", "refit"]


def test_each_strategy_on_a_shared_network_opens_the_test_for_itself(division, tmp_path):
    openings = Openings.begin(tmp_path)
    bench = Bench(Lessons.of(division), SealedTest(division, openings), seed=0)
    one, two = strategy("one"), strategy("two", gate=["energy"])
    bench.measure(one, "first")
    bench.measure(two, "second")
    assert [opening.strategy for opening in openings.all()] == ["first", "second"]
    assert [opening.settings for opening in openings.all()] == [settings_checksum(one), settings_checksum(two)]
    assert len({opening.model for opening in openings.all()}) == 2
    with pytest.raises(DataError, match="before"):
        bench.measure(one, "first")


def test_a_seal_shows_nothing(division, tmp_path):
    sealed = SealedTest(division, Openings.begin(tmp_path))
    assert repr(sealed) == f"<SealedTest {division.checksum}>"
    assert not [name for name in dir(sealed) if not name.startswith("_") and name not in ("open", "split")]
