"""The envelope around a stored value: what proves that it is ours, whole, and in its place.

    magic 3 │ version 1 │ flags 1 │ header length 4 │ header … payload │ check 4 or 16

The check covers the entry's name and every byte before it, so value A under key B is
as foreign as a flipped bit. Flags must be exactly what the configuration would have
written, save the one that says whether the payload is compressed: no value can ask to
be checked less, or opened by other means; a compressed one names the dictionary by which it
was written, and is read only if that is configured. Encryption covers header and payload, bound
to the name and to all that stands before them.

Replaying an old envelope of the same name is not this module's to detect: the header
carries the stamps, and an invalidation has changed those.
"""

import struct

from keepwarm.stores.compression import NotDecompressible
from keepwarm.stores.sealing import Sealing, bound_to

__all__ = ["Foreign", "Sealing", "open_", "seal"]

MAGIC = b"\xffKW"  # no text, JSON, MessagePack or pickle begins so
VERSION = 1
COMPRESSED = 1

_PREFIX = struct.Struct(">3sBBI")


class Foreign(Exception):
    """Bytes that are not an envelope of ours for this name. `reason` is a fixed word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def seal(header: bytes, payload: bytes, *, name: str, settings: Sealing) -> bytes:
    """An envelope of `header` and `payload` that only opens under `name`."""
    flags = settings.fixed_flags
    if len(payload) > settings.compress_above:
        smaller = settings.compression.compress(payload)
        if len(smaller) < len(payload):
            payload = smaller
            flags |= COMPRESSED
    prefix = _PREFIX.pack(MAGIC, VERSION, flags, len(header))
    bound = bound_to(name.encode("utf-8", "surrogatepass"))
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
    raw = name.encode("utf-8", "surrogatepass")
    if not settings.is_intact(raw, data, size):
        raise Foreign("damaged-or-misplaced")
    start, body = _PREFIX.size, data
    if settings.is_encrypted:
        opened = settings.decrypt(data[start:size], bound_to(raw) + data[:start])
        if opened is None:
            raise Foreign("not-decryptable")
        start, body, size = 0, opened, len(opened)
    end = start + header_length
    if end > size:
        raise Foreign("truncated")
    payload = body[end:size]
    if flags & COMPRESSED:
        try:
            payload = settings.compression.decompress(payload, settings.max_bytes)
        except NotDecompressible as error:
            raise Foreign(error.reason) from error
    return body[start:end], payload
