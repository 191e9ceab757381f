"""Reads of one turn: one command, one reply, and everybody gets what he asked for."""

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest
import redis

from keepwarm.core.entry import Seen, Stored, Terms
from keepwarm.core.steps import Ping, ReadShared, WriteShared
from keepwarm.core.times import TIMES
from keepwarm.ports import StoreAway
from keepwarm.stores.envelope import open_, seal
from keepwarm.stores.redis import wire as wires
from keepwarm.stores.redis.aio import AsyncRedis
from keepwarm.stores.redis.reads import MOST_KEYS
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.stores.redis.settings import LARGE_BYTES
from keepwarm.testing.servers import valkey
from stores.links import linked, until

NOW = 1_000.0


def entry(payload: bytes) -> Stored:
    terms = Terms(NOW, NOW + 60, NOW + 60, NOW + 60, NOW + 60, 0.0, "e", 1, (), ("tag-of-it",))
    return Stored(terms, payload)


def random_bytes(size: int) -> bytes:
    """Such that compression does not make them small."""
    return random.Random(7).randbytes(size)


async def put(store: AsyncRedis, *entries: tuple[str, bytes]) -> None:
    wanted = tuple((name, entry(payload)) for name, payload in entries)
    assert await store.answer(WriteShared(wanted, NOW))


def payloads(seen: Seen) -> list[bytes | None]:
    return [each and each.payload for each in seen.entries]


