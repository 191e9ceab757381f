"""Which fields are stored and updated, and who may be given what: RFC 9111 sections 3 and 5.2.2."""

from typing import Any

import pytest

from asgi.stage import date
from asgi.tables import cc, confirmed, first, hit, miss, play, row

FRESH = cc("max-age=60")
KEPT = [
    ("Test-Header", "a"), ("X-Test-Header", "a"), ("Content-Foo", "a"), ("X-Content-Foo", "a"),
    ("Content-Encoding", "a"), ("Content-Location", "/a"), ("Content-MD5", "a"), ("Content-Type", "text/plain"),
    ("Content-Language", "de"), ("Content-Disposition", "attachment"), ("Content-Security-Policy", "default-src 'self'"),
    ("Clear-Site-Data", '"cache"'), ("ETag", '"abc"'), ("Expires", date(99)), ("Last-Modified", date(-99)),
    ("Public-Key-Pins", "a"), ("Set-Cookie2", "a=b"), ("X-Frame-Options", "deny"),
    ("X-XSS-Protection", "1"), ("Link", "</a>; rel=preload"), ("Retry-After", "9"), ("Warning", '299 - "a"'),
    ("Access-Control-Allow-Origin", "*"), ("Server", "a"), ("CDN-Cache-Control", "max-age=9"), ("Via", "1.1 a"),
]  # fmt: skip
COOKIE = ("Set-Cookie", "a=b")
DROPPED = [
    ("Keep-Alive", "timeout=1"), ("Proxy-Authenticate", "Basic"), ("Proxy-Authentication-Info", "a"),
    ("Proxy-Authorization", "a"), ("Proxy-Connection", "close"), ("TE", "gzip"), ("Trailer", "a"), ("Upgrade", "a"),
]  # fmt: skip

FIELDS = [
    *[row(f"required 3.1 {n} is stored", first(FRESH, (n, v)), hit(has={n.lower(): v})) for n, v in KEPT],
    *[row(f"required 3.1 {n} is not stored", first(FRESH, (n, v)), hit(lacks=[n.lower()])) for n, v in DROPPED],
    row("required 3.1 Set-Cookie is stored if it may be shared", first(FRESH, COOKIE), hit(has={"set-cookie": "a=b"}), share_cookies=["*"]),
    row("required 7.3 and is one client's if not", first(FRESH, COOKIE, has={"set-cookie": "a=b"}), hit(lacks=["set-cookie"])),
    row("required 3.1 Connection is not stored", first(FRESH, ("Connection", "a, b"), ("A", "1"), ("B", "2"), ("C", "3")), hit(lacks=["connection", "a", "b"], has={"c": "3"})),
    row("required 3.1 Connection cannot strip what gates caching", first(FRESH, ("Connection", "cache-control, vary"), ("Vary", "foo")), miss(fields=[("Foo", "1")])),
    row("required 3.1 several lines of a field", first(FRESH, ("A", "1"), ("A", "2")), hit(has={"a": "1, 2"})),
    row("required 5.2.2.4 a field of no-cache is not reused", first(cc('max-age=60, no-cache="a"'), ("A", "1"), ("B", "2")), hit(lacks=["a"], has={"b": "2"})),
    row("required 5.2.2.4 several fields of no-cache", first(cc('max-age=60, no-cache="a, B"'), ("A", "1"), ("B", "2"), ("C", "3")), hit(lacks=["a", "b"], has={"c": "3"})),
    row("required 5.2.2.7 a field of private is not shared", first(cc('max-age=60, private="a"'), ("A", "1"), ("B", "2")), hit(lacks=["a"], has={"b": "2"})),
    row("optional 5.2.2.7 but kept for its user", first(cc('max-age=60, private="a"'), ("A", "1")), hit(has={"a": "1"}), shared=False),
    row("required 3 no-store in a request", first(FRESH, fields=[cc("no-store")]), miss()),
    row("required 3 no-store in odd case", first(FRESH, fields=[cc("No-Store")]), miss()),
    row("optional 3 no-store in a request does not end what is there", first(FRESH), hit(fields=[cc("no-store")])),
    row("required 5.2.2.5 a no-store response leaves the stored one outdated", first(cc("max-age=2")), miss(wait=3, reply=first(cc("no-store")).reply), miss()),
    row("required 5.2.2.7 private is for a private cache", first(cc("private, max-age=60")), hit(), shared=False),
]  # fmt: skip

