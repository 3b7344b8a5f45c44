"""The pages in a real browser: nothing requested, nothing complained about, nothing wider than the screen."""

from __future__ import annotations

import pytest

from hierclf.report import Column, write_comparison, write_report

pytestmark = pytest.mark.slow


@pytest.fixture
def pages(tmp_path, report, context, picture):
    write_report(report, tmp_path / "full.html", title="Clothes", images=picture, context=context)
    write_report(None, tmp_path / "fit.html", title="Clothes", context=context)
    rows = [{"strategy": name, "seed": seed, "a": 0.5} for name in ("flat", "ours") for seed in range(3)]
    columns = [Column("a", f"Column {number}") for number in range(9)]
    write_comparison(tmp_path / "comparison.html", title="All", rows=rows, columns=columns)
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
        assert tab.evaluate("document.documentElement.scrollWidth") == width
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_outline_opens_and_closes_by_keyboard(browser, pages):
    tab = browser.new_page()
    tab.goto(next(path for path in pages if path.stem == "full").as_uri())
    node = tab.locator(".outline details").nth(1)
    before = node.get_attribute("open")
    node.locator("summary").first.focus()
    tab.keyboard.press("Enter")
    assert (node.get_attribute("open") is None) != (before is None)
    tab.close()


def test_dark_and_light_differ(browser, pages):
    colours = set()
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        tab = context.new_page()
        tab.goto(pages[0].as_uri())
        colours.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert len(colours) == 2
