"""A real Valkey, a clock that stands still, and caches on either store."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from keepwarm import Cache, Policy
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.servers import valkey


class StillClock:
    """Its wall time moves only when told to; of intervals it also counts the real ones."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def wall(self) -> float:
        return self.now

    def mono(self) -> float:
        return self.now + time.monotonic()

    def advance(self, seconds: float) -> None:
        self.now += seconds


async def waiting(cache: Cache, count: int) -> None:
    """Return once `count` callers wait for fills."""
    driver = cache._running()
    while True:
        flights = set(driver._table._by_key.values())
        if sum(flight.waiters for flight in flights if flight.ended_at is None) >= count:
            return
        await asyncio.sleep(0.001)


POLICIES = {
    "plain": Policy(ttl="5m", jitter=0),
    "absent": Policy(ttl="20s", jitter=0),
    "revalidate": Policy(ttl="1m", jitter=0, stale_while_revalidate="1m"),
    "on-error": Policy(ttl="1m", jitter=0, stale_if_error="1h"),
    "soft": Policy(ttl="1m", jitter=0, soft_timeout="20ms", hard_timeout="5s"),
    "hard": Policy(ttl="1m", jitter=0, hard_timeout="50ms"),
    "one": Policy(ttl="1m", jitter=0, max_fills=1, hard_timeout="5s"),
    "one-impatient": Policy(ttl="1m", jitter=0, max_fills=1, hard_timeout="60ms"),
    "one-stale": Policy(
        ttl="1m", jitter=0, max_fills=1, stale_if_error="1h", soft_timeout="3s", hard_timeout="5s"
    ),
    "one-revalidate": Policy(ttl="1m", jitter=0, max_fills=1, stale_while_revalidate="1h"),
    "jittered": Policy(ttl="100s", jitter=0.5),
    "small": Policy(ttl="1m", max_bytes="100B"),
}


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with valkey() as server:
        yield server


@pytest.fixture
def namespace() -> str:
    return f"test-{os.urandom(6).hex()}"


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture(params=["memory", "valkey"])
def url(request: pytest.FixtureRequest, server: EmbeddedServer) -> str:
    return "memory://" if request.param == "memory" else server.url


@pytest.fixture
def make(url: str, namespace: str, clock: StillClock) -> Callable[..., Cache]:
    """A cache of this test's namespace; the caller closes it."""

    def made(**settings: Any) -> Cache:
        terms: dict[str, Any] = {
            "namespace": namespace,
            "policies": POLICIES,
            "clock": clock,
            "operation_timeout": "2s",  # two busy cores must not look like a store away
        }
        return Cache(url, **(terms | settings))

    return made


@pytest.fixture
async def cache(make: Callable[..., Cache]) -> AsyncIterator[Cache]:
    async with make() as cache:
        yield cache
