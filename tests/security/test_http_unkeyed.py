"""HTTP, unkeyed input: fields that change an answer without being in its key poison nobody."""

from typing import Any

import pytest

from asgi.stage import Reply, Stage, ask
from keepwarm.asgi.middleware import HTTPCache

security = pytest.mark.security

NAMES = [
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Scheme",
    "X-Forwarded-Prefix",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "Origin",
    "X-Host",
    "X-Original-Host",
    "Front-End-Https",
    "X-Forwarded-Protocol",
]
VALUES = {"Forwarded": "host=evil.test;proto=http"} | dict.fromkeys(NAMES, "evil.test")


def reflecting(name: str) -> Any:
    """An app that puts the field into a page it calls public."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found = dict(scope["headers"]).get(name.lower().encode(), b"nothing")
        headers = [(b"cache-control", b"public, max-age=3600"), (b"location", found)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<script src=//" + found})

    return app


@security("HTTP: unkeyed input")
@pytest.mark.parametrize("name, value", VALUES.items(), ids=list(VALUES))
@pytest.mark.parametrize("declared_only", [True, False], ids=["app", "proxy"])
async def test_a_field_from_one_client_does_not_shape_what_another_gets(
    name: str, value: str, declared_only: bool
) -> None:
    app = HTTPCache(reflecting(name), declared_only=declared_only)

    poisoned = [await ask(app, "/", [(name, value)]) for _ in range(2)]
    clean = [await ask(app, "/") for _ in range(2)]
    another = value.replace("evil", "another")
    other = await ask(app, "/", [(name, another)])

    assert all(value.encode() in answer.body for answer in poisoned)
    assert all(answer.body.endswith(b"nothing") for answer in clean)
    assert all(answer.get("location") == "nothing" for answer in clean)
    assert other.body.endswith(another.encode())


@security("HTTP: unkeyed input")
@pytest.mark.parametrize("name, value", VALUES.items(), ids=list(VALUES))
async def test_an_entry_that_is_there_is_not_replaced_by_such_a_request(
    name: str, value: str
) -> None:
    app = HTTPCache(reflecting(name), declared_only=False)
    await ask(app, "/")

    await ask(app, "/", [(name, value), ("Cache-Control", "no-cache")])

    assert (await ask(app, "/")).body.endswith(b"nothing")


@security("HTTP: unkeyed input")
@pytest.mark.parametrize("name", [n for n in NAMES if "-" in n] + ["Accept-Language", "X-Tenant"])
@pytest.mark.parametrize("vary", [[], [("Vary", "Accept-Language, X-Tenant")]], ids=["", "vary"])
@pytest.mark.parametrize("declared_only", [True, False], ids=["app", "proxy"])
async def test_a_name_with_underscores_is_not_another_way_in(
    name: str, vary: list[tuple[str, str]], declared_only: bool
) -> None:
    """WSGI has one name, HTTP_X_FORWARDED_HOST, for both spellings."""
    stage = Stage(declared_only=declared_only)
    stage.origin.default = Reply(fields=[("Cache-Control", "public, max-age=3600"), *vary])

    first = await stage.ask(fields=[(name.replace("-", "_"), "evil.test")])
    clean = await stage.ask()
    again = await stage.ask()

    assert (first.body, clean.body, again.body) == (b"body 1", b"body 2", b"body 2")
