"""The rules by themselves, where an exchange does not show them: parsing, and what is decided."""

import pytest

from keepwarm.rfc9111 import conditionals, groups, no_vary_search, ranges, selecting, status
from keepwarm.rfc9111.dates import format_date, parse_date
from keepwarm.rfc9111.directives import (
    INVALID,
    MOST_S,
    RequestControl,
    ResponseControl,
    request_control,
    response_control,
)
from keepwarm.rfc9111.fields import Field, members, unquoted
from keepwarm.rfc9111.freshness import Basis, Lifetime, age_value, initial_age, lifetime
from keepwarm.rfc9111.invalidating import outdated
from keepwarm.rfc9111.ranges import Part, Span, Unsatisfiable
from keepwarm.rfc9111.reusing import Terms, Use, decide, kept_s, may_cover_error
from keepwarm.rfc9111.storing import storable, to_store
from keepwarm.rfc9111.structured import Malformed, Token, dictionary, items, string
from keepwarm.rfc9111.targeted import TARGETS, control

NOW = 1_800_000_000.0


def fields(**named: str) -> list[Field]:
    return [
        (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in named.items()
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []), (",", []), ("a", ["a"]), ("a,b", ["a", "b"]), (" a , b ", ["a", "b"]), ('a="b,c", d', ['a="b,c"', "d"]),
        ('a="b\\",c", d', ['a="b\\",c"', "d"]), ('a="b, c', ['a="b', "c"]), ('"a""b", c', ['"a""b"', "c"]), ('a="b" c, d', ['a="b" c', "d"]),
    ],
)  # fmt: skip
def test_required_5_6_1_members(text: str, found: list[str]) -> None:
    assert members(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"a b"', "a b"),
        ('"a\\"b"', 'a"b'),
        ("ab", "ab"),
        ("a b", None),
        ('"a', None),
        ('"a"b', None),
        ('""', ""),
    ],
)
def test_required_5_6_4_quoted_strings(text: str, found: str | None) -> None:
    assert unquoted(text) == found


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777.0),
        ("Sun Nov  6 08:49:37 1994", 784_111_777.0),
        ("Sunday, 06-Nov-77 08:49:37 GMT", parse_date("Sat, 06 Nov 2077 08:49:37 GMT", NOW)),
        ("Sunday, 06-Nov-78 08:49:37 GMT", parse_date("Mon, 06 Nov 1978 08:49:37 GMT", NOW)),
        ("Sun, 06 Nov 1994 08:49:60 GMT", 784_111_800.0),
        ("Sun, 30 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:61 GMT", None),
        ("Sun Nov 6 08:49:37 1994", None),
    ],
)
def test_required_5_6_7_dates(text: str, instant: float | None) -> None:
    assert parse_date(text, NOW) == instant


def test_required_5_6_7_a_date_comes_back() -> None:
    for instant in (0.0, NOW, 4_102_444_799.0):
        assert parse_date(format_date(instant).decode(), NOW) == instant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max-age=5", ResponseControl(max_age=5)),
        ("max-age=x", ResponseControl(max_age=INVALID)),
        ("max-age=99999999999999999999", ResponseControl(max_age=MOST_S)),
        ("MAX-AGE=5,S-MaxAge=6", ResponseControl(max_age=5, s_maxage=6)),
        ("no-cache, no-cache=\"a\"", ResponseControl(no_cache=True)),
        ('no-cache="a", no-cache="b"', ResponseControl(hidden=frozenset({b"a", b"b"}))),
        ("no-cache=a", ResponseControl(hidden=frozenset({b"a"}))),
        ('private="a b"', ResponseControl(private=True)),
        ('private="set-cookie, max-age=5', ResponseControl(private=True, max_age=5)),
        ("stale-while-revalidate=x, stale-if-error=5", ResponseControl(stale_if_error=5)),
        ("immutable, must-understand, proxy-revalidate", ResponseControl(immutable=True, must_understand=True, proxy_revalidate=True)),
        ("=, ==, ;, \x00, \xff", ResponseControl()),
    ],
)  # fmt: skip
def test_required_5_2_2_what_a_response_says(text: str, said: ResponseControl) -> None:
    assert response_control(fields(cache_control=text)) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max-stale", RequestControl(max_stale=float("inf"))),
        ("max-stale=5, min-fresh=6", RequestControl(max_stale=5, min_fresh=6)),
        ("min-fresh=x, max-stale=x, stale-if-error=x", RequestControl()),
        ("max-age=x", RequestControl(max_age=INVALID)),
        ("only-if-cached, No-Store", RequestControl(only_if_cached=True, no_store=True)),
    ],
)
def test_required_5_2_1_what_a_request_says(text: str, said: RequestControl) -> None:
    assert request_control(fields(cache_control=text)) == said


