"""What stands before every route: other sites, oversized bodies, and browsers' own rules.

Writes are guarded twice. A browser says where a request comes from
(`Sec-Fetch-Site`, else `Origin`), and a write that a session cookie comes with must
also carry the token that belongs to that session (`X-CSRF-Token`; sessions.py). The
guard stands before the routes, so that no route can forget it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gallery.web.answers import FOR_ALL, KEEPING
from gallery.web.problems import ProblemDetail, answer_of
from gallery.web.sessions import CSRF_HEADER, csrf_matches, session_token

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

#: They open a session, so none can vouch for them; where they come from still counts.
NEED_NO_TOKEN = frozenset({"/api/auth/login", "/api/auth/register"})


def page_policy(*, styles: Sequence[str] = (), scripts: Sequence[str] = ()) -> str:
    """What a page may load and do, beside the sheets and scripts inside it that have these
    hashes."""
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *scripts)),
            " ".join(("style-src 'self'", *styles)),
            "img-src 'self' blob: data:",  # data: stands for pictures that are on their way
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": page_policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def from_another_site(headers: Headers) -> bool:
    """Whether a browser says that this request was made by another site's page."""
    fetched_from = headers.get("sec-fetch-site")
    if fetched_from is not None:
        return fetched_from not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False  # no browser sends a cross-site write without it
    # The scheme is left out: behind a TLS proxy ours is http and the page's is https.
    return origin.partition("://")[2] != headers.get("host", "")


class SameSiteWrites:
    """Refuses writes made by other sites' pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal = self._refusal(connection)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await answer_of(403, refusal)(scope, receive, send)

    def _refusal(self, connection: HTTPConnection) -> ProblemDetail | None:
        if from_another_site(connection.headers):
            return ProblemDetail(
                "cross_site",
                "This request was made by another site's page.",
                "Use Gallery's own page, or send no Origin and Sec-Fetch-Site headers.",
            )
        token = session_token(connection)
        if token is None or connection.url.path in NEED_NO_TOKEN:
            return None
        if csrf_matches(token, connection.headers.get(CSRF_HEADER, "")):
            return None
        return ProblemDetail(
            "csrf",
            "The request lacks the token that belongs to its session.",
            f"Send the value of `csrf_token` from GET /api/auth/me as {CSRF_HEADER}.",
        )


class BodyLimit:
    """Ends a request whose body is larger than its address takes, before it is parsed."""

    def __init__(self, app: ASGIApp, *, ordinary: int, images: int) -> None:
        self._app = app
        self._ordinary = ordinary
        self._images = images

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        limit = self._images if scope["path"].endswith("/images") else self._ordinary
        too_large = answer_of(
            413,
            ProblemDetail("too_large", f"At most {limit:,} bytes are taken here.", "Send less."),
            {"Connection": "close"},
        )
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdigit() or int(announced) > limit:
            await too_large(scope, receive, send)
            return

        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    # An HTTPException, because parsers turn any other into a 400.
                    raise HTTPException(413, f"At most {limit:,} bytes are taken here.")
            return message

        await self._app(scope, counted, send)


class BrowserRules:
    """Adds the headers that bound what a browser may do with an answer.

    API answers may be kept only by the browser that asked, and only to ask again:
    the cache that counts is the server's, where an invalidation reaches. Whatever does not
    say that it is the same for all depends on who asks.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_api = scope["path"].startswith("/api/")

        async def with_rules(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if is_api:
                    headers.setdefault("Cache-Control", "private, no-cache")
                    if headers.get(KEEPING) != FOR_ALL:
                        headers.add_vary_header("Cookie")
            await send(message)

        await self._app(scope, receive, with_rules)
