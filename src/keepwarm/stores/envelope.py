"""The envelope around a stored value: what proves that it is ours, whole, and in its place.

    magic 3 │ version 1 │ flags 1 │ header length 4 │ header … payload │ check 4 or 16

The check covers the entry's name and every byte before it, so value A under key B is
as foreign as a flipped bit. Flags must be exactly what the configuration would have
written, save the one that says whether the payload is compressed: no value can ask to
be checked less, or opened by other means. Encryption covers header and payload, bound
to the name and to all that stands before them.

Replaying an old envelope of the same name is not this module's to detect: the header
carries the stamps, and an invalidation has changed those.
"""

import struct
import sys

from keepwarm.stores.sealing import Sealing

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["Foreign", "Sealing", "open_", "seal"]

MAGIC = b"\xffKW"  # no text, JSON, MessagePack or pickle begins so
VERSION = 1
COMPRESSED = 1

_PREFIX = struct.Struct(">3sBBI")
# By the bits of a payload's size: the window is memory taken before the first byte comes out.
_WINDOWS = [{int(zstd.DecompressionParameter.window_log_max): bits} for bits in range(28)]
_LEVEL = 1  # the fastest; higher ones gain a few per cent on values of a few kB


class Foreign(Exception):
    """Bytes that are not an envelope of ours for this name. `reason` is a fixed word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def seal(header: bytes, payload: bytes, *, name: str, settings: Sealing) -> bytes:
    """An envelope of `header` and `payload` that only opens under `name`."""
    flags = settings.fixed_flags
    if len(payload) > settings.compress_above:
        smaller = zstd.compress(payload, level=_LEVEL)
        if len(smaller) < len(payload):
            payload = smaller
            flags |= COMPRESSED
    prefix = _PREFIX.pack(MAGIC, VERSION, flags, len(header))
    bound = _bound(name)
    body = header + payload
    if settings.is_encrypted:
        body = settings.encrypt(body, bound + prefix)
    data = prefix + body
    return data + settings.trailer(bound + data)


def open_(data: bytes, *, name: str, settings: Sealing) -> tuple[bytes, bytes]:
    """(header, payload) of an envelope sealed under `name`. Raises Foreign, and nothing else."""
    size = len(data) - settings.trailer_bytes
    if size < _PREFIX.size:
        raise Foreign("truncated")
    if size > settings.max_bytes + _PREFIX.size:
        raise Foreign("too-large")
    magic, version, flags, header_length = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise Foreign("not-ours")
    if version != VERSION:
        raise Foreign("other-version")
    if flags & ~COMPRESSED != settings.fixed_flags:
        raise Foreign("other-protection")
    bound = _bound(name)
    if not settings.is_intact(bound, data, size):
        raise Foreign("damaged-or-misplaced")
    start, body = _PREFIX.size, data
    if settings.is_encrypted:
        opened = settings.decrypt(data[start:size], bound + data[:start])
        if opened is None:
            raise Foreign("not-decryptable")
        start, body, size = 0, opened, len(opened)
    end = start + header_length
    if end > size:
        raise Foreign("truncated")
    payload = body[end:size]
    if flags & COMPRESSED:
        payload = _decompress(payload, settings.max_bytes)
    return body[start:end], payload


def _bound(name: str) -> bytes:
    """`name` and its length, so that no name's end can pass for an envelope's beginning."""
    raw = name.encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(4, "big") + raw


def _decompress(data: bytes, max_bytes: int) -> bytes:
    """The single frame in `data`, at most `max_bytes` long and exactly as long as it says."""
    try:
        size: int | None = zstd.get_frame_info(data).decompressed_size
        if size is None or size > max_bytes:
            raise Foreign("bomb")
        stream = zstd.ZstdDecompressor(options=_WINDOWS[max(10, min(27, size.bit_length()))])
        payload = stream.decompress(data, max_length=size + 1)
    except (zstd.ZstdError, EOFError, ValueError, MemoryError) as error:
        raise Foreign("not-decompressible") from error
    if len(payload) != size or not stream.eof or stream.unused_data:
        raise Foreign("not-decompressible")
    return payload