AUTH = ("Authorization", "Bearer one")
AUTHORIZED = [
    row("required 3.5 with Authorization is not shared", first(FRESH, fields=[AUTH]), miss()),
    row("required 3.5 nor with the same one", first(FRESH, fields=[AUTH]), miss(fields=[AUTH])),
    row("required 3.5 nor by a private-looking ttl", first(cc("max-age=60, proxy-revalidate"), fields=[AUTH]), miss()),
    row("required 3.5 s-maxage=0 allows nothing", first(cc("max-age=60, s-maxage=0"), fields=[AUTH]), miss()),
    row("optional 3.5 public", first(cc("public, max-age=60"), fields=[AUTH]), hit()),
    row("optional 3.5 must-revalidate", first(cc("must-revalidate, max-age=60"), fields=[AUTH]), hit()),
    row("optional 3.5 s-maxage", first(cc("s-maxage=60"), fields=[AUTH]), hit()),
    row("optional 3.5 a private cache may", first(FRESH, fields=[AUTH]), hit(fields=[AUTH]), shared=False),
    row("required 3.5 what others got is not for who has credentials", first(FRESH), miss(fields=[AUTH])),
    row("optional 3.5 unless it is public", first(cc("public, max-age=60")), hit(fields=[AUTH])),
    row("optional 3 a Cookie in a request is no obstacle", first(FRESH, fields=[("Cookie", "a=b")]), hit(fields=[("Cookie", "a=c")])),
    row("required 7.3 Set-Cookie without a lifetime of its own", first(("Last-Modified", date(-9e5)), ("Set-Cookie", "a=b")), miss()),
]  # fmt: skip

LM, TAG = ("Last-Modified", date(-99)), ("ETag", '"abc"')
STALE = cc("max-age=2")
UPDATED = [
    *[
        row(
            f"required 3.2 a 304 updates {n}",
            first(STALE, TAG, (n, "old")),
            confirmed(FRESH, TAG, (n, "new"), wait=3, has={n.lower(): "new"}),
            hit(has={n.lower(): "new"}),
        )
        for n in (
            *("Test-Header", "X-Test-Header", "Content-Foo", "X-Content-Foo", "Content-Location", "Content-MD5"),
            *("Content-Security-Policy", "Content-Type", "Clear-Site-Data", "Public-Key-Pins", "Set-Cookie2"),
            *("X-Frame-Options", "X-XSS-Protection", "Link", "Server"),
        )
    ],
    row("required 3.2 a 304 updates Set-Cookie if that may be shared", first(STALE, TAG, ("Set-Cookie", "old")), confirmed(FRESH, TAG, ("Set-Cookie", "new"), wait=3, has={"set-cookie": "new"}), hit(has={"set-cookie": "new"}), share_cookies=["*"]),
    row("required 3.2 Cache-Control", first(STALE, TAG), confirmed(FRESH, TAG, wait=3), hit(wait=59), miss(wait=9)),
    row("required 3.2 Expires", first(TAG, ("Expires", date(2))), confirmed(TAG, ("Expires", date(90)), wait=3, has={"expires": date(90)}), hit(wait=80)),
    row("required 3.2 Date", first(STALE, TAG, ("Date", date())), confirmed(FRESH, TAG, ("Date", date(3)), wait=3), hit(has={"date": date(3)})),
    row("required 3.2 Content-Length stays", first(STALE, TAG, ("Content-Length", "5"), body=b"12345"), confirmed(FRESH, TAG, ("Content-Length", "0"), wait=3, content=b"12345", has={"content-length": "5"}), hit(has={"content-length": "5"})),
    row("required 3.2 what it does not name stays", first(STALE, TAG, ("A", "1"), ("B", "2")), confirmed(FRESH, ("B", "3"), wait=3, has={"a": "1", "b": "3"})),
    row("required 3.2 several lines replace several lines", first(STALE, TAG, ("A", "1"), ("A", "2")), confirmed(FRESH, ("A", "3"), wait=3, has={"a": "3"})),
    row("required 3.1 nor does it store Connection's", first(STALE, TAG, ("A", "1")), confirmed(FRESH, ("Connection", "a"), ("A", "2"), wait=3, has={"a": "1"}, lacks=["connection"])),
    row("required 4.2.3 its age begins anew", first(STALE, TAG), confirmed(FRESH, wait=3, has={"age": "0"}), hit(wait=5, has={"age": "5"})),
    row("required 4.2.3 unless the 304 has one", first(STALE, TAG), confirmed(FRESH, ("Age", "20"), wait=3, has={"age": "20"}), hit(wait=5, has={"age": "25"})),
    row("required 4.3.4 a 304 to If-Modified-Since", first(STALE, LM, ("A", "1")), confirmed(FRESH, ("A", "2"), wait=3, has={"a": "2"}), hit(has={"a": "2"})),
    row("required 4.3.4 a body that is the stored one", first(STALE, TAG, body=b"kept"), confirmed(FRESH, wait=3, status=200, content=b"kept"), hit(content=b"kept")),
    row("required 4.3.4 a no-store 304 confirms once", first(STALE, TAG), confirmed(cc("no-store"), TAG, wait=3), confirmed(FRESH, TAG)),
    row("required 4.3.3 a full 200 replaces", first(STALE, TAG, ("A", "1"), body=b"old"), miss(wait=3, reply=first(FRESH, ("ETag", '"d"'), body=b"new").reply, content=b"new"), hit(content=b"new", lacks=["a"], has={"etag": '"d"'})),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "settings"), [*FIELDS, *AUTHORIZED, *UPDATED])
async def test_storing(steps: Any, settings: Any) -> None:
    await play(steps, settings)
