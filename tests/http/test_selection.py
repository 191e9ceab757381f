"""Vary, methods, ranges: RFC 9111 sections 3.3, 3.4, 4 and 4.1; RFC 9110 sections 9, 14."""

from typing import Any

import pytest

from asgi.stage import Reply, date
from asgi.tables import Step, cc, confirmed, first, hit, miss, play, row

FRESH = cc("max-age=600")
TAG = ("ETag", '"abc"')


def on(names: str) -> list[tuple[str, str]]:
    return [FRESH, ("Vary", names)]


def foo(value: str) -> list[tuple[str, str]]:
    return [("Foo", value)]


def lines(*values: str) -> list[tuple[str, str]]:
    return [FRESH, *[("Vary", v) for v in values]]


VARY = [
    row("optional 4.1 the same value", first(*on("Foo"), fields=foo("1")), hit(fields=foo("1"))),
    row("required 4.1 another value", first(*on("Foo"), fields=foo("1")), miss(fields=foo("2"))),
    row("required 4.1 a missing field", first(*on("Foo"), fields=foo("1")), miss()),
    row("required 4.1 an additional field", first(*on("Foo")), miss(fields=foo("1"))),
    row("required 4.1 missing is not empty", first(*on("Foo")), miss(fields=foo(""))),
    row("optional 4.1 missing on both sides", first(*on("Foo")), hit()),
    row("required 4.1 names in any case", first(*on("fOO"), fields=foo("1")), miss(fields=foo("2"))),
    row("optional 4.1 both are stored", first(*on("Foo"), fields=foo("1")), first(*on("Foo"), fields=foo("2")), hit(fields=foo("1"), content=b"body 1"), hit(fields=foo("2"), content=b"body 2")),
    row("required 4.1 the second of two names", first(*on("Foo, Bar"), fields=[*foo("1"), ("Bar", "x")]), miss(fields=[*foo("1"), ("Bar", "y")])),
    row("optional 4.1 two names", first(*on("Foo, Bar"), fields=[*foo("1"), ("Bar", "x")]), hit(fields=[("Bar", "x"), *foo("1")])),
    row("required 4.1 the third of three", first(*on("Foo, Bar, Baz"), fields=[*foo("1"), ("Baz", "x")]), miss(fields=[*foo("1"), ("Baz", "y")])),
    row("required 4.1 a name on a second line", first(*lines("Foo", "Bar"), fields=[("Bar", "x")]), miss(fields=[("Bar", "y")])),
    row("required 4.1 empty members", first(*on(", ,Foo,"), fields=foo("1")), miss(fields=foo("2"))),
    row("optional 4.1 no members at all", first(*on(" , "), fields=foo("1")), hit(fields=foo("2"))),
    *[
        row(f"required 4.1 {name}", first(*lines(*values), fields=foo("1")), miss(fields=foo("1")))
        for name, values in [
            ("star", ["*"]), ("star twice", ["*, *"]), ("star on two lines", ["*", "*"]), ("star first", ["*, Foo"]),
            ("star last", ["Foo, *"]), ("star on a second line", ["Foo", "*"]), ("star after nothing", [", *"]),
            ("star before nothing", ["*,"]), ("star, padded", ["  *  "]), ("star after an empty line", ["", "*"]),
        ]
    ],
    row("optional 4.1 spaces around commas of a list", first(*on("Prefer"), fields=[("Prefer", "a, b")]), hit(fields=[("Prefer", "a,b")])),
    row("required 4.1 spaces may matter where no list is known", first(*on("Foo"), fields=foo("1, 2")), miss(fields=foo("1,2"))),
    row("required 4.1 an empty member may matter", first(*on("Foo"), fields=foo("1")), miss(fields=foo("1,"))),
    row("optional 4.1 two lines are a list", first(*on("Foo"), fields=foo("1, 2")), hit(fields=[*foo("1"), *foo("2")])),
    row("required 4.1 order may matter", first(*on("Foo"), fields=foo("1, 2")), miss(fields=foo("2, 1"))),
    row("required 4.1 case may matter", first(*on("Foo"), fields=foo("a")), miss(fields=foo("A"))),
    row("optional 4.1 case of languages", first(*on("Accept-Language"), fields=[("Accept-Language", "en-GB, de")]), hit(fields=[("Accept-Language", "EN-gb,DE")])),
    row("required 4.1 order of languages of one weight", first(*on("Accept-Language"), fields=[("Accept-Language", "en, de")]), miss(fields=[("Accept-Language", "de, en")])),
    row("required 4.1 a refused language", first(*on("Accept-Language"), fields=[("Accept-Language", "*")]), miss(fields=[("Accept-Language", "*, de;q=0")])),
    row("required 4.1 weights of languages", first(*on("Accept-Language"), fields=[("Accept-Language", "en, de;q=0.5")]), miss(fields=[("Accept-Language", "en;q=0.5, de")])),
    row("optional 4.1 order by weight", first(*on("Accept-Language"), fields=[("Accept-Language", "en, de;q=0.5")]), hit(fields=[("Accept-Language", "de;q=0.50 , en;q=1.0")])),
    row("optional 4.1 order of codings", first(*on("Accept-Encoding"), fields=[("Accept-Encoding", "gzip, br")]), hit(fields=[("Accept-Encoding", "BR,GZIP;q=1")])),
    row("required 4.1 other codings", first(*on("Accept-Encoding"), fields=[("Accept-Encoding", "gzip, br")]), miss(fields=[("Accept-Encoding", "gzip")])),
    row("required 4.1 a refused coding", first(*on("Accept-Encoding"), fields=[("Accept-Encoding", "gzip, br")]), miss(fields=[("Accept-Encoding", "gzip, br;q=0")])),
    row("required 8.4 a coding nobody varies on is told apart", first(FRESH, ("Content-Encoding", "gzip"), fields=[("Accept-Encoding", "gzip")]), miss(fields=[("Accept-Encoding", "identity")])),
    row("required RFC 9842 dictionaries are never mixed up", first(FRESH, ("Content-Encoding", "dcb"), fields=[("Available-Dictionary", ":a:")]), miss(fields=[("Available-Dictionary", ":b:")]), miss()),
    row("required 4.1 two Vary of one URL", first(*on("Foo"), fields=[*foo("1"), ("Bar", "x")]), first(*on("Bar"), fields=[*foo("2"), ("Bar", "y")]), hit(fields=[*foo("1"), ("Bar", "z")], content=b"body 1"), hit(fields=[*foo("3"), ("Bar", "y")], content=b"body 2"), miss(fields=[*foo("3"), ("Bar", "z")])),
    row("optional 4.1 the newest of those that match", first(*on("Foo"), fields=[*foo("1"), ("Bar", "x")]), first(*on("Bar"), wait=9, fields=[*foo("2"), ("Bar", "y")]), hit(fields=[*foo("1"), ("Bar", "y")], content=b"body 2")),
    row("required 4.1 without Vary it is for all", first(FRESH, fields=foo("1")), hit(fields=foo("2"))),
    row("required 4.1 more names than are worth it", first(*on(", ".join(f"a{n}" for n in range(40)))), miss()),
    row("required 4.1 a cookie", first(*on("Cookie"), fields=[("Cookie", "a=1")]), miss(fields=[("Cookie", "a=2")]), miss()),
    row("optional 4.3.1 other variants' tags are sent along", first(*on("Foo"), TAG, fields=foo("1")), miss(fields=foo("2"), reply=Reply(304, [FRESH, TAG]), status=200, content=b"body 1", upstream={"if-none-match": '"abc"'}), hit(fields=foo("2"), content=b"body 1"), hit(fields=foo("1"), content=b"body 1")),
    row("optional 4.3.1 of several the one that is named", first(*on("Foo"), TAG, fields=foo("1")), miss(fields=foo("2"), reply=Reply(200, [*on("Foo"), ("ETag", '"def"')])), miss(fields=foo("3"), reply=Reply(304, [TAG]), content=b"body 1", upstream={"if-none-match": '"def", "abc"'})),
    row("required 4.3.4 none that is named is none", first(*on("Foo"), TAG, fields=foo("1")), Step("twice", Reply(304, [("ETag", '"x"')]), fields=foo("2"), status=200, content=b"body 3")),
    row("required 4.3.1 with a full answer instead", first(*on("Foo"), TAG, fields=foo("1")), miss(fields=foo("2"), reply=Reply(200, [*on("Foo"), ("ETag", '"def"')]), content=b"body 2"), hit(fields=foo("2"), content=b"body 2")),
    row("required 4.1 a variant is confirmed as itself", first(cc("max-age=2"), ("Vary", "Foo"), TAG, fields=foo("1")), confirmed(cc("max-age=60"), TAG, wait=3, fields=foo("1"), content=b"body 1"), hit(fields=foo("1")), miss(fields=foo("2"))),
]  # fmt: skip

