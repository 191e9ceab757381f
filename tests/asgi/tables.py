"""Rows of exchanges: what a client asks, what the origin would say, who has to answer.

A row's id begins with `required` (the specification says MUST, or leaks if not) or
`optional` (what a good cache does though it need not), and names the section.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from asgi.stage import Answer, FieldLike, Reply, Stage


@dataclass(frozen=True)
class Step:
    """One request, `wait` seconds after the one before.

    `by` says who must answer: "origin" with its own words, "cache" without asking, or
    "both": the origin is asked by a condition and says 304; "twice": asked again without one.
    """

    by: str
    reply: Reply | None = None
    fields: Sequence[FieldLike] = ()
    wait: float = 0
    method: str = "GET"
    path: str = "/page"
    sent: bytes = b""
    status: int | None = None
    has: dict[str, str] = field(default_factory=dict)
    lacks: Sequence[str] = ()
    upstream: dict[str, str | None] = field(default_factory=dict)
    content: bytes | None = None
    host: str = "site.test"


def first(*fields: FieldLike, status: int = 200, body: bytes | None = None, **more: Any) -> Step:
    """The request that fills the cache."""
    return Step("origin", Reply(status, fields, body), **more)


def hit(**more: Any) -> Step:
    """Answered from what is stored."""
    return Step("cache", Reply(), **more)


def miss(**more: Any) -> Step:
    """The origin is asked, and says something new."""
    more.setdefault("reply", Reply())
    return Step("origin", **more)


def confirmed(*fields: FieldLike, **more: Any) -> Step:
    """The origin is asked whether what is stored holds, and says so."""
    return Step("both", Reply(304, fields), **more)


def cc(value: str) -> FieldLike:
    return ("Cache-Control", value)


def row(name: str, *steps: Step, **settings: Any) -> Any:
    kind, section = name.split(" ", 1)
    assert kind in ("required", "optional")
    return pytest.param(steps, settings, id=f"{kind}|{section.replace(' ', '-')}")


async def play(steps: Sequence[Step], settings: dict[str, Any]) -> list[Answer]:
    stage = Stage(**settings)
    answers: list[Answer] = []
    for number, step in enumerate(steps):
        where = f"step {number + 1}"
        stage.clock.advance(step.wait)
        before = stage.calls
        answer = await stage.ask(
            step.path,
            step.fields,
            method=step.method,
            body=step.sent,
            reply=step.reply,
            host=step.host,
        )
        await stage.settle()
        asked = stage.calls - before
        assert asked == {"cache": 0, "twice": 2}.get(step.by, 1), (where, step.by, answer)
        if step.by == "both":
            assert answer.status != 304 or step.status == 304, (where, answer)
            seen = stage.origin.seen[-1]
            assert seen.get("if-none-match") or seen.get("if-modified-since"), (where, seen)
        if step.status is not None:
            assert answer.status == step.status, (where, answer)
        if step.content is not None:
            assert answer.body == step.content, (where, answer)
        for name, value in step.has.items():
            assert answer.get(name) == value, (where, name, answer)
        for name in step.lacks:
            assert answer.get(name) is None, (where, name, answer)
        for name, value in step.upstream.items():
            assert stage.origin.seen[-1].get(name) == value, (where, name, stage.origin.seen[-1])
        answers.append(answer)
    return answers
