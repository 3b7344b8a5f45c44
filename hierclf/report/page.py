"""One self-contained page: no script, no request to anywhere, readable in light, in dark, on a phone and on paper.

Charts are vector drawings inside the page, a few kilobytes each, instead of a plotting library of several megabytes:
a report opens at once, prints, follows the reader's colours, and works where scripts are forbidden. The page forbids
them itself (its content security policy allows styles and data URIs and nothing else), so a class named
``<script>`` has nothing to run in even before it is escaped.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hierclf.report import axes, colours, gates, numbers
from hierclf.report.context import RunContext
from hierclf.report.sections import sections

if TYPE_CHECKING:
    from PIL import Image

    from hierclf.evaluation import Report


def write_report(
    report: Report | None,
    path: str | os.PathLike[str],
    *,
    title: str,
    images: Callable[[int], Image.Image] | None = None,
    context: RunContext | None = None,
) -> None:
    """Write one self-contained ``report.html`` that works offline.

    Args:
        report: the evaluation to show; None writes what is known right after training.
        path: the file to write; an older one is replaced as a whole or not at all.
        title: the headline.
        images: gives the image that a mistake's ``index`` stands for, for thumbnails. An image that cannot be read
            becomes a sentence.
        context: facts of the run: counts, assumptions, training curve, command, versions.

    Raises:
        OSError: the file cannot be written.
    """
    shown = sections(report, context or RunContext(), images)
    write_page(path, "report.html.jinja", title=title, shown=shown)


def write_page(path: str | os.PathLike[str], template: str, **values: Any) -> None:
    """Fill a template and write the page; names with undecodable bytes are written as escapes."""
    text = _environment().get_template(template).render(**values)
    path = Path(path)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hierclf.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(axes=axes, small=gates, steps=colours.steps, step=colours.step)
    environment.filters.update(percent=numbers.percent, count=numbers.count, decimal=numbers.decimal)
    return environment
