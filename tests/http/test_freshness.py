"""What may be reused, and for how long: RFC 9111 sections 3, 4.2, 5.1, 5.2.2, 5.3."""

from typing import Any

import pytest

from asgi.stage import date
from asgi.tables import cc, first, hit, miss, play, row

BIG = 2_147_483_648
MODIFIED = ("Last-Modified", date(-10_000))

FRESH = [
    row("required 4.2 nothing said is not reused", first(), miss()),
    row("optional 5.2.2.1 max-age", first(cc("max-age=60")), hit(wait=59)),
    row("required 5.2.2.1 max-age passed", first(cc("max-age=60")), miss(wait=61)),
    row("required 5.2.2.1 max-age of 0", first(cc("max-age=0")), miss()),
    row("required 4.2.1 exactly at its end it is stale", first(cc("max-age=60")), miss(wait=60)),
    row("optional 5.2.2.10 s-maxage", first(cc("s-maxage=60")), hit(wait=59)),
    row("optional 5.2.2.10 s-maxage over max-age", first(cc("max-age=1, s-maxage=60")), hit(wait=9)),
    row("required 5.2.2.10 s-maxage below max-age", first(cc("max-age=60, s-maxage=1")), miss(wait=9)),
    row("required 5.2.2.10 not for a private cache", first(cc("s-maxage=60, max-age=1")), miss(wait=9), shared=False),
    row("optional 5.3 Expires", first(("Expires", date(60)), ("Date", date())), hit(wait=59)),
    row("optional 5.3 Expires without Date", first(("Expires", date(60))), hit(wait=59)),
    row("required 5.3 Expires passed", first(("Expires", date(60)), ("Date", date())), miss(wait=61)),
    row("required 5.3 Expires in the past", first(("Expires", date(-60)), ("Date", date())), miss()),
    row("required 5.3 Expires at Date", first(("Expires", date()), ("Date", date())), miss()),
    row("optional 5.3 max-age over past Expires", first(cc("max-age=60"), ("Expires", date(-9))), hit()),
    row("required 5.3 max-age 0 over future Expires", first(cc("max-age=0"), ("Expires", date(99))), miss()),
    row("optional 5.3 Expires against Date not our clock", first(("Expires", date(-30)), ("Date", date(-90))), miss()),
    row("optional 5.2.2.1 unreadable Expires beside max-age", first(cc("max-age=60"), ("Expires", "0")), hit()),
    *[
        row(f"optional 1.2.2 huge max-age {n}", first(cc(f"max-age={n}")), hit(wait=9e6))
        for n in (BIG - 1, BIG, BIG + 1, 99999999999, "9" * 40)
    ],
    row("required 4.2.3 Age counts", first(cc("max-age=3600"), ("Age", "7200")), miss()),
    row("optional 4.2.3 Age leaves some", first(cc("max-age=3600"), ("Age", "3000")), hit(wait=599)),
    row("required 4.2.3 Age added up", first(cc("max-age=3600"), ("Age", "3000")), miss(wait=601)),
    row("required 4.2.3 an old Date is an age", first(cc("max-age=60"), ("Date", date(-90))), miss()),
    row("optional 4.2.3 a Date in the future is none", first(cc("max-age=60"), ("Date", date(90))), hit(wait=59)),
    row("optional 5.1 Age is told", first(cc("max-age=60")), hit(wait=7, has={"age": "7"})),
    row("required 5.1 Age is inherited", first(cc("max-age=60"), ("Age", "9")), hit(wait=7, has={"age": "16"})),
    row("required 4.2.3 Age from Date", first(cc("max-age=60"), ("Date", date(-9))), hit(wait=7, has={"age": "16"})),
    row("required 6.6.1 Date is not renewed", first(cc("max-age=60"), ("Date", date(-3))), hit(wait=9, has={"date": date(-3)})),
    row("required 5.3 Expires is not renewed", first(("Expires", date(60))), hit(wait=9, has={"expires": date(60)})),
    row("optional 6.6.1 a missing Date is noted", first(cc("max-age=60")), hit(wait=9, has={"date": date()})),
]  # fmt: skip

