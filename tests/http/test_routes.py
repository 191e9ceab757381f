"""Private until declared shared: what routes declare, and what is told by credentials."""

import pytest

from asgi.stage import Reply, Stage
from keepwarm import ConfigurationError
from keepwarm.asgi.middleware import HTTPCache
from keepwarm.asgi.routes import Bypass, Immutable, PerUser, Routes, Shared

COOKIE, OTHER = [("Cookie", "session=ann")], [("Cookie", "session=bob")]
PUBLIC = Reply(200, [("Cache-Control", "public, max-age=60")])


def stage(**settings: object) -> Stage:
    return Stage(declared_only=True, **settings)


async def hits(stage: Stage, *requests: tuple[list[tuple[str, str]], Reply]) -> list[bool]:
    return [(await stage.ask(fields=f, reply=r)).is_hit for f, r in requests]


async def test_nothing_is_shared_of_a_route_that_is_not_declared() -> None:
    fresh = Reply(200, [("Cache-Control", "max-age=60")])

    assert await hits(stage(), ([], fresh), ([], fresh)) == [False, False]


async def test_a_response_that_says_public_is_shared() -> None:
    for value in ("public, max-age=60", "s-maxage=60"):
        said = Reply(200, [("Cache-Control", value)])

        assert await hits(stage(), ([], said), ([], said)) == [False, True]


async def test_nothing_is_guessed_for_an_app() -> None:
    old = Reply(
        200, [("Last-Modified", "Fri, 15 Jan 1999 00:00:00 GMT"), ("Cache-Control", "public")]
    )

    assert await hits(stage(), ([], old), ([], old)) == [False, False]


async def test_a_public_response_of_a_handler_that_read_the_cookie_is_not_shared() -> None:
    """The origin of the stage decodes every field it gets, as Django does."""
    it = stage()

    assert await hits(it, (COOKIE, PUBLIC), (COOKIE, PUBLIC), ([], PUBLIC)) == [False] * 3
    (found,) = it.front.audit().findings
    assert (found.route, found.policy, found.read) == ("/page", "public", ("cookie",))


async def test_what_was_made_for_nobody_is_not_for_somebody() -> None:
    assert await hits(stage(), ([], PUBLIC), (COOKIE, PUBLIC), ([], PUBLIC)) == [False, False, True]


async def test_a_handler_that_looks_at_no_credentials_serves_everybody() -> None:
    calls = 0

    async def app(scope: object, receive: object, send: object) -> None:
        nonlocal calls
        calls += 1
        await PUBLIC_APP(scope, receive, send)

    async def PUBLIC_APP(scope: object, receive: object, send: object) -> None:
        headers = [(b"cache-control", b"public, max-age=60")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"same"})  # type: ignore[operator]

    from asgi.stage import ask

    front = HTTPCache(app)
    for fields in (COOKIE, OTHER, []):
        await ask(front, fields=fields)
    assert calls == 1


async def test_starlette_reading_a_cookie_is_noticed() -> None:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    from asgi.stage import ask

    async def plain(request: Request) -> PlainTextResponse:
        request.headers.get("user-agent")
        return PlainTextResponse("x", headers={"cache-control": "public, max-age=60"})

    async def personal(request: Request) -> PlainTextResponse:
        name = request.cookies.get("session", "?")
        return PlainTextResponse(name, headers={"cache-control": "public, max-age=60"})

    front = HTTPCache(Starlette(routes=[Route("/plain", plain), Route("/mine", personal)]))

    assert [(await ask(front, "/plain", f)).is_hit for f in (COOKIE, OTHER)] == [False, True]
    assert [(await ask(front, "/mine", f)).body for f in (COOKIE, OTHER)] == [b"ann", b"bob"]


async def test_a_declared_route_is_shared_whatever_a_request_carries() -> None:
    it = stage(routes={"GET /page": Shared(ttl="5m")})

    assert await hits(it, (COOKIE, Reply()), (OTHER, Reply()), ([], Reply())) == [False, True, True]
    it.clock.advance(301)
    assert await hits(it, ([], Reply())) == [False]


@pytest.mark.parametrize("value", ["no-store", "private", "private, max-age=60"])
async def test_a_response_can_still_keep_itself_out(value: str) -> None:
    it = stage(routes={"GET /page": Shared(ttl="5m")})
    said = Reply(200, [("Cache-Control", value)])

    assert await hits(it, ([], said), ([], said)) == [False, False]


async def test_set_cookie_is_never_stored_for_an_app() -> None:
    said = Reply(200, [("Set-Cookie", "session=ann"), ("Cache-Control", "public, max-age=60")])
    for routes in ({}, {"GET /page": Shared(ttl="5m")}, {"GET /page": PerUser(ttl="5m")}):
        assert await hits(stage(routes=routes), ([], said), ([], said)) == [False, False]


@pytest.mark.parametrize("status", [201, 204, 302, 400, 403, 404, 429, 500])
async def test_a_ttl_is_for_successes(status: int) -> None:
    it = stage(routes={"GET /page": Shared(ttl="5m")})

    assert await hits(it, ([], Reply(status)), ([], Reply(status))) == [False, False]


