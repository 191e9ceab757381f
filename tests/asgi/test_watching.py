"""What an app reads of a request's credentials decides whether its public answers are shared."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import pytest
from fastapi import Cookie, Depends, FastAPI, Header, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from asgi.stage import ask
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


async def by_bearer(who: Annotated[Any, Security(HTTPBearer())]) -> str:
    return str(who.credentials)


async def by_api_key(key: Annotated[str, Security(APIKeyHeader(name="X-Api-Key"))]) -> str:
    return key


async def whoever(request: Request) -> str:
    return request.cookies.get("session", "")


async def by_a_dependency(_: Annotated[str, Depends(whoever)]) -> str:
    return "the same, it seems"


@pytest.mark.parametrize("handler", [plain, by_request, by_language])
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
        lambda scope: [pair[0] for pair in scope["headers"]],
    ],
    ids=["path", "count", "names"],
)
async def test_a_bare_app_that_reads_no_values_is_shared(look: Any) -> None:
    assert await is_shared(bare(look))


@pytest.mark.parametrize(
    "look",
    [
        lambda scope: dict(scope["headers"]),
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
    from keepwarm import Immutable, PerUser, Shared

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
    from keepwarm import PerUser

    front = HTTPCache(fastapi(by_api_key), routes={"/": PerUser(ttl="1m")})

    assert [(await ask(front, "/", who[2:])).body for who in (ANN, BOB)] == [b'"1"', b'"2"']
    assert (await ask(front, "/", ANN[2:])).is_hit
