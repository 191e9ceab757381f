"""A real Valkey for the tests of stores, and a namespace for each test."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import valkey


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with valkey() as server:
        yield server


@pytest.fixture
def direct(server: EmbeddedServer) -> Iterator[redis.Redis]:
    """A plain client, to look and to break things."""
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def namespace() -> str:
    return f"test-{os.urandom(6).hex()}"


@pytest.fixture(scope="module")
def healthy() -> Iterator[EmbeddedServer]:
    """One that stays well: faults happen before it."""
    with valkey(tcp=True) as server:
        yield server


@pytest.fixture
def proxy(healthy: EmbeddedServer) -> Iterator[FaultProxy]:
    with FaultProxy(healthy.url, resp3=True) as proxy:
        yield proxy


@pytest.fixture
def admin(healthy: EmbeddedServer) -> Iterator[Any]:
    with redis.Redis.from_url(healthy.url) as client:
        yield client
