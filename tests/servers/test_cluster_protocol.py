"""The protocol on a Cluster of three masters: metadata on one, entries on all."""

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from fairness import now_s
from keepwarm import Cache, NotAcknowledged, Policy, collect
from keepwarm.core.outcome import Tier
from keepwarm.core.times import TIMES
from keepwarm.stores.redis.settings import parse_address
from keepwarm.testing.conformance import Conformance, ReferenceRules
from keepwarm.testing.servers import Cluster
from stores.rigs import AsyncClusterRig, ClusterRig, RedisRig

pytestmark = pytest.mark.more

POLICIES = {"p": Policy(ttl="5m", jitter=0)}
QUICK = replace(TIMES, writer_s=0.3)  # stamps are trusted, and so mirrored, after that long
SLACK_S = 0.3  # two cores shared with others, three servers on them


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


class OnCluster:
    @pytest.fixture(autouse=True)
    def at(self, request: pytest.FixtureRequest, cluster: Cluster) -> None:
        RedisRig.url = cluster.url


class TestBlockingOnCluster(OnCluster, Conformance):
    make = ClusterRig


class TestAsyncOnCluster(OnCluster, Conformance):
    make = AsyncClusterRig


class TestClusterAsTheReference(OnCluster, ReferenceRules):
    make = ClusterRig


def test_the_rigs_are_on_a_cluster(cluster: Cluster) -> None:
    RedisRig.url = cluster.url
    with ClusterRig(TIMES) as rig:
        assert parse_address(rig.url).is_cluster


# Caches on it.


@pytest.fixture
def namespace() -> str:
    return f"test-{os.urandom(6).hex()}"


def cache_on(cluster: Cluster, namespace: str, **settings: Any) -> Cache:
    url = cluster.url.replace("redis://", "redis+cluster://")
    terms: dict[str, Any] = {"policies": POLICIES, "operation_timeout": "1s", "times": QUICK}
    return Cache(url, namespace=namespace, **(terms | settings))


class Nodes:
    """Plain clients of the nodes, and what an operator does with a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stack = ExitStack()
        self.clients = [
            self._stack.enter_context(redis.Redis.from_url(node.url)) for node in cluster.nodes
        ]
        self.ids = [c.execute_command("CLUSTER MYID").decode() for c in self.clients]

    def __enter__(self) -> "Nodes":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def mgets(self) -> int:
        """How often any node was asked for something."""
        found = (client.info("commandstats").get("cmdstat_mget", {}) for client in self.clients)
        return sum(int(stats.get("calls", 0)) for stats in found)

    def home(self, namespace: str) -> int:
        """Which node has the metadata."""
        slot = key_slot(f"{{{namespace}}}".encode())
        for first, last, (_, port, *_rest), *_ in self.clients[-1].execute_command("CLUSTER SLOTS"):
            if first <= slot <= last:
                return [node.port for node in self._cluster.nodes].index(port)
        raise AssertionError("nobody has the slot")

    def move(self, namespace: str, source: int, target: int, steps: int = 1) -> None:
        """Migrate the metadata's slot, key by key, as redis-cli --cluster reshard does it."""
        slot = key_slot(f"{{{namespace}}}".encode())
        old, new = self.clients[source], self.clients[target]
        new.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", self.ids[source])
        old.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", self.ids[target])
        node = self._cluster.nodes[target]
        while keys := old.execute_command("CLUSTER GETKEYSINSLOT", slot, steps):
            terms = ("", 0, 2_000, "AUTH", node.password, "KEYS", *keys)
            old.execute_command("MIGRATE", "127.0.0.1", node.port, *terms)
        for client, owner in ((new, target), (old, target)):
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", self.ids[owner])
        for client in self.clients:
            if client not in (new, old):
                client.execute_command("CLUSTER SETSLOT", slot, "NODE", self.ids[target])


@pytest.fixture
def nodes(cluster: Cluster) -> Iterator[Nodes]:
    with Nodes(cluster) as nodes:
        yield nodes


async def read(cache: Cache, value: object = 1, key: str = "k") -> tuple[object, Tier | None]:
    with collect() as outcomes:
        got = await cache.get_or_set(key, lambda: value, "p", tags=["t", f"of:{key}"])
    return got, outcomes[0].tier