@pytest.mark.parametrize(
    ("value", "age"),
    [
        ("5", 5),
        ("5, 6", 5),
        ("5 , x", 5),
        ("x", 0),
        ("-5", 0),
        ("5.5", 0),
        ("", 0),
        (",5", 0),
        ("9" * 50, MOST_S),
        ("+5", 0),
        ("\u0665", 0),
    ],
)
def test_required_5_1_age(value: str, age: int) -> None:
    assert age_value([(b"age", value.encode())]) == age


@pytest.mark.parametrize(
    ("named", "asked_at", "age"),
    [
        ({}, NOW, 0), ({"age": "7"}, NOW, 7), ({"age": "7"}, NOW - 2, 9), ({"date": "-30"}, NOW, 30), ({"date": "-30", "age": "40"}, NOW, 40),
        ({"date": "50", "age": "3"}, NOW, 3), ({"date": "-0"}, NOW - 5, 5),
    ],
)  # fmt: skip
def test_required_4_2_3_initial_age(named: dict[str, str], asked_at: float, age: float) -> None:
    if "date" in named:
        named = named | {"date": format_date(NOW + float(named["date"])).decode()}
    assert initial_age(fields(**named), asked_at, NOW) == age


def test_required_4_2_3_the_fraction_of_a_second_is_no_age() -> None:
    assert initial_age(fields(date=format_date(NOW).decode()), NOW + 0.9, NOW + 0.9) == 0


@pytest.mark.parametrize(
    ("said", "shared", "found"),
    [
        ("max-age=5, s-maxage=6", True, Lifetime(6, Basis.S_MAXAGE)),
        ("max-age=5, s-maxage=6", False, Lifetime(5, Basis.MAX_AGE)),
        ("s-maxage=x", True, Lifetime(0, Basis.S_MAXAGE)),
        ("", True, Lifetime(0, Basis.NONE)),
    ],
)
def test_required_4_2_1_lifetimes(said: str, shared: bool, found: Lifetime) -> None:
    said_fields = fields(cache_control=said)
    assert lifetime(200, said_fields, response_control(said_fields), NOW, is_shared=shared) == found


def terms(said: str, seconds: float = 10, *, shared: bool = True) -> Terms:
    return Terms(
        response_control(fields(cache_control=said)),
        Lifetime(seconds, Basis.MAX_AGE),
        NOW,
        0.0,
        shared,
    )


@pytest.mark.parametrize(
    ("said", "asked", "after", "use"),
    [
        ("", "", 9, Use.FRESH), ("", "", 10, Use.VALIDATE), ("", "max-stale=5", 15, Use.STALE), ("", "max-stale=5", 16, Use.VALIDATE),
        ("must-revalidate", "max-stale", 11, Use.VALIDATE), ("stale-while-revalidate=5", "", 15, Use.REVALIDATE),
        ("stale-while-revalidate=5", "", 16, Use.VALIDATE), ("stale-while-revalidate=5", "max-age=99", 12, Use.VALIDATE),
        ("", "min-fresh=5", 5, Use.FRESH), ("", "min-fresh=5", 6, Use.VALIDATE), ("", "max-age=5", 5, Use.FRESH), ("", "max-age=5", 6, Use.VALIDATE),
        ("no-cache", "", 1, Use.VALIDATE), ("", "no-cache", 1, Use.VALIDATE), ("", "no-cache, max-stale", 1, Use.VALIDATE),
    ],
)  # fmt: skip
def test_required_4_2_4_decisions(said: str, asked: str, after: float, use: Use) -> None:
    found = decide(terms(said), request_control(fields(cache_control=asked)), NOW + after)

    assert found.use is use


def test_required_soft_staleness_counts_as_staleness() -> None:
    assert decide(terms(""), RequestControl(), NOW, is_softly_stale=True).use is Use.VALIDATE
    soft = decide(terms("stale-while-revalidate=5"), RequestControl(), NOW, is_softly_stale=True)
    assert soft.use is Use.REVALIDATE


@pytest.mark.parametrize(
    ("said", "after", "covers"),
    [
        ("", 11, True), ("", 86_411, False), ("must-revalidate", 11, False), ("s-maxage=10", 11, False), ("stale-if-error=5", 15, True),
        ("stale-if-error=5", 16, False), ("no-cache", 1, False), ("proxy-revalidate", 11, False), ("s-maxage=10, stale-if-error=5", 14, True),
    ],
)  # fmt: skip
def test_required_rfc5861_4_errors(said: str, after: float, covers: bool) -> None:
    assert may_cover_error(terms(said), RequestControl(), NOW + after) is covers


