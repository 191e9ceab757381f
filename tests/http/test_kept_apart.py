"""What is not the same is not taken for the same: targets, users, variants, queries."""

from typing import Any

import pytest

from asgi.stage import Reply, Stage
from keepwarm import HTTPCache, Shared

FRESH, SHORT = ("Cache-Control", "public, max-age=600"), ("Cache-Control", "public, max-age=2")
WINDOW = ("Cache-Control", "public, max-age=2, stale-while-revalidate=600")
DARK = [("Cookie", "theme=dark")]


async def without_raw_path(front: HTTPCache, path: str, given: dict[str, Any]) -> bytes:
    body: list[bytes] = []

    async def send(message: Any) -> None:
        body.append(message.get("body", b""))

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "scheme": "http"}
    await front({**scope, "headers": [(b"host", b"site.test")], **given}, receive, send)
    return b"".join(body)


@pytest.mark.parametrize("given", [{}, {"raw_path": b""}, {"raw_path": None}])
async def test_paths_are_told_apart_where_the_server_gives_no_raw_one(given: Any) -> None:
    stage = Stage()
    stage.origin.default = Reply(200, [FRESH])

    bodies = [await without_raw_path(stage.front, p, given) for p in ("/a", "/a", "/a", "/b", "/b")]

    assert bodies == [b"body 1"] * 3 + [b"body 2"] * 2


@pytest.mark.parametrize("name", ["Cookie", "Authorization", "X-Api-Key"])
async def test_a_page_is_not_refreshed_with_one_of_other_credentials(name: str) -> None:
    stage, mine = Stage(), [(name, "mine")]
    stage.origin.default = Reply(200, [WINDOW, ("Vary", name)])
    await stage.ask(fields=mine)
    stage.clock.advance(3)

    later = await stage.ask(fields=mine)
    await stage.settle()

    assert {dict(seen.fields).get(name.lower()) for seen in stage.origin.seen} == {"mine"}
    assert (await stage.ask(fields=mine)).body == later.body == b"body 2"


async def test_nor_where_a_declaration_tells_users_apart() -> None:
    routes = {"GET /page": Shared(ttl="2s", vary=["cookie"], stale_while_revalidate="1h")}
    stage = Stage(routes=routes, declared_only=True)
    await stage.ask(fields=DARK)
    stage.clock.advance(3)
    await stage.ask(fields=DARK)
    await stage.settle()

    assert [seen.get("cookie") for seen in stage.origin.seen] == ["theme=dark"] * 2


async def test_what_a_refresh_finds_to_vary_on_credentials_is_for_who_has_none() -> None:
    stage = Stage()
    await stage.ask(fields=DARK, reply=Reply(200, [WINDOW]))
    stage.clock.advance(3)
    stage.origin.default = Reply(200, [FRESH, ("Vary", "Cookie")])
    await stage.ask(fields=DARK)
    await stage.settle()

    assert stage.origin.seen[1].get("cookie") is None
    assert (await stage.ask(fields=DARK)).body == b"body 3"
    assert (await stage.ask()).body == b"body 2"


@pytest.mark.parametrize("path", ["/page[]", "/page?[]", "/page[('b',%20'1')]", "/page%20[]"])
async def test_no_other_target_is_where_a_path_lies_whose_query_is_sorted_out(path: str) -> None:
    stage = Stage()
    await stage.ask(reply=Reply(200, [SHORT, ("No-Vary-Search", 'params=("utm")')]))
    await stage.ask(reply=Reply(200, [SHORT, ("No-Vary-Search", 'params=("utm")')]))
    stage.clock.advance(3)
    await stage.ask(path, reply=Reply(404, [FRESH], b"chosen"))

    for asked in ("/page", "/page?utm=1", "/page?b=1"):
        assert (await stage.ask(asked, reply=Reply(200, [FRESH], b"page"))).body == b"page"


async def test_what_a_post_says_of_a_url_is_for_no_other_variant() -> None:
    stage = Stage()
    said = [FRESH, ("Content-Location", "/page"), ("Vary", "Accept-Language")]
    german, french = [("Accept-Language", "de")], [("Accept-Language", "fr")]
    await stage.ask(method="POST", fields=german, reply=Reply(200, said, b"de"))

    found = await stage.ask(fields=french, reply=Reply(200, [FRESH], b"fr"))

    assert found.body == b"fr"


@pytest.mark.parametrize("name", ["Cookie", "X-Api-Key"])
async def test_what_one_user_has_is_not_offered_for_another(name: str) -> None:
    stage = Stage()
    stage.origin.default = Reply(200, [FRESH, ("Vary", name), ("ETag", '"build-7"')])
    for user in ("alice", "bob"):
        await stage.ask(fields=[(name, user)])

    assert [seen.get("if-none-match") for seen in stage.origin.seen] == [None, None]


async def test_the_newest_answers_though_it_varies_on_other_fields() -> None:
    stage = Stage()
    asked = [("Accept-Language", "en"), ("User-Agent", "x")]
    both = ("Vary", "Accept-Language, User-Agent")
    await stage.ask(fields=asked, reply=Reply(200, [FRESH, ("Vary", "Accept-Language")]))
    for _ in range(2):
        assert (await stage.ask(fields=asked)).body == b"body 1"
    reload = [*asked, ("Cache-Control", "no-cache")]
    await stage.ask(fields=reload, reply=Reply(200, [FRESH, both]))

    for _ in range(3):
        assert (await stage.ask(fields=asked)).body == b"body 2"
