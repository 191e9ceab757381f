"""A real server that others can write to, and caches that keep nothing near."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from keepwarm import Cache, Policy
from keepwarm.stores.redis.server import EmbeddedServer

POLICIES = {"p": Policy(ttl="5m", jitter=0)}


@pytest.fixture(scope="package")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@pytest.fixture
def intruder(server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Somebody else with access to the store, which is empty at first."""
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def open_cache(server: EmbeddedServer, intruder: redis.Redis) -> Any:
    """Make a cache on the server; its near tier is too small to hold anything."""

    def make(**settings: Any) -> Cache:
        # Patient: on a busy machine a late answer is not what these tests are about.
        usual = {"near": 1, "policies": POLICIES, "operation_timeout": "10s"}
        return Cache(server.url, **(usual | settings))

    return make
