"""Conditions, a client's and ours: RFC 9111 section 4.3, RFC 9110 section 13."""

from typing import Any

import pytest

from asgi.stage import Reply, date
from asgi.tables import Step, cc, confirmed, first, hit, miss, play, row

FRESH, STALE = cc("max-age=60"), cc("max-age=2")
LM = ("Last-Modified", date(-99))


def tag(value: str) -> tuple[str, str]:
    return ("ETag", value)


def inm(value: str) -> list[tuple[str, str]]:
    return [("If-None-Match", value)]


def ims(value: str) -> list[tuple[str, str]]:
    return [("If-Modified-Since", value)]


A304, A200 = hit(status=304), hit(status=200)


def same(etag: str, asked: str) -> list[Step]:
    return [first(FRESH, tag(etag)), hit(status=304, fields=inm(asked), content=b"")]


def other(etag: str, asked: str) -> list[Step]:
    return [first(FRESH, tag(etag)), hit(status=200, fields=inm(asked), content=b"body 1")]


CLIENT = [
    row("optional 4.3.2 a strong tag", *same('"abc"', '"abc"')),
    row("optional 4.3.2 a weak tag", *same('W/"abc"', 'W/"abc"')),
    row("optional 13.1.2 weak against strong", *same('"abc"', 'W/"abc"')),
    row("optional 13.1.2 strong against weak", *same('W/"abc"', '"abc"')),
    row("optional 13.1.2 the first of several", *same('"abc"', '"abc", "def", "ghi"')),
    row("optional 13.1.2 the second of several", *same('"abc"', '"def", "abc"')),
    row("optional 13.1.2 the last of several", *same('"abc"', '"def","ghi","abc"')),
    row("optional 13.1.2 a star", *same('"abc"', "*")),
    row("optional 13.1.2 a comma in a tag", *same('"a,b"', '"x", "a,b"')),
    row("optional 13.1.2 characters beyond ASCII", *same('"abc\xe9"', '"abc\xe9"')),
    row("optional 8.8.3 without quotes on both sides", *same("abc", "abc")),
    row("optional 8.8.3 an empty tag", *same('""', '""')),
    row("required 13.1.2 another tag", *other('"abc"', '"abd"')),
    row("required 13.1.2 none of several", *other('"abc"', '"a", "b", "ab"')),
    row("required 8.8.3 tags tell cases apart", *other('"abc"', '"ABC"')),
    row("required 8.8.3 w is no W", *other('W/"abc"', 'w/"abc"')),
    row("required 8.8.3 a backslash is none of our business", *other('"a\\"bc"', '"abc"')),
    row("required 8.8.3 a part of a tag", *other('"abc"', '"ab", "c"')),
    row("required 13.1.2 a star in quotes", *other('"abc"', '"*"')),
    row("optional 13.1.2 the tag we made", first(FRESH), Step("cache", Reply(), inm("*"), status=304)),
    row("optional 4.3.2 not modified since", first(FRESH, LM), hit(status=304, fields=ims(date(-99)))),
    row("optional 4.3.2 not modified since later", first(FRESH, LM), hit(status=304, fields=ims(date(-9)))),
    row("required 4.3.2 modified since", first(FRESH, LM), hit(status=200, fields=ims(date(-100)))),
    row("optional 13.1.3 an obsolete date", first(FRESH, LM), hit(status=304, fields=ims("Friday, 15-Jan-27 07:59:59 GMT"))),
    row("required 13.1.3 an unreadable date", first(FRESH, LM), hit(status=200, fields=ims("yesterday"))),
    row("optional 4.3.2 by Date where nothing was modified", first(FRESH, ("Date", date())), hit(status=304, fields=ims(date()))),
    row("required 4.3.2 earlier than Date", first(FRESH, ("Date", date())), hit(status=200, fields=ims(date(-1)))),
    row("required 13.2.2 a tag that differs decides", first(FRESH, LM, tag('"abc"')), hit(status=200, fields=[*inm('"def"'), *ims(date(9))])),
    row("optional 13.2.2 a tag that is the same decides", first(FRESH, LM, tag('"abc"')), hit(status=304, fields=[*inm('"abc"'), *ims(date(-1e4))])),
    row("required 13.2.1 not for a 404", first(FRESH, tag('"abc"'), status=404), hit(status=404, fields=inm('"abc"'))),
    row("optional 4.3.2 for a HEAD", first(FRESH, tag('"abc"')), hit(method="HEAD", status=304, fields=inm('"abc"'))),
    row("required 15.4.5 what a 304 says", first(FRESH, tag('"abc"'), ("Content-Type", "a"), ("Content-Length", "6"), ("Vary", "x"), ("Content-Location", "/y"), ("Expires", date(9)), ("A", "1")), hit(status=304, fields=inm('"abc"'), has={"etag": '"abc"', "vary": "x", "content-location": "/y", "expires": date(9), "cache-control": "max-age=60", "age": "0"}, lacks=["content-type", "content-length"])),
    row("required 4.3.2 If-Match is for the origin", first(FRESH, tag('"abc"')), miss(fields=[("If-Match", '"abc"')], upstream={"if-match": '"abc"'})),
    row("required 4.3.2 If-Match: * is for the origin", first(FRESH, tag('"abc"')), miss(fields=[("If-Match", "*")])),
    row("required 4.3.2 If-Unmodified-Since is for the origin", first(FRESH, LM), miss(fields=[("If-Unmodified-Since", date())])),
    row("optional 4.3.1 a condition goes on where nothing is stored", miss(fields=inm('"abc"'), reply=Reply(304, [tag('"abc"')]), status=304, upstream={"if-none-match": '"abc"'}), miss()),
    row("required 4.3.3 such a 304 is not stored", miss(fields=inm('"abc"'), reply=Reply(304, [tag('"abc"'), FRESH])), miss(status=200)),
    row("optional 4.3.2 after a fetch by a condition, a hit", miss(fields=inm('"x"'), reply=Reply(200, [tag('"abc"'), FRESH])), hit(status=304, fields=inm('"abc"'))),
]  # fmt: skip

