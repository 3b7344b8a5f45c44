import base64
import io

import numpy as np
import pytest
from PIL import Image

from hierclf.report.thumbnails import LONGEST_SIDE, data_uri


def decode(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "CMYK"])
def test_every_mode_becomes_a_small_picture(mode):
    small = decode(data_uri(Image.new(mode, (400, 100))))
    assert small.size == (LONGEST_SIDE, LONGEST_SIDE // 4)
    assert small.mode == "RGB"


def test_the_smaller_form_wins_and_pixels_survive():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8))
    assert data_uri(noise).startswith("data:image/jpeg;")
    flat = Image.new("RGB", (20, 20), (10, 200, 30))
    assert data_uri(flat).startswith("data:image/png;")
    assert decode(data_uri(flat)).getpixel((3, 3)) == (10, 200, 30)


def test_nothing_but_pixels_is_kept_and_the_image_is_left_alone():
    image = Image.new("RGB", (300, 200))
    image.info["comment"] = b"taken at home"
    image.getexif()[0x010E] = "taken at home"
    assert b"taken at home" not in base64.b64decode(data_uri(image).split(",", 1)[1])
    assert image.size == (300, 200)
    assert image.info["comment"] == b"taken at home"


def test_a_very_long_image_keeps_a_pixel_of_height():
    assert decode(data_uri(Image.new("RGB", (5000, 1)))).size == (LONGEST_SIDE, 1)
