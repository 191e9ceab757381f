"""Request directives, stale responses, invalidation: RFC 9111 4.2.4, 4.4, 5.2.1; RFC 5861, 9213."""

from typing import Any

import pytest

from asgi.stage import Reply, date
from asgi.tables import Step, cc, confirmed, first, hit, miss, play, row

FRESH = cc("max-age=600")
TAG = ("ETag", '"abc"')


def ask(value: str) -> list[tuple[str, str]]:
    return [cc(value)]


ASKED = [
    row("required 5.2.1.4 no-cache", first(FRESH), miss(fields=ask("no-cache"))),
    row("required 5.2.1.4 No-Cache", first(FRESH), miss(fields=ask("No-Cache"))),
    row("optional 5.2.1.4 no-cache asks by tag", first(FRESH, TAG), confirmed(fields=ask("no-cache"))),
    row("optional 5.2.1.4 no-cache asks by date", first(FRESH, ("Last-Modified", date(-9))), confirmed(fields=ask("no-cache"))),
    row("optional 5.2.1.4 and reused", first(FRESH), miss(fields=ask("no-cache"), reply=Reply(200, [FRESH])), hit(content=b"body 2")),
    row("optional 5.4 Pragma", first(FRESH), miss(fields=[("Pragma", "no-cache")])),
    row("optional 5.4 Pragma beside an unknown directive", first(FRESH), miss(fields=[("Pragma", "no-cache"), cc("foo")])),
    row("optional 5.4 another Pragma", first(FRESH), hit(fields=[("Pragma", "foo")])),
    row("optional 5.2.1 an unknown directive", first(FRESH), hit(fields=ask("nothing-we-know, a=b"))),
    row("required 5.2.1.1 max-age=0", first(FRESH), miss(wait=1, fields=ask("max-age=0"))),
    row("required 5.2.1.1 older than max-age", first(FRESH), miss(wait=11, fields=ask("max-age=10"))),
    row("optional 5.2.1.1 younger than max-age", first(FRESH), hit(wait=9, fields=ask("max-age=10"))),
    row("required 5.2.1.1 by its Age", first(FRESH, ("Age", "60")), miss(fields=ask("max-age=30"))),
    row("required 5.2.1.1 one that cannot be read", first(FRESH), miss(fields=ask("max-age=soon"))),
    row("required 5.2.1.1 does not prolong", first(cc("max-age=2")), miss(wait=3, fields=ask("max-age=600"))),
    row("optional 5.2.1.2 max-stale", first(cc("max-age=2")), hit(wait=9, fields=ask("max-stale=10"))),
    row("optional 5.2.1.2 bare max-stale", first(cc("max-age=2")), hit(wait=9_000, fields=ask("max-stale"))),
    row("required 5.2.1.2 max-stale exceeded", first(cc("max-age=2")), miss(wait=13, fields=ask("max-stale=10"))),
    row("required 5.2.1.2 one that cannot be read", first(cc("max-age=2")), miss(wait=3, fields=ask("max-stale=x"))),
    row("required 5.2.2.2 must-revalidate forbids it", first(cc("max-age=2, must-revalidate")), miss(wait=3, fields=ask("max-stale=99"))),
    row("required 5.2.2.8 proxy-revalidate forbids it", first(cc("max-age=2, proxy-revalidate")), miss(wait=3, fields=ask("max-stale=99"))),
    row("required 5.2.2.10 s-maxage forbids it", first(cc("s-maxage=2")), miss(wait=3, fields=ask("max-stale=99"))),
    row("required 5.2.2.4 no-cache forbids it", first(cc("no-cache"), TAG), confirmed(fields=ask("max-stale=99"))),
    row("optional 5.2.2.8 proxy-revalidate is not for a private cache", first(cc("max-age=2, proxy-revalidate")), hit(wait=3, fields=ask("max-stale=99")), shared=False),
    row("optional 5.2.1.2 max-age with max-stale", first(cc("max-age=5")), hit(wait=9, fields=ask("max-age=1, max-stale=10"))),
    row("required 5.2.1.3 min-fresh", first(cc("max-age=60")), miss(wait=31, fields=ask("min-fresh=30"))),
    row("optional 5.2.1.3 fresh enough", first(cc("max-age=60")), hit(wait=29, fields=ask("min-fresh=30"))),
    row("required 5.2.1.3 by its Age", first(cc("max-age=60"), ("Age", "40")), miss(fields=ask("min-fresh=30"))),
    row("optional 5.2.1.7 only-if-cached", first(FRESH), hit(fields=ask("only-if-cached"))),
    row("required 5.2.1.7 nothing is cached", hit(fields=ask("only-if-cached"), status=504)),
    row("required 5.2.1.7 only what is stale is", first(cc("max-age=2")), hit(wait=3, fields=ask("only-if-cached"), status=504)),
    row("optional 5.2.1.7 unless that will do", first(cc("max-age=2")), hit(wait=3, fields=ask("only-if-cached, max-stale"), status=200)),
]  # fmt: skip

