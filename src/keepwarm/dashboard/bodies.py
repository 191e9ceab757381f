"""What operators may send, and how much of it."""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.requests import Request

LONGEST_BODY = 64 * 1024
MOST_NAMES = 1_000

Name = Annotated[str, Meta(min_length=1, max_length=1_024)]
Names = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MOST_NAMES)]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A JSON object; a misspelt field is refused, or `dryrun` would be a purge."""


class Tags(_Body, frozen=True):
    tags: Names


class Keys(_Body, frozen=True):
    keys: Names


class Pattern(_Body, frozen=True):
    pattern: Name
    dry_run: bool = False


class Everything(_Body, frozen=True):
    """`{}`."""


class Switch(_Body, frozen=True):
    enabled: bool


Body = TypeVar("Body", bound=_Body)


async def read(request: Request, kind: type[Body]) -> Body:
    """The request's body as a `kind`.

    Raises HTTPException: 415 for what is not JSON (a form, which any page can send), 413,
    and 422 without repeating what was sent.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0]
    if content_type.strip().lower() != "application/json":
        raise HTTPException(415, "Send JSON: Content-Type: application/json.")
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > LONGEST_BODY:
            raise HTTPException(413, f"A body may have at most {LONGEST_BODY} bytes.")
    try:
        return msgspec.json.decode(bytes(raw), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise HTTPException(422, f"The body must be {_shape(kind)}.") from None


def _shape(kind: type[_Body]) -> str:
    shapes: dict[type[_Body], str] = {
        Tags: f'{{"tags": ["…"]}} with 1 to {MOST_NAMES} tags',
        Keys: f'{{"keys": ["…"]}} with 1 to {MOST_NAMES} keys',
        Pattern: '{"pattern": "…", "dryRun": true or false}',
        Everything: "{}",
        Switch: '{"enabled": true or false}',
    }
    return shapes[kind]
