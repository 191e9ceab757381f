"""Other people's pictures: believed only as far as their bytes prove.

The order is the defence. First the size in bytes, then the type by its first
bytes (names and declared types are never asked), then the dimensions by the
file's own header, read here without a decoder; only what passes all three is
decoded, and what is kept is pixels alone: oriented, in sRGB, encoded anew.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import pyvips
from PIL import Image, ImageCms, ImageOps

from gallery.pictures.render import Format, check, encode

UploadFormat = Literal["jpeg", "png", "webp"]
Size = tuple[int, int]

MAX_BYTES = 10 * 1024 * 1024  # a phone's photograph has 3 to 8 MiB
MAX_PIXELS = 25_000_000  # decoded at 4 bytes each: 100 MB at the very worst
MAX_SIDE = 10_000
MIN_SIDE = 16
MAX_SCANS = 64  # a progressive JPEG has about ten; each one costs a pass over all pixels
MAX_RATIO = 4  # longer strips cannot be shown on a card
KEPT_SIDE = 1280  # twice the largest width shown, for dense screens


class UploadError(Exception):
    """Why a file is not accepted, in words for the person who sent it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An accepted picture. `width` and `height` are those of `picture`, in px."""

    format: UploadFormat  # what it was; what is kept is always WebP
    width: int
    height: int
    picture: bytes  # WebP, at most 1280 px on its longer side, no metadata
    digest: str  # of `picture`, 32 hexadecimal digits


def accept(data: bytes) -> Upload:
    """The picture in `data`, normalised: upright, sRGB, WebP, without metadata.

    Blocks for up to a second on the largest pictures. Raises UploadError, and
    nothing else, whatever the bytes.
    """
    if not data:
        raise UploadError("The file is empty.")
    if len(data) > MAX_BYTES:
        raise UploadError(f"The file is larger than {MAX_BYTES // 2**20} MB.")
    format = sniff(data)
    try:
        size = HEADERS[format](data)
    except (struct.error, IndexError, ValueError) as error:
        raise UploadError("The picture is damaged: its header cannot be read.") from error
    _check_size(size)
    try:
        image = _decode(data, format)
        kept = _webp(image)
    except UploadError:
        raise
    except Exception as error:  # decoders raise a dozen kinds on damaged files
        raise UploadError("The picture is damaged or incomplete.") from error
    return Upload(
        format=format,
        width=image.width,
        height=image.height,
        picture=kept,
        digest=blake2b(kept, digest_size=16).hexdigest(),
    )


def variant(data: bytes, width: int, format: Format) -> bytes:
    """An accepted upload's `picture` at one of the offered widths, never enlarged.

    Raises ValueError for a width or format not offered, UploadError if `data`
    is not a picture.
    """
    check(width, format)
    try:
        if sniff(data) != "webp":
            raise UploadError("Only an accepted picture has variants.")
        image = pyvips.Image.thumbnail_buffer(data, width, height=width * MAX_RATIO, size="down")
        return encode(image, format)
    except pyvips.Error as error:
        raise UploadError("The picture is damaged.") from error


def sniff(data: bytes) -> UploadFormat:
    """The type that the first bytes show. Raises UploadError for any other."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        raise UploadError("GIF is not accepted; send a JPEG, PNG or WebP picture.")
    raise UploadError("This is not a JPEG, PNG or WebP picture.")


def _check_size(size: Size) -> None:
    width, height = size
    if width < MIN_SIDE or height < MIN_SIDE:
        raise UploadError(f"The picture is smaller than {MIN_SIDE} by {MIN_SIDE} pixels.")
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise UploadError(
            f"The picture has too many pixels ({width} by {height}); "
            f"up to {MAX_PIXELS // 1_000_000} million are accepted."
        )
    if max(width, height) > MAX_RATIO * min(width, height):
        raise UploadError("The picture is too long and narrow.")


def _png_size(data: bytes) -> Size:
    """PNG (ISO/IEC 15948) 11.2.1: IHDR comes first."""
    if data[12:16] != b"IHDR":
        raise ValueError("no IHDR")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg_size(data: bytes) -> Size:
    """The frame header (ITU-T T.81 B.2.2): the first SOF marker."""
    # Coded data never contains a marker unstuffed, so this counts at least all scans.
    if data.count(b"\xff\xda") > MAX_SCANS:
        raise ValueError("more scans than any encoder writes")
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        if marker in (0xD9, 0xDA):
            raise ValueError("no frame header before the scan")
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 1)
        if length < 2:
            raise ValueError("a segment shorter than its own length")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 4)
            return width, height
        at += 1 + length


def _webp_size(data: bytes) -> Size:
    """RFC 9649: the canvas of VP8X, else the frame of VP8 or VP8L."""
    kind = data[12:16]
    if kind == b"VP8X":
        if data[20] & 0x02:
            raise UploadError("Animated pictures are not accepted.")
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no frame")


HEADERS: dict[UploadFormat, Callable[[bytes], Size]] = {
    "jpeg": _jpeg_size, "png": _png_size, "webp": _webp_size,
}  # fmt: skip


def _decode(data: bytes, format: UploadFormat) -> Image.Image:
    """Upright sRGB pixels, no larger than is kept."""
    with Image.open(io.BytesIO(data), formats=[format.upper()]) as opened:
        # What the decoder will allocate, if a header managed to say two things.
        _check_size(opened.size)
        if format != "jpeg" and getattr(opened, "n_frames", 1) > 1:
            raise UploadError("Animated pictures are not accepted.")
        if format == "jpeg":
            opened.draft(None, (KEPT_SIDE, KEPT_SIDE))  # decodes at ½, ¼ or ⅛ where that is enough
        opened.load()
        # Shrinking first keeps a single full-size copy in memory for the usual modes.
        image = _direct(opened)
        image.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
        return _srgb(ImageOps.exif_transpose(image))


def _direct(image: Image.Image) -> Image.Image:
    """Palettes, bits and 16-bit greys as channels of 8 bits, which can be resampled."""
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in ("RGB", "RGBA", "L", "CMYK") and "transparency" not in image.info:
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _srgb(image: Image.Image) -> Image.Image:
    """RGB or RGBA in sRGB; a profile that cannot be read is treated as sRGB."""
    profile = image.info.get("icc_profile")
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is not None:
            return converted
    return image.convert(mode)


def _webp(image: Image.Image) -> bytes:
    # Earlier Pillows than 13 write back a profile that they find here.
    image.info.clear()
    out = io.BytesIO()
    image.save(out, "WEBP", quality=86, method=3)
    return out.getvalue()
