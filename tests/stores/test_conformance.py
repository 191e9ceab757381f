"""Every store of ours keeps the rules that we publish for others."""

from collections.abc import Iterator

import pytest

from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.conformance import (
    Conformance,
    MemoryRig,
    ReferenceRules,
    StoreRules,
)
from keepwarm.testing.servers import debian_redis
from stores.rigs import AsyncRedisRig, RedisRig


class TestMemory(StoreRules):
    make = MemoryRig


class OnValkey:
    @pytest.fixture(autouse=True)
    def at(self, server: EmbeddedServer) -> None:
        RedisRig.url = server.url


@pytest.fixture(scope="module")
def old_server() -> Iterator[EmbeddedServer]:
    with debian_redis() as server:
        yield server


class OnRedis:
    """Debian's, of another lineage than Valkey and two major versions older."""

    @pytest.fixture(autouse=True)
    def at(self, old_server: EmbeddedServer) -> None:
        RedisRig.url = old_server.url


class TestBlockingOnValkey(OnValkey, Conformance):
    make = RedisRig


class TestAsyncOnValkey(OnValkey, Conformance):
    make = AsyncRedisRig


class TestValkeyAsTheReference(OnValkey, ReferenceRules):
    make = RedisRig


@pytest.mark.more
class TestBlockingOnRedis(OnRedis, Conformance):
    make = RedisRig


@pytest.mark.more
class TestAsyncOnRedis(OnRedis, Conformance):
    make = AsyncRedisRig


@pytest.mark.more
class TestRedisAsTheReference(OnRedis, ReferenceRules):
    make = RedisRig
