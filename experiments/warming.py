"""Embeddings of frozen backbones, computed once where several processes want them.

Embeddings of a frozen backbone lie in a cache on disk, by the content of the images. Two processes that start at the
same time find it empty and would both compute all of it. So they take turns: who wants embeddings of a backbone holds
that backbone's lock, looks up what is there, computes the rest and stores it; who comes next finds everything. The
system takes a lock back from a process that dies, so nobody waits for ever.

A fit computes its embeddings somewhere in its midst, where nobody can hold a lock around them. Hence `Warmer.warm`: the
images to learn from are embedded under the lock just before the fit, which then finds them. Images to judge on are not
touched by it; they are embedded when they are handed out, under the lock as well (`Warmer.turn`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from experiments.sealed import Lessons
from hierclf.backbones import Backbone, EmbeddingCache, choose_device, default_cache, fingerprint
from hierclf.embedding import embed_images
from hierclf.errors import HierclfError
from hierclf.settings import Settings
from hierclf.strategies import Strategy
from hierclf.training.chosen_backbone import choose_backbone


class Warmer:
    """Takes turns with other processes at embedding; remembers what it has warmed."""

    def __init__(self) -> None:
        self._warm: set[tuple[str, str, bool]] = set()

    def warm(self, strategy: Strategy, lessons: Lessons, split: str) -> None:
        """Bring the embeddings of the images to learn from into the cache, if the strategy will look for them there.

        Args:
            strategy: what is to be fitted next; one that cannot be fitted is left to say so itself.
            lessons: the images to learn from.
            split: checksum of the division that they come from.
        """
        try:
            settings = Settings.checked(strategy.settings)
            cache = default_cache() if settings.cache else None
            if cache is None or settings.backbone is None or settings.freeze is False:
                return
            backbone, _ = choose_backbone(lessons.train, settings)
            if not (backbone.pretrained if settings.freeze is None else settings.freeze):
                return
            done = (fingerprint(backbone.freeze()), split, strategy.uses_other)
            if done in self._warm:
                return
            with self.turn(backbone, cache):
                for images in filter(None, (lessons.train, lessons.other if strategy.uses_other else None)):
                    embed_images(
                        backbone, images, device=choose_device(settings.device), workers=settings.workers, cache=cache
                    )
            self._warm.add(done)
        except HierclfError:
            return

    @contextmanager
    def turn(self, backbone: Backbone | None, cache: EmbeddingCache | None) -> Iterator[None]:
        """Hold the lock of a backbone's embeddings in a cache; without either, or where there is none, just go on."""
        if backbone is None or cache is None or sys.platform == "win32":
            yield
            return
        import fcntl

        try:
            cache.path.parent.mkdir(parents=True, exist_ok=True)
            lock = cache.path.with_name(f"{fingerprint(backbone)[:16]}.lock").open("w")
        except OSError:
            yield
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