def test_optional_what_is_of_no_use_is_not_kept() -> None:
    assert kept_s(terms("must-revalidate"), NOW + 20, has_validator=False) == 0
    assert kept_s(terms("must-revalidate"), NOW + 20, has_validator=True) > 0


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ("no-store", 200, "no-store"), ("private, max-age=5", 200, "private"), ("", 200, "no-lifetime"), ("max-age=0", 200, "expired"),
        ("max-age=5", 304, "status"), ("max-age=5", 600, "status"), ("max-age=5, must-understand", 299, "must-understand"), ("max-age=5", 200, "stored"),
    ],
)  # fmt: skip
def test_required_3_reasons(said: str, status: int, reason: str) -> None:
    given = fields(cache_control=said)
    said_control = response_control(given)
    lasts = lifetime(status, given, said_control, NOW)

    assert storable("GET", status, given, said_control, lasts, RequestControl()).reason == reason


def test_required_3_1_fields_of_one_connection_are_dropped() -> None:
    given = fields(connection="a, cache-control", a="1", cache_control="max-age=5", te="x", b="2")
    kept = to_store(given, response_control(given))

    assert kept == fields(cache_control="max-age=5", b="2")


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("accept-language", "en, de;q=0.5", "de;q=0.5,EN", True), ("accept-language", "en;q=0", "", False), ("accept-encoding", "gzip;q=0", "", False),
        ("accept-encoding", "x-gzip", "gzip", True), ("accept", "text/html", "TEXT/HTML", True), ("prefer", "a,b", "a , ,b", True), ("foo", "A", "a", False),
        ("foo", "a,b", "a , b", False), ("x-user", "bob", "bob ,", False), ("cookie", "sid=a,b", "sid=a,,b", False), ("cookie", "sid=x", "sid=x,", False),
        ("accept-language", "*", "*, fr;q=0", False), ("accept-language", "en, fr", "fr, en", False), ("accept-language", "en", "en, en-GB;q=0", False),
        ("accept-language", "en;q=0.5, fr", "fr, en;q=0.50", True), ("accept-language", "en;q=x", "en", False),
    ],
)  # fmt: skip
def test_optional_4_1_normal_forms(name: str, one: str, other: str, same: bool) -> None:
    forms = [selecting.normal(name.encode(), [(name.encode(), v.encode())]) for v in (one, other)]

    assert (forms[0] == forms[1]) is same


def test_required_4_1_lines_of_cookies_are_not_combined() -> None:
    one = selecting.normal(b"cookie", [(b"cookie", b"a=1"), (b"cookie", b"b=2")])

    assert one != selecting.normal(b"cookie", [(b"cookie", b"a=1, b=2")])


@pytest.mark.parametrize(
    ("value", "size", "found"),
    [
        ("bytes=0-0", 10, (Span(0, 0),)), ("bytes=-1", 10, (Span(9, 9),)), ("bytes=0-,", 10, (Span(0, 9),)), ("bytes=0-1,5-6", 10, (Span(0, 1), Span(5, 6))),
        ("bytes=0-1,20-", 10, (Span(0, 1),)), ("bytes=0-5,5-6", 10, None), ("BYTES=0-1", 10, (Span(0, 1),)), ("bytes=1", 10, None), ("bytes=0-1,x", 10, None),
    ],
)  # fmt: skip
def test_required_14_2_ranges(value: str, size: int, found: object) -> None:
    assert ranges.wanted(value, size) == found


def test_required_14_2_what_cannot_be_satisfied() -> None:
    for value, size in (("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)):
        assert isinstance(ranges.wanted(value, size), Unsatisfiable)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("bytes 0-4/10", Part(Span(0, 4), 10)), ("bytes 0-4/*", Part(Span(0, 4), None)), ("bytes 4-0/10", None), ("bytes 0-10/10", None),
        ("bytes */10", None), ("lines 0-4/10", None), ("bytes 0-4", None), ("", None),
    ],
)  # fmt: skip
def test_required_14_4_content_range(value: str, part: Part | None) -> None:
    assert ranges.part_of(fields(content_range=value)) == part


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (Span(0, 4), Span(5, 9), Span(0, 9)),
        (Span(5, 9), Span(0, 4), Span(0, 9)),
        (Span(0, 4), Span(6, 9), None),
        (Span(0, 9), Span(2, 3), Span(0, 9)),
    ],
)
def test_required_3_4_joining(one: Span, other: Span, found: Span | None) -> None:
    assert ranges.joined(one, other) == found


