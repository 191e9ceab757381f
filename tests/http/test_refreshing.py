"""Refreshing what was served stale: the same question as before, by somebody who may ask it."""

import pytest

from asgi.stage import Reply, Stage

WINDOW = [("Cache-Control", "public, max-age=2, stale-while-revalidate=600")]


@pytest.fixture
def stage() -> Stage:
    found = Stage()
    found.origin.default = Reply(200, WINDOW)
    return found


async def test_a_query_is_refreshed_with_its_content(stage: Stage) -> None:
    for wait in (0, 3):
        stage.clock.advance(wait)
        await stage.ask(method="QUERY", body=b"name=bob")
        await stage.settle()

    assert [seen.body for seen in stage.origin.seen] == [b"name=bob"] * 2


async def test_a_head_has_it_refreshed_by_a_get(stage: Stage) -> None:
    await stage.ask()
    stage.clock.advance(3)
    assert (await stage.ask(method="HEAD")).is_hit
    await stage.settle()

    assert [seen.method for seen in stage.origin.seen] == ["GET", "GET"]
    assert (await stage.ask()).body == b"body 2"


async def test_what_nobody_may_ask_for_in_the_background_is_asked_for_at_once(
    stage: Stage,
) -> None:
    await stage.ask(fields=[("Authorization", "Basic YQ==")])
    stage.clock.advance(3)

    assert (await stage.ask()).body == b"body 2"
    assert stage.calls == 2