FAILS, DOWN = Reply(fails=True), Reply(503)
STALE = cc("max-age=2")


def covered(reply: Reply, **more: Any) -> Step:
    return Step("origin", reply, wait=more.pop("wait", 3), status=200, content=b"body 1", **more)


def down(**more: Any) -> Step:
    return Step("origin", DOWN, wait=more.pop("wait", 3), status=503, **more)


COVERED = [
    row("optional 4.2.4 the origin does not answer", first(STALE), covered(FAILS)),
    row("optional 4.2.4 nor says it is down", first(STALE), covered(DOWN, has={"age": "3"})),
    *[row(f"optional RFC 5861 4 {status}", first(STALE), covered(Reply(status))) for status in (500, 502, 504)],
    row("required RFC 5861 4 a 404 is an answer", first(STALE), miss(wait=3, reply=Reply(404), status=404)),
    row("required 4.2.4 for a day, no longer", first(STALE), down(wait=86_500)),
    row("required 5.2.2.2 must-revalidate", first(cc("max-age=2, must-revalidate")), down()),
    row("required 5.2.2.8 proxy-revalidate", first(cc("max-age=2, proxy-revalidate")), down()),
    row("required 5.2.2.10 s-maxage", first(cc("s-maxage=2")), down()),
    row("required 5.2.2.4 no-cache", first(cc("no-cache"), TAG), down()),
    row("optional RFC 5861 4 stale-if-error", first(cc("max-age=2, stale-if-error=60")), covered(DOWN, wait=60)),
    row("optional RFC 5861 4 beyond a day", first(cc("max-age=2, stale-if-error=200000")), covered(DOWN, wait=100_000)),
    row("required RFC 5861 4 passed", first(cc("max-age=2, stale-if-error=60")), down(wait=70)),
    row("required RFC 5861 4 none at all", first(cc("max-age=2, stale-if-error=0")), down()),
    row("required 5.2.2.2 must-revalidate over stale-if-error", first(cc("max-age=2, must-revalidate, stale-if-error=60")), down()),
    row("optional 5.2.2.10 s-maxage with a window of its own", first(cc("s-maxage=2, stale-if-error=60")), covered(DOWN)),
    row("optional RFC 5861 4 asked for", first(cc("max-age=2")), covered(DOWN, fields=ask("stale-if-error=60")), stale_on_error=False),
    row("required 5.2.1.4 not where no-cache is asked", first(FRESH), Step("origin", DOWN, ask("no-cache"), status=503)),
    row("required 4.2.4 an error does not stand in for an error", Step("origin", Reply(503, [STALE], b"first")), Step("origin", Reply(503, [STALE], b"second"), wait=3, content=b"second")),
    row("required 4.2.4 switched off", first(STALE), down(), stale_on_error=False),
    row("optional RFC 5861 4 but not what is said", first(cc("max-age=2, stale-if-error=9")), covered(DOWN), stale_on_error=False),
    row("optional 4.3.3 a good answer ends it", first(STALE), covered(DOWN), miss(reply=Reply(200, [FRESH]), content=b"body 3"), hit(content=b"body 3")),
    row("optional 4.2.4 a condition does not matter", first(STALE, TAG), covered(DOWN)),
]  # fmt: skip

SWR = cc("max-age=2, stale-while-revalidate=60")


def meanwhile(reply: Reply | None = None, **more: Any) -> Step:
    """Answered from what is stale, while the origin is asked."""
    return Step("origin", reply or Reply(), wait=more.pop("wait", 3), status=200, **more)


