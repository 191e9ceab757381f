"""A store that is away when the app starts."""

import logging

import pytest

from keepwarm import Cache
from keepwarm.testing.servers import free_port


async def test_it_is_said_at_start_and_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="keepwarm"):
        async with Cache(f"redis://127.0.0.1:{free_port()}/0") as cache:
            said = [record.getMessage() for record in caplog.records]
            assert (await cache.health()).status == "degraded"
            assert await cache.get("k") is None

    assert len(said) == 1
    assert said[0].startswith("shared store away (unreachable)")
    assert [record.getMessage() for record in caplog.records] == said
