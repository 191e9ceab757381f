"""A stored response: as bytes on the shelf, and as what answers are made from."""

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeAlias

import msgspec

from keepwarm.asgi.reported import of_hit
from keepwarm.asgi.summary import CACHE_NAME
from keepwarm.core.entry import Stored
from keepwarm.core.steps import Subject
from keepwarm.engine.shelf import Held
from keepwarm.rfc9111 import targeted
from keepwarm.rfc9111.dates import format_date
from keepwarm.rfc9111.directives import ResponseControl
from keepwarm.rfc9111.fields import Field, has, replaced, without
from keepwarm.rfc9111.freshness import Basis, Lifetime, initial_age, lifetime
from keepwarm.rfc9111.ranges import Part, Span
from keepwarm.rfc9111.reusing import Terms
from keepwarm.rfc9111.status import Told, member, whole

INLINE_BYTES = 64 * 1024
"""Bodies up to this lie with their head in one entry; longer ones in pieces of their own."""
PIECE_BYTES = 256 * 1024  # what a single-threaded store moves in well under a millisecond
MOST_VARIANTS = 32  # of one URL; the one stored longest ago goes first
_RECORD_BYTES, _FIELD_BYTES = 2_500, 220  # measured: objects, and a name and value each
MOST_HEADS = 2_048  # remembered as decoded: about 10 MB
MOST_VARIES = 4  # different Vary fields of one URL


class Head(msgspec.Struct, array_like=True, frozen=True):
    """All of a stored response but its body. Instants are Unix seconds."""

    status: int
    fields: list[tuple[bytes, bytes]]
    asked_at: float
    came_at: float
    size: int
    names: list[bytes]
    """The request fields that it varies on."""
    pieces: str = ""
    """Whose pieces its body is in; empty where it follows the head."""
    pieces_until: float = 0.0
    has_own_etag: bool = True
    part: tuple[int, int, int | None] | None = None
    """First and last byte and the size of the whole, of a 206."""
    ttl_s: float | None = None
    stale_while_revalidate_s: float | None = None
    stale_if_error_s: float | None = None
    is_declared: bool = False
    is_private: bool = False
    is_impersonal: bool = False
    """Made for a request with credentials, of which the app looked at none."""
    had_authorization: bool = False
    may_guess: bool = True
    cost_ms: float | None = None
    """What the run that made it had cost; None where it does not report."""
    ignored: list[bytes] = []
    """The fields with credentials that the app did not look at, if it looked at none."""


def replaced_head(head: Head, **changes: object) -> Head:
    return msgspec.structs.replace(head, **changes)


class Index(msgspec.Struct, array_like=True, frozen=True):
    """What a URL varies on: each set of names with the variants that are stored, oldest first."""

    sets: list[tuple[list[bytes], list[str]]]


_HEAD = msgspec.msgpack.Decoder(Head)
_INDEX = msgspec.msgpack.Decoder(Index)
_write = msgspec.msgpack.Encoder().encode
_IS_RESPONSE, _IS_INDEX = b"\x01", b"\x02"


@dataclass(slots=True)
class Hit:
    """The fields of a fresh answer in one second of its age: the same for all who ask then."""

    second: int | None = None
    fields: list[Field] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Record:
    """A stored response, ready to answer from."""

    head: Head
    body: bytes | None
    """None where it lies in pieces."""
    subject: Subject
    stored: Stored | None
    """The entry it came from; None for one that could not be stored."""
    terms: Terms
    proven_at: float
    as_of: int = 0
    """The position at which it was last compared with the store."""
    is_current: bool = True
    fields: list[Field] = field(default_factory=list)
    was_used: bool = True
    fresh_until: float = 0.0
    ready_until: float = 0.0
    """Until when a plain GET may get it without a look at anything else."""
    hit: Hit = field(default_factory=Hit)
    held: Held | None = None
    """By what it was last found current, in the near tier."""
    shown: list[Field] = field(default_factory=list)
    shown_until: float = float("-inf")
    """The fields of a fresh answer, and until when they are right, on the clock of leases."""

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def part(self) -> Part | None:
        part = self.head.part
        return None if part is None else Part(Span(part[0], part[1]), part[2])

    def keep_as(self, stored: Stored | None) -> None:
        """It lies in the cache as `stored`, and is no fresher than the values it is made of."""
        terms = self.terms
        self.stored, self.held, self.shown_until = stored, None, float("-inf")
        self.fresh_until = terms.came_at + terms.lifetime.seconds - terms.initial_age
        if stored is not None:
            self.fresh_until = min(self.fresh_until, stored.terms.fresh_until)
        head = self.head
        is_for_any = head.part is None and not head.is_private and self.body is not None
        self.ready_until = self.fresh_until if is_for_any and not terms.control.no_cache else 0.0

    @property
    def is_nameable(self) -> bool:
        """Whether the origin can say by a 304 that this is what it would send."""
        head = self.head
        is_whole = head.status == 200 and head.part is None and self.body is not None
        return is_whole and head.has_own_etag and has(self.fields, b"etag")

    @property
    def weight(self) -> int:
        """What it costs in this process, in bytes, about."""
        size = len(self.body) if self.body is not None else 0
        return _RECORD_BYTES + size + _FIELD_BYTES * len(self.fields)

    def hit_fields(self, now: float) -> list[Field]:
        """The fields of a fresh answer at `now`: made once a second, not once a request."""
        age = self.terms.initial_age + now - self.terms.came_at
        hit, second = self.hit, int(age)
        if second != hit.second:
            told = Told(ttl_s=self.terms.lifetime.seconds - age)
            hit.fields = self.answer_fields(now, told)
            hit.second = second
        return hit.fields

    def show(self, now: float, boot: float | None) -> None:
        """Make `shown` what a fresh answer has at `now`, which is `boot` on the clock of leases.

        Good until the age is another or the lifetime ends; where `boot` is None, just now.
        """
        self.shown = self.hit_fields(now)
        if boot is not None and self.hit.second is not None:
            ages = self.terms.came_at - self.terms.initial_age + self.hit.second + 1
            self.shown_until = boot + min(ages, self.ready_until) - now

    def answer_fields(self, now: float, told: Told) -> list[Field]:
        age = max(0, whole(self.terms.age(now)))
        fields, cost = self.fields, self.head.cost_ms
        if cost is not None and told.forward is None:
            fields = [*fields, *of_hit(cost, is_stale=bool(told.detail))]
        if self.terms.control.is_targeted or self.head.ttl_s is not None:
            for_others = _for_others(fields, age, now)
            if for_others is not fields:
                return [*for_others, (b"cache-status", member(CACHE_NAME, told))]
        status = (b"cache-status", member(CACHE_NAME, told))
        if told.is_new and not has(self.head.fields, b"age"):
            return [*fields, status]  # Age would say that nobody asked the origin (5.1)
        return [*fields, (b"age", str(age).encode("ascii")), status]