AGE_PARSE = [
    row(f"{kind} 5.1 Age {name}", first(cc("max-age=3600"), *[("Age", v) for v in lines]), then())
    for kind, name, lines, then in [
        ("optional", "first of a list", ["0, 7200"], hit),
        ("required", "first of a list is too old", ["7200, 0"], miss),
        ("optional", "first of two lines", ["0", "7200"], hit),
        ("required", "first of two lines is too old", ["7200", "0"], miss),
        ("optional", "not a number", ["abc"], hit),
        ("optional", "negative", ["-7200"], hit),
        ("optional", "with a fraction", ["7200.0"], hit),
        ("optional", "quoted", ['"7200"'], hit),
        ("optional", "with a parameter", ["7200;foo=bar"], hit),
        ("optional", "garbage before a number", ["abc, 7200"], hit),
        ("required", "huge", ["9" * 30], miss),
        ("required", "2**31", [str(BIG)], miss),
        ("required", "with spaces around", ["  7200  "], miss),
        ("required", "with leading zeros", ["0007200"], miss),
        ("optional", "empty", [""], hit),
    ]
]

CC_PARSE = [
    row(f"{kind} {name}", first(*[cc(v) for v in lines]), then())
    for kind, name, lines, then in [
        ("optional", "5.2 any case", ["MaX-aGe=3600"], hit),
        ("optional", "5.2 quoted", ['max-age="3600"'], hit),
        ("optional", "5.2 leading zeros", ["max-age=003600"], hit),
        ("optional", "5.2 no space after a comma", ["foo,max-age=3600"], hit),
        ("optional", "5.2 empty members", [", ,max-age=3600,,"], hit),
        ("optional", "5.2 tabs", ["foo\t,\tmax-age=3600"], hit),
        ("optional", "5.2 unknown directives", ["foo=bar, max-age=3600, baz"], hit),
        ("optional", "5.2 on a second line", ["foo", "max-age=3600"], hit),
        ("required", "5.2 in another's quotes", ['foo="max-age=3600"'], miss),
        ("required", "5.2 in another's quotes, listed", ['foo="a, max-age=3600, b"'], miss),
        ("required", "5.2 in another's quotes, escaped", ['foo="\\", max-age=3600"'], miss),
        ("required", "4.2.1 single quotes", ["max-age='3600'"], miss),
        ("required", "4.2.1 negative", ["max-age=-3600"], miss),
        ("required", "4.2.1 a letter after", ["max-age=3600a"], miss),
        ("required", "4.2.1 a letter before", ["max-age=a3600"], miss),
        ("required", "4.2.1 a fraction", ["max-age=3600.0"], miss),
        ("required", "4.2.1 no value", ["max-age"], miss),
        ("required", "4.2.1 an empty value", ["max-age="], miss),
        ("required", "4.2.1 an empty quoted value", ['max-age=""'], miss),
        ("required", "4.2.1 a space before the equals sign", ["max-age =3600"], miss),
        ("required", "4.2.1 a space after the equals sign", ["max-age= 3600"], miss),
        ("required", "4.2.1 an open quote", ['max-age="3600'], miss),
        ("required", "4.2.1 a plus sign", ["max-age=+3600"], miss),
        ("required", "4.2.1 hexadecimal", ["max-age=0xe10"], miss),
        ("required", "4.2.1 digits of another script", ["max-age=\u00b23600"], miss),
        ("optional", "4.2.1 the first of two, one line", ["max-age=3600, max-age=0"], hit),
        ("required", "4.2.1 the first of two is stale, one line", ["max-age=0, max-age=3600"], miss),
        ("optional", "4.2.1 the first of two lines", ["max-age=3600", "max-age=0"], hit),
        ("required", "4.2.1 the first of two lines is stale", ["max-age=0", "max-age=3600"], miss),
        ("required", "4.2.1 invalid is not guessed", ["max-age=abc"], miss),
        ("required", "5.2.2.5 no-store", ["max-age=3600, no-store"], miss),
        ("required", "5.2.2.5 No-Store", ["max-age=3600, No-Store"], miss),
        ("required", "5.2.2.5 no-store with a value", ["max-age=3600, no-store=x"], miss),
        ("required", "5.2.2.5 no-store with spaces", ["max-age=3600, no-store =x"], miss),
        ("required", "5.2.2.5 no-store on a second line", ["max-age=3600", "no-store"], miss),
        ("required", "5.2.2.5 no-store after an open quote", ['foo="bar, max-age=3600, no-store'], miss),
        ("required", "5.2.2.5 no-store after a quoted comma", ['foo="a,b", no-store, max-age=9'], miss),
        ("required", "5.2.2.7 private", ["max-age=3600, private"], miss),
        ("required", "5.2.2.7 PRIVATE", ["max-age=3600,PRIVATE"], miss),
        ("required", "5.2.2.7 private with an empty list", ['max-age=3600, private=""'], miss),
        ("required", "5.2.2.7 private with a list that cannot be read", ["max-age=3600, private='a'"], miss),
        ("required", "5.2.2.7 private on a second line", ["max-age=3600", "private"], miss),
        ("required", "5.2.2.4 no-cache", ["max-age=3600, no-cache"], miss),
        ("required", "5.2.2.4 No-Cache", ["max-age=3600, No-Cache"], miss),
        ("optional", "5.2.2.9 public", ["public, max-age=3600"], hit),
        ("optional", "5.2.2.2 must-revalidate while fresh", ["must-revalidate, max-age=3600"], hit),
        ("required", "5.2.2.3 must-understand hides no-store", ["must-understand, no-store, max-age=3600"], hit),
    ]
]  # fmt: skip

