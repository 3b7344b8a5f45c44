import numpy as np
import pytest
from PIL import Image

from hierclf.errors import ImageError
from hierclf.report.review import samples as module
from hierclf.report.review.samples import MOST_PICTURES, PER_CLASS, samples


def pictures(name, count):
    return [Image.new("RGB", (8, 8), (len(name), number, 0)) for number in range(count)]


def test_each_class_gets_a_few_different_ones():
    found = samples(pictures, ["cat", "zebra"])
    assert [len(set(one.sources)) for one in found.values()] == [PER_CLASS, PER_CLASS]
    assert found["cat"].sources != found["zebra"].sources
    assert all(source.startswith("data:image/") for source in found["cat"].sources)


def test_it_takes_no_more_than_it_asked_for():
    found = samples(lambda name, count: pictures(name, count + 5), ["cat"])
    assert len(found["cat"].sources) == PER_CLASS


def test_many_classes_share_the_room():
    asked = []

    def images(name, count):
        asked.append(count)
        return pictures(name, count)

    names = [f"class {number}" for number in range(MOST_PICTURES + 7)]
    found = samples(images, names)
    assert list(found) == names[:MOST_PICTURES]
    assert set(asked) == {1}
    asked.clear()
    samples(images, names[: MOST_PICTURES // 2])
    assert set(asked) == {2}


def test_large_pictures_end_where_the_room_does(monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8))
    one = len(samples(lambda name, count: [noise], ["a"])["a"].sources[0])
    monkeypatch.setattr(module, "MOST_BYTES", 5 * one + 10)
    found = samples(lambda name, count: [noise], list("abcdefgh"))
    assert list(found) == list("abcde")


@pytest.mark.parametrize("error", [ImageError("cut short"), OSError("cut short"), SyntaxError("cut short")])
def test_what_cannot_be_read_becomes_a_sentence(error):
    def images(name, count):
        if name == "bad":
            raise error
        return pictures(name, count)

    found = samples(images, ["bad", "good"])
    assert found["bad"].sources == ()
    assert found["bad"].missing == "cannot be shown: cut short"
    assert len(found["good"].sources) == PER_CLASS


def test_a_class_without_pictures_says_so():
    assert samples(lambda name, count: [], ["cat"])["cat"].missing == "no picture"


def test_nothing_is_asked_for_without_images_or_classes():
    assert samples(None, ["cat"]) == {}
    assert samples(pictures, []) == {}