OURS = [
    row("required 4.3.1 a tag", first(STALE, tag('"abc"')), confirmed(wait=3, upstream={"if-none-match": '"abc"'})),
    row("required 4.3.1 a weak tag", first(STALE, tag('W/"abc"')), confirmed(wait=3, upstream={"if-none-match": 'W/"abc"'})),
    row("required 4.3.1 a tag without quotes", first(STALE, tag("abc")), confirmed(wait=3, upstream={"if-none-match": "abc"})),
    row("required 4.3.1 a date", first(STALE, LM), confirmed(wait=3, upstream={"if-modified-since": LM[1], "if-none-match": None})),
    row("optional 4.3.1 both", first(STALE, LM, tag('"a"')), confirmed(wait=3, upstream={"if-modified-since": LM[1], "if-none-match": '"a"'})),
    row("required 4.3.1 without a validator no question", first(STALE), miss(wait=3, upstream={"if-none-match": None, "if-modified-since": None})),
    row("optional 5.2.2.4 no-cache is stored and asked about", first(cc("no-cache"), tag('"a"')), confirmed(cc("no-cache")), confirmed(cc("no-cache"))),
    row("optional 5.2.2.4 no-cache with max-age", first(cc("no-cache, max-age=60"), LM), confirmed()),
    row("optional 4.3.1 max-age=0 is asked about", first(cc("max-age=0"), tag('"a"')), confirmed(cc("max-age=0")), confirmed()),
    row("required 5.2.2.2 must-revalidate is asked about when stale", first(cc("max-age=2, must-revalidate"), tag('"a"')), confirmed(wait=3)),
    row("required 4.3.1 ours replaces the client's", first(STALE, tag('"abc"')), confirmed(wait=3, fields=inm('"xyz"'), status=200, upstream={"if-none-match": '"abc"'})),
    row("optional 4.3.1 the client's is answered afterwards", first(STALE, tag('"abc"')), confirmed(wait=3, fields=inm('"abc"'), status=304)),
    row("optional 4.3.3 also after a full answer", first(STALE, tag('"abc"')), miss(wait=3, fields=inm('"new"'), reply=Reply(200, [FRESH, tag('"new"')]), status=304)),
    row("required 4.3.3 a full answer differs", first(STALE, tag('"abc"')), miss(wait=3, fields=inm('"abc"'), reply=Reply(200, [FRESH, tag('"new"')]), status=200)),
    row("required 4.3.3 a 404 goes on", first(STALE, tag('"abc"')), miss(wait=3, reply=Reply(404), status=404)),
    row("required 4.3.1 range is not part of the question", first(STALE, tag('"abc"'), body=b"0123456789"), confirmed(FRESH, wait=3, fields=[("Range", "bytes=2-4")], status=206, content=b"234", upstream={"range": None})),
    row("optional 4.2 fresh again after it", first(STALE, tag('"a"')), confirmed(STALE, wait=3), hit(wait=1), confirmed(wait=9)),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "settings"), [*CLIENT, *OURS])
async def test_conditions(steps: Any, settings: Any) -> None:
    await play(steps, settings)