async def until_near(cache: Cache, nodes: Nodes, key: str = "k") -> None:
    """Until hits of `key` ask nobody."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        before = nodes.mgets()
        if (await read(cache, key=key))[1] is Tier.NEAR and nodes.mgets() == before:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("near hits go on asking")


async def test_entries_lie_on_all_nodes_and_metadata_on_one(
    cluster: Cluster, nodes: Nodes, namespace: str
) -> None:
    async with cache_on(cluster, namespace) as cache:
        for n in range(30):
            await read(cache, n, f"k:{n}")
        entries, metadata = (
            [len(list(c.scan_iter(match=pattern % namespace, count=1_000))) for c in nodes.clients]
            for pattern in ("%s:*", "{%s}:*")
        )
    assert sum(entries) == 30
    assert min(entries) > 0
    assert sorted(metadata)[:2] == [0, 0]
    assert max(metadata) > 20


async def test_strict_near_hits_ask_no_node_and_end_with_an_acknowledgement(
    cluster: Cluster, nodes: Nodes, namespace: str
) -> None:
    """By tag, by key, by pattern, all: gone in the other process when the call returns."""
    ways: list[Callable[[Cache], Awaitable[Any]]] = [
        lambda cache: cache.invalidate("t"),
        lambda cache: cache.invalidate("of:k"),
        lambda cache: cache.invalidate_key("k"),
        lambda cache: cache.invalidate_pattern("k*"),
        lambda cache: cache.clear(),
    ]
    async with cache_on(cluster, namespace) as here, cache_on(cluster, namespace) as there:
        for version, way in enumerate(ways):
            await until_near(there, nodes)
            before = nodes.mgets()
            for _ in range(50):
                assert (await read(there))[1] is Tier.NEAR
            assert nodes.mgets() == before
            began = now_s()
            ack = await way(here)
            assert now_s() - began < QUICK.lease_s
            assert ack.processes >= 1
            assert await read(there, f"new {version}") == (f"new {version}", None), (
                "from the origin"
            )
            await here.clear()


async def test_an_announced_write_is_seen_by_all_nodes(
    cluster: Cluster, nodes: Nodes, namespace: str
) -> None:
    async with cache_on(cluster, namespace) as here, cache_on(cluster, namespace) as there:
        await until_near(there, nodes)
        async with here.writing("t"):
            assert (await read(there, "during"))[0] == "during"
            assert (await read(there, "again"))[0] == "again", "nothing is stored meanwhile"
        assert (await read(there, "after"))[0] == "after"
        assert (await read(here, "later"))[0] == "after"


class Rows:
    """Rows with versions, readers that judge what they get, writers that may be refused."""

    def __init__(self, seed: int) -> None:
        self.committed, self.acknowledged = [0] * 4, [0] * 4
        self.dice = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.stale: list[str] = []
        self.is_done = False
        self.slowest_s = 0.0

    async def load(self, row: int) -> int:
        version = self.committed[row]
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        return version

    async def reader(self, cache: Cache) -> None:
        while not self.is_done:
            row = self.dice.randrange(4)
            least, began = self.acknowledged[row], now_s()
            with collect() as outcomes:
                got = await cache.get_or_set(
                    f"row:{row}", lambda row=row: self.load(row), "p", tags=[f"row:{row}"]
                )
            self.slowest_s = max(self.slowest_s, now_s() - began)
            self.counts["reads"] += 1
            self.counts["hits"] += outcomes[-1].hit
            if got < least:
                self.stale.append(f"row {row}: got {got}, acknowledged {least}, {outcomes}")
            await asyncio.sleep(0.001)

    async def writer(self, cache: Cache) -> None:
        while not self.is_done:
            row = self.dice.randrange(4)
            self.committed[row] += 1
            version = self.committed[row]
            try:
                await cache.invalidate(f"row:{row}")
            except NotAcknowledged as refused:
                self.counts[f"refused: {refused.why}"] += 1
            else:
                self.counts["acknowledged"] += 1
                self.acknowledged[row] = max(self.acknowledged[row], version)
            await asyncio.sleep(0.005 * self.dice.random())

    async def during(self, work: Awaitable[Any], *caches: Cache, rest_s: float = 1.0) -> None:
        """Read and write on all caches before, during and after `work`."""
        async with asyncio.TaskGroup() as group:
            for cache in caches:
                for _ in range(3):
                    group.create_task(self.reader(cache))
                group.create_task(self.writer(cache))
            await asyncio.sleep(rest_s)
            await work
            await asyncio.sleep(rest_s)
            self.is_done = True


async def recovered(cache: Cache, within_s: float = 10.0) -> float:
    """How long until an invalidation is acknowledged again."""
    began = now_s()
    while True:
        try:
            await cache.invalidate("probe")
        except NotAcknowledged:
            assert now_s() - began < within_s, "it did not come back"
            await asyncio.sleep(0.01)
        else:
            return now_s() - began


@pytest.mark.parametrize("seed", range(3))
async def test_moving_the_metadata_while_it_runs_makes_nothing_stale(
    cluster: Cluster, nodes: Nodes, namespace: str, seed: int
) -> None:
    """Away and back, key by key, under readers and writers: 0 stale, and hits again."""
    rows = Rows(seed)
    async with cache_on(cluster, namespace) as a, cache_on(cluster, namespace) as b:
        source = nodes.home(namespace)
        target = (source + 1) % 3

        async def there_and_back() -> None:
            await asyncio.to_thread(nodes.move, namespace, source, target)
            try:
                await asyncio.sleep(0.5)
            finally:
                await asyncio.to_thread(nodes.move, namespace, target, source)

        await rows.during(there_and_back(), a, b)
        back_s = await recovered(a), await recovered(b)
        await until_near(b, nodes)
        before = rows.counts["hits"]
        assert nodes.home(namespace) == source
    print(f"moved twice: {dict(rows.counts)}, slowest read {rows.slowest_s * 1e3:.0f} ms", back_s)
    assert rows.stale == []
    assert rows.counts["acknowledged"] > 50
    assert before > rows.counts["reads"] / 10


@pytest.fixture
def mortal() -> Iterator[Cluster]:
    """A cluster of this test's own, to kill nodes of; it answers while one is missing."""
    with Cluster() as cluster:
        with Nodes(cluster) as nodes:
            for client in nodes.clients:
                client.config_set("cluster-require-full-coverage", "no")
        yield cluster


