"""Signing up, in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gallery.caching import session_ended
from gallery.data import accounts, writes
from gallery.data.text import normalise
from gallery.data.values import UserInfo
from gallery.web.answers import answer, answers
from gallery.web.context import MaybeUser, Parts, Reach
from gallery.web.forms import LoginForm, RegisterForm
from gallery.web.problems import Problem
from gallery.web.sessions import (
    SESSION_LASTS,
    clear_session_cookies,
    csrf_token,
    new_session_token,
    session_digest,
    session_token,
    set_session_cookies,
)
from gallery.web.views import MeView

router = APIRouter(prefix="/api/auth", tags=["accounts"])

NO_STORE = {"Cache-Control": "no-store"}


@router.post(
    "/register",
    status_code=201,
    responses=answers(MeView, 403, 409, 429, status=201, says="Registered and signed in."),
    summary="Become a user",
)
async def register(form: RegisterForm, request: Request, parts: Reach) -> Response:
    """Names are compared without regard to case."""
    # Hashing is expensive on purpose, so strangers may not ask for it without end.
    parts.throttle.check(_newcomer(request))
    parts.throttle.failed(_newcomer(request))
    password_hash = await parts.passwords.hash(form.password)
    async with parts.writes.transaction() as write:
        user = await accounts.create_user(
            write.session, username=form.username, password_hash=password_hash, now=parts.clock()
        )
        write.ends()  # rights are never cached
    return await _open_session(request, parts, user, status=201)


@router.post(
    "/login", responses=answers(MeView, 401, 403, 429, says="Signed in."), summary="Sign in"
)
async def login(form: LoginForm, request: Request, parts: Reach) -> Response:
    """Sets the session's cookie; the answer holds the token for writes."""
    name, address = f"user:{normalise(form.username)}", f"address:{_address(request)}"
    parts.throttle.check(name, address)
    async with parts.database.session() as session:
        found = await accounts.credentials(session, form.username)
    stored = found.password_hash if found else None
    if not await parts.passwords.matches(form.password, stored) or found is None:
        parts.throttle.failed(name, address)
        raise Problem(
            401,
            "wrong_credentials",
            "The name or the password is wrong.",
            hint="Check both; the password counts upper and lower case.",
        )
    parts.throttle.succeeded(name)
    return await _open_session(request, parts, found.user)


@router.post(
    "/logout",
    status_code=204,
    responses={**answers(MeView, 403), 204: {"description": "Signed out."}},
    summary="Sign out",
)
async def logout(request: Request, parts: Reach) -> Response:
    response = Response(status_code=204, headers=NO_STORE)
    token = session_token(request)
    if token is not None:
        async with parts.writes.transaction() as write:
            await writes.delete_session(write.session, session_digest(token))
            write.ends(*session_ended(session_digest(token)))
    clear_session_cookies(request, response)
    return response


@router.get("/me", responses=answers(MeView), summary="Who is signed in")
async def me(request: Request, user: MaybeUser) -> Response:
    """`user` is null for strangers."""
    token = session_token(request)
    return answer(MeView(user, csrf_token(token) if user and token else None), headers=NO_STORE)


async def _open_session(
    request: Request, parts: Parts, user: UserInfo, *, status: int = 200
) -> Response:
    """A new session: one that came with the request ends, so that none is ever taken over."""
    old, token, now = session_token(request), new_session_token(), parts.clock()
    async with parts.writes.transaction() as write:
        if old is not None:
            await writes.delete_session(write.session, session_digest(old))
            write.ends(*session_ended(session_digest(old)))
        await writes.create_session(
            write.session,
            user_id=user.id,
            token_digest=session_digest(token),
            now=now,
            expires_at=now + SESSION_LASTS,
        )
        write.ends()
    response = answer(MeView(user, csrf_token(token)), status, NO_STORE)
    set_session_cookies(request, response, token)
    return response


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _newcomer(request: Request) -> str:
    return f"newcomer:{_address(request)}"
