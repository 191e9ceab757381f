"""What an app reads of a request's credentials decides whether its public answers are shared."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
import pytest
from fastapi import Cookie, Depends, FastAPI, Header, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from asgi.stage import Clock, ask
from keepwarm import Cache, PerUser, Shared
from keepwarm.asgi.middleware import HTTPCache

ANN = [("Cookie", "session=ann; theme=dark"), ("Authorization", "Bearer a"), ("X-Api-Key", "1")]
BOB = [("Cookie", "session=bob; theme=dark"), ("Authorization", "Bearer b"), ("X-Api-Key", "2")]
PUBLIC = {"cache-control": "public, max-age=60"}


async def is_shared(app: Any, path: str = "/") -> bool:
    """Whether Bob gets what was made for Ann."""
    front = HTTPCache(app)
    first = await ask(front, path, ANN)
    assert first.status == 200, first
    return (await ask(front, path, BOB)).is_hit


# FastAPI.


async def plain() -> str:
    return "same"


async def by_request(request: Request) -> str:
    return request.headers.get("accept-language", "") + request.url.path + request.query_params["a"]


async def by_language(accept_language: Annotated[str | None, Header()] = None) -> str:
    return accept_language or ""


async def by_cookie(theme: Annotated[str | None, Cookie()] = None) -> str:
    return theme or ""


async def by_missing_cookie(other: Annotated[str | None, Cookie()] = None) -> str:
    return other or ""


async def by_cookies(request: Request) -> str:
    return request.cookies["session"]


async def by_a_look_for_a_cookie(request: Request) -> str:
    return str("other" in request.cookies)


async def by_all_cookies(request: Request) -> str:
    return repr({**request.cookies})


async def by_header(authorization: Annotated[str | None, Header()] = None) -> str:
    return authorization or ""


async def by_headers(request: Request) -> str:
    return request.headers["authorization"]


async def by_every_header(request: Request) -> str:
    return str(dict(request.headers))


async def by_raw_headers(request: Request) -> str:
    found = dict(request.headers.raw)
    return str(found[b"cookie"], "latin-1")


async def by_presence(request: Request) -> str:
    return "log out" if "authorization" in request.headers else "log in"


async def by_names(request: Request) -> str:
    return ",".join(request.headers)


async def by_presence_of_another(request: Request) -> str:
    return str("accept-language" in request.headers)


async def by_bearer(who: Annotated[Any, Security(HTTPBearer())]) -> str:
    return str(who.credentials)


async def by_api_key(key: Annotated[str, Security(APIKeyHeader(name="X-Api-Key"))]) -> str:
    return key


async def whoever(request: Request) -> str:
    return request.cookies.get("session", "")


async def by_a_dependency(_: Annotated[str, Depends(whoever)]) -> str:
    return "the same, it seems"


@pytest.mark.parametrize("handler", [plain, by_request, by_language, by_presence_of_another])
async def test_fastapi_shares_what_reads_no_credentials(
    handler: Callable[..., Awaitable[str]],
) -> None:
    assert await is_shared(fastapi(handler), "/?a=1")


@pytest.mark.parametrize(
    "handler",
    [
        by_cookie,
        by_missing_cookie,
        by_cookies,
        by_a_look_for_a_cookie,
        by_all_cookies,
        by_header,
        by_headers,
        by_every_header,
        by_raw_headers,
        by_presence,
        by_names,
        by_bearer,
        by_api_key,
        by_a_dependency,
    ],
)
async def test_fastapi_shares_nothing_that_reads_credentials(
    handler: Callable[..., Awaitable[str]],
) -> None:
    assert not await is_shared(fastapi(handler), "/?a=1")


def fastapi(handler: Callable[..., Awaitable[str]]) -> FastAPI:
    app = FastAPI()
    app.get("/")(handler)

    @app.middleware("http")
    async def public(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers.update(PUBLIC)
        return response

    return app


async def test_cookies_are_what_they_would_be_unwatched() -> None:
    seen: list[dict[str, str]] = []

    async def handler(request: Request) -> str:
        seen.append(dict(request.cookies))
        assert request.cookies == seen[-1]
        assert len(request.cookies) == 2
        assert list(request.cookies) == ["session", "theme"]
        assert request.cookies | {"a": "b"} == {**seen[-1], "a": "b"}
        return ""

    await ask(HTTPCache(fastapi(handler)), "/", ANN)
    await ask(fastapi(handler), "/", ANN)

    assert seen == [{"session": "ann", "theme": "dark"}] * 2


# Starlette: sessions and users, which middleware loads before anybody asks for them.


class Backend(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser]:
        return AuthCredentials(["in"]), SimpleUser(conn.headers["authorization"])


def starlette(handler: Callable[..., Any], *middleware: Middleware) -> Starlette:
    return Starlette(routes=[Route("/", handler)], middleware=list(middleware))


SESSIONS = Middleware(SessionMiddleware, secret_key="a secret of this test")


async def same(request: Request) -> Response:
    return PlainTextResponse("same", headers=PUBLIC)


async def by_url(request: Request) -> Response:
    return PlainTextResponse(str(request.base_url), headers=PUBLIC)


async def by_session(request: Request) -> Response:
    return PlainTextResponse(request.session.get("name", "?"), headers=PUBLIC)


async def by_scope(request: Request) -> Response:
    return PlainTextResponse(request.scope["session"].get("name", "?"), headers=PUBLIC)


async def by_a_copy(request: Request) -> Response:
    scope = {**request.scope}
    return PlainTextResponse(scope["session"].get("name", "?"), headers=PUBLIC)


async def by_the_request_as_a_mapping(request: Request) -> Response:
    return PlainTextResponse(request["session"].get("name", "?"), headers=PUBLIC)


async def by_session_in_the_body(request: Request) -> Response:
    async def body() -> Any:
        yield "hello "
        yield request.session.get("name", "?")

    return StreamingResponse(body(), headers=PUBLIC)


async def by_cookie_in_the_body(request: Request) -> Response:
    async def body() -> Any:
        yield "hello "
        yield request.cookies["session"]

    return StreamingResponse(body(), headers=PUBLIC)


@pytest.mark.parametrize("handler", [same, by_url])
async def test_a_session_that_nobody_uses_keeps_nothing_private(handler: Any) -> None:
    assert await is_shared(starlette(handler, SESSIONS))


@pytest.mark.parametrize(
    "handler",
    [
        by_session,
        by_scope,
        by_a_copy,
        by_the_request_as_a_mapping,
        by_session_in_the_body,
        by_cookie_in_the_body,
    ],
)
async def test_a_session_that_is_used_keeps_it_private(handler: Any) -> None:
    assert not await is_shared(starlette(handler, SESSIONS))


async def test_a_user_keeps_it_private() -> None:
    async def by_user(request: Request) -> Response:
        return PlainTextResponse(request.user.display_name, headers=PUBLIC)

    app = starlette(by_user, Middleware(AuthenticationMiddleware, backend=Backend()))

    assert not await is_shared(app)


async def test_a_session_in_a_copied_scope_keeps_it_private() -> None:
    """Its use could not be seen there."""

    class Copying:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope}, receive, send)

    assert not await is_shared(starlette(by_session, Middleware(Copying), SESSIONS))
    assert not await is_shared(starlette(by_session, SESSIONS, Middleware(Copying)))


async def test_a_session_that_does_not_tell_of_its_use_keeps_it_private() -> None:
    """Another middleware's, or an older one's: a plain dict in the scope."""

    class Sessions:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["session"] = {"name": HTTPConnection(scope).cookies.get("session")}
            await self.app(scope, receive, send)

    assert not await is_shared(starlette(by_session, Middleware(Sessions)))


async def test_other_requests_have_the_cookies_they_had() -> None:
    """Those of an app that is not watched, in a process where one is."""
    assert await is_shared(starlette(same))
    scope = {"type": "http", "headers": [(b"cookie", b"a=1; b=2")]}

    cookies = HTTPConnection(scope).cookies

    assert (type(cookies), cookies) == (dict, {"a": "1", "b": "2"})


# An app that nobody knows.


def bare(look: Callable[[Any], object]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        text = str(look(scope)).encode()
        headers = [(name.encode(), value.encode()) for name, value in PUBLIC.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return app


def values(scope: Any) -> list[bytes]:
    return [pair[1] for pair in scope["headers"]]


@pytest.mark.parametrize(
    "look",
    [
        lambda scope: scope["path"],
        lambda scope: len(scope["headers"]),
        lambda scope: any(pair[0] == b"accept-language" for pair in scope["headers"]),
    ],
    ids=["path", "count", "another"],
)
async def test_a_bare_app_that_reads_no_values_is_shared(look: Any) -> None:
    assert await is_shared(bare(look))


@pytest.mark.parametrize(
    "look",
    [
        lambda scope: dict(scope["headers"]),
        lambda scope: [pair[0] for pair in scope["headers"]],
        lambda scope: any(pair[0] == b"authorization" for pair in scope["headers"]),
        lambda scope: b"authorization" in {pair[0] for pair in scope["headers"]},
        lambda scope: [value for name, value in scope["headers"] if name == b"accept"],
        lambda scope: str(dict(scope["headers"])[b"cookie"], "latin-1"),
        lambda scope: re.search(b"session=(\\w+)", b"".join(values(scope))),
        lambda scope: b"".join(b"".join(pair) for pair in scope["headers"]),
        lambda scope: sorted(scope["headers"]),
        lambda scope: (b"cookie", b"session=ann; theme=dark") in scope["headers"],
        lambda scope: [pair[-1] for pair in scope["headers"]],
        lambda scope: [pair[1:] for pair in scope["headers"]],
        lambda scope: repr(scope["headers"]),
        lambda scope: hash(tuple(scope["headers"])),
        lambda scope: list(zip(*scope["headers"], strict=True)),
    ],
)
async def test_a_bare_app_that_takes_fields_apart_shares_nothing(look: Any) -> None:
    assert not await is_shared(bare(look))


# The audit.


async def test_the_audit_tells_of_what_is_wider_than_what_was_read() -> None:
    from keepwarm import Immutable

    app = FastAPI()
    for path, handler in {
        "/plain": plain,
        "/mine": by_cookies,
        "/key": by_api_key,
        "/vary": by_headers,
        "/themed": by_cookie,
        "/other": by_cookies,
        "/all": by_all_cookies,
        "/public": by_bearer,
        "/fixed": by_every_header,
    }.items():
        app.get(path)(handler)
    front = HTTPCache(
        app,
        routes={
            "/plain": Shared(ttl="1m"),
            "/mine": Shared(ttl="1m"),
            "/key": PerUser(ttl="1m"),
            "/vary": Shared(ttl="1m", vary=["authorization"]),
            "/themed": PerUser(ttl="1m", cookies=["theme"]),
            "/other": PerUser(ttl="1m", cookies=["theme"]),
            "/all": PerUser(ttl="1m"),
            "/fixed": Immutable(),
            "/unseen": Shared(ttl="1m"),
        },
    )

    for path in ("/plain", "/mine", "/key", "/vary", "/themed", "/other", "/all", "/fixed"):
        await ask(front, path, ANN)
    await ask(front, "/plain")
    report = front.audit()

    assert [(f.route, f.policy, f.read) for f in report.findings] == [
        ("/fixed", "Immutable", ("authorization", "cookie", "x-api-key")),
        ("/mine", "Shared", ("cookie:session",)),
        ("/other", "PerUser", ("cookie:session",)),
    ]
    assert report.unseen == ("/unseen",)


async def test_users_with_keys_do_not_see_each_other() -> None:
    front = HTTPCache(fastapi(by_api_key), routes={"/": PerUser(ttl="1m")})

    assert [(await ask(front, "/", who[2:])).body for who in (ANN, BOB)] == [b'"1"', b'"2"']
    assert (await ask(front, "/", ANN[2:])).is_hit


# Compiled code takes a dict apart without a word.


class Cookies(BaseModel):
    session: str = "nobody"


async def by_a_model(request: Request) -> str:
    return Cookies.model_validate(request.cookies).session


async def by_a_serializer(request: Request) -> str:
    return msgspec.json.encode(request.cookies).decode()


@pytest.mark.parametrize("handler", [by_a_model, by_a_serializer])
async def test_compiled_code_has_the_cookies_and_shares_nothing(handler: Any) -> None:
    watched = await ask(HTTPCache(fastapi(handler)), "/", ANN)
    plain = await ask(fastapi(handler), "/", ANN)

    assert b"ann" in watched.body == plain.body
    assert not await is_shared(fastapi(handler))


async def test_the_audit_tells_of_cookies_that_compiled_code_took() -> None:
    front = HTTPCache(fastapi(by_a_serializer), routes={"/": Shared(ttl="1m")})
    await ask(front, "/", ANN)

    assert [finding.read for finding in front.audit().findings] == [("cookie",)]


# Who is known by a field of which nobody has told.

CLARA, DORA = [("X-Our-User", "clara")], [("X-Our-User", "dora")]


async def by_our_field(x_our_user: Annotated[str | None, Header()] = None) -> str:
    return x_our_user or ""


@pytest.mark.parametrize("name", ["X-Key", "X-Token", "X-Forwarded-User", "X-Auth-Request-Email"])
async def test_users_that_a_common_field_names_have_a_copy_each(name: str) -> None:
    async def handler(request: Request) -> str:
        return request.headers.get(name, "")

    front = HTTPCache(fastapi(handler), routes={"/": PerUser(ttl="1m")})
    asked = [[(name, "ann")], [(name, "bob")], [(name, "ann")]]

    answers = [await ask(front, "/", fields) for fields in asked]

    assert [a.body for a in answers] == [b'"ann"', b'"bob"', b'"ann"']
    assert answers[-1].is_hit


@pytest.mark.parametrize("routes", [{}, {"/": PerUser(ttl="1m")}], ids=["undeclared", "per-user"])
async def test_what_an_unknown_field_may_have_decided_is_not_shared(routes: Any) -> None:
    front = HTTPCache(fastapi(by_our_field), routes=routes)

    assert [(await ask(front, "/", who)).body for who in (CLARA, DORA)] == [b'"clara"', b'"dora"']


async def test_an_unknown_field_that_nobody_reads_changes_nothing() -> None:
    front = HTTPCache(fastapi(plain))
    await ask(front, "/", CLARA)

    assert (await ask(front, "/", DORA)).is_hit


@pytest.mark.parametrize("routes", [{}, {"/": PerUser(ttl="1m")}], ids=["undeclared", "per-user"])
async def test_an_unknown_field_that_vary_names_tells_copies_apart(routes: Any) -> None:
    async def handler(request: Request) -> Response:
        fields = {**PUBLIC, "vary": "X-Our-User"}
        return PlainTextResponse(request.headers["x-our-user"], headers=fields)

    front = HTTPCache(starlette(handler), routes=routes)

    answers = [await ask(front, "/", who) for who in (CLARA, DORA, CLARA)]

    assert [a.body for a in answers] == [b"clara", b"dora", b"clara"]
    assert answers[-1].is_hit


async def test_a_field_that_is_declared_to_name_users_keeps_copies_apart() -> None:
    routes = {"/": PerUser(ttl="1m")}
    front = HTTPCache(fastapi(by_our_field), routes=routes, credentials=["X-Our-User"])

    answers = [await ask(front, "/", who) for who in (CLARA, DORA, CLARA)]

    assert [a.body for a in answers] == [b'"clara"', b'"dora"', b'"clara"']
    assert answers[-1].is_hit
    assert front.audit().findings == ()


async def test_a_refresh_in_the_background_is_not_decided_by_an_unknown_field() -> None:
    """It would reach others, who have no such field."""
    fields = {"cache-control": "public, max-age=1, stale-while-revalidate=60"}

    async def handler(request: Request) -> Response:
        return PlainTextResponse(request.headers.get("x-our-user", "nobody"), headers=fields)

    clock = Clock()
    front = HTTPCache(starlette(handler), Cache(clock=clock), clock=clock)
    await ask(front, "/")
    clock.advance(10)
    await ask(front, "/", CLARA)
    for task in [*front.desk._refreshing.values()]:
        await task

    assert (await ask(front, "/")).body == b"nobody"


async def test_a_page_for_somebody_logged_out_is_not_for_users_known_otherwise() -> None:
    """He had a cookie that nobody looked at; they have a token."""

    async def handler(request: Request) -> Response:
        found = request.headers.get("authorization")
        return PlainTextResponse(found or "please log in", headers=PUBLIC)

    front = HTTPCache(starlette(handler))
    await ask(front, "/", [("Cookie", "_ga=1")])

    ann = await ask(front, "/", [("Authorization", "Bearer ann")])
    both = await ask(front, "/", [("Authorization", "Bearer ann"), ("Cookie", "_ga=2")])
    out = await ask(front, "/", [("Cookie", "_ga=3")])

    assert [a.body for a in (ann, both, out)] == [b"Bearer ann"] * 2 + [b"please log in"]
    assert out.is_hit


# Middleware before this cache, which has read credentials already.


class Outer:
    """Leaves in the scope who asks."""

    def __init__(self, app: Any, key: str) -> None:
        self.app, self.key = app, key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            who = HTTPConnection(scope).headers.get("authorization", "nobody")
            scope = {**scope, self.key: {"who": who}}
        await self.app(scope, receive, send)


@pytest.mark.parametrize("key", ["user", "auth", "session", "state"])
@pytest.mark.parametrize("how", ["taken", "asked", "copied", "request"])
async def test_what_is_known_of_a_user_before_the_cache_is_not_shared(key: str, how: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        match how:
            case "taken":
                text = scope[key]["who"]
            case "asked":
                text = str(scope.get(key, {}).get("who"))
            case "copied":
                text = {**scope}[key]["who"]
            case _:
                found = getattr(Request(scope), key)
                text = found.who if key == "state" else found["who"]
        await PlainTextResponse(text, headers=PUBLIC)(scope, receive, send)

    outer = Outer(HTTPCache(app), key)

    answers = [await ask(outer, "/", who) for who in (ANN[1:2], BOB[1:2])]

    assert [answer.body for answer in answers] == [b"Bearer a", b"Bearer b"]


async def test_what_is_known_of_a_user_and_not_used_keeps_nothing_private(
    caplog: pytest.LogCaptureFixture,
) -> None:
    front = Outer(HTTPCache(starlette(same)), "user")

    await ask(front, "/", ANN)
    await ask(front, "/other", ANN)

    assert (await ask(front, "/", BOB)).is_hit
    assert len([r for r in caplog.records if "not the outermost" in r.message]) == 1


async def test_the_apps_own_state_says_nothing_about_users() -> None:
    """What its lifespan has left there is the same in all requests."""

    async def handler(request: Request) -> Response:
        return PlainTextResponse(request.state.who, headers=PUBLIC)

    app = starlette(handler)
    front = HTTPCache(app)
    given = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(given)

    async def send(message: Any) -> None:
        pass

    state = {"who": "the same"}
    await front({"type": "lifespan", "state": state}, receive, send)

    class Server:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await front({**scope, "state": dict(state)}, receive, send)

    await ask(Server(), "/", ANN)

    assert (await ask(Server(), "/", BOB)).is_hit


async def test_the_audit_tells_of_users_that_were_known_before_the_cache() -> None:
    async def handler(request: Request) -> Response:
        return PlainTextResponse(request.user["who"], headers=PUBLIC)

    front = HTTPCache(starlette(handler), routes={"/": Shared(ttl="1m")})
    await ask(Outer(front, "user"), "/", ANN)

    assert [(f.route, f.read) for f in front.audit().findings] == [("/", ("user",))]
