"""Who may look, who may change, and what neither may learn."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

import keepwarm
from dashboard.clients import TOKEN, mounted, visitor
from keepwarm import Cache, ConfigurationError

CHANGES: Mapping[str, dict[str, Any]] = {
    "/invalidate": {"tags": ["character:5"]},
    "/invalidate-keys": {"keys": ["characters:detail:5"]},
    "/invalidate-pattern": {"pattern": "characters:*"},
    "/clear": {},
    "/enabled": {"enabled": False},
}
FIGURES = ("/metrics", "/metrics/prometheus")
every_change = pytest.mark.parametrize("path", CHANGES)
every_figure = pytest.mark.parametrize("path", FIGURES)


async def changed(cache: Cache) -> bool:
    stats = cache.stats()
    return bool(stats.invalidations or stats.deletes or not stats.is_enabled)


@pytest.mark.security("Admin: no token")
@every_change
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer wrong-wrong-wrong-wrong",
        "Bearer ",
        "Bearer",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer \xfcml\xe4ut-\xfcml\xe4ut-\xfc",
    ],
)
@pytest.mark.parametrize("peer", ["203.0.113.9", "127.0.0.1"])
async def test_no_change_without_the_token(
    cache: Cache, app: Starlette, path: str, authorization: str | None, peer: str
) -> None:
    """Not even from the machine itself: a page in its browser could be the sender."""
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    async with visitor(app, peer=peer, host="127.0.0.1") as client:
        answer = await client.post(path, json=CHANGES[path], headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not await changed(cache)


@pytest.mark.security("Admin: no token")
@every_change
async def test_without_a_configured_token_changes_do_not_exist(cache: Cache, path: str) -> None:
    async with visitor(mounted(cache, None), peer="127.0.0.1", host="localhost") as client:
        answers = [
            await client.post(path, json=CHANGES[path]),
            await client.post(path, json=CHANGES[path], headers={"Authorization": "Bearer None"}),
            await client.post(path, json=CHANGES[path], headers={"Authorization": "Bearer "}),
            await client.get(path),
        ]

    assert {answer.status_code for answer in answers} == {404}
    assert not await changed(cache)


@pytest.mark.security("Admin: no token")
@every_figure
async def test_figures_are_for_the_token_and_for_loopback(
    cache: Cache, app: Starlette, path: str
) -> None:
    async with visitor(app) as client:
        assert (await client.get(path)).status_code == 401
    async with visitor(app, token=TOKEN) as client:
        assert (await client.get(path)).status_code == 200
    async with visitor(mounted(cache, None)) as client:
        assert (await client.get(path)).status_code == 404
    for peer, host in (
        ("127.0.0.1", "localhost:8000"),
        ("127.8.9.1", "127.0.0.1"),
        ("::1", "[::1]:8000"),
        ("::ffff:127.0.0.1", "localhost"),
    ):
        async with visitor(app, peer=peer, host=host) as client:
            assert (await client.get(path)).status_code == 200, peer


@pytest.mark.security("Admin: no token")
@every_figure
@pytest.mark.parametrize(
    "header, value",
    [
        ("X-Forwarded-For", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Forwarded-Host", "localhost"),
        ("X-Forwarded-Proto", "http"),
        ("CF-Connecting-IP", "127.0.0.1"),
        ("Via", "1.1 varnish"),
        ("X-Forwarded-For", ""),
    ],
)
async def test_whoever_came_through_a_proxy_is_not_local(
    app: Starlette, path: str, header: str, value: str
) -> None:
    """A reverse proxy on the same machine is a loopback peer for the whole world, and a
    server that trusts its headers reports the address the client made up."""
    async with visitor(app, peer="127.0.0.1", host="localhost") as client:
        assert (await client.get(path, headers={header: value})).status_code == 401
    async with visitor(app, peer="203.0.113.9", host="localhost") as client:
        assert (await client.get(path, headers={header: value})).status_code == 401


@pytest.mark.security("Admin: no token")
@every_figure
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"]
)
async def test_a_foreign_name_for_loopback_is_not_local(
    app: Starlette, path: str, host: str
) -> None:
    """DNS rebinding: evil.example resolves to 127.0.0.1 in an operator's browser."""
    async with visitor(app, peer="127.0.0.1", host=host) as client:
        assert (await client.get(path)).status_code == 401


async def test_a_peer_without_an_address_is_not_local(app: Starlette) -> None:
    """A unix socket has none: a proxy is behind it, as a rule."""
    transport = httpx.ASGITransport(app)
    transport.client = None  # type: ignore[assignment]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/api/cache/metrics")).status_code == 401


@pytest.mark.security("Admin: CSRF")
@every_change
@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "anything"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://app.test"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://app.test"}, 200),
        ({}, 200),
    ],
)
async def test_other_sites_pages_change_nothing(
    cache: Cache, app: Starlette, path: str, headers: dict[str, str], status: int
) -> None:
    async with visitor(app, token=TOKEN) as client:
        answer = await client.post(path, json=CHANGES[path], headers=headers)

    assert answer.status_code == status
    assert await changed(cache) is (status == 200)


