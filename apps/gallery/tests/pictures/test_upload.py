"""Uploads: an attack table, and that no bytes at all raise anything but UploadError."""

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from gallery.pictures import upload
from gallery.pictures.render import SIZES, Format
from gallery.pictures.upload import UploadError, accept, variant

SECRET = b"51.5074N-home-address"


def drawn(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """Left half red, right half blue, a green bar on top."""
    image = Image.new("RGB", (width, height), "#c02020")
    image.paste("#2020c0", (width // 2, 0, width, height))
    image.paste("#20c020", (0, 0, width, height // 4))
    return image.convert(mode)


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = image.convert("RGB").getpixel((x, y))
    assert isinstance(found, tuple)
    return found


GOOD: dict[str, bytes] = {
    "jpeg": saved(drawn(), "JPEG"),
    "png": saved(drawn(), "PNG"),
    "webp": saved(drawn(), "WEBP"),
}
PROGRESSIVE = saved(drawn(), "JPEG", progressive=True)[:-2]  # without its end marker


@pytest.mark.parametrize("format", GOOD)
def test_the_three_types_are_accepted(format: str) -> None:
    got = accept(GOOD[format])
    assert (format, 96, 64) == (got.format, got.width, got.height)
    with opened(got.picture) as image:
        assert (image.format, image.size) == ("WEBP", (96, 64))
    assert got == accept(GOOD[format])


@pytest.mark.parametrize(
    "image",
    [drawn(mode=mode) for mode in ("L", "P", "RGBA", "LA", "CMYK", "1", "I;16")],
    ids=lambda image: image.mode,
)
def test_every_colour_mode_becomes_rgb(image: Image.Image) -> None:
    format = "JPEG" if image.mode == "CMYK" else "PNG"
    with opened(accept(saved(image, format)).picture) as kept:
        assert kept.mode in ("RGB", "RGBA")


def test_sixteen_bits_keep_their_greys() -> None:
    image = Image.new("I;16", (32, 32), 0x8000)
    with opened(accept(saved(image, "PNG")).picture) as kept:
        assert all(abs(part - 128) < 6 for part in pixel(kept, 16, 16))


def test_transparency_is_kept() -> None:
    image = drawn(mode="RGBA")
    image.putalpha(0)
    with opened(accept(saved(image, "PNG")).picture) as kept:
        assert kept.mode == "RGBA"
        assert kept.getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied_and_all_metadata_dropped(format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    exif[0x010E] = SECRET.decode()
    exif[0x8825] = {1: "N", 29: SECRET.decode()}
    options: dict[str, Any] = {"exif": exif, "icc_profile": srgb()}
    if format == "JPEG":
        options |= {"comment": SECRET, "xmp": SECRET}
    if format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        text.add_text("Author", SECRET.decode(), zip=True)
        options["pnginfo"] = text
    if format == "WEBP":
        options |= {"xmp": SECRET}
    data = saved(drawn(), format, **options)
    assert SECRET in data

    got = accept(data)

    assert (got.width, got.height) == (64, 96)
    assert SECRET not in got.picture
    assert not any(word in got.picture for word in (b"EXIF", b"ICCP", b"XMP "))
    with opened(got.picture) as image:
        red, green, blue = pixel(image, 60, 48)  # the bar, now at the right
        assert green > 150
        assert max(red, blue) < 110


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_a_broken_colour_profile_costs_the_profile_only() -> None:
    got = accept(saved(drawn(), "JPEG", icc_profile=SECRET * 9))
    assert (got.format, got.width) == ("jpeg", 96)
    assert SECRET not in got.picture


def test_large_pictures_are_kept_smaller() -> None:
    got = accept(saved(drawn(3000, 1500), "JPEG"))
    assert (got.width, got.height) == (1280, 640)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, rest: bytes = b"") -> bytes:
    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + ihdr + rest + chunk(b"IEND", b"")


def jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(GOOD["jpeg"])
    sof = data.index(b"\xff\xc0")
    data[sof + 5 : sof + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def sof(width: int, height: int) -> bytes:
    data = GOOD["jpeg"]
    start = data.index(b"\xff\xc0")
    length = struct.unpack_from(">H", data, start + 2)[0]
    return (
        data[start : start + 5]
        + struct.pack(">HH", height, width)
        + data[start + 9 : start + 2 + length]
    )


def webp_claiming(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas + GOOD["webp"][12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def frames(format: str) -> bytes:
    return saved(drawn(), format, save_all=True, append_images=[drawn(mode="L").convert("RGB")])


ATTACKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "empty"),
    "text": (lambda: b"hello, I am a picture", "not a JPEG"),
    "html named like a picture": (lambda: b"<html><script>alert(1)</script>", "not a JPEG"),
    "svg with a script": (lambda: b"<svg xmlns='x'><script>1</script></svg>", "not a JPEG"),
    "svg behind a byte order mark": (lambda: b"\xef\xbb\xbf<?xml?><svg/>", "not a JPEG"),
    "gif": (lambda: saved(drawn(), "GIF"), "GIF is not accepted"),
    "bmp": (lambda: saved(drawn(), "BMP"), "not a JPEG"),
    "tiff": (lambda: saved(drawn(), "TIFF"), "not a JPEG"),
    "avif": (lambda: saved(drawn(), "AVIF"), "not a JPEG"),
    "pdf": (lambda: saved(drawn(), "PDF"), "not a JPEG"),
    "postscript": (lambda: saved(drawn(), "EPS"), "not a JPEG"),
    "zip": (lambda: b"PK\x03\x04" + b"\0" * 100, "not a JPEG"),
    "too many bytes": (lambda: GOOD["jpeg"] + b"\0" * upload.MAX_BYTES, "larger than 10 MB"),
    "giant png header": (lambda: png(50_000, 50_000), "too many pixels"),
    "png of 4 billion columns": (lambda: png(2**32 - 1, 1), "smaller"),
    "png just over the pixel limit": (lambda: png(5_001, 5_000), "too many pixels"),
    "png without rows": (lambda: png(100, 0), "smaller"),
    "png bomb": (
        lambda: png(9_000, 9_000, chunk(b"IDAT", zlib.compress(b"\0" * 5_000_000, 1))),
        "too many pixels",
    ),
    "giant jpeg header": (lambda: jpeg_claiming(65_500, 65_500), "too many pixels"),
    "giant webp header": (lambda: webp_claiming(2**24, 2**24), "too many pixels"),
    "webp whose header and frame differ": (lambda: webp_claiming(4_000, 4_000), "damaged"),
    "long and narrow": (lambda: saved(drawn(2000, 20), "PNG"), "long and narrow"),
    "tiny": (lambda: saved(drawn(8, 8), "PNG"), "smaller than 16"),
    "animated webp": (lambda: frames("WEBP"), "Animated"),
    "animated png": (lambda: frames("PNG"), "Animated"),
    "png whose second header is a giant": (
        lambda: GOOD["png"][:33] + png(8_000, 8_000)[8:33] + GOOD["png"][33:], "too many pixels",
    ),
    "jpeg whose second frame header is a giant": (
        lambda: GOOD["jpeg"][:2] + sof(64, 64) + jpeg_claiming(8_000, 8_000)[2:],
        "too many pixels",
    ),
    "webp whose header is smaller than its frame": (lambda: webp_claiming(20, 20), "damaged"),
    "jpeg of a thousand scans": (
        lambda: PROGRESSIVE + PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") :] * 1_000 + b"\xff\xd9",
        "damaged",
    ),
    "png without data": (lambda: png(64, 64), "damaged"),
    "png that starts with another chunk": (
        lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"a\0b") + GOOD["png"][8:],
        "damaged",
    ),
    "png with a bad checksum": (
        lambda: GOOD["png"][:29] + b"\0\0\0\0" + GOOD["png"][33:], "damaged",
    ),
    "png text bomb": (
        lambda: png(64, 64, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 8_000_000, 1))),
        "damaged",
    ),
    "jpeg of markers only": (lambda: b"\xff\xd8" + b"\xff" * 5_000, "damaged"),
    "jpeg whose segments have no length": (lambda: b"\xff\xd8\xff\xe0\0\0" * 50, "damaged"),
    "jpeg cut short": (lambda: GOOD["jpeg"][:-200], "damaged"),
    "png cut short": (lambda: GOOD["png"][:-40], "damaged"),
    "webp cut short": (lambda: GOOD["webp"][:-40], "damaged"),
    "jpeg's beginning, png's rest": (lambda: GOOD["jpeg"][:20] + GOOD["png"], "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused_in_words_for_people(name: str) -> None:
    make, reason = ATTACKS[name]
    with pytest.raises(UploadError, match=reason) as refused:
        accept(make())
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    "name", ["giant png header", "giant jpeg header", "giant webp header", "png bomb"]
)
def test_giants_are_refused_before_anything_is_decoded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ATTACKS[name][0]()
    monkeypatch.setattr(Image, "open", None)  # a decoder that is touched fails
    tracemalloc.start()
    try:
        with pytest.raises(UploadError, match="too many pixels"):
            accept(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(sorted(GOOD)),
    flips=st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), max_size=12),
    cut=st.one_of(st.none(), st.integers(0, 1500)),
    extra=st.binary(max_size=40),
)
def test_mutated_files_are_accepted_or_refused_never_worse(
    kind: str, flips: list[tuple[int, int]], cut: int | None, extra: bytes
) -> None:
    data = bytearray(GOOD[kind])
    for place, value in flips:
        data[place % len(data)] = value
    mutated = bytes(data[:cut]) + extra
    try:
        got = accept(mutated)
    except UploadError:
        return
    assert max(got.width, got.height) <= 1280


@settings(max_examples=150, deadline=None)
@given(
    head=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8X",
                          b"RIFF\0\0\0\0WEBPVP8L", b"RIFF\0\0\0\0WEBPVP8 "]),
    tail=st.binary(max_size=300),
)  # fmt: skip
def test_any_bytes_are_refused_in_words(head: bytes, tail: bytes) -> None:
    with pytest.raises(UploadError):
        accept(head + tail)


@pytest.mark.parametrize("format", get_args(Format))
@pytest.mark.parametrize("width", SIZES)
def test_variants_have_the_width_asked_for(width: int, format: Format) -> None:
    kept = accept(saved(drawn(900, 600), "JPEG")).picture
    with opened(variant(kept, width, format)) as image:
        assert (format.upper(), (width, round(width / 1.5))) == (image.format, image.size)
    assert variant(kept, width, format) == variant(kept, width, format)


def test_variants_are_never_enlarged() -> None:
    with opened(variant(accept(GOOD["png"]).picture, 640, "webp")) as image:
        assert image.size == (96, 64)


def test_variants_are_refused_for_other_widths_and_other_bytes() -> None:
    kept = accept(GOOD["png"]).picture
    with pytest.raises(ValueError, match="97"):
        variant(kept, 97, "webp")
    with pytest.raises(UploadError):
        variant(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 160, "webp")
    with pytest.raises(UploadError):
        variant(GOOD["webp"][:40], 160, "webp")
