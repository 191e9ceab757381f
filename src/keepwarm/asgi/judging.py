"""What becomes of a response that the app made: whether it is stored, and under which head."""

from collections.abc import Iterable
from dataclasses import dataclass

from keepwarm.asgi.asked import Asked
from keepwarm.asgi.record import Head, replaced_head, with_policy
from keepwarm.asgi.reported import cost_ms, without_run
from keepwarm.asgi.routes import Immutable, PerUser, Shared
from keepwarm.rfc9111 import targeted
from keepwarm.rfc9111.dates import format_date
from keepwarm.rfc9111.directives import ResponseControl
from keepwarm.rfc9111.fields import Field, Fields, first, has, replaced, without
from keepwarm.rfc9111.freshness import Basis, Lifetime, lifetime
from keepwarm.rfc9111.ranges import Part, Span, content_range, part_of
from keepwarm.rfc9111.selecting import vary_names
from keepwarm.rfc9111.storing import Verdict, shared_cookies, storable, to_store

LARGEST_PART = 1024 * 1024  # of a 206 that is kept to be served from, or completed

_POLICY_STATUSES = frozenset({200, 203, 301, 308})
"""Statuses whose responses a route's ttl is for; others need a lifetime of their own."""
_DICTIONARIES = (b"dcb", b"dcz")


@dataclass(frozen=True, slots=True)
class Rules:
    """By what a route's responses are judged: the middleware's settings and its policy."""

    policy: Shared | PerUser | Immutable | None
    is_private: bool
    declared_only: bool
    targets: tuple[bytes, ...]
    max_body: int
    share_cookies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Came:
    """A response's head as the app sent it, names in lower case. Instants are Unix seconds."""

    status: int
    fields: list[Field]
    asked_at: float
    came_at: float
    has_trailers: bool = False

    @property
    def size(self) -> int | None:
        """The length it says its body has."""
        raw = first(self.fields, b"content-length")
        return int(raw) if raw is not None and raw.isdigit() and len(raw) < 19 else None

    @property
    def part(self) -> Part | None:
        return part_of(self.fields) if self.status == 206 else None

    def is_whole(self, size: int) -> bool:
        """Whether no byte is missing from a body of `size` bytes, as far as it tells."""
        if self.size is not None and self.size != size:
            return False
        return self.part is None or len(self.part.span) == size


def judged(rules: Rules, came: Came) -> tuple[ResponseControl, Lifetime]:
    """What applies to a response: its directives, its lifetime."""
    control, policy = targeted.control(came.fields, rules.targets), rules.policy
    if policy is not None:
        control = with_policy(control, policy.stale_while_revalidate_s, policy.stale_if_error_s)
        ttl_s = _ttl_s(rules, came)
        if ttl_s is not None:
            return control, Lifetime(ttl_s, Basis.POLICY)
    found = lifetime(
        came.status,
        came.fields,
        control,
        came.came_at,
        is_shared=not rules.is_private,
        may_guess=not rules.declared_only,
    )
    return control, found


def verdict(rules: Rules, asked: Asked, came: Came, *, saw_credentials: bool) -> Verdict:
    """Whether a response may be stored, by the RFC and by what is declared of its route."""
    if not asked.is_cacheable_method:
        return Verdict(False, "method")
    if came.has_trailers or _is_stream(came.fields):
        return Verdict(False, "stream")
    control, lasts = judged(rules, came)
    if rules.policy is None and rules.declared_only:
        if not _is_public(control):
            return Verdict(False, "undeclared")
        if saw_credentials:
            return Verdict(False, "credentials")
    found = storable(
        asked.method,
        came.status,
        came.fields,
        control,
        lasts,
        asked.control,
        is_shared=not rules.is_private,
        has_authorization=asked.has_authorization,
        is_declared=rules.policy is not None,
        may_set_cookie=not rules.declared_only,
    )
    if not found:
        return found
    if came.status == 206 and (came.part is None or asked.wants_range is None):
        return Verdict(False, "part")
    if came.status == 416:
        return Verdict(False, "part")  # it answers a range, which no key tells apart
    most = LARGEST_PART if came.status == 206 else rules.max_body
    if came.size is not None and came.size > most:
        return Verdict(False, "too-large")
    return found