EXPIRES_PARSE = [
    row(f"{kind} 5.6.7 {name}", first(("Expires", value)), then(wait=9))
    for kind, name, value, then in [
        ("optional", "IMF-fixdate", "Fri, 15 Jan 2027 09:00:00 GMT", hit),
        ("optional", "RFC 850", "Friday, 15-Jan-27 09:00:00 GMT", hit),
        ("optional", "asctime", "Fri Jan 15 09:00:00 2027", hit),
        ("optional", "asctime, one digit", "Mon Feb  1 09:00:00 2027", hit),
        ("optional", "lower case", "fri, 15 jan 2027 09:00:00 gmt", hit),
        ("optional", "upper case", "FRI, 15 JAN 2027 09:00:00 GMT", hit),
        ("required", "RFC 850, a year long past", "Friday, 15-Jan-94 09:00:00 GMT", miss),
        ("required", "0", "0", miss),
        ("required", "-1", "-1", miss),
        ("required", "empty", "", miss),
        ("required", "garbage", "abc", miss),
        ("required", "another zone", "Fri, 15 Jan 2027 09:00:00 EST", miss),
        ("required", "UTC", "Fri, 15 Jan 2027 09:00:00 UTC", miss),
        ("required", "an offset", "Fri, 15 Jan 2027 09:00:00 +0000", miss),
        ("required", "no zone", "Fri, 15 Jan 2027 09:00:00", miss),
        ("required", "no weekday", "15 Jan 2027 09:00:00 GMT", miss),
        ("required", "no comma", "Fri 15 Jan 2027 09:00:00 GMT", miss),
        ("required", "a one-digit day", "Mon, 1 Feb 2027 09:00:00 GMT", miss),
        ("required", "a one-digit hour", "Fri, 15 Jan 2027 9:00:00 GMT", miss),
        ("required", "a one-digit minute", "Fri, 15 Jan 2027 09:0:00 GMT", miss),
        ("required", "dots for colons", "Fri, 15 Jan 2027 09.00.00 GMT", miss),
        ("required", "dashes for spaces", "Fri, 15-Jan-2027 09:00:00 GMT", miss),
        ("required", "two spaces", "Fri, 15 Jan  2027 09:00:00 GMT", miss),
        ("required", "a two-digit year", "Fri, 15 Jan 27 09:00:00 GMT", miss),
        ("required", "no such day", "Fri, 32 Jan 2027 09:00:00 GMT", miss),
        ("required", "no such hour", "Fri, 15 Jan 2027 25:00:00 GMT", miss),
        ("required", "a full month's name", "Fri, 15 January 2027 09:00:00 GMT", miss),
        ("required", "ISO 8601", "2027-01-15T09:00:00Z", miss),
        ("required", "a list", "Fri, 15 Jan 2027 09:00:00 GMT, 0", miss),
        ("required", "quoted", '"Fri, 15 Jan 2027 09:00:00 GMT"', miss),
    ]
]

