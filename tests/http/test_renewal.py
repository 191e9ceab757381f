"""What changes when a stored response is renewed, completed or replaced: RFC 9111 3.4, 4.3."""

from typing import Any

import pytest

from asgi.stage import Reply, date
from asgi.tables import Step, cc, confirmed, first, hit, miss, play, row

FRESH, STALE = cc("max-age=60"), cc("max-age=2")
TAG = ("ETag", '"abc"')
LM = ("Last-Modified", date(-9_000))
AUTH = ("Authorization", "Basic Zm9v")
DE, EN = [("Accept-Language", "de")], [("Accept-Language", "en")]
HALF = [("Range", "bytes=0-4")]


def half(*more: tuple[str, str]) -> Step:
    """The first five bytes of ten, asked for and stored."""
    fields = [FRESH, TAG, ("Content-Range", "bytes 0-4/10"), *more]
    return miss(fields=HALF, reply=Reply(206, fields, b"01234"))


def rest(*fields: tuple[str, str], body: bytes = b"56789") -> Reply:
    """The other five."""
    return Reply(206, [TAG, ("Content-Range", "bytes 5-9/10"), *fields], body)


def twice(reply: Reply, **more: Any) -> Step:
    """The first answer is no use, so the origin is asked once more, and has the whole."""
    return Step("twice", reply, status=200, **more)


CONFIRMED = [
    row("required 5.2.1.5 not for a request with no-store", first(STALE, TAG), confirmed(FRESH, TAG, wait=3, fields=[cc("no-store")], status=200), confirmed(FRESH, TAG)),
    row("required 5.2.2.5 not by a 304 with no-store", first(STALE, TAG), confirmed(cc("no-store"), TAG, wait=3), confirmed(FRESH, TAG), hit()),
    row("required 5.2.2.7 not by a private 304", first(STALE, TAG), confirmed(cc("private, max-age=60"), TAG, wait=3), confirmed(FRESH, TAG), hit()),
    row("required 3.5 not by what one with credentials was told", first(cc("public, max-age=2"), TAG), confirmed(FRESH, TAG, wait=3, fields=[AUTH], status=200), confirmed(FRESH, TAG), hit()),
    row("optional 3.5 unless that is public", first(cc("public, max-age=2"), TAG), confirmed(cc("public, max-age=60"), TAG, wait=3, fields=[AUTH]), hit()),
    row("required 4.1 a Vary in a 304 tells apart", first(STALE, TAG, fields=DE), confirmed(FRESH, TAG, ("Vary", "Accept-Language"), wait=3, fields=DE), hit(fields=DE), Step("origin", Reply(200, [FRESH]), EN, content=b"body 3")),
    row("required 4.1 a star in a 304 does, always", first(STALE, TAG), confirmed(FRESH, TAG, ("Vary", "*"), wait=3, status=200), confirmed(FRESH, TAG)),
    row("required 4.3.1 a tag that came by a 304 is asked by", first(STALE, LM), confirmed(STALE, LM, TAG, wait=3), confirmed(FRESH, wait=9, upstream={"if-none-match": TAG[1]})),
    row("required 4.3.1 a tag of ours is not, ever", first(STALE, LM), confirmed(STALE, LM, wait=3), confirmed(FRESH, wait=9, upstream={"if-none-match": None})),
    row("required 5.1 what the origin has just made has no age", first(STALE, TAG), miss(wait=3, reply=Reply(200, [FRESH]), lacks=["age"]), hit(wait=1, has={"age": "1"})),
    row("required 5.1 unless it comes with one", first(STALE, TAG), miss(wait=3, reply=Reply(200, [FRESH, ("Age", "7")]), has={"age": "7"})),
    row("required 4 what covers a failure has one", first(STALE, TAG), Step("origin", Reply(503), wait=3, status=200, has={"age": "3"})),
    row("required 5.2.2.10 s-maxage is not overruled by who asks", first(cc("s-maxage=2"), TAG), miss(wait=3, fields=[cc("stale-if-error=60")], reply=Reply(503), status=503)),
    row("optional RFC 5861 4 unless the response allows it", first(cc("s-maxage=2, stale-if-error=1"), TAG), Step("origin", Reply(503), [cc("stale-if-error=60")], wait=4, status=200, content=b"body 1")),
    row("required 4.3.3 what was replaced does not come back", first(STALE, TAG), miss(wait=3, reply=Reply(404)), miss(reply=Reply(503), status=503)),
    row("required 4.3.3 nor does what is kept from us now", first(STALE, TAG), miss(wait=3, reply=Reply(200, [cc("no-store")])), miss(reply=Reply(503), status=503)),
    row("optional 4.3.3 a failure replaces nothing", first(STALE, TAG), miss(wait=3, reply=Reply(400)), Step("origin", Reply(503), status=200, content=b"body 1")),
    row("required 13.1.3 a date that is a list is ignored", first(FRESH, LM), hit(status=200, fields=[("If-Modified-Since", date()), ("If-Modified-Since", date())])),
]  # fmt: skip

