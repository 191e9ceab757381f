"""103 Early Hints (RFC 8297): browsers fetch a page's script while the page is being made.

Only where the server can send them (`http.response.early_hint` in the ASGI scope: hypercorn
can, and over HTTP/2 others) and only to a browser's navigation, which alone makes use of it.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

EXTENSION = "http.response.early_hint"


class EarlyHints:
    """Names `script` before the app begins with the page."""

    def __init__(self, app: ASGIApp, script: str) -> None:
        self._app = app
        self._link = f"<{script}>; rel=modulepreload".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and EXTENSION in scope.get("extensions", {})
            and Headers(scope=scope).get("sec-fetch-mode") == "navigate"
        ):
            await send({"type": EXTENSION, "links": [self._link]})
        await self._app(scope, receive, send)