URLS = [
    row("optional 4 the same query", first(FRESH, path="/p?a=1&b=2"), hit(path="/p?a=1&b=2")),
    *[
        row(f"required 4 {name}", first(FRESH, path=one), miss(path=other))
        for name, one, other in [
            ("another query", "/p?a=1", "/p?a=2"), ("no query", "/p?a=1", "/p"), ("the order of a query", "/p?a=1&b=2", "/p?b=2&a=1"),
            ("repetition in a query", "/p?a=1", "/p?a=1&a=1"), ("case of a path", "/p", "/P"), ("case of a query", "/p?a", "/p?A"),
            ("a semicolon is no ampersand", "/p?a=1;b=2", "/p?a=1&b=2"), ("an encoded slash", "/p/a", "/p%2Fa"),
            ("an encoded question mark", "/p?a", "/p%3Fa"), ("plus and space", "/p?a+b", "/p?a%20b"), ("encoded twice", "/p%2541", "/p%41"),
            ("a slash at the end", "/p", "/p/"), ("two slashes", "/p/a", "/p//a"), ("bytes that are no UTF-8", "/p%ff", "/p%fe"),
            ("a NUL", "/p%00", "/p"), ("an encoded letter", "/p%41", "/pA"), ("dots", "/a/../p", "/p"), ("a parameter", "/p;x.css", "/p"),
        ]
    ],
    row("required 4 another host", first(FRESH), miss(host="other.test")),
    row("optional 4 a host in other letters", first(FRESH), hit(host="SITE.test:80")),
    row("required 4 another port", first(FRESH), miss(host="site.test:8080")),
    row("required 4 a host that is none", first(FRESH, host="site.test/evil"), miss(host="site.test/evil"), miss()),
    row("required 4 no host", first(FRESH, host=""), miss(host="")),
    row("required 4 two hosts", first(FRESH, fields=[("Host", "evil.test")]), first(FRESH), hit()),
    *[
        row(f"required unkeyed {name} is told apart", first(FRESH, fields=[(name, value)]), miss())
        for name, value in [
            ("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Prefix", "/evil"), ("X-Forwarded-Port", "1"),
            ("Forwarded", "for=1.2.3.4;host=evil.test"), ("X-Original-URL", "/admin"), ("X-Rewrite-URL", "/admin"), ("X-HTTP-Method-Override", "DELETE"),
            ("Origin", "https://evil.test"), ("X-Host", "evil.test"), ("X-Forwarded-Scheme", "http"), ("X-HTTP-Method", "PUT"), ("X-Method-Override", "PUT"),
        ]
    ],
    row("optional unkeyed who it is forwarded for is not", first(FRESH, fields=[("Forwarded", "for=1.2.3.4")]), hit(fields=[("Forwarded", "for=4.3.2.1")])),
    row("optional unkeyed the same proxy's values", first(FRESH, fields=[("X-Forwarded-Proto", "https")]), hit(fields=[("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "1.2.3.4")])),
    row("required fat GET content in a GET", first(FRESH, sent=b"x=evil"), miss()),
    row("required fat GET nor is it answered from what is stored", first(FRESH), miss(sent=b"x=evil")),
]  # fmt: skip

METHODS = [
    row("optional 9.3.2 HEAD from GET", first(FRESH, ("A", "1")), hit(method="HEAD", has={"a": "1", "content-length": "6"}, content=b"")),
    row("required 9.3.2 HEAD does not fill GET", first(FRESH, method="HEAD"), miss()),
    row("required 9.3.2 nor HEAD", first(FRESH, method="HEAD"), miss(method="HEAD")),
    row("required 9.3.2 HEAD of what is stale is asked", first(cc("max-age=2")), miss(wait=3, method="HEAD")),
    row("optional 4.3.5 HEAD freshens", first(cc("max-age=2"), TAG, ("A", "1"), ("C", "3")), miss(wait=3, method="HEAD", reply=Reply(200, [FRESH, TAG, ("A", "2")])), hit(content=b"body 1", has={"a": "2", "c": "3"})),
    row("required 4.3.5 HEAD with another tag outdates", first(cc("max-age=9"), TAG), miss(wait=10, method="HEAD", reply=Reply(200, [FRESH, ("ETag", '"new"')])), miss()),
    row("required 4.3.5 HEAD with another length outdates", first(FRESH, TAG), miss(method="HEAD", fields=[cc("no-cache")], reply=Reply(200, [FRESH, ("Content-Length", "99")])), miss()),
    row("optional 4.3.5 HEAD with 410 outdates", first(FRESH, TAG), miss(method="HEAD", fields=[cc("no-cache")], reply=Reply(410)), confirmed(FRESH)),
    row("required 9.3.7 OPTIONS is not stored", first(FRESH, method="OPTIONS"), miss(method="OPTIONS"), miss()),
    row("required 9.3.3 POST is not stored", first(FRESH, method="POST"), miss(method="POST"), miss()),
    row("optional 9.3.3 POST that says what GET gets", first(FRESH, ("Content-Location", "/page"), method="POST", sent=b"x"), hit(content=b"body 1")),
    row("required 9.3.3 POST of another URL", first(FRESH, ("Content-Location", "/other"), method="POST"), miss(), miss(path="/other")),
    row("required 9.3.3 POST without a lifetime", first(("Content-Location", "/page"), ("Last-Modified", date(-1e6)), method="POST"), miss()),
    row("required 9.3.3 POST answers no POST", first(FRESH, ("Content-Location", "/page"), method="POST"), miss(method="POST")),
    row("required 9.3.4 PUT is not stored", first(FRESH, ("Content-Location", "/page"), method="PUT"), miss()),
    row("optional RFC 10008 QUERY by its content", first(FRESH, method="QUERY", sent=b"q=1"), hit(method="QUERY", sent=b"q=1")),
    row("required RFC 10008 QUERY with another content", first(FRESH, method="QUERY", sent=b"q=1"), miss(method="QUERY", sent=b"q=2")),
    row("required RFC 10008 QUERY of another type", first(FRESH, method="QUERY", sent=b"q=1", fields=[("Content-Type", "a")]), miss(method="QUERY", sent=b"q=1", fields=[("Content-Type", "b")])),
    row("required RFC 10008 QUERY is no GET", first(FRESH, method="QUERY", sent=b"q=1"), miss()),
    row("required RFC 10008 QUERY with more content than is read", first(FRESH, method="QUERY", sent=b"q" * 70_000), miss(method="QUERY", sent=b"q" * 70_000)),
]  # fmt: skip

WHOLE = [FRESH, TAG, ("Last-Modified", date(-9_000))]
BODY = b"0123456789"


def part(value: str) -> list[tuple[str, str]]:
    return [("Range", value)]


def of(spec: str, body: bytes, *more: tuple[str, str], etag: str = '"abc"') -> Reply:
    return Reply(206, [FRESH, ("ETag", etag), ("Content-Range", f"bytes {spec}"), *more], body)


RANGES = [
    *[
        row(f"optional 14.2 {spec} of a whole", first(*WHOLE, body=BODY), hit(fields=part(f"bytes={spec}"), status=206, content=content, has={"content-range": f"bytes {told}/10", "content-length": str(len(content))}))
        for spec, content, told in [
            ("0-4", b"01234", "0-4"), ("2-4", b"234", "2-4"), ("5-", b"56789", "5-9"), ("-3", b"789", "7-9"), ("0-99", BODY, "0-9"),
            ("-99", BODY, "0-9"), ("9-9", b"9", "9-9"), (" 1-2 ", b"12", "1-2"),
        ]
    ],
    row("required 15.5.17 beyond its end", first(*WHOLE, body=BODY), hit(fields=part("bytes=10-"), status=416, has={"content-range": "bytes */10"}, content=b"")),
    row("required 15.5.17 a suffix of nothing", first(*WHOLE, body=BODY), hit(fields=part("bytes=-0"), status=416)),
    *[
        row(f"required 14.2 {name} is ignored", first(*WHOLE, body=BODY), hit(fields=part(value), status=200, content=BODY))
        for name, value in [
            ("another unit", "lines=0-4"), ("garbage", "bytes=abc"), ("a range the wrong way", "bytes=4-2"), ("nothing", "bytes="), ("no unit", "0-4"),
            ("parts that overlap", "bytes=0-4,3-6"), ("a negative start", "bytes=--1"), ("1,300 parts", "bytes=" + ",".join(f"{n}-{n}" for n in range(1300))),
            ("1,300 times the whole", "bytes=" + ",".join(["0-"] * 1300)), ("a fraction", "bytes=0.5-2"), ("a huge number", "bytes=" + "9" * 400 + "-"),
        ]
    ],
    row("optional 13.1.5 If-Range with its tag", first(*WHOLE, body=BODY), hit(fields=[*part("bytes=0-1"), ("If-Range", '"abc"')], status=206)),
    row("required 13.1.5 If-Range with another tag", first(*WHOLE, body=BODY), hit(fields=[*part("bytes=0-1"), ("If-Range", '"abd"')], status=200)),
    row("required 13.1.5 If-Range with a weak tag", first(FRESH, ("ETag", 'W/"abc"'), body=BODY), hit(fields=[*part("bytes=0-1"), ("If-Range", 'W/"abc"')], status=200)),
    row("optional 13.1.5 If-Range with its date", first(*WHOLE, body=BODY), hit(fields=[*part("bytes=0-1"), ("If-Range", date(-9_000))], status=206)),
    row("required 13.1.5 If-Range with another date", first(*WHOLE, body=BODY), hit(fields=[*part("bytes=0-1"), ("If-Range", date(-8_000))], status=200)),
    row("required 14.2 not for HEAD", first(*WHOLE, body=BODY), hit(method="HEAD", fields=part("bytes=0-1"), status=200)),
    row("required 13.2.2 a condition comes first", first(*WHOLE, body=BODY), hit(fields=[*part("bytes=0-1"), ("If-None-Match", '"abc"')], status=304)),
    row("required 14.2 not of a 404", first(FRESH, status=404, body=BODY), hit(fields=part("bytes=0-1"), status=404, content=BODY)),
    row("optional 3.3 a part is stored", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234"), status=206), hit(fields=part("bytes=0-4"), status=206, content=b"01234")),
    row("optional 3.3 a part of a part", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234")), hit(fields=part("bytes=1-2"), status=206, content=b"12", has={"content-range": "bytes 1-2/10"})),
    row("optional 3.3 a suffix that is stored", miss(fields=part("bytes=-5"), reply=of("5-9/10", b"56789")), hit(fields=part("bytes=-5"), status=206, content=b"56789"), hit(fields=part("bytes=7-"), status=206, content=b"789")),
    row("required 3.3 bytes that are not stored", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234")), miss(fields=part("bytes=3-6"), reply=of("3-6/10", b"3456"), status=206)),
    row("required 3.3 a part of unknown whole has no end", miss(fields=part("bytes=0-4"), reply=of("0-4/*", b"01234")), hit(fields=part("bytes=0-3"), status=206), miss(fields=part("bytes=-2"), reply=of("8-9/10", b"89"))),
    row("optional 3.4 parts are combined", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234")), miss(fields=part("bytes=5-7"), reply=of("5-7/10", b"567")), hit(fields=part("bytes=3-6"), status=206, content=b"3456")),
    row("optional 3.4 overlapping parts, too", miss(fields=part("bytes=4-7"), reply=of("4-7/10", b"4567")), miss(fields=part("bytes=1-4"), reply=of("1-4/10", b"1234"), content=b"1234"), hit(fields=part("bytes=2-7"), status=206, content=b"234567")),
    row("optional 3.4 to the whole", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234")), miss(fields=part("bytes=5-9"), reply=of("5-9/10", b"56789"), content=b"56789", status=206), hit(status=200, content=BODY, lacks=["content-range"], has={"content-length": "10"})),
    row("required 3.4 not of different tags", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234")), miss(fields=part("bytes=5-9"), reply=of("5-9/10", b"56789", etag='"new"')), miss()),
    row("required 3.4 not by weak tags", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234", etag='W/"a"')), miss(fields=part("bytes=5-9"), reply=of("5-9/10", b"56789", etag='W/"a"')), miss()),
    row("optional 3.4 the missing part is asked for", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234")), miss(reply=of("5-9/10", b"56789"), status=200, content=BODY, upstream={"range": "bytes=5-", "if-range": '"abc"'}), hit(content=BODY)),
    row("optional 3.4 also at the beginning", miss(fields=part("bytes=-5"), reply=of("5-9/10", b"56789")), miss(reply=of("0-4/10", b"01234"), status=200, content=BODY, upstream={"range": "bytes=0-4"})),
    row("required 3.4 what has changed is replaced", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234")), miss(reply=Reply(200, [FRESH, ("ETag", '"new"')], b"all new"), status=200, content=b"all new"), hit(content=b"all new")),
    row("required 3.3 a part does not answer for the whole", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234", etag='W/"a"')), miss(upstream={"range": None}, status=200)),
    row("required 3.3 nor a HEAD", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234")), miss(method="HEAD")),
    row("required 3.3 several parts in one answer are not stored", miss(fields=part("bytes=0-1,3-4"), reply=Reply(206, [FRESH, TAG, ("Content-Type", "multipart/byteranges; boundary=x")], b"--x")), miss()),
    row("required 3.3 a part that is shorter than it says", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"012")), miss(fields=part("bytes=0-4"))),
    row("required 3.3 a stale part is not served", miss(fields=part("bytes=0-4"), reply=of("0-4/10", b"01234")), miss(wait=601, fields=part("bytes=0-4"), reply=of("0-4/10", b"01234"))),
    row("required 3.4 an origin that ignores the range fills all", first(*WHOLE, body=BODY, fields=part("bytes=0-1")), hit(content=BODY)),
    row("optional 15.3.7 fields of a part", first(*WHOLE, ("A", "1"), body=BODY), hit(fields=part("bytes=0-1"), status=206, has={"a": "1", "etag": '"abc"', "cache-control": "max-age=600"})),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "settings"), [*VARY, *URLS, *METHODS, *RANGES])
async def test_selection(steps: Any, settings: Any) -> None:
    await play(steps, settings)


async def test_several_ranges_come_as_multipart() -> None:
    """14.6: each with its own Content-Range, in the order they were asked for."""
    from asgi.stage import Stage

    stage = Stage()
    await stage.ask(reply=Reply(200, [*WHOLE, ("Content-Type", "text/x")], BODY))
    answer = await stage.ask(fields=part("bytes=6-7, 0-1"))

    kind = answer.get("content-type") or ""
    assert answer.status == 206
    assert kind.startswith("multipart/byteranges; boundary=")
    assert answer.get("content-length") == str(len(answer.body))
    assert answer.get("content-range") is None
    pieces = answer.body.split(b"--" + kind.partition("=")[2].encode())
    assert [piece.partition(b"\r\n\r\n")[2] for piece in pieces[1:3]] == [b"67\r\n", b"01\r\n"]
    assert b"Content-Range: bytes 6-7/10" in pieces[1]
