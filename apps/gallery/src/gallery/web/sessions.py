"""Session cookies, and the token that a write must carry beside its cookie.

A session is an opaque random token; the database has its SHA-256 only, so that who
reads the database cannot sign in with what is there. The CSRF token is an HMAC keyed
by the session token: bound to that session, needing neither a secret of the server's
nor a look-up, and of no use for guessing the session token. It travels in a cookie
that scripts of our page may read and must come back in a header, which other sites'
pages can do neither of.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from starlette.requests import HTTPConnection
from starlette.responses import Response

CSRF_HEADER = "X-CSRF-Token"
CSRF_COOKIE = "gallery_csrf"
SESSION_COOKIE = "gallery_session"
#: Browsers take a cookie of this prefix only over TLS, for the whole host, from it alone.
SECURE_PREFIX = "__Host-"
SESSION_COOKIES = (SESSION_COOKIE, SECURE_PREFIX + SESSION_COOKIE)

SESSION_LASTS = timedelta(days=14)
TOKEN_BYTES = 32


def new_session_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def session_digest(token: str) -> str:
    """What the database knows of a session token: SHA-256 in hex (the token is random)."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token(session: str) -> str:
    """The token that writes of this session must carry."""
    return hmac.new(session.encode(), b"gallery csrf", hashlib.sha256).hexdigest()


def csrf_matches(session: str, sent: str) -> bool:
    return hmac.compare_digest(csrf_token(session).encode(), sent.encode())


def _is_secure(connection: HTTPConnection) -> bool:
    return connection.url.scheme == "https"


def _name(connection: HTTPConnection) -> str:
    return SECURE_PREFIX + SESSION_COOKIE if _is_secure(connection) else SESSION_COOKIE


def session_token(connection: HTTPConnection) -> str | None:
    """The session token that came with a request, valid or not."""
    return connection.cookies.get(_name(connection)) or None


def set_session_cookies(connection: HTTPConnection, response: Response, token: str) -> None:
    secure = _is_secure(connection)
    lasts = int(SESSION_LASTS.total_seconds())
    response.set_cookie(
        _name(connection),
        token,
        max_age=lasts,
        path="/",
        httponly=True,
        secure=secure,
        samesite="lax",
    )
    response.set_cookie(
        CSRF_COOKIE, csrf_token(token), max_age=lasts, path="/", secure=secure, samesite="lax"
    )


def clear_session_cookies(connection: HTTPConnection, response: Response) -> None:
    secure = _is_secure(connection)
    response.delete_cookie(
        _name(connection), path="/", httponly=True, secure=secure, samesite="lax"
    )
    response.delete_cookie(CSRF_COOKIE, path="/", secure=secure, samesite="lax")