COMPLETED = [
    row("optional 3.4 to the whole", half(), miss(reply=rest(FRESH), status=200, content=b"0123456789"), hit(content=b"0123456789")),
    row("required 5.2.2.5 the rest has no-store", half(), miss(reply=rest(cc("no-store")), status=200, content=b"0123456789"), miss(reply=rest(FRESH))),
    row("required 5.2.1.5 the request has no-store", half(), miss(reply=rest(FRESH), fields=[cc("no-store")], status=200, content=b"0123456789"), miss(reply=rest(FRESH))),
    row("required 4.1 the rest has another Vary", half(), miss(reply=rest(FRESH, ("Vary", "Accept-Language")), fields=DE, status=200), hit(fields=DE), miss(fields=EN)),
    row("required 3.4 the rest has another tag", half(), twice(Reply(206, [("ETag", '"new"'), ("Content-Range", "bytes 5-9/10"), FRESH], b"56789"))),
    row("required 3.4 the rest is another part", half(), twice(Reply(206, [TAG, ("Content-Range", "bytes 6-9/10"), FRESH], b"6789"))),
    row("required 3.4 the rest is of another length", half(), twice(Reply(206, [TAG, ("Content-Range", "bytes 5-10/11"), FRESH], b"56789a"))),
    row("required 15.5.17 there is no rest any more", half(), twice(Reply(416, [("Content-Range", "bytes */5")], b""))),
    row("required 3.4 the rest is cut short", half(), twice(rest(FRESH, body=b"567"))),
]  # fmt: skip

NEVER = [
    row(
        f"required RFC 6585 {status} is never stored", first(FRESH, status=status), miss(status=200)
    )
    for status in (428, 429, 431, 511)
]

MALFORMED = [
    *[
        row(f"required 5.2 {text!r} keeps it out", first(LM, cc(text)), miss())
        for text in (
            "private; max-age=60", "max-age=60; private", "no-store; max-age=60", "max-age=60 no-store", "no-cache max-age=60",
            '"no-store"', "no-store=", "no-store=x", "private=", 'max-age=60, "private', "(no-store)", "max-age=60,,;no-store",
        )
    ],
    row("optional 5.2 a word in quotes is no directive", first(cc('max-age=60, a="no-store", b="x private"')), hit()),
    row("required RFC 9213 2.1 what restricts counts with any value", first(FRESH, ("CDN-Cache-Control", "max-age=60, no-store=1")), miss(), cdn=True),
    row("required RFC 9213 2.1 unless it is denied", first(FRESH, ("CDN-Cache-Control", "max-age=60, no-store=?0")), hit(), cdn=True),
    row("required 4.1 a Vary that names no field tells all apart", first(FRESH, ("Vary", "Accept;q=1")), miss()),
    row("required 4.1 a Vary parted by spaces, too", first(FRESH, ("Vary", "Accept Cookie")), miss()),
    row("required 4.1 parameters of Accept tell cases apart", first(FRESH, ("Vary", "Accept"), fields=[("Accept", "a/b;v=A")]), miss(fields=[("Accept", "a/b;v=a")])),
    row("optional 4.1 types of Accept do not", first(FRESH, ("Vary", "Accept"), fields=[("Accept", "A/b ; v=A")]), hit(fields=[("Accept", "a/B;v=A")])),
    row("optional No-Vary-Search 5.3 names may be encoded", *[first(FRESH, ("No-Vary-Search", 'params=("%C3%A9+x")'), path="/page?b=1&%C3%A9%20x=1")] * 2, hit(path="/page?b=1&%c3%a9+x=2")),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "settings"), [*CONFIRMED, *COMPLETED, *NEVER, *MALFORMED])
async def test_renewal(steps: Any, settings: Any) -> None:
    await play(steps, settings)