@pytest.mark.parametrize(
    ("tags", "etag", "matches"),
    [
        ('"a"', b'"a"', True),
        ('W/"a"', b'"a"', True),
        ('"a"', None, False),
        ("*", None, True),
        (' "b" ,"a"', b'W/"a"', True),
        ("", b'"a"', False),
        ('"a,"', b'"a"', False),
    ],
)
def test_required_13_1_2_weak_comparison(tags: str, etag: bytes | None, matches: bool) -> None:
    assert conditionals.matches_any(tags, etag) is matches


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}), ("a", {"a": True}), ("a=?0", {"a": False}), ("a=1, b=2.5", {"a": 1, "b": 2.5}), ('a="x\\"y"', {"a": 'x"y'}), ("a=x", {"a": "x"}),
        ("a=(1 2);p=3, b;q", {"a": [1, 2], "b": True}), ("a=:aGk=:", {"a": b"hi"}), ("a=1,a=2", {"a": 2}), ("a;x=1;y", {"a": True}),
    ],
)  # fmt: skip
def test_required_rfc9651_dictionaries(text: str, found: object) -> None:
    assert dictionary(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "a=",
        "a =1",
        "a= 1",
        "a,",
        "a=1,,b",
        'a="x',
        "a=1.2345",
        "a=1234567890123456",
        "a=(1",
        "a=(1,2)",
        "\xe9",
        "a=?2",
        "a=:*:",
    ],
)
def test_required_rfc9651_one_error_fails_all(text: str) -> None:
    with pytest.raises(Malformed):
        dictionary(text)


def test_required_rfc9651_lists_and_strings() -> None:
    assert items('"a", b, (1 "c")') == ["a", Token("b"), [1, "c"]]
    assert string('a"b\\c\x00\xe9') == '"a\\"b\\\\c"'


def test_required_rfc9875_groups_are_strings() -> None:
    assert groups.groups(fields(cache_groups='"a", b, "c", "a"')) == ("a", "c")
    assert groups.groups(fields(cache_groups='"a')) == ()
    assert groups.ended(fields(cache_group_invalidation='"a"')) == ("a",)


@pytest.mark.parametrize(
    ("value", "one", "other", "same"),
    [
        ('params=("a")', "a=1&b=2", "b=2", True), ('params=("a")', "a=1&b=2", "b=3", False), ("params", "a=1", "", True), ('params, except=("b")', "a=1&b=2", "b=2", True),
        ('params, except=("b")', "b=1", "b=2", False), ("key-order", "a=1&b=2", "b=2&a=1", True), ('params=("a")', "b=1&c=2", "c=2&b=1", False), ("key-order", "a=1&a=2", "a=2&a=1", False),
    ],
)  # fmt: skip
def test_optional_no_vary_search(value: str, one: str, other: str, same: bool) -> None:
    found = no_vary_search.search(fields(no_vary_search=value))

    assert found is not None
    assert (found.normal(one) == found.normal(other)) is same


@pytest.mark.parametrize(
    "value",
    [
        "",
        "params=(",
        "params=1",
        'except=("a")',
        'params=("a"), except=("b")',
        "params=(a)",
        "key-order=?0",
    ],
)
def test_required_no_vary_search_that_cannot_be_read(value: str) -> None:
    assert no_vary_search.search(fields(no_vary_search=value)) is None


def test_required_rfc9213_the_first_valid_target_counts() -> None:
    given = fields(cdn_cache_control="max-age=5", cache_control="no-store")

    assert control(given, TARGETS).max_age == 5
    assert control(given).no_store
    assert control([(b"cdn-cache-control", b"A"), *given[1:]], TARGETS).no_store


def test_required_4_4_only_the_same_origin() -> None:
    given = fields(location="//evil.test/x", content_location="/y?z")

    assert outdated("http://a.test/p", 201, given) == ("http://a.test/p", "http://a.test/y?z")
    assert outdated("http://a.test/p", 404, given) == ()


def test_required_rfc9211_members() -> None:
    told = status.Told("stale", 5.9, 304, True, True, "x", "k")

    assert status.member("keepwarm", status.Told()) == b"keepwarm; hit"
    assert status.member("keepwarm", told) == (
        b'keepwarm; fwd=stale; fwd-status=304; ttl=5; stored; collapsed; key="k"; detail=x'
    )