def for_all(rules: Rules, fields: list[Field]) -> list[Field]:
    """`fields` without those that only the client who caused the response may get."""
    return fields if rules.is_private else shared_cookies(fields, rules.share_cookies)


def cookies_of(came: Came, stored: Fields) -> list[Field]:
    """The cookies in a response that what is stored of it lacks."""
    return [field for field in came.fields if field[0] == b"set-cookie" and field not in stored]


def says_public(rules: Rules, came: Came) -> bool:
    """Whether a response says of itself that it is for everybody."""
    return _is_public(targeted.control(came.fields, rules.targets))


def _is_public(control: ResponseControl) -> bool:
    return control.public or (control.s_maxage or 0) > 0


LASTING_REASONS = frozenset(
    {
        *("no-store", "private", "vary-star", "set-cookie", "no-lifetime", "expired", "stream"),
        *("undeclared", "must-understand", "too-large", "credentials"),
    }
)
"""Reasons that the next response of the URL will have, too, as far as one can tell."""


def head_of(
    rules: Rules, asked: Asked, came: Came, size: int, *, is_impersonal: bool = False
) -> Head:
    """What is stored of a response beside its body."""
    control, _ = judged(rules, came)
    policy, part = rules.policy, came.part
    fields = to_store(came.fields, control, is_shared=not rules.is_private)
    fields = for_all(rules, without_run(fields))
    if not rules.declared_only and not has(fields, b"date"):
        fields.append((b"date", format_date(came.came_at)))
    if policy is not None:
        fields = varied(fields, policy.vary)
    return Head(
        status=came.status,
        fields=fields,
        asked_at=came.asked_at,
        came_at=came.came_at,
        size=size,
        names=sorted(names_of(rules, fields)),
        part=(part.span.first, part.span.last, part.size) if part is not None else None,
        ttl_s=_ttl_s(rules, came),
        stale_while_revalidate_s=policy.stale_while_revalidate_s if policy is not None else None,
        stale_if_error_s=policy.stale_if_error_s if policy is not None else None,
        is_declared=policy is not None,
        is_private=rules.is_private,
        is_impersonal=is_impersonal,
        had_authorization=asked.has_authorization or asked.has_api_key,
        may_guess=not rules.declared_only,
        cost_ms=cost_ms(came.fields),
    )


def names_of(rules: Rules, fields: list[Field]) -> set[bytes]:
    """The request fields that a stored response with these fields varies on."""
    names = set(vary_names(fields) or ())
    if rules.policy is not None:
        names |= set(rules.policy.vary)
    coding = first(fields, b"content-encoding")
    if coding is not None:
        names.add(b"accept-encoding")
        if coding.lower() in _DICTIONARIES:
            names.add(b"available-dictionary")
    return names


def _ttl_s(rules: Rules, came: Came) -> float | None:
    if rules.policy is None or came.status not in _POLICY_STATUSES:
        return None
    return rules.policy.ttl_s


def with_etag(head: Head, digest: bytes) -> Head:
    """A strong ETag for a 200 that has none: its bytes are known."""
    if head.status != 200 or has(head.fields, b"etag"):
        return head
    etag = b'"kw-' + digest.hex().encode("ascii") + b'"'
    return replaced_head(head, fields=[*head.fields, (b"etag", etag)], has_own_etag=False)


def as_part(head: Head, span: Span, size: int | None) -> Head:
    """The head of a part that was put together; of the whole, if that is what it is now."""
    if size is not None and len(span) == size:
        return as_whole(head, size)
    fields = replaced(head.fields, b"content-range", content_range(span, size))
    fields = replaced(fields, b"content-length", str(len(span)).encode("ascii"))
    return replaced_head(head, part=(span.first, span.last, size), size=len(span), fields=fields)


def as_whole(head: Head, size: int) -> Head:
    fields = without(head.fields, {b"content-range", b"content-length"})
    return replaced_head(head, status=200, part=None, size=size, fields=fields)


def varied(fields: list[Field], names: Iterable[bytes]) -> list[Field]:
    """`fields` whose Vary tells caches behind us, too, what tells responses apart here."""
    said = vary_names(fields)
    more = [name for name in names if said is not None and name not in said]
    return [*fields, (b"vary", b", ".join(more))] if more else fields


def _is_stream(fields: list[Field]) -> bool:
    kind = first(fields, b"content-type")
    return kind is not None and kind.lower().startswith(b"text/event-stream")