@pytest.mark.security("Admin: CSRF")
@every_change
@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
async def test_what_a_form_can_send_changes_nothing(
    cache: Cache, app: Starlette, path: str, content_type: str | None
) -> None:
    async with visitor(app, token=TOKEN) as client:
        request = client.build_request("POST", path, json=CHANGES[path])
        del request.headers["content-type"]
        if content_type:
            request.headers["content-type"] = content_type
        answer = await client.send(request)

    assert answer.status_code == 415
    assert not await changed(cache)


@pytest.mark.security("Admin: CSRF")
@every_change
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_post_changes_anything(
    cache: Cache, app: Starlette, path: str, method: str
) -> None:
    async with visitor(app, token=TOKEN) as client:
        answer = await client.request(method, path, json=CHANGES[path])

    assert answer.status_code == 405
    assert not await changed(cache)


@every_change
@pytest.mark.parametrize(
    "body, status",
    [
        (b"", 422),
        (b"[]", 422),
        (b'{"unknown": 1}', 422),
        (b"\xff\xfe", 422),
        (b"[" * 60_000, 422),
        (b'{"tags": ["' + b"x" * 70_000 + b'"]}', 413),
        (b" " * 10_000_000, 413),
    ],
)
async def test_odd_bodies_are_refused_unread(
    cache: Cache, app: Starlette, path: str, body: bytes, status: int
) -> None:
    async with visitor(app, token=TOKEN) as client:
        headers = {"Content-Type": "application/json"}
        answer = await client.post(path, content=body, headers=headers)

    assert answer.status_code == status
    assert not await changed(cache)


@pytest.mark.parametrize(
    "path, body",
    [
        ("/invalidate", {"tags": []}),
        ("/invalidate", {"tags": [""]}),
        ("/invalidate", {"tags": "characters"}),
        ("/invalidate", {"tags": ["x"] * 1_001}),
        ("/invalidate-keys", {"keys": []}),
        ("/invalidate-pattern", {"pattern": ""}),
        ("/invalidate-pattern", {"pattern": "characters:[0-9]"}),
        ("/invalidate-pattern", {"pattern": "x", "dryrun": True}),
        ("/invalidate-pattern", {"pattern": "x", "dryRun": "yes"}),
        ("/enabled", {"enabled": 1}),
        ("/clear", {"really": True}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    cache: Cache, app: Starlette, path: str, body: dict[str, Any]
) -> None:
    async with visitor(app, token=TOKEN) as client:
        answer = await client.post(path, json=body)

    assert answer.status_code == 422
    assert not await changed(cache)


async def test_a_chunked_body_is_bounded_too(cache: Cache, app: Starlette) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 100 * 2**20:
            sent += 2**16
            yield b" " * 2**16

    async with visitor(app, token=TOKEN) as client:
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/clear", content=endless(), headers=headers)

    assert answer.status_code == 413
    assert not await changed(cache)


@pytest.mark.security("Admin: nothing confidential in reports")
async def test_reports_and_errors_name_no_key_value_or_token(cache: Cache) -> None:
    app = mounted(cache, TOKEN)

    @cache("plain", key="secret-key:{name}", tags=["secret-tag:{name}"])
    async def cached(name: str) -> str:
        return "secret-value"

    await cached("secret-name")
    await cached("secret-name")
    said: list[str] = []
    async with visitor(app, token=TOKEN) as client:
        for path in ("/health", *FIGURES):
            answer = await client.get(path)
            assert answer.status_code == 200
            said.append(f"{answer.headers} {answer.text}")
        for path, body in (
            ("/invalidate-keys", {"keys": ["secret-key:secret-name"]}),
            ("/invalidate", {"tags": ["secret-tag:1"]}),
            ("/invalidate-pattern", {"pattern": "secret[pattern]"}),
            ("/invalidate", {"tags": "secret-tag"}),
            ("/invalidate", {"secret-field": "secret-value"}),
        ):
            answer = await client.post(path, json=body)
            said.append(f"{answer.headers} {answer.text}")
        wrong = await client.post("/clear", headers={"Authorization": "Bearer secret-token-wrong"})
        said.append(f"{wrong.headers} {wrong.text}")

    assert not [text for text in said if "secret" in text or TOKEN in text]


@pytest.mark.security("Admin: no token")
@pytest.mark.parametrize("token", ["", "short", "x" * 15])
async def test_a_token_that_could_be_guessed_is_refused(cache: Cache, token: str) -> None:
    with pytest.raises(ConfigurationError, match="at least 16 characters") as caught:
        keepwarm.admin(cache, token)
    assert not token or token not in str(caught.value)


async def test_answers_are_not_stored_by_anybody(app: Starlette) -> None:
    async with visitor(app, token=TOKEN) as client:
        for answer in (
            await client.get("/health"),
            await client.get("/metrics"),
            await client.get("/metrics/prometheus"),
            await client.post("/clear", json={}),
            await client.get("/nowhere"),
        ):
            assert answer.headers["cache-control"] == "no-store"
