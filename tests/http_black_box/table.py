"""The vocabulary of the table: a case is a few requests for one URL, and what came of each.

An origin answers each request with the response of the step that caused it, so that a body
tells which step an answer was made in. Time is not waited for: a response that is stale from
the start says so itself (`Age: 99` beside `max-age=60`).
"""

import email.utils
import time
from dataclasses import dataclass, field
from typing import Literal

REQUIRED, OPTIONAL = "required", "optional"

Expected = Literal["hit", "miss", "validated", "not-cached"]


@dataclass(frozen=True, slots=True)
class Response:
    """What the origin answers; without a body of its own, `body N` in the Nth step."""

    fields: tuple[str, ...] = ()
    status: int = 200
    body: str | None = None
    cuts: bool = False  # closes in the middle of the body
    hangs_up: bool = False  # closes without an answer
    interim: str = ""  # bytes before it


@dataclass(frozen=True, slots=True)
class Step:
    """One request: what the origin would answer, and what the client has to see.

    `expect`: hit, the origin is not asked and the body is of an earlier step; miss, it is
    asked; validated, it is asked with a condition, and the body is of an earlier step.
    """

    expect: Expected
    response: Response = Response()
    method: str = "GET"
    fields: tuple[str, ...] = ()
    content: str = ""
    suffix: str = ""  # of the URL
    status: int | None = None  # the response's, unless another is named
    body: str | None = None
    has: tuple[str, ...] = ()  # lines, or names, that the client must see
    lacks: tuple[str, ...] = ()  # and must not see
    asked: tuple[str, ...] = ()  # lines that the origin must see
    unasked: tuple[str, ...] = ()  # and must not see
    retried: bool = False  # until it is as expected: what it waits for happens beside requests


@dataclass(frozen=True, slots=True)
class Case:
    level: str
    name: str  # begins with the specification and its section
    steps: tuple[Step, ...] = field(default=())


def required(name: str, *steps: Step) -> Case:
    return Case(REQUIRED, name, steps)


def optional(name: str, *steps: Step) -> Case:
    return Case(OPTIONAL, name, steps)


def cc(*values: str) -> tuple[str, ...]:
    return tuple(f"Cache-Control: {value}" for value in values)


def date(offset_s: float) -> str:
    """An HTTP-date, from now."""
    return email.utils.formatdate(time.time() + offset_s, usegmt=True)


FRESH = cc("max-age=3600")
STALE = (*cc("max-age=60"), "Age: 99")


def first(*fields: str, status: int = 200, body: str | None = None, **step: object) -> Step:
    """A miss whose response may be stored."""
    return Step("miss", Response(fields, status, body), **step)  # type: ignore[arg-type]


def hit(**step: object) -> Step:
    return Step("hit", **step)  # type: ignore[arg-type]


def miss(*fields: str, status: int = 200, **step: object) -> Step:
    return Step("miss", Response(fields, status), **step)  # type: ignore[arg-type]


def confirmed(*fields: str, **step: object) -> Step:
    """Asked with a condition; the origin says 304."""
    given = {"status": 200} | step
    return Step("validated", Response(fields, 304), **given)  # type: ignore[arg-type]


def stored(name: str, *fields: str, level: str = OPTIONAL, status: int = 200) -> Case:
    """A response that answers the next request too."""
    return Case(level, name, (first(*fields, status=status), hit(status=status)))


def unstored(name: str, *fields: str, status: int = 200, asking: tuple[str, ...] = ()) -> Case:
    """A response that must not answer the next request."""
    again = miss(*FRESH, status=status)
    return Case(REQUIRED, name, (first(*fields, status=status, fields=asking), again))