class Counting:
    """What the server says of commands and connections, since this was made."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._before = self._counts()

    def _counts(self) -> dict[str, int]:
        stats: Any = self._client.info("commandstats")
        return {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}

    def of(self, command: str) -> int:
        return self._counts().get(command, 0) - self._before.get(command, 0)


async def test_fifty_readers_of_one_turn_cost_one_command(
    server: EmbeddedServer, direct: redis.Redis, namespace: str
) -> None:
    async with linked(server.url, namespace) as store:
        names = [f"{namespace}:{n}" for n in range(50)]
        await put(store, *((name, name.encode()) for name in names))
        count = Counting(direct)
        found = await asyncio.gather(*(store.answer(ReadShared((name,), ())) for name in names))
        assert [payloads(each) for each in found] == [[name.encode()] for name in names]
        assert count.of("mget") == 1


async def test_what_many_want_is_asked_once_and_opened_once(
    server: EmbeddedServer, namespace: str
) -> None:
    async with linked(server.url, namespace) as store:
        name = f"{namespace}:hot"
        await put(store, (name, b"value"))
        found = await asyncio.gather(*(store.answer(ReadShared((name,), ())) for _ in range(20)))
        assert [payloads(each) for each in found] == [[b"value"]] * 20
        assert len({id(each.entries[0]) for each in found}) == 1


async def test_each_sees_its_own_entries_in_its_own_order(
    server: EmbeddedServer, namespace: str
) -> None:
    async with linked(server.url, namespace) as store:
        a, b, missing, foreign = (f"{namespace}:{n}" for n in ("a", "b", "missing", "foreign"))
        await put(store, (a, b"A"), (b, b"B"))
        with redis.Redis.from_url(server.url) as direct:
            direct.set(foreign, b"not an envelope")
        first, second, third = await asyncio.gather(
            store.answer(ReadShared((b, missing, a), ())),
            store.answer(ReadShared((a, foreign), ())),
            store.answer(ReadShared((foreign,), ())),
        )
        assert (payloads(first), first.foreign) == ([b"B", None, b"A"], 0)
        assert (payloads(second), second.foreign) == ([b"A", None], 1)
        assert (payloads(third), third.foreign) == ([None], 1)


async def poisoned(store: AsyncRedis, direct: redis.Redis, name: str) -> None:
    """An envelope that is whole, around a header whose text is no UTF-8: as anybody can make
    who may write to a store whose values carry no keyed hash."""
    raw = direct.get(name)
    assert isinstance(raw, bytes)
    sealing = store._operations._sealing
    header, payload = open_(raw, name=name, settings=sealing)
    broken = header.replace(b"tag-of-it", b"\xff" * 9)
    assert broken != header
    direct.set(name, seal(broken, payload, name=name, settings=sealing))


@pytest.mark.parametrize("size", [10, 4 * LARGE_BYTES], ids=["small", "large"])
async def test_an_entry_that_is_no_text_is_a_miss_and_harms_nobody(
    server: EmbeddedServer, direct: redis.Redis, namespace: str, size: int
) -> None:
    async with linked(server.url, namespace) as store:
        bad, good = f"{namespace}:bad", f"{namespace}:good"
        payload = random_bytes(size)
        await store.answer(Ping())
        await put(store, (bad, payload), (good, payload))
        for name in (bad, good):  # large ones are known as such from now on
            await store.answer(ReadShared((name,), ()))
        await poisoned(store, direct, bad)
        async with asyncio.timeout(5):
            first, second, both = await asyncio.gather(
                store.answer(ReadShared((bad,), ())),
                store.answer(ReadShared((good,), ())),
                store.answer(ReadShared((bad, good), ())),
            )
        assert (payloads(first), first.foreign) == ([None], 1)
        assert (payloads(second), second.foreign) == ([payload], 0)
        assert (payloads(both), both.foreign) == ([None, payload], 1)


@pytest.mark.parametrize("size", [10, 4 * LARGE_BYTES], ids=["small", "large"])
async def test_whatever_goes_wrong_while_entries_are_opened_everybody_is_told(
    server: EmbeddedServer, namespace: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked(server.url, namespace) as store:
        name = f"{namespace}:a"
        await store.answer(Ping())
        await put(store, (name, random_bytes(size)))
        await store.answer(ReadShared((name,), ()))

        def fails(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr(store._operations, "open", fails)
        async with asyncio.timeout(5):
            found = await asyncio.gather(
                *(store.answer(ReadShared((name,), ())) for _ in range(3)), return_exceptions=True
            )
        assert [type(each) for each in found] == [StoreAway] * 3


async def test_a_reader_who_is_cancelled_harms_nobody(
    server: EmbeddedServer, namespace: str
) -> None:
    async with linked(server.url, namespace) as store:
        names = [f"{namespace}:{n}" for n in range(10)]
        await put(store, *((name, name.encode()) for name in names))
        for when in range(3):  # before it is sent, and while it is on its way
            reading = [
                asyncio.ensure_future(store.answer(ReadShared((name,), ()))) for name in names
            ]
            for _ in range(when):
                await asyncio.sleep(0)
            for each in reading[::2]:
                each.cancel()
            found = await asyncio.gather(*reading, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in found[::2])
            others = [payloads(each) for each in found[1::2] if isinstance(each, Seen)]
            assert others == [[name.encode()] for name in names[1::2]]


async def test_a_turn_that_is_full_leaves_and_the_next_begins(
    server: EmbeddedServer, direct: redis.Redis, namespace: str
) -> None:
    patient = replace(TIMES, operation_s=5.0)  # two thousand entries are opened at once
    async with linked(server.url, namespace, times=patient) as store:
        names = [f"{namespace}:{n}" for n in range(2 * MOST_KEYS + 10)]
        await put(store, *((name, name.encode()) for name in names))
        count = Counting(direct)
        found = await asyncio.gather(*(store.answer(ReadShared((name,), ())) for name in names))
        assert [payloads(each) for each in found] == [[name.encode()] for name in names]
        assert count.of("mget") == 3


async def test_readers_are_refused_while_too_much_waits_to_be_sent(
    namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not read, and a process that goes on asking."""
    monkeypatch.setattr(wires, "MOST_PENDING", 200_000)
    with valkey(tcp=True) as server:
        async with linked(server.url, namespace) as store:
            await store.answer(Ping())
            server.freeze()
            link = store._link.wire
            assert link is not None
            loop = asyncio.get_running_loop()
            sent = []
            while not link._is_paused:  # as much as the sockets take
                sent.append(link.begin((("ECHO", b"x" * 100_000),), loop.time() + 30))
                link.flush()
            names = tuple(f"{namespace}:{'x' * 5_000}:{n}" for n in range(100))
            reading = [
                asyncio.ensure_future(store.answer(ReadShared(names[:50], ()))),
                asyncio.ensure_future(store.answer(ReadShared(names[50:], ()))),
            ]
            async with asyncio.timeout(TIMES.operation_s):  # at once, not when their time is up
                found = await asyncio.gather(*reading, return_exceptions=True)
            assert [(type(each), getattr(each, "why", "")) for each in found] == [
                (StoreAway, "crowded")
            ] * 2
            assert not any(each.is_fault for each in found if isinstance(each, StoreAway))
            server.thaw()
        await asyncio.gather(*sent, return_exceptions=True)


