"""Answers made from a record: in full, in part, as a 304 or a 416, with or without a body."""

import os
from collections.abc import AsyncIterator

from keepwarm.asgi.asked import Asked
from keepwarm.asgi.library import Library
from keepwarm.asgi.record import Record
from keepwarm.asgi.report import Send
from keepwarm.rfc9111.conditionals import is_unmodified, of_not_modified
from keepwarm.rfc9111.fields import Field, first, has, replaced, without
from keepwarm.rfc9111.ranges import (
    Part,
    Span,
    Unsatisfiable,
    asked_of_part,
    content_range,
    range_holds,
    wanted,
)
from keepwarm.rfc9111.status import Told


def fits(found: Record, asked: Asked, now: float) -> bool:
    """Whether a record has the bytes that were asked for: a part has only some.

    And only for those whose If-Range names it: others want the whole (RFC 9110 section 13.1.5).
    """
    part = found.part
    if part is None:
        return True
    if asked.wants_range is None or asked.method != "GET":
        return False
    is_there = isinstance(asked_of_part(asked.wants_range, part), Span)
    return is_there and range_holds(asked.fields, found.fields, now)


async def answer(
    library: Library, found: Record, asked: Asked, send: Send, now: float, told: Told
) -> None:
    """Answer `asked` from a record that it selects. Raises Truncated in mid-body."""
    fields = found.answer_fields(now, told)
    head = found.head
    is_plain = head.status == 200
    if (
        (is_plain or found.part is not None)
        and asked.has_conditions
        and is_unmodified(asked.fields, found.fields, head.came_at, now)
    ):
        await _start(send, 304, of_not_modified(fields))
        await _end(send)
        return
    has_ranges = asked.wants_range is not None and (is_plain or found.part is not None)
    if has_ranges and await _answer_part(library, found, asked, send, fields, now):
        return
    await _start(send, head.status, sized(fields, head.status, head.size))
    if asked.method == "HEAD":
        await _end(send)
        return
    if found.body is not None:
        await _end(send, found.body)
        return
    await _stream(send, library.body(found))


async def _answer_part(
    library: Library, found: Record, asked: Asked, send: Send, fields: list[Field], now: float
) -> bool:
    """Answer a range if it is to be answered as one."""
    assert asked.wants_range is not None
    size, part = found.head.size, found.part
    if part is None and not range_holds(asked.fields, found.fields, now):
        return False
    spans: tuple[Span, ...] | Unsatisfiable | None
    if part is not None:
        one = asked_of_part(asked.wants_range, part)
        spans = (one,) if isinstance(one, Span) else one
    else:
        spans = wanted(asked.wants_range, size)
    if spans is None:
        return False
    whole = size if part is None else part.size
    if isinstance(spans, Unsatisfiable):
        fields = of_not_modified(fields)
        fields += [(b"content-range", f"bytes */{whole}".encode()), (b"content-length", b"0")]
        await _start(send, 416, fields)
        await _end(send)
        return True
    if len(spans) > 1:
        await _answer_parts(library, found, spans, send, fields)
        return True
    span, begins = spans[0], part.span.first if part is not None else 0
    fields = replaced(fields, b"content-range", content_range(span, whole))
    fields = replaced(fields, b"content-length", str(len(span)).encode())
    await _start(send, 206, fields)
    await _stream(send, library.body(found, span.first - begins, span.last - begins))
    return True


async def _answer_parts(
    library: Library, found: Record, spans: tuple[Span, ...], send: Send, fields: list[Field]
) -> None:
    """Several ranges, as multipart/byteranges (RFC 9110 section 14.6)."""
    boundary = os.urandom(12).hex().encode()
    kind = first(found.fields, b"content-type")
    heads = []
    for span in spans:
        lines = [b"--" + boundary]
        if kind is not None:
            lines.append(b"Content-Type: " + kind)
        lines.append(b"Content-Range: " + content_range(span, found.head.size))
        heads.append(b"\r\n".join((*lines, b"", b"")))
    end = b"--" + boundary + b"--\r\n"
    size = sum(len(h) + len(s) + 2 for h, s in zip(heads, spans, strict=True)) + len(end)
    fields = replaced(fields, b"content-type", b"multipart/byteranges; boundary=" + boundary)
    fields = replaced(without(fields, {b"content-range"}), b"content-length", str(size).encode())

    async def body() -> AsyncIterator[bytes]:
        for head, span in zip(heads, spans, strict=True):
            yield head
            async for data in library.body(found, span.first, span.last):
                yield data
            yield b"\r\n"
        yield end

    await _start(send, 206, fields)
    await _stream(send, body())


def sized(fields: list[Field], status: int, size: int) -> list[Field]:
    """`fields` with the length of the body, which is known, where they do not tell it."""
    if status in (204, 304) or has(fields, b"content-length"):
        return fields.copy()
    return [*fields, (b"content-length", str(size).encode("ascii"))]


def completed(part: Part, found: Record, body: bytes, span: Span) -> bytes | None:
    """The whole, of a stored part and the bytes that were missing at one end of it."""
    if part.size is None or found.body is None:
        return None
    if span.first == part.span.last + 1 and part.span.first == 0 and span.last == part.size - 1:
        return found.body + body
    if span.last == part.span.first - 1 and part.span.last == part.size - 1 and span.first == 0:
        return body + found.body
    return None


def missing(part: Part) -> Span | None:
    """The bytes that a stored part lacks, if they are in one place."""
    if part.size is None:
        return None
    if part.span.first == 0 and part.span.last < part.size - 1:
        return Span(part.span.last + 1, part.size - 1)
    if part.span.last == part.size - 1 and part.span.first > 0:
        return Span(0, part.span.first - 1)
    return None


async def _start(send: Send, status: int, fields: list[Field]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def _end(send: Send, body: bytes = b"") -> None:
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _stream(send: Send, body: AsyncIterator[bytes]) -> None:
    """Send a body with its last piece marked as the last."""
    held: bytes | None = None
    async for data in body:
        if held is not None:
            await send({"type": "http.response.body", "body": held, "more_body": True})
        held = data
    await _end(send, held or b"")