def _for_others(fields: list[Field], age: int, now: float) -> list[Field]:
    """What caches behind this one can use, of a response that by their rules is too old.

    RFC 9213 section 2.3: fresh here by a field of our own, and ended here when it changes,
    it begins for them when it leaves us.
    """
    lasts = targeted.downstream_age_s(fields)
    if lasts is None or lasts <= 0 or age <= lasts:
        return fields
    renewed = replaced(fields, b"date", format_date(now))
    if has(renewed, b"expires"):
        renewed = replaced(renewed, b"expires", format_date(now + lasts))
    return renewed


Shelved: TypeAlias = Record | Index


def pack(head: Head, body: bytes = b"") -> bytes:
    """A response as one entry; `body` is left out where it lies in pieces."""
    data = _write(head)
    return b"".join((_IS_RESPONSE, len(data).to_bytes(4, "big"), data, body))


def pack_index(index: Index) -> bytes:
    return _IS_INDEX + _write(index)


def unpack(
    payload: bytes, subject: Subject, stored: Stored, proven_at: float, targets: tuple[bytes, ...]
) -> Shelved | None:
    """What an entry holds; None for bytes that are none of ours."""
    try:
        if payload[:1] == _IS_INDEX:
            return _INDEX.decode(payload[1:])
        if payload[:1] != _IS_RESPONSE:
            return None
        ends = 5 + int.from_bytes(payload[1:5], "big")
        head, terms, fields, hit = _read_head(payload[5:ends], targets)
    except msgspec.DecodeError:
        return None
    if not math.isfinite(head.asked_at) or not math.isfinite(head.came_at):
        return None
    body = None if head.pieces else payload[ends:]
    if body is not None and len(body) != head.size:
        return None
    made = Record(head, body, subject, None, terms, proven_at, fields=fields, hit=hit)
    made.keep_as(stored)
    return made


def record(
    head: Head,
    body: bytes | None,
    subject: Subject,
    stored: Stored | None,
    proven_at: float,
    targets: tuple[bytes, ...],
) -> Record:
    terms, fields = terms_of(head, targets), _sent_fields(head, targets)
    made = Record(head, body, subject, None, terms, proven_at, fields=fields)
    made.keep_as(stored)
    return made


def _sent_fields(head: Head, targets: tuple[bytes, ...]) -> list[Field]:
    """What every answer has of a stored response's fields."""
    fields = without(head.fields, {b"age", *targets})
    if head.part is None and head.status != 204 and not has(fields, b"content-length"):
        fields.append((b"content-length", str(head.size).encode("ascii")))
    return fields


@lru_cache(maxsize=MOST_HEADS)
def _read_head(data: bytes, targets: tuple[bytes, ...]) -> tuple[Head, Terms, list[Field], Hit]:
    """A head and all that follows from it; the same bytes say the same. Not to be changed."""
    head = _HEAD.decode(data)
    return head, terms_of(head, targets), _sent_fields(head, targets), Hit()


def terms_of(head: Head, targets: tuple[bytes, ...] = ()) -> Terms:
    """By what a stored response is judged: what it says, and what its route was declared to be."""
    control = targeted.control(head.fields, targets)
    return Terms(
        with_policy(control, head.stale_while_revalidate_s, head.stale_if_error_s),
        lifetime_of(head, control),
        head.came_at,
        initial_age(head.fields, head.asked_at, head.came_at) if head.ttl_s is None else 0.0,
        is_shared=not head.is_private,
    )


def lifetime_of(head: Head, control: ResponseControl) -> Lifetime:
    if head.ttl_s is not None:
        return Lifetime(head.ttl_s, Basis.POLICY)
    return lifetime(
        head.status,
        head.fields,
        control,
        head.came_at,
        is_shared=not head.is_private,
        may_guess=head.may_guess,
    )


def with_policy(
    control: ResponseControl, revalidate_s: float | None, error_s: float | None
) -> ResponseControl:
    """`control` with the stale windows of a declared route where it names none."""
    if revalidate_s is None and error_s is None:
        return control
    changes: dict[str, int] = {}
    if revalidate_s is not None and control.stale_while_revalidate is None:
        changes["stale_while_revalidate"] = int(revalidate_s)
    if error_s is not None and control.stale_if_error is None:
        changes["stale_if_error"] = int(error_s)
    return replace(control, **changes)  # type: ignore[arg-type]
