"""Discoveries with planted groups, and a reader of pages."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from hierclf.discovery import discover, distances_from_embeddings

VOID = {"meta", "link", "img", "br", "line", "circle", "path"}


class Page(HTMLParser):
    """Checks that elements nest and collects attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.by_class: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append((tag, dict(attributes).get("class") or ""))
            for name in self.open[-1][1].split():
                self.by_class.setdefault(name, []).append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, text):
        self.words.append(text)
        for _, names in self.open:
            for name in names.split():
                self.by_class[name][-1] += text

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def values(self, attribute: str) -> list[str | None]:
        return [value for name, value in self.attributes if name == attribute]


def names_of(classes: int) -> list[str]:
    return [f"kind_{number // 8}_{number // 4}_{number}" for number in range(classes)]


def embedded(classes: int, *, names=None, images: int = 6, noise: float = 0.5, seed: int = 0, width: int = 24):
    """Groups of eight classes, each of two groups of four, but for what is left over."""
    source = np.random.default_rng(seed)
    names = names or names_of(classes)
    outer, inner = source.normal(size=(classes // 8 + 1, width)) * 4, source.normal(size=(classes // 4 + 1, width)) * 2
    centre_KD = (
        np.repeat(outer, 8, 0)[:classes] + np.repeat(inner, 4, 0)[:classes] + source.normal(size=(classes, width))
    )
    labels = np.repeat(np.array(names, dtype=object), images)
    return np.repeat(centre_KD, images, 0) + noise * source.normal(size=(len(labels), width)), labels


@pytest.fixture
def found():
    def make(classes=16, *, names=None, images=6, noise=0.5, width=24, data_seed=0, **settings):
        embeddings, labels = embedded(classes, names=names, images=images, noise=noise, seed=data_seed, width=width)
        return discover(distances_from_embeddings(embeddings, labels), **{"bootstraps": 10, **settings})

    return make


@pytest.fixture
def torn(found):
    """A discovery of 24 classes in which about half of the groups lack the support."""
    settings = {"noise": 4.0, "bootstraps": 20, "largest": None}
    support = sorted(found(24, support=0, **settings).support.values())
    discovery = found(24, support=support[len(support) // 2], **settings)
    assert discovery.dropped
    assert discovery.support
    return discovery


@pytest.fixture
def page():
    return Page
