"""Stored values made smaller: Zstandard, with a dictionary of what they have in common.

Values of two kilobytes are mostly what the others are made of, too, but are too short to
teach a compressor that; a dictionary trained on some of them knows it beforehand. Its number
stands in each frame. Which dictionaries exist is configuration: a frame that names another
is a miss, so no value chooses by what it is read.

Dictionaries are listed newest first; the first writes and all read, and what was written
without one is read always. So one is introduced, or replaced, without an outage:

    []  →  [old] everywhere  →  [old, new] everywhere  →  [new, old] everywhere  →  [new]
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from keepwarm.errors import ConfigurationError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd
try:
    import zstandard

    zstandard.ZstdDecompressor().decompress(zstd.compress(b"read"), allow_extra_data=False)
except Exception:  # noqa: BLE001 - absent, too old, or another thing of that name: do without
    HAS_ZSTANDARD = False
else:
    HAS_ZSTANDARD = True

LEVEL = 3  # Zstandard's own default: against 1, 15 to 25 % slower to write, 1 to 6 % smaller
MOST_DICTIONARIES = 8
LARGEST_DICTIONARY = 1024 * 1024
# By the bits of a payload's size: the window is memory taken before the first byte comes out.
_WINDOWS = [{int(zstd.DecompressionParameter.window_log_max): bits} for bits in range(28)]
_SINGLE_SEGMENT = 0x20  # of the fifth byte (RFC 8878, 3.1.1.1.1.2): the content is the window


class NotDecompressible(Exception):
    """A frame that is damaged, too large or of an unknown dictionary; `reason` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Reader(Protocol):
    """Reads frames for one thread. What either raises of a frame is in FAILURES."""

    def header(self, frame: bytes) -> tuple[int | None, int]:
        """How long the content is, if the frame says so, and its dictionary's number or 0."""
        ...

    def content(self, frame: bytes, size: int, number: int) -> bytes | None:
        """Of a frame of that header; None where the frame is not all there is, or not whole."""
        ...


class StandardReader:
    """By Python's own codec, which makes a context for each frame: half of what reading takes."""

    def __init__(self, known: Mapping[int, zstd.ZstdDict]) -> None:
        self._known = known

    def header(self, frame: bytes) -> tuple[int | None, int]:
        info = zstd.get_frame_info(frame)
        return info.decompressed_size, info.dictionary_id

    def content(self, frame: bytes, size: int, number: int) -> bytes | None:
        options = None
        if not frame[4] & _SINGLE_SEGMENT:
            options = _WINDOWS[max(10, min(27, size.bit_length()))]
        stream = zstd.ZstdDecompressor(zstd_dict=self._known.get(number), options=options)
        content = stream.decompress(frame, max_length=size + 1)
        return content if stream.eof and not stream.unused_data else None


class ZstandardReader:
    """By the package `zstandard`, whose contexts are used again.

    A whole frame needs no memory but its content's; one that is cut makes a context take as
    much and keep it, so whoever was given one has to be let go.
    """

    def __init__(self, known: Mapping[int, zstd.ZstdDict]) -> None:
        self._contexts = {
            number: zstandard.ZstdDecompressor(
                dict_data=zstandard.ZstdCompressionDict(each.dict_content)
            )
            for number, each in known.items()
        }
        self._contexts[0] = zstandard.ZstdDecompressor()
        self._standard = StandardReader(known)

    def header(self, frame: bytes) -> tuple[int | None, int]:
        info = zstandard.get_frame_parameters(frame)
        return info.content_size, info.dict_id  # an unknown size is larger than any

    def content(self, frame: bytes, size: int, number: int) -> bytes | None:
        if not size:  # it would not look further
            return self._standard.content(frame, size, number)
        return self._contexts[number].decompress(frame, allow_extra_data=False)


FAILURES: tuple[type[Exception], ...] = (zstd.ZstdError, EOFError, ValueError, MemoryError)
if HAS_ZSTANDARD:
    FAILURES = (*FAILURES, zstandard.ZstdError)


