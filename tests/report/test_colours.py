import pytest

from hierclf.report.colours import STEPS, contrast, step, steps


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_is_legible_on_every_step(mode):
    colours = steps(mode)
    assert len(colours) == 2 * (STEPS + 1)
    assert min(contrast(colour.fill, colour.ink) for colour in colours) >= 4.5  # WCAG AA


def test_contrast_of_known_pairs():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # a published example


def test_a_share_beyond_the_scale_takes_its_end():
    assert (step("good", -1), step("good", 7), step("much", float("nan"))) == ("good-0", "good-20", "none")
