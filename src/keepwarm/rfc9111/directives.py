"""Cache-Control, read without ever failing (RFC 9111 section 5.2).

What restricts counts however oddly it is written; what prolongs counts only if it is
written right. A lifetime that is not a whole number is INVALID, and so stale (4.2.1).
Where a directive comes twice, the first one is taken.
"""

import re
from dataclasses import dataclass, field

from keepwarm.rfc9111.fields import Fields, combined, is_token, members, names, unquoted

INVALID = -1
MOST_S = 2_147_483_648  # section 1.2.2: greater ones are taken as this
_MOST_DIGITS = 10
_RESTRICTING = re.compile(r"(?<![\w-])(?:no-store|no-cache|private)(?![\w-])", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9_-]+")  # of a field; a token may hold more, such as quotes


@dataclass(frozen=True, slots=True)
class ResponseControl:
    """What a response says about storing and reusing it. Seconds; None: not said."""

    max_age: int | None = None
    s_maxage: int | None = None
    no_store: bool = False
    no_cache: bool = False
    private: bool = False
    public: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    immutable: bool = False
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None
    hidden: frozenset[bytes] = field(default_factory=frozenset)
    """Fields that `no-cache="..."` names: not to be reused without validation."""
    private_fields: frozenset[bytes] = field(default_factory=frozenset)
    """Fields that `private="..."` names: not for a shared cache."""
    is_targeted: bool = False
    """Read from a targeted field (RFC 9213), so that Expires does not count."""


@dataclass(frozen=True, slots=True)
class RequestControl:
    """What a request says about what it would be answered with. Seconds; None: not said."""

    no_store: bool = False
    no_cache: bool = False
    only_if_cached: bool = False
    max_age: int | None = None
    min_fresh: int | None = None
    max_stale: float | None = None
    stale_if_error: int | None = None


NOTHING_ASKED = RequestControl()


def seconds(text: str | None) -> int:
    """`delta-seconds`, also quoted; INVALID for anything else."""
    if text is None:
        return INVALID
    bare = unquoted(text)
    if bare is None or not (bare.isascii() and bare.isdigit()):
        return INVALID
    digits = bare.lstrip("0")
    return MOST_S if len(digits) > _MOST_DIGITS else min(int(digits or "0"), MOST_S)


def is_value(text: str) -> bool:
    return unquoted(text.strip(" \t")) is not None


def parse(text: str) -> dict[str, list[str | None]]:
    """Directives by lower-case name, each with its raw values in their order."""
    found: dict[str, list[str | None]] = {}
    for member in members(text):
        name, has_value, value = member.partition("=")
        if not (is_token(name.strip(" \t")) and (not has_value or is_value(value))):
            # "private; max-age=60", "max-age=60 no-store": not valid, but not to be missed.
            for word in _RESTRICTING.findall(member):
                found.setdefault(word.lower(), []).append(None)
        # "max-age =1" is a max-age, though not a valid one: the name must not escape us.
        is_odd = bool(has_value) and (name[-1:] in (" ", "\t") or value[:1] in (" ", "\t"))
        raw = ("\0" if is_odd else value) if has_value else None
        found.setdefault(name.strip(" \t").lower(), []).append(raw)
    return found


def response_control(fields: Fields) -> ResponseControl:
    """Cache-Control of a response; other fields are not looked at."""
    text = combined(fields, b"cache-control")
    if not text:
        return NOTHING_SAID
    said = parse(text)

    def age(name: str) -> int | None:
        return seconds(said[name][0]) if name in said else None

    no_cache, hidden = _qualified(said.get("no-cache"))
    private, private_fields = _qualified(said.get("private"))
    return ResponseControl(
        max_age=age("max-age"),
        s_maxage=age("s-maxage"),
        no_store="no-store" in said,
        no_cache=no_cache,
        private=private,
        public="public" in said,
        must_revalidate="must-revalidate" in said,
        proxy_revalidate="proxy-revalidate" in said,
        must_understand="must-understand" in said,
        immutable="immutable" in said,
        stale_while_revalidate=_window(age("stale-while-revalidate")),
        stale_if_error=_window(age("stale-if-error")),
        hidden=hidden,
        private_fields=private_fields,
    )


NOTHING_SAID = ResponseControl()


def _window(found: int | None) -> int | None:
    return None if found == INVALID else found


def _qualified(raw: list[str | None] | None) -> tuple[bool, frozenset[bytes]]:
    """(said of the whole response, fields it is said of). A list that cannot be read: whole."""
    if raw is None:
        return False, frozenset()
    named: set[bytes] = set()
    for value in raw:
        inner = unquoted(value) if value is not None else None
        listed = names(inner) if inner is not None else []
        if not listed or not all(map(_NAME.fullmatch, listed)):
            return True, frozenset()
        named.update(name.encode("latin-1") for name in listed)
    return False, frozenset(named)


_KNOWN = frozenset(
    {"no-store", "no-cache", "only-if-cached", "max-age", "min-fresh", "max-stale"}
)  # fmt: skip


def request_control(fields: Fields) -> RequestControl:
    """Cache-Control of a request, or Pragma where that says nothing we know (5.4)."""
    text = combined(fields, b"cache-control")
    said = parse(text) if text else {}
    pragma = combined(fields, b"pragma")
    if pragma and _KNOWN.isdisjoint(said) and "no-cache" in parse(pragma):
        said = said | {"no-cache": [None]}
    if not said:
        return NOTHING_ASKED

    def age(name: str) -> int | None:
        return seconds(said[name][0]) if name in said else None

    def harmless(name: str) -> int | None:
        return None if (found := age(name)) == INVALID else found

    max_stale: float | None = None
    if "max-stale" in said:
        raw = said["max-stale"][0]
        found = seconds(raw)
        max_stale = float("inf") if raw is None else None if found == INVALID else found
    return RequestControl(
        no_store="no-store" in said,
        no_cache="no-cache" in said,
        only_if_cached="only-if-cached" in said,
        # A max-age that cannot be read asked for something fresh: INVALID is below any age.
        max_age=age("max-age"),
        min_fresh=harmless("min-fresh"),
        max_stale=max_stale,
        stale_if_error=harmless("stale-if-error"),
    )
