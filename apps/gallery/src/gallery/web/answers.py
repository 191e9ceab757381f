"""JSON answers encoded by msgspec, and their schemas in the OpenAPI document.

Cached values are msgspec Structs already; sending them through a second set of
models would cost more than the cache hit itself. A route returns `answer(value)` and
declares `responses=answers(Type)`; `install_schemas` adds the schemas.

`answer_for_all` and `answer_for_reader` say besides that the HTTP cache before the app may
keep what its route is declared for (caching.ROUTES), in a field for that cache alone
(RFC 9213). It never leaves the server, and browsers go on asking each time.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from gallery.web.problems import ProblemAnswer

KEEPING = "Keepwarm-CDN-Cache-Control"
FOR_ALL = "public"

_encoder = msgspec.json.Encoder()
_REF = "#/components/schemas/{name}"
_documented: set[type] = {ProblemAnswer}

_MEANINGS = {
    400: "The request cannot be understood.",
    401: "Sign in first.",
    403: "Not yours to change, or the request came from another site.",
    404: "It does not exist.",
    409: "It exists already, or is not ready.",
    413: "The body is too large.",
    415: "Not a picture that can be used.",
    422: "Some input was not accepted; `error.fields` says which.",
    429: "Too many attempts; wait as long as Retry-After says.",
    503: "Too much is being computed at once; try again after Retry-After.",
    504: "The answer took too long to compute; it goes on being computed.",
}


def answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`value` as JSON."""
    return Response(
        _encoder.encode(value), status_code=status, media_type="application/json", headers=headers
    )


def answer_for_all(value: object) -> Response:
    """`value` as JSON, the same whoever asks: kept on a route that is declared Shared."""
    return answer(value, headers={KEEPING: FOR_ALL})


def answer_for_reader(value: object) -> Response:
    """`value` as JSON for whoever asked: kept on a route that is declared PerUser, only."""
    return answer(value, headers={KEEPING: "private"})


def answers(
    of: type, *errors: int, status: int = 200, says: str = "As asked."
) -> dict[int | str, Any]:
    """The `responses=` of a route that answers an `of`, or one of `errors`."""
    _documented.add(of)
    (schema,), _ = msgspec.json.schema_components((of,), ref_template=_REF)
    problem = {"application/json": {"schema": {"$ref": _REF.format(name="ProblemAnswer")}}}
    return {
        status: {"description": says, "content": {"application/json": {"schema": schema}}},
        **{code: {"description": _MEANINGS[code], "content": problem} for code in (*errors, 422)},
    }


def install_schemas(app: FastAPI) -> None:
    """Make `/openapi.json` carry the schemas of everything that `answers` declared."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            ordered = sorted(_documented, key=lambda each: each.__name__)
            _, components = msgspec.json.schema_components(ordered, ref_template=_REF)
            document.setdefault("components", {}).setdefault("schemas", {}).update(components)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
