"""Real servers with real failures: refused, killed, frozen, swallowed, torn, slow."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fairness import now_s
from keepwarm import Cache, Policy
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import valkey

TIMEOUT_S = 0.25
SLACK_S = 0.6  # two cores shared with others; a hang would be seconds
POLICIES = {
    "p": Policy(ttl="5m", max_fills=4),
    "trusting": Policy(ttl="5m", stale_if_unproven="5m", max_fills=4),
}


@pytest.fixture(scope="session")
def healthy() -> Iterator[EmbeddedServer]:
    """One that stays well: faults happen before it, in a proxy."""
    with valkey(tcp=True) as server:
        yield server


@pytest.fixture
def proxy(healthy: EmbeddedServer) -> Iterator[FaultProxy]:
    with FaultProxy(healthy.url) as proxy:
        yield proxy


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """One of this test's own, to kill and to freeze."""
    with valkey() as server:
        yield server


@pytest.fixture
def namespace() -> str:
    return f"test-{os.urandom(6).hex()}"


@pytest.fixture
def make(namespace: str) -> Iterator[Callable[..., Cache]]:
    """Caches of this test's namespace; those not closed by the test are closed here."""
    made: list[Cache] = []

    def make_one(url: str, **settings: Any) -> Cache:
        terms: dict[str, Any] = {"operation_timeout": f"{TIMEOUT_S}s", "policies": POLICIES}
        cache = Cache(url, namespace=namespace, **(terms | settings))
        made.append(cache)
        return cache

    yield make_one
    for cache in made:
        cache.end()


@contextmanager
def promptly(operations: float = 1.0) -> Iterator[None]:
    """No request waits longer than about that many operation timeouts."""
    began = now_s()
    yield
    took_s = now_s() - began
    assert took_s < operations * TIMEOUT_S + SLACK_S, f"waited {took_s:.2f} s"


async def until(true: Callable[[], bool], within_s: float = 5) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.005)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What keepwarm logged so far."""
    caplog.set_level(logging.INFO, logger="keepwarm")
    return lambda: [r.getMessage() for r in caplog.records if r.name.startswith("keepwarm")]
