"""HTTP, leaks: what was made for one client never reaches another."""

import asyncio
from typing import Any

import pytest

from asgi.stage import Answer, Reply, Stage

security = pytest.mark.security

FRESH = ("Cache-Control", "max-age=3600")
ALICE, BOB = [("Cookie", "user=alice")], [("Cookie", "user=bob")]


@pytest.fixture(params=["app", "proxy"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """As middleware with its defaults, and as the proxy has it."""
    return Stage(declared_only=request.param == "app", cdn=request.param == "proxy")


async def each_its_own(stage: Stage, *asked: list[tuple[str, str]], **reply: Any) -> None:
    """Every one of these requests, made twice, is answered by the origin for itself."""
    for _ in range(2):
        for fields in asked:
            calls = stage.calls
            answer = await stage.ask(fields=fields, reply=Reply(**reply))
            assert answer.body == b"body %d" % (calls + 1)
            assert not answer.is_hit


@security("HTTP: leaks, Authorization")
@pytest.mark.parametrize("value", ["max-age=3600", "max-age=3600, private", "max-age=3600, foo"])
async def test_an_answer_to_credentials_is_not_shared(stage: Stage, value: str) -> None:
    reply = Reply(fields=[("Cache-Control", value)])
    alice = await stage.ask(fields=[("Authorization", "Basic YQ==")], reply=reply)

    bob = await stage.ask(fields=[("Authorization", "Basic Yg==")], reply=reply)
    nobody = await stage.ask(reply=reply)

    assert len({alice.body, bob.body, nobody.body}) == 3 == stage.calls


NOT_SHARED = [
    ["private, max-age=3600"],
    ["PRIVATE, max-age=3600"],
    ["max-age=3600,Private"],
    ["max-age=3600 ,\tprivate "],
    ["max-age=3600", "private"],
    ["No-Store"],
    ["max-age=3600, NO-STORE"],
    ["max-age=3600", "no-store"],
    ['foo="a, b", no-store, max-age=3600'],
    ['foo="max-age=3600", private, max-age=3600'],
    ['max-age=3600, foo="\\", x", no-store'],
    ["max-age=3600,,, ,no-store"],
    ["no-store=1, max-age=3600"],
    ["s-maxage=3600, private"],
    ["public, max-age=3600, private"],
]


@security("HTTP: leaks, private and no-store in any spelling")
@pytest.mark.parametrize("lines", NOT_SHARED, ids=" | ".join)
async def test_private_and_no_store_count_however_written(stage: Stage, lines: list[str]) -> None:
    await each_its_own(stage, ALICE, BOB, [], fields=[("Cache-Control", line) for line in lines])


@security("HTTP: leaks, Vary")
@pytest.mark.parametrize(
    "vary",
    [
        ["*"],
        ["Accept, *"],
        ["*, Accept"],
        ["Accept", "*"],
        [" * "],
        ["Accept,\t*\t, Foo"],
        [",*"],
    ],
    ids=" | ".join,
)
async def test_a_star_anywhere_in_vary_is_not_shared(stage: Stage, vary: list[str]) -> None:
    fields = [("Cache-Control", "public, max-age=3600"), *(("Vary", line) for line in vary)]

    await each_its_own(stage, [], ALICE, fields=fields)


@security("HTTP: leaks, Vary")
@pytest.mark.parametrize("vary", ["Cookie", " cookie ", "Accept, COOKIE", ",Cookie,", "\tCookie"])
@pytest.mark.parametrize(
    "mine, yours",
    [
        (ALICE, BOB),
        (ALICE, []),
        ([], ALICE),
        ([("Cookie", "")], []),
        ([], [("Cookie", "")]),
        ([("Cookie", "a=1"), ("Cookie", "b=2")], [("Cookie", "a=1")]),
        ([("Cookie", "a=1")], [("Cookie", "A=1")]),
    ],
    ids=["two", "then-none", "none-first", "empty-first", "then-empty", "repeated", "case"],
)
async def test_vary_cookie_tells_clients_apart(
    stage: Stage, vary: str, mine: list[tuple[str, str]], yours: list[tuple[str, str]]
) -> None:
    reply = Reply(fields=[("Cache-Control", "public, max-age=3600"), ("Vary", vary)])
    first = await stage.ask(fields=mine, reply=reply)

    other = await stage.ask(fields=yours, reply=reply)

    assert (first.body, other.body) == (b"body 1", b"body 2")


@security("HTTP: leaks, Set-Cookie")
async def test_a_cookie_set_for_one_is_not_stored(stage: Stage) -> None:
    """Nor is the page that came with it, unless a proxy's origin gives that a lifetime."""
    lifetime = [("Last-Modified", "Mon, 04 Jan 2027 00:00:00 GMT")]
    if stage.front.desk.settings.declared_only:
        lifetime = [("Cache-Control", "public, max-age=3600")]

    await each_its_own(stage, [], [], fields=[*lifetime, ("Set-Cookie", "session=secret")])


@security("HTTP: leaks, Set-Cookie")
async def test_a_cookie_in_a_304_reaches_only_who_caused_it() -> None:
    stage = Stage(declared_only=True)
    stale = [("Cache-Control", "public, max-age=1"), ("ETag", '"e"')]
    await stage.ask(reply=Reply(fields=stale))
    stage.clock.advance(10)
    confirmed = [("Cache-Control", "public, max-age=3600"), ("ETag", '"e"')]
    caused = await stage.ask(reply=Reply(304, [*confirmed, ("Set-Cookie", "session=secret")]))

    others = [await stage.ask() for _ in range(3)]

    assert caused.get("set-cookie") == "session=secret"
    assert [answer.get("set-cookie") for answer in others] == [None] * 3
    assert "secret" not in repr(others)


@security("HTTP: leaks, Set-Cookie")
@pytest.mark.parametrize(
    "control", ["max-age=3600", "public, s-maxage=3600", "immutable, max-age=9"]
)
async def test_a_page_that_is_for_all_takes_nobodys_cookie_along(control: str) -> None:
    """A proxy has nothing but the origin's word (RFC 9111 §7.3), which is about the page."""
    stage = Stage()
    fields = [("Cache-Control", control), ("Set-Cookie", "session=secret"), ("X-Kept", "1")]
    caused = await stage.ask(reply=Reply(fields=fields))

    others = [await stage.ask() for _ in range(3)]

    assert caused.get("set-cookie") == "session=secret"
    assert [(a.is_hit, a.get("set-cookie"), a.get("x-kept")) for a in others] == [
        (True, None, "1")
    ] * 3


@security("HTTP: leaks, Set-Cookie")
async def test_who_causes_a_refreshed_page_alone_gets_its_cookie() -> None:
    """By a 304, a new 200 to our own question, or the missing rest of a part."""
    stage = Stage()
    stale, secret = [("Cache-Control", "max-age=1"), ("ETag", '"e"')], ("Set-Cookie", "a=secret")
    await stage.ask(reply=Reply(fields=stale))
    stage.clock.advance(10)
    by_304 = await stage.ask(reply=Reply(304, [*stale, secret]))
    after_304 = await stage.ask()
    stage.clock.advance(10)
    by_200 = await stage.ask(reply=Reply(200, [*stale, secret]))
    after_200 = await stage.ask()
    part = [*stale, ("Content-Range", "bytes 0-3/8")]
    ranged = [("Range", "bytes=0-3")]
    await stage.ask("/part", fields=ranged, reply=Reply(206, part, b"half"))
    rest = [*stale, ("Content-Range", "bytes 4-7/8"), secret]
    by_206 = await stage.ask("/part", reply=Reply(206, rest, b"rest"))
    after_206 = await stage.ask("/part")

    assert [a.get("set-cookie") for a in (by_304, by_200, by_206)] == ["a=secret"] * 3
    assert [a.get("set-cookie") for a in (after_304, after_200, after_206)] == [None] * 3
    assert all(a.is_hit for a in (after_304, after_200, after_206))
    assert (by_206.body, after_206.body) == (b"halfrest", b"halfrest")


@security("HTTP: leaks, Set-Cookie")
async def test_a_cookie_in_the_answer_to_a_post_is_not_stored_with_it() -> None:
    """A POST may answer with what a GET would get; the cookie beside it is for who sent it."""
    stage = Stage()
    fields = [("Cache-Control", "max-age=60"), ("Content-Location", "/page")]
    secret = ("Set-Cookie", "session=secret")
    posted = await stage.ask(method="POST", reply=Reply(fields=[*fields, secret]))

    answer = await stage.ask()

    assert (posted.get("set-cookie"), answer.get("set-cookie")) == (secret[1], None)
    assert answer.is_hit


@pytest.mark.parametrize(
    ("names", "kept"),
    [((), None), (["theme"], "theme=dark; Path=/"), (["*"], "theme=dark; Path=/, session=secret")],
)
async def test_cookies_are_shared_by_name(names: list[str], kept: str | None) -> None:
    stage = Stage(share_cookies=names)
    cookies = [("Set-Cookie", "theme=dark; Path=/"), ("Set-Cookie", "session=secret")]
    await stage.ask(reply=Reply(fields=[("Cache-Control", "max-age=60"), *cookies]))

    assert (await stage.ask()).get("set-cookie") == kept


async def test_a_cache_of_one_user_keeps_his_cookies() -> None:
    stage = Stage(shared=False)
    fields = [("Cache-Control", "max-age=60"), ("Set-Cookie", "session=mine")]
    await stage.ask(reply=Reply(fields=fields))

    assert (await stage.ask()).get("set-cookie") == "session=mine"


@security("HTTP: leaks, coalescing")
@pytest.mark.parametrize(
    "fields",
    [
        [("Cache-Control", "private, max-age=3600")],
        [("Cache-Control", "no-store")],
        [],
        [("Cache-Control", "public, max-age=3600"), ("Vary", "Cookie")],
        [("Cache-Control", "public, max-age=3600"), ("Vary", "*")],
        [("Cache-Control", "max-age=0"), ("Set-Cookie", "session=secret")],
    ],
    ids=["private", "no-store", "nothing", "vary", "star", "set-cookie"],
)
async def test_requests_at_once_get_each_its_own_answer(
    stage: Stage, fields: list[tuple[str, str]]
) -> None:
    """Ten users ask for one cold URL while the origin has not answered any of them."""
    stage.origin.default = Reply(fields=fields)
    stage.origin.gate = asyncio.Event()
    asking = [asyncio.create_task(stage.ask(fields=[("Cookie", f"user={n}")])) for n in range(10)]
    for _ in range(50):
        await asyncio.sleep(0)
    stage.origin.gate.set()

    answers: list[Answer] = await asyncio.gather(*asking)

    assert len({answer.body for answer in answers}) == 10 == stage.calls


@security("HTTP: leaks, background refresh")
@pytest.mark.parametrize(
    "credentials",
    [ALICE, [("Authorization", "Basic YQ==")], [("Proxy-Authorization", "Basic YQ==")]],
    ids=["cookie", "authorization", "proxy-authorization"],
)
async def test_a_refresh_for_all_carries_nobodys_credentials(
    stage: Stage, credentials: list[tuple[str, str]]
) -> None:
    """If it is made with them, what comes of it is not handed to others."""
    fields = [("Cache-Control", "public, max-age=1, stale-while-revalidate=3600")]
    await stage.ask(reply=Reply(fields=fields))
    stage.clock.advance(10)
    stage.origin.default = Reply(fields=fields)

    await stage.ask(fields=credentials)
    await stage.settle()
    calls = stage.calls
    answer = await stage.ask()

    name = credentials[0][0].lower()
    made_with = {n + 1 for n, seen in enumerate(stage.origin.seen[:calls]) if seen.get(name)}
    assert answer.body not in {b"body %d" % number for number in made_with}