REVALIDATED = [
    row("optional RFC 5861 3 stale at once, new the next time", first(SWR), meanwhile(Reply(200, [FRESH]), content=b"body 1"), hit(content=b"body 2")),
    row("required RFC 5861 3 its window passed", first(SWR), miss(wait=63, content=b"body 2")),
    row("required 5.2.2.2 must-revalidate", first(cc("max-age=2, stale-while-revalidate=60, must-revalidate")), miss(wait=3, content=b"body 2")),
    row("required 5.2.2.4 no-cache", first(cc("no-cache, stale-while-revalidate=60"), TAG), confirmed()),
    row("optional 5.2.2.10 s-maxage with a window of its own", first(cc("s-maxage=2, stale-while-revalidate=60")), meanwhile(content=b"body 1")),
    row("optional RFC 5861 3 asks by its tag", first(SWR, TAG), meanwhile(Reply(304, [FRESH]), content=b"body 1", upstream={"if-none-match": '"abc"'}), hit(content=b"body 1")),
    row("required RFC 5861 3 an error changes nothing", first(SWR), meanwhile(DOWN, content=b"body 1"), meanwhile(Reply(200, [FRESH]), content=b"body 1", wait=1), hit(content=b"body 3")),
    row("required RFC 5861 3 nor does a failure", first(SWR), meanwhile(FAILS, content=b"body 1"), meanwhile(wait=1, content=b"body 1")),
    row("required security nobody's credentials refresh for all", first(cc("public, max-age=2, stale-while-revalidate=60")), meanwhile(fields=[("Cookie", "a=b"), ("Authorization", "x")], upstream={"cookie": None, "authorization": None})),
    row("optional RFC 8246 immutable while fresh", first(cc("max-age=60, immutable")), hit(wait=59)),
    row("required RFC 8246 immutable when stale", first(cc("max-age=2, immutable")), miss(wait=3)),
]  # fmt: skip

