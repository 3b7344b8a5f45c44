"""A discovery in a few words and numbers: how many groups, how sure they are, and how they were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierclf.report.numbers import percent, plural
from hierclf.report.sections import Card

if TYPE_CHECKING:
    from hierclf.discovery import Discovery


def lead(discovery: Discovery) -> tuple[str, ...]:
    """What came out, in a sentence or two."""
    classes, groups = len(discovery.distances), len(discovery.medoid)
    known = plural(classes, "class", "classes")
    if not groups:
        return (
            f"No group among {known} is sure enough to be kept, so they stand side by side below the root.",
            "That is an answer, too: a flat taxonomy is better than groups that are not there.",
        )
    levels = discovery.taxonomy.depth - 1
    alone = sum(parent == discovery.hierarchy.root for parent in discovery.hierarchy.parent_N[:classes].tolist())
    stand = f"; {plural(alone, 'class', 'classes')} stand{'s' if alone == 1 else ''} in none" if alone else ""
    return (
        f"{known[0].upper()}{known[1:]} were put into {plural(groups, 'group')} on {plural(levels, 'level')}{stand}.",
        "This is a proposal: look it over, rename what you like, move what is wrong, and then train with it.",
    )


def cards(discovery: Discovery) -> tuple[Card, ...]:
    """The numbers at the top."""
    settings, support = discovery.settings, discovery.support
    if support:
        weakest = min(support, key=lambda name: support[name])
        asked = f"{percent(settings['support'], digits=0)} of {settings['bootstraps']} draws"
        sure = Card(
            label="Weakest support",
            value=percent(support[weakest], digits=0),
            remark=f"{weakest}; a group needed {asked}",
        )
    else:
        why = "there is no group" if discovery.dropped or settings["bootstraps"] else "images were not drawn anew"
        sure = Card(label="Weakest support", value="–", remark=why)
    levels = discovery.taxonomy.depth
    shown = (
        Card(label="Classes", value=f"{len(discovery.distances):,}", remark="that were to be grouped"),
        Card(
            label="Groups",
            value=f"{len(discovery.medoid):,}",
            remark=f"on {plural(levels - 1, 'level')} below the root",
        ),
        sure,
        Card(
            label="Given up",
            value=f"{len(discovery.dropped):,}",
            remark="groups that were found, but come again in too few draws"
            if settings["bootstraps"]
            else "nothing is given up where support is not known",
        ),
    )
    if not discovery.second:
        return shown
    return (
        *shown,
        Card(label="Second parents", value=f"{len(discovery.second):,}", remark="classes between two groups"),
    )


def settings_told(discovery: Discovery) -> tuple[tuple[str, str], ...]:
    """The settings that it was found with, as pairs of a label and a text."""
    settings = discovery.settings
    options = ", ".join(f"{name} {value}" for name, value in settings["options"].items())
    largest = settings["largest"]
    facts = {
        "method": settings["method"] + (f" ({options})" if options else ""),
        "draws of the images": f"{settings['bootstraps']:,}" if settings["bootstraps"] else "none",
        "support that a group needs": percent(settings["support"], digits=0) if settings["bootstraps"] else "",
        "children that a node may have": "any number" if largest is None else f"{largest:,}",
        "classes that a group has": f"at least {settings['smallest']}" if settings["smallest"] > 2 else "",
        "seed": str(settings["seed"]),
    }
    return tuple((label, text) for label, text in facts.items() if text)
