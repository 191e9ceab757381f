"""Zstandard frames as somebody would make them who wants to do harm, and why each is refused."""

import sys

import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST_BYTES = 1_000_000
"""What may come out of one of them."""


def frame_without_size(payload: bytes) -> bytes:
    stream = zstd.ZstdCompressor()
    return stream.compress(payload) + stream.flush()


def frame_of_another_size(payload: bytes, claimed: int) -> bytes:
    """A frame whose header claims `claimed` bytes (4 GB fit into its field)."""
    frame = zstd.compress(payload)
    body = frame[zstd_header_length(frame) :]
    return b"\x28\xb5\x2f\xfd" + b"\xa0" + claimed.to_bytes(4, "little") + body


def zstd_header_length(frame: bytes) -> int:
    size_flag, single = frame[4] >> 6, (frame[4] >> 5) & 1
    return 5 + (0 if single else 1) + (1 if single and not size_flag else (0, 2, 4, 8)[size_flag])


def frame_of_a_window(payload: bytes, bits: int) -> bytes:
    """A frame that says its size, and asks for a window of 2 ** `bits` bytes all the same."""
    frame = zstd.compress(payload)
    body = frame[zstd_header_length(frame) :]
    window = bytes([(bits - 10) << 3])
    return b"\x28\xb5\x2f\xfd" + b"\x80" + window + len(payload).to_bytes(4, "little") + body


CHECKED = zstd.compress(b"a" * 1000, options={zstd.CompressionParameter.checksum_flag: 1})
EMPTY = b"\x28\xb5\x2f\xfd\x20\0"  # a header that says 0
SKIPPED = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"none"

REFUSED = [
    pytest.param(frame, why, id=name)
    for name, frame, why in (
        ("zeros", zstd.compress(bytes(50_000_000)), "bomb"),
        ("no size", frame_without_size(b"a" * 1000), "bomb"),
        ("4 GB", frame_of_another_size(b"a" * 1000, 2**32 - 1), "bomb"),
        ("more than it says", frame_of_another_size(bytes(5_000_000), 1000), "not-decompressible"),
        ("less than it says", frame_of_another_size(b"a" * 1000, 2000), "not-decompressible"),
        ("cut", zstd.compress(b"a" * 1000)[:-3], "not-decompressible"),
        ("no checksum", CHECKED[:-4], "not-decompressible"),
        ("another checksum", CHECKED[:-4] + b"abcd", "not-decompressible"),
        ("two", zstd.compress(b"a" * 1000) * 2, "not-decompressible"),
        ("more behind it", zstd.compress(b"a" * 1000) + b"more", "not-decompressible"),
        ("skipped and one", SKIPPED + zstd.compress(b"a" * 1000), "not-decompressible"),
        ("one and skipped", zstd.compress(b"a" * 1000) + SKIPPED, "not-decompressible"),
        ("a size of 0 and content", EMPTY + b"\x29\0\0hello", "not-decompressible"),
        ("a size of 0 and no block", EMPTY, "not-decompressible"),
        ("empty and one", zstd.compress(b"") + zstd.compress(b"a"), "not-decompressible"),
        ("nothing", b"", "not-decompressible"),
        ("text", b"not a frame", "not-decompressible"),
        ("magic", b"\x28\xb5\x2f\xfd", "not-decompressible"),
    )
]
