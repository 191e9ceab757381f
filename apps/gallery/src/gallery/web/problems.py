"""Errors as JSON that says what happened and what to do about it."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gallery.data.errors import NameTaken, NotFound, Unusable, VersionConflict
from gallery.pictures.render import RenderBusy
from keepwarm import WriteNotAnnounced


class FieldProblem(msgspec.Struct, frozen=True):
    """One input that was refused."""

    field: str
    message: str


class ProblemDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong (`code` for programs, `message` for people) and what to do."""

    code: str
    message: str
    hint: str | None = None
    fields: tuple[FieldProblem, ...] = ()


class ProblemAnswer(msgspec.Struct, frozen=True):
    """The body of every answer that is not a success."""

    error: ProblemDetail


class Problem(Exception):
    """Ends a request with this status and message."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = ProblemDetail(code, message, hint)
        self.headers = headers or {}


def not_found(what: str) -> Problem:
    return Problem(404, "not_found", f"There is no {what}.")


def forbidden(message: str) -> Problem:
    return Problem(403, "forbidden", message)


def answer_of(
    status: int, detail: ProblemDetail, headers: dict[str, str] | None = None
) -> Response:
    return Response(
        msgspec.json.encode(ProblemAnswer(detail)),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _input_name(location: tuple[Any, ...]) -> str:
    """`("body", "name")` as a caller knows it: the part it sent, without its envelope."""
    rest = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    return ".".join(rest) or "body"


def _why(refused: dict[str, Any]) -> str:
    """What is wrong with an input, for who filled in a form; pydantic's words for the rest."""
    bounds = refused.get("ctx", {})
    match refused["type"]:
        case "missing":
            return "It is required."
        case "string_too_short" if bounds["min_length"] == 1:
            return "It is empty. Spaces do not count."
        case "string_too_long":
            return f"It is longer than {bounds['max_length']} characters."
        case "too_long":
            return f"There are more than {bounds['max_length']}."
        case _:
            return str(refused["msg"])


def install_problems(app: FastAPI) -> None:
    """Make every error of `app` answer as a ProblemAnswer."""

    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:
        return answer_of(error.status, error.detail, error.headers)

    @app.exception_handler(RenderBusy)
    async def busy(_: Request, error: RenderBusy) -> Response:
        detail = ProblemDetail("busy", f"Too much to paint at once: {error}.", "Try again shortly.")
        return answer_of(503, detail, {"Retry-After": "1"})

    @app.exception_handler(WriteNotAnnounced)
    async def unannounced(_: Request, error: WriteNotAnnounced) -> Response:
        detail = ProblemDetail(
            "writes_paused",
            "Nothing was changed: the cache could not be told beforehand.",
            "Send the same request again shortly.",
        )
        return answer_of(503, detail, {"Retry-After": "1"})

    @app.exception_handler(NotFound)
    async def missing(_: Request, error: NotFound) -> Response:
        return answer_of(404, ProblemDetail("not_found", f"There is {error}."))

    @app.exception_handler(VersionConflict)
    async def conflict(_: Request, error: VersionConflict) -> Response:
        return answer_of(
            409,
            ProblemDetail(
                "version_conflict",
                f"Somebody changed it meanwhile: it is at version {error.current} now.",
                "Read it again, apply your change to that, and send its version.",
            ),
        )

    @app.exception_handler(NameTaken)
    async def taken(_: Request, error: NameTaken) -> Response:
        detail = ProblemDetail("name_taken", f"Sorry: {error}.", "Choose another name.")
        return answer_of(409, detail)

    @app.exception_handler(Unusable)
    async def unusable(_: Request, error: Unusable) -> Response:
        refused = (FieldProblem(error.field, str(error)),)
        hint = "Correct the fields listed and send the request again."
        return answer_of(422, ProblemDetail("invalid", f"Not usable: {error}.", hint, refused))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        # The refused input itself is not repeated: it may be a password.
        fields = tuple(
            FieldProblem(_input_name(each["loc"]), _why(each)) for each in error.errors()
        )
        named = ", ".join(sorted({each.field for each in fields}))
        return answer_of(
            422,
            ProblemDetail(
                "invalid",
                f"Some input was not accepted: {named}.",
                "Correct the fields listed and send the request again.",
                fields,
            ),
        )

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            detail = ProblemDetail(
                "not_found", "There is nothing at this address.", "/docs lists the addresses."
            )
        elif error.status_code == 405:
            detail = ProblemDetail(
                "method_not_allowed",
                f"{request.method} is not possible here.",
                "/docs lists the methods of each address.",
            )
        elif error.status_code == 413:
            detail = ProblemDetail("too_large", error.detail, "Send less.")
        else:
            detail = ProblemDetail("http_error", str(error.detail))
        return answer_of(error.status_code, detail, dict(error.headers or {}))
