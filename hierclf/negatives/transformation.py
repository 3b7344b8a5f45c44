"""What a transformation is: known images in, images out that are hardly any known class.

A transformation keeps what the images of a data set have in common (strokes, contrast, texture, noise) and breaks what
makes a class, so that its results lie near the known classes and yet outside them: a mirrored 4, the upper half of a
dress above the lower half of a boot. Some need a partner, an image of another class; the others ignore it.

To add one, decorate a function in a file of this folder and import it in ``__init__.py``.

B images, C channels, H height, W width
"""

from __future__ import annotations

from typing import Protocol

from torch import Generator, Tensor

from hierclf.registry import Registry


class Transformation(Protocol):
    """One way to make negatives out of a batch of images."""

    def __call__(self, images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
        """Images of the shape, dtype and device given; B may be 0.

        Args:
            images_BCHW: preprocessed images, float.
            partners_BCHW: for each an image of another class, of the same shape.
            generator: where chance comes from, on the CPU.
        """


transformations: Registry[Transformation] = Registry("transformation")
