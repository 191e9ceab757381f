"""What becomes of a stored response when the origin says something new about it.

Pure. A 304 renews it, a HEAD's answer renews or outdates it, a part completes it (RFC 9111
sections 4.3.4, 4.3.5, 3.4). Each gives the head of what there is now; whether that may still
be stored is judged anew, as of any response: the new fields may forbid it.
"""

from dataclasses import replace

from keepwarm.asgi.answering import completed
from keepwarm.asgi.asked import Asked
from keepwarm.asgi.judging import (
    LARGEST_PART,
    Came,
    Rules,
    as_part,
    as_whole,
    for_all,
    names_of,
    verdict,
)
from keepwarm.asgi.question import own_fields
from keepwarm.asgi.record import Head, Record, replaced_head
from keepwarm.asgi.reported import without_run
from keepwarm.rfc9111 import targeted
from keepwarm.rfc9111.fields import has
from keepwarm.rfc9111.ranges import joined, may_combine
from keepwarm.rfc9111.validating import freshened_by_head, updated

REPLACED = frozenset({200, 203, 404, 410})
"""Statuses of an answer to our question that say: what was asked about is no more (4.3.3)."""


def renewed(rules: Rules, base: Record, came: Came) -> Head:
    """The head of `base` after a 304."""
    control = targeted.control(came.fields, rules.targets)
    new = for_all(rules, without_run(came.fields))
    fields = updated(base.head.fields, new, control, came.came_at)
    names = sorted(names_of(rules, fields))
    return replaced_head(
        base.head,
        fields=fields,
        names=names,
        asked_at=came.asked_at,
        came_at=came.came_at,
        has_own_etag=base.head.has_own_etag or has(came.fields, b"etag"),
    )


def by_head(rules: Rules, base: Record, came: Came) -> Head | None:
    """The head of `base` after a HEAD's answer; None where that says nothing about it."""
    if base.part is not None:
        return None
    if came.status == 200 and freshened_by_head(own_fields(base), came.fields):
        return renewed(rules, base, came)
    if came.status in REPLACED:
        return replaced_head(base.head, ttl_s=0.0)  # outdated; a GET will tell by what
    return None


def by_rest(rules: Rules, base: Record, came: Came, body: bytes) -> tuple[Head, bytes] | None:
    """The whole, of a stored part and the rest in `came`; None if they make none."""
    if base.part is None or came.part is None or not came.is_whole(len(body)):
        return None
    whole = completed(base.part, base, body, came.part.span)
    if whole is None:
        return None
    return as_whole(renewed(rules, base, came), len(whole)), whole


def widened(base: Record | None, came: Came, head: Head, body: bytes) -> tuple[Head, bytes]:
    """A part together with the stored one it overlaps or touches; else as it is."""
    part = came.part
    if base is None or base.part is None or base.body is None or part is None:
        return head, body
    before = base.part
    span = joined(before.span, part.span)
    if span is None or len(span) > LARGEST_PART or before.size != part.size:
        return head, body
    if not may_combine(base.fields, came.fields):
        return head, body
    whole = bytearray(len(span))
    for found, data in ((before.span, base.body), (part.span, body)):
        whole[found.first - span.first : found.last + 1 - span.first] = data
    return as_part(head, span, part.size), bytes(whole)


def may_stay(rules: Rules, asked: Asked, head: Head, came: Came, *, saw_credentials: bool) -> bool:
    """Whether what a response has become may be stored, by what it says and who asked.

    What it was made of may be new, too: a 304 for one with credentials is a response to him.
    """
    as_get = replace(asked, method="GET") if asked.method == "HEAD" else asked
    as_stored = replace(came, status=head.status, fields=head.fields)
    return bool(verdict(rules, as_get, as_stored, saw_credentials=saw_credentials))