class Compression:
    """Thread-safe. `dictionaries` are the contents of trained ones, newest first.

    `reader` makes what reads frames; by default the quickest that is installed. Raises
    ConfigurationError for what is not a trained Zstandard dictionary.
    """

    def __init__(
        self,
        dictionaries: Iterable[bytes] = (),
        reader: Callable[[Mapping[int, zstd.ZstdDict]], Reader] | None = None,
    ) -> None:
        made = [_dictionary(content) for content in dictionaries]
        if len(made) > MOST_DICTIONARIES:
            raise ConfigurationError(
                f"dictionaries holds {len(made)}; keep at most {MOST_DICTIONARIES}"
            )
        self._known = {each.dict_id: each for each in made}
        if len(self._known) < len(made):
            raise ConfigurationError("two of the dictionaries have one number; train one anew")
        self._reader = reader or (ZstandardReader if HAS_ZSTANDARD else StandardReader)
        self._writing: Any = made[0].as_digested_dict if made else None
        # One per thread: making one costs more than a small value does, and a lock could be
        # held for ever in a forked child.
        self._mine = threading.local()

    @property
    def ids(self) -> tuple[int, ...]:
        """The numbers of the dictionaries, newest first."""
        return tuple(self._known)

    def compress(self, payload: bytes) -> bytes:
        """One frame that says how long `payload` is and by which dictionary it was written."""
        compressor: zstd.ZstdCompressor | None = getattr(self._mine, "compressor", None)
        if compressor is None:
            compressor = self._mine.compressor = zstd.ZstdCompressor(
                level=LEVEL, zstd_dict=self._writing
            )
        return compressor.compress(payload, mode=zstd.ZstdCompressor.FLUSH_FRAME)

    def decompress(self, frame: bytes, max_bytes: int) -> bytes:
        """The single frame, at most `max_bytes` long and exactly as long as it says.

        Raises NotDecompressible, and nothing else.
        """
        try:
            reader: Reader | None = getattr(self._mine, "reader", None)
            if reader is None:
                reader = self._mine.reader = self._reader(self._known)
            size, number = reader.header(frame)
            if size is None or size > max_bytes:
                raise NotDecompressible("bomb")
            if number and number not in self._known:
                raise NotDecompressible("other-dictionary")
            payload = reader.content(frame, size, number)
        except FAILURES as error:
            self._mine.reader = None  # with what memory the frame made it take
            raise NotDecompressible("not-decompressible") from error
        if payload is None or len(payload) != size:
            self._mine.reader = None
            raise NotDecompressible("not-decompressible")
        return payload


def read_dictionary(path: str | os.PathLike[str]) -> bytes:
    """The content of a dictionary file. Raises ConfigurationError, saying why not."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_DICTIONARY + 1)
    except OSError as error:
        raise ConfigurationError(
            f"dictionary={os.fspath(path)!r} cannot be read: {error.strerror}"
        ) from error
    _dictionary(content)
    return content


def train(samples: list[bytes], size: int) -> bytes:
    """A dictionary of at most `size` bytes of what `samples` have in common.

    Raises ConfigurationError where they are too few or too unlike.
    """
    try:
        return bytes(zstd.train_dict(samples, size).dict_content)
    except (zstd.ZstdError, ValueError) as error:
        raise ConfigurationError(
            f"no dictionary of {size} bytes can be trained from {len(samples)} samples of "
            f"{sum(map(len, samples))} bytes: give more of them, about a hundred times its size"
        ) from error


def _dictionary(content: bytes) -> zstd.ZstdDict:
    try:
        if len(content) > LARGEST_DICTIONARY:
            raise ValueError
        found = zstd.ZstdDict(content)
        # Only its use shows that it is whole, and that must not fail when a value is stored.
        frame = zstd.compress(content[:64], LEVEL, zstd_dict=found)
        zstd.decompress(frame, zstd_dict=found)
    except (zstd.ZstdError, ValueError, TypeError) as error:
        raise ConfigurationError(
            "a dictionary must be a file made by `keepwarm dictionary train` (or zstd --train) of "
            f"at most {LARGEST_DICTIONARY} bytes"
        ) from error
    if not found.dict_id:
        raise ConfigurationError("a dictionary without a number cannot be told from others")
    return found
