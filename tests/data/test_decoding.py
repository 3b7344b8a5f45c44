from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hierclf.data import decoding
from hierclf.data.decoding import IMAGE_SUFFIXES, MAX_PIXELS, read_image, rgb, source_name
from hierclf.errors import ImageError


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def noise(height: int = 40, width: int = 50, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def png_header(width: int, height: int, body: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def bomb(width: int, height: int) -> bytes:
    """A black image of few bytes and many pixels."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    return png_header(width, height, body)


# ------------------------------------------------------------------------------------------------ modes read rightly


def test_rgb_comes_back_pixel_by_pixel_from_path_bytes_and_file(tmp_path):
    pixels = noise()
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(pixels), "PNG"))
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        picture = read_image(source)
        assert picture.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(picture), pixels)


@pytest.mark.parametrize(("kind", "dtype"), [("PNG", np.uint16), ("TIFF", np.uint16), ("TIFF", np.int32)])
def test_16_bit_grey_keeps_its_full_range(kind, dtype):
    values = np.array([[0, 257, 32768, 65535]], dtype=dtype)
    picture = read_image(encoded(Image.fromarray(values), kind))
    np.testing.assert_array_equal(np.asarray(picture)[0, :, 0], [0, 1, 128, 255])


def test_big_endian_16_bit_grey():
    image = Image.frombytes("I;16B", (3, 1), np.array([0, 32768, 65535], dtype=">u2").tobytes())
    np.testing.assert_array_equal(np.asarray(rgb(image))[0, :, 0], [0, 128, 255])


@pytest.mark.parametrize(
    ("white", "values"), [(1.0, [0, 0.5, 1]), (255.0, [0, 127.5, 255]), (65535.0, [0, 3e4, 65535])]
)
def test_float_tiff(white, values):
    picture = read_image(encoded(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF"))
    expected = np.rint(np.array(values, dtype=np.float32).astype(float) * 255 / white)
    np.testing.assert_array_equal(np.asarray(picture)[0, :, 0], expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 1e6])
def test_float_tiff_outside_every_range_is_refused(bad):
    data = encoded(Image.fromarray(np.array([[0.0, bad]], dtype=np.float32)), "TIFF")
    with pytest.raises(ImageError, match="grey values from"):
        read_image(data)


def test_1_bit_grey_and_palette():
    checks = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8))
    for image in (checks.convert("1"), checks, checks.convert("P")):
        np.testing.assert_array_equal(np.asarray(read_image(encoded(image, "PNG")))[..., 1], [[0, 255], [255, 0]])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind):
    picture = read_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), kind))
    red, green, blue = picture.getpixel((4, 4))
    assert red > 240
    assert green < 15
    assert blue < 15


def test_adobe_cmyk_is_not_read_as_a_negative():
    # An Adobe marker says that the inks are stored inverted; Pillow writes one, with the inks inverted to match.
    data = encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG")
    assert b"Adobe" in data
    assert min(read_image(data).getpixel((4, 4))) > 240  # no ink is white


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_shows_white_and_half_transparent_is_mixed(mode):
    image = Image.new(mode, (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (0,) * (len(mode) - 1) + (alpha,))
    grey = np.asarray(read_image(encoded(image, "PNG")))[0, :, 0]
    np.testing.assert_allclose(grey, [255, 127, 0], atol=1)


@pytest.mark.parametrize("transparency", [1, bytes((255, 0))])
def test_palette_with_transparency(transparency):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    picture = read_image(encoded(image, "PNG", transparency=transparency))
    assert [picture.getpixel((0, 0)), picture.getpixel((1, 0))] == [(10, 20, 30), (255, 255, 255)]


def test_one_transparent_colour_in_an_rgb_png():
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 9, 9))
    picture = read_image(encoded(image, "PNG", transparency=(9, 9, 9)))
    assert [picture.getpixel((0, 0)), picture.getpixel((1, 0))] == [(1, 2, 3), (255, 255, 255)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_brings_the_picture_upright(kind, orientation):
    upright = np.zeros((32, 48), np.uint8)
    upright[:16, :16] = 255  # white at the top left
    # How the camera stored it: the inverse of what the tag tells the reader to do.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = read_image(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options))
    assert picture.size == (48, 32)
    np.testing.assert_allclose(np.asarray(picture)[..., 0].astype(int), upright, atol=3)


def test_broken_exif_costs_nothing():
    data = encoded(Image.fromarray(noise()), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xffgarbage")
    assert read_image(data).size == (50, 40)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert read_image(data).getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["YCbCr", "LAB", "HSV"])
def test_other_colour_spaces(mode):
    image = (
        Image.new("RGB", (4, 4), "white").convert(mode) if mode != "LAB" else Image.new("LAB", (4, 4), (255, 128, 128))
    )
    assert min(rgb(image).getpixel((0, 0))) > 250


def test_one_pixel_and_a_wrong_ending(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG"))
    assert read_image(path).getpixel((0, 0)) == (1, 2, 3)


def test_the_picture_outlives_its_file_and_leaves_no_descriptor_open(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(encoded(Image.fromarray(noise(channels=1)), "GIF"))
    before = len(os.listdir("/proc/self/fd"))
    pictures = [read_image(path) for _ in range(20)]
    assert len(os.listdir("/proc/self/fd")) == before
    path.unlink()
    assert pictures[0].resize((2, 2)).size == (2, 2)


# ------------------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_half_a_download(kind, share, tmp_path):
    data = encoded(Image.fromarray(noise(64, 64)), kind)
    path = tmp_path / "half.img"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match=r"half\.img: (broken|not an image)"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "it holds HTML or XML"),
        (b"\xef\xbb\xbf<html>", "it holds HTML or XML"),
        (b"hello", "its content is of no known kind"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "its content is of no known kind"),  # needs ghostscript
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "broken"),
    ],
)
def test_what_is_no_image_is_refused_in_plain_words(content, words, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=words) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_paths_that_lead_to_no_file(tmp_path):
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    for path, words in (
        (tmp_path / "none.jpg", "no such file"),
        (tmp_path, "found a folder"),
        (tmp_path / "link.jpg", "the link leads to no file"),
        (tmp_path / "pipe.jpg", "found a device or a pipe"),
        ("nul\0.jpg", "not a possible file name"),
        ("x" * 5000, "it cannot be opened"),
    ):
        with pytest.raises(ImageError, match=words):
            read_image(path)


def test_an_unreadable_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"x")

    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ImageError, match="this user may not read it"):
        read_image(path)


def test_bytes_that_are_no_image_are_named_by_their_number():
    with pytest.raises(ImageError, match=r"^<5 bytes>: not an image"):
        read_image(b"hello")


def test_a_size_above_the_limit_is_refused():
    data = encoded(Image.new("L", (20, 10)), "PNG")
    assert read_image(data, max_pixels=200).size == (20, 10)
    with pytest.raises(ImageError, match="declares 20 x 10 pixels, more than 199"):
        read_image(data, max_pixels=199)


@pytest.mark.parametrize("size", [(9400, 9400), (12_000, 12_000), (60_000, 60_000)])
def test_declared_sizes_are_refused_without_a_warning(size):
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageError, match="refused: it declares"):
        read_image(png_header(*size))
    assert limit == Image.MAX_IMAGE_PIXELS


def memory_to_read(path: Path, max_pixels: int) -> int:
    """Bytes by which the peak of a fresh process grows; its ``ru_maxrss`` would begin at the peak of its parent."""
    code = (
        "import runpy, sys\n"
        "def peak():\n"
        "    return next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "module = runpy.run_path(sys.argv[1])\n"  # without the package, which would import torch
        "before = peak()\n"
        "try:\n    module['read_image'](sys.argv[2], max_pixels=int(sys.argv[3]))\n"
        "except module['ImageError']:\n    pass\n"
        "print((peak() - before) * 1024)\n"
    )
    command = [sys.executable, "-c", code, decoding.__file__, str(path), str(max_pixels)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from Linux's /proc")
def test_a_bomb_costs_no_memory(tmp_path):
    width, height = 9400, 9400
    data = bomb(width, height)
    assert len(data) < 100_000
    assert MAX_PIXELS < width * height < 89_000_000  # below the size at which Pillow alone would speak up
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    assert memory_to_read(path, MAX_PIXELS) < 50_000_000
    assert memory_to_read(path, width * height) > width * height  # what decoding it would have cost


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "TGA", "PCX"]), st.data())
def test_flipped_bytes_give_a_picture_or_an_image_error(kind, data):
    content = bytearray(encoded(Image.fromarray(noise(12, 12)), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = read_image(bytes(content), max_pixels=1_000_000)
    except ImageError:
        return
    assert picture.mode == "RGB"
    assert np.asarray(picture).shape == (picture.height, picture.width, 3)


def test_threads_leave_the_warning_filters_as_they_were():
    data = encoded(Image.fromarray(noise()), "JPEG")
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [read_image(data) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_names_can_always_be_printed():
    odd = os.fsdecode(b"caf\xe9.jpg")
    assert source_name(Path(odd)) == "caf\\xe9.jpg"
    assert source_name("é.jpg") == "é.jpg"
    assert source_name(b"12") == "<2 bytes>"


def test_endings_are_small_letters_with_a_dot():
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in IMAGE_SUFFIXES)
