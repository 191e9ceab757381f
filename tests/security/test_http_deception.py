"""HTTP, deception: a private page under a name that looks static is not replayed to others."""

from typing import Any
from urllib.parse import unquote

import pytest

from asgi.stage import ask
from keepwarm import Shared
from keepwarm.asgi.middleware import HTTPCache

security = pytest.mark.security

USER = [("Cookie", "user=alice")]
DISGUISES = [
    "/me/x.css",
    "/me;x.css",
    "/me/;x.css",
    "/me%00.css",
    "/me%0a.css",
    "/me%23.css",
    "/me%3f.css",
    "/me%3Fx.css",
    "/me?x.css",
    "/me/..%2fme.css",
    "//me/x.css",
    "/me//x.css",
    "/me.css",
    "/me/%2e%2e/static/x.css",
    "/static/..%2fme",
    "/static/..%2Fme/x.css",
    "/static/../me",
    "/static/%2e%2e/me",
    "/static/..;/me",
    "/static//../me",
    "/static/..%5cme",
    "/static/x.css%2f..%2f..%2fme",
    "/static/%252e%252e/me",
]


def loose(*, cache_control: str | None) -> Any:
    """An app that decodes and resolves paths its own way, and has a page for who asks."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path = unquote(unquote(scope["raw_path"].decode("latin-1"))).replace("\\", "/")
        cookie = dict(scope["headers"]).get(b"cookie", b"").decode()
        who = cookie if "me" in path else "everybody"
        headers = [] if cache_control is None else [(b"cache-control", cache_control.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": f"for {who}".encode()})

    return app


@security("HTTP: deception")
@pytest.mark.parametrize("path", DISGUISES)
@pytest.mark.parametrize("cache_control", [None, "private", "no-store", "no-cache"])
@pytest.mark.parametrize("declared_only", [True, False], ids=["app", "proxy"])
async def test_what_looks_static_is_still_what_its_response_says(
    path: str, cache_control: str | None, declared_only: bool
) -> None:
    """No suffix and no directory makes a response shareable."""
    app = HTTPCache(loose(cache_control=cache_control), declared_only=declared_only)

    await ask(app, path, USER)

    assert b"alice" not in (await ask(app, path)).body


@security("HTTP: deception")
@pytest.mark.parametrize("path", DISGUISES)
async def test_a_declared_directory_does_not_reach_beyond_itself(path: str) -> None:
    """`/static/..%2fme` matches `/static/{name:path}` in letters, and is another page."""
    app = HTTPCache(loose(cache_control=None), routes={"GET /static/{name:path}": Shared(ttl="1h")})

    await ask(app, path, USER)

    assert b"alice" not in (await ask(app, path)).body


@security("HTTP: deception")
@pytest.mark.parametrize("path", DISGUISES)
async def test_a_page_made_with_a_cookie_is_not_shared_whatever_it_says(path: str) -> None:
    """A framework's blanket `public` for `*.css` over a handler that read the cookie."""
    app = HTTPCache(loose(cache_control="public, max-age=3600"))

    await ask(app, path, USER)

    assert b"alice" not in (await ask(app, path)).body
