"""Targeted cache control (RFC 9213): a field for one class of caches, before Cache-Control.

Read only by a cache that is one of them. A field that is not a structured dictionary is as
if it were not there; a directive of the wrong type likewise.
"""

from collections.abc import Iterable

from keepwarm.rfc9111.directives import (
    MOST_S,
    NOTHING_SAID,
    ResponseControl,
    response_control,
)
from keepwarm.rfc9111.fields import Fields, combined, names
from keepwarm.rfc9111.structured import Item, Malformed, dictionary

OURS = b"keepwarm-cdn-cache-control"
CDN = b"cdn-cache-control"
TARGETS = (OURS, CDN)


def control(fields: Fields, targets: Iterable[bytes] = ()) -> ResponseControl:
    """What applies to this cache: the first of `targets` that is valid, else Cache-Control."""
    for target in targets:
        text = combined(fields, target)
        if text is None:
            continue
        try:
            said = dictionary(text)
        except Malformed:
            continue
        if said:
            return _control(said)
    return response_control(fields)


def _control(said: dict[str, Item]) -> ResponseControl:
    def age(name: str) -> int | None:
        found = said.get(name)
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            return None
        return min(found, MOST_S)

    def flag(name: str) -> bool:
        return said.get(name) is True

    def restricts(name: str) -> bool:
        # Whatever value it has by mistake: what is meant to keep something out does.
        return said.get(name, False) is not False

    def qualified(name: str) -> tuple[bool, frozenset[bytes]]:
        found = said.get(name)
        if isinstance(found, str) and (listed := names(found)):
            return False, frozenset(name.encode("latin-1") for name in listed)
        return found is not None and found is not False, frozenset()

    no_cache, hidden = qualified("no-cache")
    private, private_fields = qualified("private")
    return ResponseControl(
        max_age=age("max-age"),
        s_maxage=age("s-maxage"),
        no_store=restricts("no-store"),
        no_cache=no_cache,
        private=private,
        public=flag("public"),
        must_revalidate=restricts("must-revalidate"),
        proxy_revalidate=restricts("proxy-revalidate"),
        must_understand=flag("must-understand"),
        immutable=flag("immutable"),
        stale_while_revalidate=age("stale-while-revalidate"),
        stale_if_error=age("stale-if-error"),
        hidden=hidden,
        private_fields=private_fields,
        is_targeted=True,
    )


def downstream_age_s(fields: Fields) -> int | None:
    """How long caches after this one may hold the response: Cache-Control's max-age."""
    said = response_control(fields)
    if said is NOTHING_SAID:
        return None
    return said.max_age