CHANGES = [
    *[row(f"required 4.4 {method}", first(FRESH), miss(method=method), miss()) for method in ("POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "FOO")],
    *[row(f"required 4.4 {method} of another URL", first(FRESH), miss(method=method, path="/other"), hit()) for method in ("POST", "DELETE")],
    *[row(f"required 4.4 {method} is safe", first(FRESH), miss(method=method), hit()) for method in ("OPTIONS", "TRACE", "PROPFIND")],
    row("required 4.4 HEAD is safe", first(FRESH), hit(method="HEAD"), hit()),
    *[row(f"required 4.4 a failed POST ({status})", first(FRESH), miss(method="POST", reply=Reply(status)), hit()) for status in (400, 404, 500, 503)],
    *[row(f"required 4.4 a POST answered with {status}", first(FRESH), miss(method="POST", reply=Reply(status)), miss()) for status in (200, 201, 204, 302, 303)],
    *[
        row(f"required 4.4 {name} {value}", first(FRESH, path="/other"), miss(method="POST", reply=Reply(201, [(name, value)])), miss(path="/other"))
        for name in ("Location", "Content-Location") for value in ("/other", "http://site.test/other", "http://SITE.test:80/other", "other", "//site.test/other")
    ],
    *[
        row(f"required 4.4 {name} of another origin, {value}", first(FRESH, host="other.test"), miss(method="POST", reply=Reply(201, [(name, value)])), hit(host="other.test"))
        for name in ("Location", "Content-Location") for value in ("http://other.test/page", "//other.test/page")
    ],
    row("required 4.4 a Location that cannot be read", first(FRESH), miss(method="POST", path="/x", reply=Reply(201, [("Location", "http://[")])), hit()),
    row("required 4.4 every variant", first(FRESH, ("Vary", "Foo"), fields=[("Foo", "1")]), first(FRESH, ("Vary", "Foo"), fields=[("Foo", "2")]), miss(method="POST"), miss(fields=[("Foo", "1")]), miss(fields=[("Foo", "2")])),
    row("required 4.4 with a query", first(FRESH, path="/page?a=1"), miss(method="POST", path="/page?a=1"), miss(path="/page?a=1")),
    row("required 4.4 a query is another URL", first(FRESH, path="/page?a=1"), miss(method="POST"), hit(path="/page?a=1")),
    row("required RFC 9875 a group", first(FRESH, ("Cache-Groups", '"a", "b"')), hit(), miss(method="POST", path="/x", reply=Reply(200, [("Cache-Group-Invalidation", '"a"')])), miss()),
    row("required RFC 9875 not by a safe request", first(FRESH, ("Cache-Groups", '"a"')), miss(path="/x", reply=Reply(200, [("Cache-Group-Invalidation", '"a"')])), hit()),
    row("required RFC 9875 not of another origin", first(FRESH, ("Cache-Groups", '"a"')), miss(method="POST", path="/x", host="other.test", reply=Reply(200, [("Cache-Group-Invalidation", '"a"')])), hit()),
    row("optional No-Vary-Search parameters that change nothing", first(FRESH, ("No-Vary-Search", 'params=("utm")'), path="/p?utm=1&a=2"), miss(path="/p?utm=2&a=2", reply=Reply(200, [FRESH, ("No-Vary-Search", 'params=("utm")')])), hit(path="/p?utm=3&a=2"), miss(path="/p?utm=3&a=3")),
]  # fmt: skip


def cdn(value: str) -> tuple[str, str]:
    return ("CDN-Cache-Control", value)


def in_cdn(name: str, *steps: Step) -> Any:
    return row(name, *steps, cdn=True)


TARGETED = [
    in_cdn("optional RFC 9213 max-age", first(cdn("max-age=60")), hit(wait=59)),
    in_cdn("required RFC 9213 max-age passed", first(cdn("max-age=60")), miss(wait=61)),
    in_cdn("required RFC 9213 max-age=0", first(cdn("max-age=0"), FRESH), miss()),
    in_cdn("optional RFC 9213 longer than Cache-Control", first(cdn("max-age=600"), cc("max-age=1")), hit(wait=599)),
    in_cdn("required RFC 9213 shorter than Cache-Control", first(cdn("max-age=1"), FRESH), miss(wait=2)),
    in_cdn("optional RFC 9213 over no-store", first(cdn("max-age=60"), cc("no-store")), hit()),
    in_cdn("optional RFC 9213 over a past Expires", first(cdn("max-age=60"), ("Expires", date(-9))), hit()),
    in_cdn("required RFC 9213 Expires does not count", first(cdn("foo"), ("Expires", date(60))), miss()),
    in_cdn("required RFC 9213 Age counts", first(cdn("max-age=60"), ("Age", "90")), miss()),
    in_cdn("required RFC 9213 no-store", first(cdn("no-store"), FRESH), miss()),
    in_cdn("required RFC 9213 private", first(cdn("private"), FRESH), miss()),
    in_cdn("required RFC 9213 no-cache", first(cdn("no-cache"), FRESH, TAG), confirmed()),
    in_cdn("required RFC 9213 a quoted number is none", first(cdn('max-age="60"')), miss()),
    in_cdn("required RFC 9213 a fraction is none", first(cdn("max-age=60.5")), miss()),
    in_cdn("required RFC 9213 an inner list is none", first(cdn("max-age=(60)")), miss()),
    in_cdn("required RFC 9213 a space before the equals sign", first(cdn("max-age =60")), miss()),
    in_cdn("required RFC 9213 a space after the equals sign", first(cdn("max-age= 60")), miss()),
    in_cdn("required RFC 9213 capitals are an error", first(cdn("Max-Age=60")), miss()),
    in_cdn("optional RFC 9213 an error falls back", first(cdn("max-age =1"), FRESH), hit(wait=59)),
    in_cdn("optional RFC 9213 an empty field falls back", first(cdn(""), FRESH), hit(wait=59)),
    in_cdn("optional RFC 9213 parameters are ignored", first(cdn("max-age=60;a=b")), hit(wait=59)),
    in_cdn("optional RFC 9213 extensions are ignored", first(cdn("foo=(1 2), max-age=60, bar")), hit(wait=59)),
    in_cdn("optional RFC 9213 the largest number", first(cdn("max-age=999999999999999")), hit(wait=9e6)),
    in_cdn("required RFC 9213 a number too large is an error", first(cdn("max-age=9999999999999999")), miss()),
    in_cdn("optional RFC 9213 our own target first", first(cdn("max-age=1"), ("Keepwarm-CDN-Cache-Control", "max-age=60")), hit(wait=59)),
    in_cdn("optional RFC 9213 it goes no further", first(cdn("max-age=60"), lacks=["cdn-cache-control"]), hit(lacks=["cdn-cache-control"])),
    in_cdn("optional RFC 9213 2.3 too old for those behind: renewed", first(cdn("max-age=600"), cc("max-age=10"), ("Date", date()), ("Expires", date(10))), hit(wait=99, has={"date": date(99), "expires": date(109)}, lacks=["age"])),
    in_cdn("optional RFC 9213 2.3 not too old: told", first(cdn("max-age=600"), cc("max-age=10"), ("Date", date())), hit(wait=9, has={"date": date(), "age": "9"})),
    in_cdn("optional RFC 9213 a 304 may name it, too", first(cdn("max-age=2"), TAG), confirmed(cdn("max-age=60"), wait=3, lacks=["cdn-cache-control"]), hit(wait=59)),
    row("required RFC 9213 ignored and forwarded by others", first(cdn("max-age=600"), has={"cdn-cache-control": "max-age=600"}), miss()),
    row("required RFC 9213 nor does it forbid anything there", first(cdn("no-store"), FRESH), hit(has={"cdn-cache-control": "no-store"})),
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "settings"), [*ASKED, *COVERED, *REVALIDATED, *CHANGES, *TARGETED]
)
async def test_reuse(steps: Any, settings: Any) -> None:
    await play(steps, settings)
