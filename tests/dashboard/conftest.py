"""A cache in memory and an app whose operators have a token."""

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from dashboard.clients import TOKEN, mounted
from keepwarm import Cache, Policy


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    async with Cache("memory://", policies={"plain": Policy(ttl="1h")}) as cache:
        yield cache


@pytest.fixture
def app(cache: Cache) -> Starlette:
    return mounted(cache, TOKEN)
