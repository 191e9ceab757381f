"""Exchanges through the proxy, from RFC 9110, 9111, 9211, 9213, 5861, 8246 and 9875."""

from .table import (
    FRESH,
    STALE,
    Case,
    Response,
    Step,
    cc,
    confirmed,
    date,
    first,
    hit,
    miss,
    optional,
    required,
    stored,
    unstored,
)

ETAG = 'ETag: "abc"'
LM = f"Last-Modified: {date(-100_000)}"

FRESHNESS = [
    stored("9111-4.2.1-max-age", *FRESH),
    stored("9111-4.2.1-s-maxage", *cc("s-maxage=3600")),
    stored("9111-4.2.1-s-maxage-over-max-age", *cc("max-age=0, s-maxage=3600")),
    stored("9111-4.2.1-max-age-over-expires", *FRESH, f"Expires: {date(-9)}"),
    stored("9111-4.2.1-expires", f"Expires: {date(3600)}", f"Date: {date(0)}"),
    stored("9111-4.2.1-max-age-on-a-second-line", *cc("public", "max-age=3600")),
    stored("9111-5.2-case", *cc("MaX-aGe=3600")),
    stored("9111-5.2-unknown-directive", *cc("foo=bar, max-age=3600")),
    stored("9111-5.2-unknown-quoted", *cc('foo="no-store, max-age=0", max-age=3600')),
    stored("9111-5.2-spaces", *cc("  max-age=3600 ,, public ,")),
    stored("9111-1.2.2-64-bits", *cc("max-age=99999999999")),
    stored("9111-1.2.2-beyond-64-bits", *cc("max-age=99999999999999999999999")),
    stored("9111-4.2.3-age-within", *FRESH, "Age: 1800"),
    stored("9111-4.2.2-heuristic-200", LM, f"Date: {date(0)}"),
    stored("9111-4.2.2-heuristic-404", LM, f"Date: {date(0)}", status=404),
    stored("9111-4.2.2-heuristic-301", LM, f"Date: {date(0)}", status=301),
    stored("9111-3-explicit-299", *FRESH, status=299),
    stored("9111-3-explicit-400", *FRESH, status=400),
    stored("9111-3-explicit-499", *FRESH, status=499),
    stored("9111-3-explicit-503", *FRESH, status=503),
    stored("9111-3-explicit-599", *FRESH, status=599),
    stored("9111-3-explicit-302", *FRESH, "Location: /x", status=302),
    unstored("9111-4.2.1-max-age-0", *cc("max-age=0")),
    unstored("9111-4.2.1-s-maxage-0-over-max-age", *cc("max-age=3600, s-maxage=0")),
    unstored("9111-4.2.1-expires-past", f"Expires: {date(-9)}"),
    unstored("9111-5.3-expires-0", "Expires: 0"),
    unstored("9111-5.3-expires-invalid", "Expires: tomorrow"),
    unstored("9111-5.3-expires-two-lines", "Expires: 0", f"Expires: {date(3600)}"),
    unstored("9111-4.2.3-age-beyond", *STALE),
    unstored("9111-4.2.3-date-long-ago", *cc("max-age=60"), f"Date: {date(-99)}"),
    unstored("9111-4.2.3-age-first-member", *cc("max-age=60"), "Age: 99, 0"),
    unstored("9111-4.2.2-no-freshness"),
    unstored("9111-4.2.2-heuristic-not-for-403", LM, status=403),
    unstored("9111-4.2.2-heuristic-not-for-500", LM, status=500),
    unstored("9111-4.2.2-heuristic-not-for-599", LM, status=599),
]

