"""Reviews in a real browser: nothing requested, nothing complained about, nothing wider than the screen."""

from __future__ import annotations

import pytest
from PIL import Image

from hierclf.report import write_review

pytestmark = pytest.mark.slow


@pytest.fixture
def pages(tmp_path, found, torn):
    def images(name, count):
        return [Image.new("RGB", (300, 40), (9, 90, 9))] * count

    long = [f"{'W' * 190}{number}" for number in range(6)] + ["many words " * 12 + str(number) for number in range(10)]
    write_review(torn, tmp_path / "torn.html", title="Torn")
    write_review(found(16, names=long), tmp_path / "long.html", title="W" * 300, images=images)
    write_review(found(500, images=2, bootstraps=2), tmp_path / "large.html", title="Large")
    return sorted(tmp_path.glob("*.html"))


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_quiet_and_fits_the_screen(browser, pages, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    tab = context.new_page()
    said, asked = [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    for path in pages:
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == width, path
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_names_stand_beside_the_ends_of_their_lines(browser, pages):
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(next(path for path in pages if path.stem == "torn").as_uri())
    lines, ends = (tab.locator(f".dendrogram .{name}").first.bounding_box() for name in ("lines", "ends"))
    assert lines["height"] == pytest.approx(ends["height"], abs=1)
    assert lines["y"] == pytest.approx(ends["y"], abs=1)
    rows = tab.locator(".dendrogram .ends li")
    last = rows.nth(rows.count() - 1).bounding_box()
    assert last["y"] + last["height"] == pytest.approx(lines["y"] + lines["height"], abs=1)
    tab.close()


def test_a_dot_leads_to_its_group(browser, pages):
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(next(path for path in pages if path.stem == "torn").as_uri())
    dot = tab.locator(".dendrogram a.kept").first
    target = dot.get_attribute("href")
    dot.locator("circle").click()
    assert tab.evaluate("location.hash") == target
    assert tab.locator(":target h3").count() == 1
    tab.close()