HEURISTIC = [
    *[
        row(f"optional 4.2.2 heuristic for {status}", first(MODIFIED, status=status), hit(wait=900, status=status))
        for status in (200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501)
    ],
    *[
        row(f"required 4.2.2 no heuristic for {status}", first(MODIFIED, status=status), miss())
        for status in (201, 202, 302, 303, 307, 400, 403, 406, 429, 451, 500, 502, 503, 504, 599)
    ],
    row("optional 4.2.2 a tenth of its age", first(MODIFIED), hit(wait=999)),
    row("required 4.2.2 no more than a tenth", first(MODIFIED), miss(wait=1001)),
    row("optional 4.2.2 public allows to guess", first(MODIFIED, cc("public"), status=201), hit()),
    row("required 4.2.2 just modified", first(("Last-Modified", date())), miss()),
    row("required 4.2.2 modified in the future", first(("Last-Modified", date(99))), miss()),
    row("required 4.2.2 an unreadable date", first(("Last-Modified", "yesterday")), miss()),
    row("required 4.2.2 explicit wins over guessing", first(MODIFIED, cc("max-age=1")), miss(wait=2)),
    row("required 4.2.2 an expired Expires wins", first(MODIFIED, ("Expires", "0")), miss()),
    row("optional 4.2.2 Pragma of a response says nothing", first(MODIFIED, ("Pragma", "no-cache")), hit()),
    row("required 5.4 Pragma of a response makes nothing fresh", first(("Pragma", "max-age=60")), miss()),
    row("required 4.2.2 with must-revalidate it ends as early", first(MODIFIED, cc("must-revalidate")), miss(wait=1001)),
    row("optional 4.2.2 seven days at most", first(("Last-Modified", date(-1e9))), hit(wait=604_000)),
    row("required 4.2.2 not more than seven days", first(("Last-Modified", date(-1e9))), miss(wait=605_000)),
]  # fmt: skip

STATUSES = [
    entry
    for status in (
        *(200, 201, 202, 203, 204, 226, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405),
        *(406, 410, 414, 451, 499, 500, 501, 502, 503, 504, 507, 599),
    )
    for entry in (
        row(f"optional 3 fresh {status}", first(cc("max-age=60"), status=status), hit(status=status)),
        row(f"required 4.2 stale {status}", first(cc("max-age=2"), status=status), miss(wait=3)),
    )
] + [
    row("required 5.2.2.3 must-understand and an unknown status", first(cc("max-age=60, must-understand"), status=299), miss()),
    row("optional 5.2.2.3 must-understand and a known one", first(cc("max-age=60, must-understand")), hit()),
    row("required 5.2.2.3 without must-understand no-store holds", first(cc("max-age=60, no-store")), miss()),
    row("optional 15.4 a redirect keeps Location", first(cc("max-age=60"), ("Location", "/there"), status=301), hit(status=301, has={"location": "/there"})),
    row("required 3 a 206 nobody asked for is not stored", first(cc("max-age=60"), ("Content-Range", "bytes 0-1/9"), status=206), miss()),
    row("required 3 a 304 nobody asked for is not stored", first(cc("max-age=60"), status=304), miss()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "settings"),
    [*FRESH, *AGE_PARSE, *CC_PARSE, *EXPIRES_PARSE, *HEURISTIC, *STATUSES],
)
async def test_freshness(steps: Any, settings: Any) -> None:
    await play(steps, settings)