async def test_a_ttl_takes_the_place_of_what_browsers_are_told() -> None:
    it = stage(routes={"GET /page": Shared(ttl="5m")})
    told = Reply(200, [("Cache-Control", "max-age=0, must-revalidate")])

    assert await hits(it, ([], told), ([], told)) == [False, True]


async def test_users_do_not_see_each_other() -> None:
    it = stage(routes={"GET /page": PerUser(ttl="5m")})

    answers = [await it.ask(fields=f) for f in (COOKIE, OTHER, COOKIE, OTHER, [])]

    assert [a.is_hit for a in answers] == [False, False, True, True, False]
    assert [a.body for a in answers[:4]] == [b"body 1", b"body 2", b"body 1", b"body 2"]


async def test_users_are_told_apart_by_the_cookies_that_are_named() -> None:
    it = stage(routes={"GET /page": PerUser(ttl="5m", cookies=["session"])})
    noisy = [("Cookie", "ads=1; session=ann"), ("Authorization", "x")]

    assert await hits(it, (COOKIE, Reply()), (noisy[:1], Reply()), (noisy, Reply())) == [
        False,
        True,
        False,
    ]


async def test_immutable_lasts_a_year() -> None:
    it = stage(routes={"GET /page": Immutable()})
    await it.ask()
    it.clock.advance(364 * 86_400)

    assert (await it.ask()).is_hit


async def test_bypass_is_never_looked_up() -> None:
    it = stage(routes={"GET /page": Bypass()})

    assert await hits(it, ([], PUBLIC), ([], PUBLIC)) == [False, False]


async def test_fields_that_a_route_varies_on() -> None:
    it = stage(routes={"GET /page": Shared(ttl="5m", vary=["Accept-Language"])})
    english, german = [("Accept-Language", "en")], [("Accept-Language", "de")]

    answers = [await it.ask(fields=f) for f in (english, german, english)]

    assert [a.is_hit for a in answers] == [False, False, True]
    assert {a.get("vary") for a in answers} == {"accept-language"}


async def test_the_stale_windows_of_a_route() -> None:
    it = stage(routes={"GET /page": Shared(ttl="1m", stale_while_revalidate="1h")})
    await it.ask()
    it.clock.advance(100)

    assert (await it.ask()).body == b"body 1"
    await it.settle()
    assert (await it.ask()).body == b"body 2"


async def test_the_tags_of_a_route_end_its_responses() -> None:
    it = stage(
        routes={"GET /characters/{id}": Shared(ttl="5m", tags=["character:{id}", "characters"])}
    )
    for path in ("/characters/5", "/characters/6"):
        await it.ask(path)

    await it.cache.invalidate("character:5")
    assert [(await it.ask(f"/characters/{n}")).is_hit for n in (5, 6)] == [False, True]
    await it.cache.invalidate("characters")
    assert [(await it.ask(f"/characters/{n}")).is_hit for n in (5, 6)] == [False, False]


@pytest.mark.parametrize(
    ("pattern", "path", "raw", "matches"),
    [
        ("GET /a/{x}", "/a/b", b"/a/b", True),
        ("GET /a/{x}", "/a/b/c", b"/a/b/c", False),
        ("GET /a/{x:path}", "/a/b/c", b"/a/b/c", True),
        ("/a", "/a", b"/a", True),
        ("GET /a.b", "/axb", b"/axb", False),
        ("GET /media/{x:path}", "/media/../me", b"/media/..%2fme", False),
        ("GET /media/{x:path}", "/media/../me", b"/media/../me", False),
        ("GET /me/{x}", "/me/a;x.css", b"/me/a;x.css", False),
        ("GET /me/{x}", "/me/a\x00.css", b"/me/a%00.css", False),
        ("GET /me/{x}", "/me/a\n.css", b"/me/a%0a.css", False),
        ("GET /me/{x}", "/me/a#.css", b"/me/a%23.css", False),
        ("GET /me/{x}", "/me/a?.css", b"/me/a%3f.css", False),
        ("GET /me/{x:path}", "/me//x", b"/me//x", False),
        ("GET /me/{x}", "/me/%41", b"/me/%2541", False),
        ("GET /me/{x}", "/me/é", b"/me/%C3%A9", True),
    ],
)
def test_patterns(pattern: str, path: str, raw: bytes, matches: bool) -> None:
    """What somebody else may read as another path is not declared."""
    assert (Routes({pattern: Shared(ttl="1m")}).match("GET", path, raw) is not None) is matches


@pytest.mark.parametrize(
    "routes",
    [
        {"POST /x": Shared(ttl="1m")},
        {"GET x": Shared(ttl="1m")},
        {"GET /{a}/{a}": Shared(ttl="1m")},
        {"GET /{a}": Shared(ttl="1m", tags=["character:{b}"])},
        {"GET /": "5m"},
    ],
)
def test_mistakes_are_told_when_they_are_declared(routes: dict[str, Shared]) -> None:
    with pytest.raises(ConfigurationError):
        Routes(routes)


def test_lists_are_lists() -> None:
    for make in (
        lambda: Shared(vary="accept"),
        lambda: Shared(tags="a"),
        lambda: Shared(vary=["a b"]),
    ):
        with pytest.raises(ConfigurationError):
            make()