STORING = [
    unstored("9111-5.2.2.5-no-store", *cc("no-store, max-age=3600")),
    unstored("9111-5.2.2.5-no-store-case", *cc("No-StOrE, max-age=3600")),
    unstored("9111-5.2.2.5-no-store-second-line", *cc("max-age=3600", "no-store")),
    unstored("9111-5.2.2.5-no-store-after-quotes", *cc('max-age=3600, a="b,c", no-store')),
    unstored("9111-5.2.2.4-no-cache", *cc("no-cache, max-age=3600")),
    unstored("9111-5.2.2.7-private", *cc("private, max-age=3600")),
    unstored("9111-5.2.2.7-private-case", *cc("PRIVATE, max-age=3600")),
    unstored("9111-3.5-authorization", *FRESH, asking=("Authorization: Basic Zm9v",)),
    unstored("9111-4.1-vary-star", *FRESH, "Vary: *"),
    unstored("9111-4.1-vary-star-in-a-list", *FRESH, "Vary: Accept, *"),
    unstored("9111-4.1-vary-star-second-line", *FRESH, "Vary: Accept", "Vary: *"),
    unstored("9111-7.3-set-cookie", LM, "Set-Cookie: id=1"),
    required(
        "9111-7.3-set-cookie-is-for-one",
        first(*FRESH, "Set-Cookie: id=1", has=("Set-Cookie: id=1",)),
        hit(lacks=("Set-Cookie",)),
    ),
    required(
        "9111-5.2.1.5-request-no-store",
        first(*FRESH, fields=cc("no-store")),
        miss(*FRESH),
    ),
    optional(
        "9111-3.5-authorization-public",
        first(*cc("public, max-age=3600"), fields=("Authorization: Basic Zm9v",)),
        hit(fields=("Authorization: Basic Zm9v",)),
    ),
    optional(
        "9111-3.5-authorization-s-maxage",
        first(*cc("s-maxage=3600"), fields=("Authorization: Basic Zm9v",)),
        hit(fields=("Authorization: Basic Zm9v",)),
    ),
    optional(
        "9111-5.2.2.3-must-understand",
        first(*cc("max-age=3600, no-store, must-understand")),
        hit(),
    ),
    required(
        "9111-5.2.2.3-must-understand-unknown",
        first(*cc("max-age=3600, must-understand"), status=299),
        miss(*FRESH, status=299),
    ),
    required(
        "9111-3.1-connection-listed",
        first(*FRESH, "Connection: a, b", "a: 1", "b: 2", "c: 3"),
        hit(lacks=("a", "b"), has=("c: 3",)),
    ),
    required(
        "9111-3.1-end-to-end-kept",
        first(*FRESH, "X-Two: 1", "X-Two: 2", "Foo: caf\xe9", "Content-Type: text/x"),
        hit(has=("X-Two: 1", "X-Two: 2", "Foo: caf\xe9", "Content-Type: text/x")),
    ),
    required(
        "9111-3.3-incomplete",
        Step("not-cached", Response(FRESH, cuts=True)),
        miss(*FRESH),
    ),
    required("9111-4-post-not-from-get", first(*FRESH), miss(*FRESH, method="POST", content="x")),
    required("9111-4-get-not-from-post", miss(*FRESH, method="POST", content="x"), miss(*FRESH)),
    required("9111-2-query-tells-apart", first(*FRESH), miss(*FRESH, suffix="?a=b")),
    required("9110-15.2-interim-before", Step(
        "miss", Response(FRESH, interim="HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    ), hit()),
    required("9110-15.2-102-before", Step(
        "miss", Response(FRESH, interim="HTTP/1.1 102 Processing\r\n\r\n")
    ), hit()),
]  # fmt: skip

SERVING = [
    required("9111-5.1-age", first(*FRESH, "Age: 100"), hit(has=("Age",))),
    required("9111-5.1-age-only-from-storage", first(*FRESH, lacks=("Age",))),
    required("9111-4-status-kept", first(*FRESH, status=404), hit(status=404)),
    required("9111-4.3.2-head", first(*FRESH), hit(method="HEAD", body="")),
    required("9110-9.3.2-head-is-no-get", miss(*FRESH, method="HEAD", body=""), miss(*FRESH)),
    optional("9111-5.2.1.1-request-max-age", first(*FRESH), miss(*FRESH, fields=cc("max-age=0"))),
    optional("9111-5.2.1.4-request-no-cache", first(*FRESH), miss(*FRESH, fields=cc("no-cache"))),
    optional(
        "9111-5.2.1.3-request-min-fresh",
        first(*cc("max-age=100"), "Age: 50"),
        miss(*FRESH, fields=cc("min-fresh=60")),
    ),
    optional(
        "9111-5.2.1.2-request-max-stale",
        first(*STALE),
        hit(fields=cc("max-stale=1000")),
    ),
    required(
        "9111-5.2.1.2-max-stale-exceeded",
        first(*STALE),
        miss(*FRESH, fields=cc("max-stale=5")),
    ),
    required(
        "9111-5.2.2.2-must-revalidate-over-max-stale",
        first(*cc("max-age=60, must-revalidate"), "Age: 99"),
        miss(*FRESH, fields=cc("max-stale=1000")),
    ),
    optional(
        "9111-5.2.1.7-only-if-cached-hit", first(*FRESH), hit(fields=cc("only-if-cached"))
    ),
    optional(
        "9111-5.2.1.7-only-if-cached-miss",
        Step("hit", fields=cc("only-if-cached"), status=504, body=""),
    ),
    optional("9111-5.2.1-nonsense-is-ignored", first(*FRESH), hit(fields=(
        "Pragma: foo", "Cache-Control: nothing-to-see-here"))),
    required("9111-5.4-pragma-in-a-response-is-nothing", first(*FRESH, "Pragma: no-cache"), hit()),
]  # fmt: skip

SELECTING = [
    optional(
        "9111-4.1-vary-same",
        first(*FRESH, "Vary: Foo", fields=("Foo: 1",)),
        hit(fields=("Foo: 1",)),
    ),
    required(
        "9111-4.1-vary-other",
        first(*FRESH, "Vary: Foo", fields=("Foo: 1",)),
        miss(*FRESH, "Vary: Foo", fields=("Foo: 2",)),
    ),
    required(
        "9111-4.1-vary-absent",
        first(*FRESH, "Vary: Foo", fields=("Foo: 1",)),
        miss(*FRESH, "Vary: Foo"),
    ),
    required(
        "9111-4.1-vary-cookie",
        first(*FRESH, "Vary: Cookie", fields=("Cookie: a=1",)),
        miss(*FRESH, "Vary: Cookie", fields=("Cookie: a=2",)),
    ),
    required(
        "9111-4.1-vary-second-line",
        first(*FRESH, "Vary: Foo", "Vary: Bar", fields=("Foo: 1", "Bar: 1")),
        miss(*FRESH, fields=("Foo: 1", "Bar: 2")),
    ),
    required(
        "9111-4.1-vary-padded",
        first(*FRESH, "Vary:  , foo ,\tBAR ", fields=("Foo: 1", "Bar: 1")),
        miss(*FRESH, fields=("Foo: 1", "Bar: 2")),
    ),
    optional(
        "9111-4.1-two-variants",
        first(*FRESH, "Vary: Foo", fields=("Foo: 1",)),
        miss(*FRESH, "Vary: Foo", fields=("Foo: 2",)),
        hit(fields=("Foo: 1",), body="body 1"),
        hit(fields=("Foo: 2",), body="body 2"),
    ),
    optional(
        "9111-4.1-several-lines-are-one",
        first(*FRESH, "Vary: Foo", fields=("Foo: 1, 2",)),
        hit(fields=("Foo: 1", "Foo: 2")),
    ),
]

TEXT = "0123456789"
RANGES = [
    optional(
        "9111-3.4-range-from-200",
        first(*FRESH, body=TEXT),
        hit(fields=("Range: bytes=2-4",), status=206, body="234",
            has=("Content-Range: bytes 2-4/10",)),
    ),
    optional(
        "9110-14.1.2-suffix-range",
        first(*FRESH, body=TEXT),
        hit(fields=("Range: bytes=-3",), status=206, body="789"),
    ),
    required(
        "9110-14.2-unknown-unit",
        first(*FRESH, body=TEXT),
        hit(fields=("Range: lines=1-2",), status=200, body=TEXT),
    ),
    required(
        "9110-13.1.5-if-range-other",
        first(*FRESH, ETAG, body=TEXT),
        hit(fields=("Range: bytes=2-4", 'If-Range: "xyz"'), status=200, body=TEXT),
    ),
    required(
        "9111-3.3-partial-is-no-whole",
        Step(
            "miss",
            Response((*FRESH, "Content-Range: bytes 0-4/10"), 206, "01234"),
            fields=("Range: bytes=0-4",),
        ),
        miss(*FRESH),
    ),
]  # fmt: skip

VALIDATING = [
    optional("9111-4.3.1-etag", first(*STALE, ETAG), confirmed(*FRESH, ETAG, asked=(
        'If-None-Match: "abc"',)), hit()),
    optional("9111-4.3.1-last-modified", first(*STALE, LM), confirmed(*FRESH, LM, asked=(
        LM.replace("Last-Modified", "If-Modified-Since"),))),
    required("9111-4.3.3-a-200-replaces", first(*STALE, ETAG), Step(
        "miss", Response((*FRESH, 'ETag: "def"'))), hit(body="body 2")),
    required(
        "9111-3.2-304-updates",
        first(*STALE, ETAG, "X-A: old", "X-B: kept"),
        confirmed(*FRESH, ETAG, "X-A: new", has=("X-A: new", "X-B: kept")),
        hit(has=("X-A: new", "X-B: kept"), lacks=("X-A: old",)),
    ),
    required(
        "9111-3.2-304-changes-no-length",
        first(*STALE, ETAG, "Content-Type: text/x"),
        confirmed(*FRESH, ETAG, "Content-Length: 3",
            has=("Content-Type: text/x",), lacks=("Content-Length: 3",)),
    ),
    optional("9110-13.1.2-client-if-none-match", first(*FRESH, ETAG), hit(
        fields=('If-None-Match: "abc"',), status=304, body="")),
    optional("9110-13.1.2-client-if-none-match-list", first(*FRESH, ETAG), hit(
        fields=('If-None-Match: "x", W/"abc"',), status=304, body="")),
    required("9110-13.1.2-client-if-none-match-other", first(*FRESH, ETAG), hit(
        fields=('If-None-Match: "x"',), status=200)),
    optional("9110-13.1.3-client-if-modified-since", first(*FRESH, LM), hit(
        fields=(f"If-Modified-Since: {date(-50)}",), status=304, body="")),
    required("9110-13.1.3-if-none-match-wins", first(*FRESH, ETAG, LM), hit(
        fields=('If-None-Match: "x"', f"If-Modified-Since: {date(-50)}"), status=200)),
    required("9111-4.3.2-a-304-keeps-etag", first(*FRESH, ETAG, "Vary: Foo"), hit(
        fields=('If-None-Match: "abc"',), status=304, body="", has=(ETAG, "Vary: Foo"))),
    optional("9111-4.3.5-head-updates", first(*FRESH, ETAG), miss(
        *FRESH, 'ETag: "def"', method="HEAD", fields=cc("no-cache"), body=""), miss(*FRESH)),
    optional("8246-2-immutable", first(*cc("max-age=3600, immutable")), hit()),
]  # fmt: skip


def unsafe(method: str, *fields: str, status: int = 200) -> Step:
    return Step("miss", Response(fields, status), method=method, content="x")


INVALIDATING = [
    *[
        required(f"9111-4.4-{method.lower()}", first(*FRESH), unsafe(method), miss(*FRESH))
        for method in ("POST", "PUT", "DELETE", "PATCH", "M-SEARCH")
    ],
    *[
        required(
            f"9111-4.4-{method.lower()}-failed", first(*FRESH), unsafe(method, status=500), hit()
        )
        for method in ("POST", "PUT", "DELETE")
    ],
    *[
        required(
            f"9110-9.2.1-{method.lower()}-is-safe",
            first(*FRESH),
            Step("miss", Response(), method=method),
            hit(),
        )
        for method in ("OPTIONS", "TRACE")
    ],
]

STALENESS = [
    optional(
        "5861-3-stale-while-revalidate",
        first(*cc("max-age=60, stale-while-revalidate=3600"), "Age: 99"),
        Step("hit", Response(FRESH)),
        hit(retried=True, body="body 2"),
    ),
    required(
        "5861-3-stale-while-revalidate-exceeded",
        first(*cc("max-age=60, stale-while-revalidate=5"), "Age: 99"),
        miss(*FRESH),
    ),
    *[
        optional(
            f"5861-4-stale-if-error-{status}",
            first(*cc("max-age=60, stale-if-error=3600"), "Age: 99"),
            Step("not-cached", Response((), status), status=200, body="body 1"),
        )
        for status in (500, 502, 503, 504)
    ],
    optional(
        "9111-4.2.4-stale-on-disconnect",
        first(*STALE),
        Step("not-cached", Response(hangs_up=True), status=200, body="body 1"),
    ),
    required(
        "5861-4-not-for-404",
        first(*cc("max-age=60, stale-if-error=3600"), "Age: 99"),
        miss(*FRESH, status=404),
    ),
    *[
        required(
            f"9111-4.2.4-{directive}-forbids-stale",
            first(*cc(f"max-age=60, {directive}"), "Age: 99"),
            Step("not-cached", Response(hangs_up=True), status=status, body=None),
        )
        for directive, status in (("must-revalidate", 502), ("proxy-revalidate", 502))
    ],
]


def grouped() -> Step:
    return first(*FRESH, 'Cache-Groups: "{case}"')


TARGETED = [
    stored("9213-2.2-cdn-over-no-store", *cc("no-store"), "CDN-Cache-Control: max-age=3600"),
    stored("9213-2.2-cdn-over-max-age-0", *cc("max-age=0"), "CDN-Cache-Control: max-age=3600"),
    unstored("9213-2.2-cdn-no-store", *FRESH, "CDN-Cache-Control: no-store"),
    unstored("9213-2.2-cdn-max-age-0", *FRESH, "CDN-Cache-Control: max-age=0"),
    unstored("9213-2.2-cdn-private", *FRESH, "CDN-Cache-Control: private"),
    stored("9213-2.1-invalid-is-ignored", *FRESH, "CDN-Cache-Control: &=no-store"),
    required("9211-2.1-hit", first(*FRESH, has=("Cache-Status",)), hit(has=("Cache-Status",))),
    required(
        "9211-2-upstreams-member-kept",
        first(*FRESH, "Cache-Status: up; fwd=miss", has=("Cache-Status",)),
    ),
    required(
        "9875-3-group-invalidation",
        grouped(),
        Step(
            "miss",
            Response(('Cache-Group-Invalidation: "{case}"',)),
            method="POST",
            suffix="/other",
        ),
        miss(*FRESH),
    ),
    required(
        "9875-3-other-group",
        grouped(),
        Step("miss", Response(('Cache-Group-Invalidation: "h"',)), method="POST", suffix="/other"),
        hit(),
    ),
    required(
        "9875-3-safe-methods-invalidate-nothing",
        grouped(),
        Step("miss", Response(('Cache-Group-Invalidation: "{case}"',)), suffix="/other"),
        hit(),
    ),
]

RENEWAL = [
    *[
        unstored(f"6585-{section}-{status}", *FRESH, status=status)
        for section, status in ((3, 428), (4, 429), (5, 431), (6, 511))
    ],
    unstored("9111-5.2-parted-by-semicolons", LM, *cc("private; max-age=3600")),
    unstored("9111-5.2-parted-by-spaces", LM, *cc("no-cache max-age=3600")),
    unstored("9111-4.1-vary-that-is-no-name", *FRESH, "Vary: Accept;q=1"),
    required(
        "9111-4.1-vary-in-a-304",
        first(*STALE, ETAG, fields=("Foo: 1",)),
        confirmed(*FRESH, ETAG, "Vary: Foo", fields=("Foo: 1",), body="body 1"),
        hit(fields=("Foo: 1",), body="body 1"),
        miss(*FRESH, fields=("Foo: 2",)),
    ),
    required(
        "9111-5.2.1.5-no-store-renews-nothing",
        first(*STALE, ETAG),
        confirmed(*FRESH, ETAG, fields=cc("no-store"), body="body 1"),
        confirmed(*FRESH, ETAG, body="body 1"),
    ),
    required(
        "9111-4.3.3-what-was-replaced-covers-no-failure",
        first(*STALE, ETAG),
        miss(status=404),
        Step("miss", Response(status=503)),
    ),
    required(
        "9110-7.6.2-a-last-hop-is-not-forwarded",
        Step("not-cached", method="OPTIONS", fields=("Max-Forwards: 0",), body=""),
    ),
    required(
        "9110-7.6.2-hops-are-counted",
        miss(method="OPTIONS", fields=("Max-Forwards: 5",), asked=("Max-Forwards: 4",)),
    ),
]

CASES: list[Case] = [
    *FRESHNESS,
    *STORING,
    *SERVING,
    *SELECTING,
    *RANGES,
    *VALIDATING,
    *INVALIDATING,
    *STALENESS,
    *TARGETED,
    *RENEWAL,
]