# Large entries.


@pytest.fixture
def large(namespace: str) -> tuple[str, bytes]:
    return f"{namespace}:large", random_bytes(4 * LARGE_BYTES)


async def put_and_see(store: AsyncRedis, *entries: tuple[str, bytes]) -> None:
    """Store them, the first of them a large one, and have it be known as such."""
    await store.answer(Ping())
    await put(store, *entries)
    name, payload = entries[0]
    assert payloads(await store.answer(ReadShared((name,), ()))) == [payload]
    assert store._reads.is_large(name)


async def test_a_large_entry_travels_on_its_own_connection(
    server: EmbeddedServer, direct: redis.Redis, namespace: str, large: tuple[str, bytes]
) -> None:
    name, payload = large
    async with linked(server.url, namespace) as store:
        await put_and_see(store, (name, payload), (f"{namespace}:small", b"small"))
        count = Counting(direct)
        both = await store.answer(ReadShared((name, f"{namespace}:small"), ("slot:0001",)))
        assert payloads(both) == [payload, b"small"]
        assert both.stamps.keys() == {"slot:0001"}
        assert (count.of("get"), count.of("mget")) == (1, 1)


async def test_nobody_waits_behind_a_large_entry(
    server: EmbeddedServer, namespace: str, large: tuple[str, bytes]
) -> None:
    name, payload = large
    async with linked(server.url, namespace) as store:
        small = f"{namespace}:small"
        await put_and_see(store, (name, payload), (small, b"small"))
        order: list[str] = []

        async def read(which: str) -> None:
            await store.answer(ReadShared((which,), ()))
            order.append(which)

        await asyncio.gather(read(name), read(small), read(small))
        assert order == [small, small, name]


async def test_losing_the_large_ones_connection_fails_those_who_wait_for_it_alone(
    namespace: str, large: tuple[str, bytes]
) -> None:
    name, payload = large
    with valkey(tcp=True) as server:
        async with linked(server.url, namespace) as store:
            small = f"{namespace}:small"
            await put_and_see(store, (name, payload), (small, b"small"))
            bulk = store._bulk._wire
            assert bulk is not None
            assert bulk is not store._link.wire
            server.freeze()
            reading = [
                asyncio.ensure_future(store.answer(ReadShared((which,), ())))
                for which in (name, small)
            ]
            await until(lambda: bulk.in_flight == 1)
            bulk.close()
            server.thaw()
            found = await asyncio.gather(*reading, return_exceptions=True)
            assert isinstance(found[0], StoreAway)
            assert isinstance(found[1], Seen)
            assert payloads(found[1]) == [b"small"]
            assert payloads(await store.answer(ReadShared((name,), ()))) == [payload]


async def test_an_entry_that_is_large_no_more_is_read_with_the_others(
    server: EmbeddedServer, direct: redis.Redis, namespace: str, large: tuple[str, bytes]
) -> None:
    name, payload = large
    async with linked(server.url, namespace) as store:
        await put_and_see(store, (name, payload))
        await put(store, (name, b"short now"))
        assert payloads(await store.answer(ReadShared((name,), ()))) == [b"short now"]
        assert not store._reads.is_large(name)
        direct.delete(name)
        assert payloads(await store.answer(ReadShared((name,), ()))) == [None]


async def test_closing_while_a_large_entry_is_awaited_tells_who_waits(
    namespace: str, large: tuple[str, bytes]
) -> None:
    name, payload = large
    with valkey(tcp=True) as server:
        async with linked(server.url, namespace) as store:
            await put_and_see(store, (name, payload))
            bulk = store._bulk._wire
            assert bulk is not None
            server.freeze()
            waiting = asyncio.ensure_future(store.answer(ReadShared((name,), ())))
            await until(lambda: bulk.in_flight == 1)
            await store.aclose()
            with pytest.raises(StoreAway):
                await waiting
            server.thaw()
        assert not store._bulk._tasks
