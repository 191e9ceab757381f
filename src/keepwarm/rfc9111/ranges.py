"""Ranges of stored responses (RFC 9110 section 14, RFC 9111 sections 3.3 and 3.4)."""

import itertools
import re
from dataclasses import dataclass
from typing import TypeAlias

from keepwarm.rfc9111.conditionals import is_strong
from keepwarm.rfc9111.dates import date_of, parse_date
from keepwarm.rfc9111.fields import Fields, first, members

MOST_PARTS = 16  # a viewer of documents asks for a handful; 1,300 are an attack
_SPEC = re.compile(r"([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18})")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.I)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def holds(self, other: "Span") -> bool:
        return self.first <= other.first and other.last <= self.last


class Unsatisfiable:
    """No byte of what was asked for is there: 416."""


Wanted: TypeAlias = "tuple[Span, ...] | Unsatisfiable | None"


def wanted(value: str, size: int) -> Wanted:
    """The spans that a Range field asks for of `size` bytes; None where it is to be ignored.

    Ignored is what is not understood, and what asks for more than it is worth: too many
    parts, parts that overlap, or more bytes in all than there are (14.2).
    """
    unit, found, specs = value.partition("=")
    if not found or unit.strip(" \t").lower() != "bytes":
        return None
    parts = members(specs)
    if not parts or len(parts) > MOST_PARTS:
        return None
    spans: list[Span] = []
    for part in parts:
        match = _SPEC.fullmatch(part)
        if match is None:
            return None
        start, end, suffix = match.groups()
        if suffix is not None:
            if int(suffix) and size:
                spans.append(Span(max(0, size - int(suffix)), size - 1))
            continue
        if end and int(end) < int(start):
            return None
        if int(start) < size:
            spans.append(Span(int(start), min(int(end), size - 1) if end else size - 1))
    if not spans:
        return Unsatisfiable()
    if len(spans) > 1:
        ordered = sorted(spans, key=lambda span: span.first)
        for before, after in itertools.pairwise(ordered):
            if after.first <= before.last:
                return None
    return tuple(spans)


@dataclass(frozen=True, slots=True)
class Part:
    """What a 206 holds: a span, of so many bytes in all (None: it does not say)."""

    span: Span
    size: int | None


def part_of(fields: Fields) -> Part | None:
    """The one part in a 206; None where there are several, or none that can be read."""
    raw = first(fields, b"content-range")
    match = _CONTENT_RANGE.fullmatch(raw.decode("latin-1").strip(" \t")) if raw else None
    if match is None:
        return None
    start, last, size = int(match[1]), int(match[2]), match[3]
    if last < start or (size != "*" and last >= int(size)):
        return None
    return Part(Span(start, last), None if size == "*" else int(size))


def asked_of_part(value: str, part: Part) -> Span | Unsatisfiable | None:
    """The one span a Range field asks for, if `part` answers it; None if it does not."""
    if part.size is not None:
        found = wanted(value, part.size)
        if isinstance(found, Unsatisfiable):
            return found
        if found is None or len(found) != 1:
            return None
        return found[0] if part.span.holds(found[0]) else None
    unit, _, spec = value.partition("=")
    match = _SPEC.fullmatch(spec.strip(" \t"))
    if unit.strip(" \t").lower() != "bytes" or match is None or not match[2]:
        return None
    span = Span(int(match[1]), int(match[2]))
    return span if len(span) > 0 and part.span.holds(span) else None


def content_range(span: Span, size: int | None) -> bytes:
    return f"bytes {span.first}-{span.last}/{'*' if size is None else size}".encode("ascii")


def may_combine(stored: Fields, new: Fields) -> bool:
    """Whether two parts are of the same bytes: the same strong validator (3.4)."""
    etag = first(stored, b"etag")
    return is_strong(etag) and etag == first(new, b"etag")


def joined(before: Span, after: Span) -> Span | None:
    """One span of both, or None where bytes between them are missing."""
    if before.first > after.last + 1 or after.first > before.last + 1:
        return None
    return Span(min(before.first, after.first), max(before.last, after.last))


def range_holds(request: Fields, stored: Fields, now: float) -> bool:
    """Whether If-Range, if there is one, allows a part of what is stored (RFC 9110 13.1.5)."""
    raw = first(request, b"if-range")
    if raw is None:
        return True
    text = raw.decode("latin-1").strip(" \t")
    if '"' in text:
        etag = first(stored, b"etag")
        return is_strong(etag) and etag == text.encode("latin-1")
    asked_at = parse_date(text, now)
    changed_at = date_of(stored, b"last-modified", now)
    made_at = date_of(stored, b"date", now)
    if asked_at is None or asked_at != changed_at:
        return False
    # A date tells two versions of one second apart only if it lies back (8.8.2.2).
    return made_at is None or made_at - changed_at >= 1
