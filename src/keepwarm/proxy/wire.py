"""HTTP/1.1 as an upstream speaks it: heads and bodies, strictly, and nothing else.

How to think of it: pure functions and one small decoder over bytes that have arrived; no
socket. What RFC 9112 calls invalid or lets a recipient repair (bare LF, obs-fold, a length
beside a transfer coding, two lengths) is Malformed: two readers who repair differently are
what response splitting and smuggling are made of. What it allows is kept as it came, down to
the bytes of a reason phrase. Why not h11 or httptools: decisions/0020-upstream-parser.md.
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from keepwarm.proxy.fields import Field, listed, values

MAX_HEAD = 64 * 1024  # as for requests: servers.py
MAX_CHUNK_LINE = 4096  # a size of 16 digits and an extension nobody uses

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?")
_FIELD_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\x21-\x7e\x80-\xff]"
    rb"(?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
)
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_DIGITS = re.compile(rb"[0-9]{1,18}")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")


class Malformed(Exception):
    """Bytes that are not the HTTP/1.1 they should be; the message tells which rule."""


@dataclass(frozen=True, slots=True)
class Head:
    """A status line and its fields, in order, as they came."""

    minor: int
    status: int
    reason: bytes
    fields: tuple[Field, ...]

    @property
    def persists(self) -> bool:
        """Whether the connection may carry another exchange after this one."""
        return self.minor == 1 and b"close" not in listed(self.fields)


def parse_head(data: bytes) -> Head:
    """The head whose bytes, up to and without the empty line, are `data`.

    Raises Malformed.
    """
    status_line, *lines = data.split(b"\r\n")
    found = _STATUS_LINE.fullmatch(status_line)
    if found is None:
        raise Malformed("status line")
    fields = []
    for line in lines:
        parts = _FIELD_LINE.fullmatch(line)
        if parts is None:
            raise Malformed("field line")
        fields.append((parts[1], parts[2]))
    return Head(int(found[1]), int(found[2]), found[3] or b"", tuple(fields))


def check_so_far(data: bytes | bytearray) -> None:
    """Raise Malformed if the beginning of a head in `data` can no longer become one.

    Without this, a head with bare LFs would be waited for until the time is up.
    """
    if len(data) > MAX_HEAD:
        raise Malformed("head too large")
    if _BARE.search(data):
        raise Malformed("bare CR or LF")
    if not b"HTTP/1.".startswith(data[:7]):
        raise Malformed("status line")


@dataclass(slots=True)
class Counted:
    """A body of `left` more bytes."""

    left: int
    rest: bytes = b""
    """What came after the end; nothing, from a server that waits its turn."""

    @property
    def is_done(self) -> bool:
        return not self.left

    def feed(self, data: bytes) -> bytes:
        """The part of the body in `data`."""
        body, self.rest = data[: self.left], data[self.left :]
        self.left -= len(body)
        return body

    def end(self) -> None:
        """The connection has ended. Raises Malformed if the body has not."""
        raise Malformed(f"body {self.left} bytes short")


@dataclass(slots=True)
class ToTheEnd:
    """A body that ends with its connection."""

    is_done: bool = False
    rest: bytes = b""

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> None:
        self.is_done = True


@dataclass(slots=True)
class Chunks:
    """Decodes a chunked body that arrives in pieces."""

    is_done: bool = False
    rest: bytes = b""
    """What came after the end; nothing, from a server that waits its turn."""
    _buffer: bytearray = field(default_factory=bytearray)
    _left: int = 0  # of the chunk being read, with the CRLF after it
    _in_trailers: bool = False
    _trailers: int = 0

    def feed(self, data: bytes) -> bytes:
        """The part of the body in `data`. Raises Malformed."""
        self._buffer += data
        body = []
        while not self.is_done:
            if self._left > 2:
                piece = bytes(self._buffer[: self._left - 2])
                del self._buffer[: len(piece)]
                self._left -= len(piece)
                body.append(piece)
            if self._left:
                if self._left > 2 or len(self._buffer) < 2:
                    break
                if self._buffer[:2] != b"\r\n":
                    raise Malformed("chunk end")
                del self._buffer[:2]
                self._left = 0
            line = self._line()
            if line is None:
                break
            self._take(line)
        if self.is_done:
            self.rest = bytes(self._buffer)
        return b"".join(body)

    def _line(self) -> bytes | None:
        """The next whole line, without its CRLF, or None until more has come."""
        end = self._buffer.find(b"\r\n")
        limit = MAX_HEAD if self._in_trailers else MAX_CHUNK_LINE
        if end > limit or (end < 0 and len(self._buffer) > limit):
            raise Malformed("chunk line too long")
        if end < 0:
            if _BARE.search(self._buffer):
                raise Malformed("bare CR or LF")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take(self, line: bytes) -> None:
        if self._in_trailers:
            self._trailers += len(line)
            if self._trailers > MAX_HEAD:
                raise Malformed("trailers too large")
            if line and _FIELD_LINE.fullmatch(line) is None:
                raise Malformed("trailer line")
            self.is_done = not line
            return
        found = _CHUNK_LINE.fullmatch(line)
        if found is None:
            raise Malformed("chunk size")
        size = int(found[1], 16)
        if size:
            self._left = size + 2
        else:
            self._in_trailers = True

    def end(self) -> None:
        """The connection has ended. Raises Malformed if the body has not."""
        raise Malformed("body without last chunk")


Body: TypeAlias = Counted | ToTheEnd | Chunks


def body_after(method: str, head: Head) -> Body:
    """The decoder for what follows `head` (RFC 9112 §6.3).

    Raises Malformed where two readers might disagree.
    """
    codings = values(head.fields, b"transfer-encoding")
    lengths = values(head.fields, b"content-length")
    if codings and lengths:
        raise Malformed("length and transfer coding")
    if len(lengths) > 1:
        raise Malformed("two lengths")
    if lengths and _DIGITS.fullmatch(lengths[0]) is None:
        raise Malformed("length")
    if codings and (head.minor == 0 or [c.lower() for c in codings] != [b"chunked"]):
        raise Malformed("transfer coding")
    if method == "HEAD" or head.status < 200 or head.status in (204, 304):
        return Counted(0)
    if codings:
        return Chunks()
    return Counted(int(lengths[0])) if lengths else ToTheEnd()


def request_head(method: str, target: bytes, fields: list[Field]) -> bytes:
    """A request's head, ready to be sent. The caller answers for what is in the fields."""
    lines = [b"%s %s HTTP/1.1" % (method.encode("ascii"), target)]
    lines += [b"%s: %s" % field for field in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"