async def test_a_moved_slot_is_a_new_incarnation(mortal: Cluster, namespace: str) -> None:
    """Whatever was announced while the connection was the wrong one is not known of."""
    async with contextlib.AsyncExitStack() as stack:
        nodes = stack.enter_context(Nodes(mortal))
        here, there = [
            await stack.enter_async_context(cache_on(mortal, namespace)) for _ in range(2)
        ]
        await until_near(there, nodes)
        mirror = there._running()._shared.mirror  # type: ignore[union-attr]
        assert mirror is not None
        incarnation, source = mirror.incarnation, nodes.home(namespace)
        began = now_s()
        await asyncio.to_thread(nodes.move, namespace, source, (source + 1) % 3, 100)
        await recovered(here)
        await until_near(there, nodes)
        took_s = now_s() - began

        assert mirror.incarnation != incarnation
        assert await here.invalidate("t")
        assert (await read(there, "new"))[0] == "new"
        print(f"near hits on the other node after {took_s * 1e3:.0f} ms")


async def test_a_killed_metadata_node_costs_hits_but_makes_nothing_stale(
    mortal: Cluster, namespace: str
) -> None:
    """Reads answer from the origin, invalidations raise; after its restart all is as before."""
    rows = Rows(1)
    with Nodes(mortal) as nodes:
        home = nodes.home(namespace)
    async with cache_on(mortal, namespace) as a, cache_on(mortal, namespace) as b:

        async def kill_and_start() -> None:
            await asyncio.to_thread(mortal.nodes[home].kill)
            await asyncio.sleep(0.7)
            await asyncio.to_thread(mortal.nodes[home].start)

        await rows.during(kill_and_start(), a, b)
        back_s = await recovered(a), await recovered(b)
        with Nodes(mortal) as nodes:
            await until_near(b, nodes)
    print(f"killed: {dict(rows.counts)}, slowest read {rows.slowest_s * 1e3:.0f} ms", back_s)
    assert rows.stale == []
    assert sum(count for what, count in rows.counts.items() if "refused" in what) > 0
    assert rows.counts["acknowledged"] > 20
    assert rows.slowest_s < 1.0 + SLACK_S


async def test_a_killed_entry_node_costs_its_entries_only(mortal: Cluster, namespace: str) -> None:
    """The metadata is there: invalidations are acknowledged, other entries are hits."""
    with Nodes(mortal) as nodes:
        home = nodes.home(namespace)
        away = (home + 1) % 3
    async with cache_on(mortal, namespace, near="1B") as cache:
        for n in range(40):
            await read(cache, n, f"k:{n}")
        mortal.nodes[away].kill()
        found: Counter[str] = Counter()
        for _ in range(3):
            for n in range(40):
                got, tier = await read(cache, n, f"k:{n}")
                assert got == n
                found[str(tier)] += 1
        refused = 0
        for _ in range(10):
            try:
                await cache.invalidate("of:nothing")
            except NotAcknowledged:
                refused += 1
    print(f"entry node killed: {dict(found)}, refused {refused} of 10")
    assert found[str(Tier.SHARED)] > 40
    assert refused == 0


async def test_a_slot_that_moved_from_a_node_that_died_is_found(
    mortal: Cluster, namespace: str
) -> None:
    """As after a failover to a replica: nobody is left there who could say MOVED."""
    async with cache_on(mortal, namespace) as cache:
        await read(cache)
        with Nodes(mortal) as nodes:
            source = nodes.home(namespace)
            await asyncio.to_thread(nodes.move, namespace, source, (source + 1) % 3, 100)
            await asyncio.to_thread(mortal.nodes[source].kill)
        back_s = await recovered(cache, 5.0)
    print(f"found on the other node after {back_s:.2f} s")
