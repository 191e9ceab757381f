"""What a Redis may lose or be made to hold: nothing comes back to life, nothing raises."""

import shutil
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from keepwarm import Cache, Policy
from keepwarm.core.globs import Glob
from keepwarm.core.stamps import stamp_of_tag
from keepwarm.core.steps import (
    AddPattern,
    Capture,
    Elect,
    Enter,
    Inside,
    ReadPatterns,
    ReadShared,
)
from keepwarm.core.times import TIMES
from keepwarm.engine.threads import BlockingCache
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.aio import AsyncRedis
from keepwarm.stores.redis.blocking import BlockingRedis
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.stores.redis.settings import parse_address
from keepwarm.testing.servers import valkey

POLICIES = {"p": Policy(ttl="5m")}


class Origin:
    """A row that changes; each load says which version it read."""

    def __init__(self) -> None:
        self.version = 0
        self.loads = 0

    def load(self) -> int:
        self.loads += 1
        return self.version


def reader(cache: BlockingCache, origin: Origin) -> Callable[[], int]:
    return lambda: cache.get_or_set("k", origin.load, "p", tags=["row", "row:1"], type=int)


def cache_on(server: EmbeddedServer, namespace: str, near: str = "64MiB") -> Cache:
    return Cache(
        server.url, namespace=namespace, policies=POLICIES, operation_timeout="2s", near=near
    )


@pytest.fixture
def cache(server: EmbeddedServer, namespace: str) -> Iterator[BlockingCache]:
    blocking = cache_on(server, namespace).blocking()
    with blocking as cache:
        yield cache
    cache.close()


def keys_of(direct: redis.Redis, namespace: str, *, metadata: bool) -> list[bytes]:
    pattern = ("{%s}:*" if metadata else "%s:*") % namespace
    return sorted(direct.scan_iter(match=pattern, count=1000))


def test_any_single_key_may_be_evicted(
    cache: BlockingCache, direct: redis.Redis, namespace: str
) -> None:
    """Whichever key is lost, the next call after a change of the row sees the change."""
    origin = Origin()
    read = reader(cache, origin)
    read()
    cache.invalidate_pattern("other:*")
    read()
    for metadata in (True, False):
        for key in keys_of(direct, namespace, metadata=metadata):
            origin.version += 1
            cache.invalidate("row")
            direct.delete(key)
            assert read() == origin.version, key
            loads = origin.loads
            assert read() == origin.version, key
            assert origin.loads == loads, f"not cached again after the loss of {key!r}"


@pytest.mark.parametrize("tags", [("row",), ("row:1",)])
def test_a_lost_stamp_revives_no_entry(
    cache: BlockingCache, direct: redis.Redis, namespace: str, tags: tuple[str, ...]
) -> None:
    """An invalidation whose stamp is evicted right after it stays in force."""
    origin = Origin()
    read = reader(cache, origin)
    read()
    origin.version = 1
    cache.invalidate(*tags)
    for key in keys_of(direct, namespace, metadata=True):
        if b"epoch" not in key and b"pos" not in key:
            direct.delete(key)

    assert read() == 1


def test_a_flush_is_survived(cache: BlockingCache, direct: redis.Redis) -> None:
    origin = Origin()
    read = reader(cache, origin)
    read()
    origin.version = 1
    cache.invalidate("row")
    direct.flushall()

    assert [read(), read()] == [1, 1]
    assert origin.loads == 2


@pytest.mark.parametrize("make", ["list", "garbage", "huge", "empty", "binary"])
def test_a_key_that_holds_something_else_is_a_miss_and_is_repaired(
    cache: BlockingCache, direct: redis.Redis, namespace: str, make: str
) -> None:
    origin = Origin()
    read = reader(cache, origin)
    read()
    cache.invalidate_pattern("other:*")
    read()
    keys = [key for m in (True, False) for key in keys_of(direct, namespace, metadata=m)]
    assert len(keys) >= 6
    for key in keys:
        direct.delete(key)
        if make == "list":
            direct.lpush(key, "x")
        else:
            nines = b"9" * 5000
            direct.set(
                key,
                {
                    "garbage": b"not ours at all",
                    "huge": b" ".join([b"x", b"x" if b"slot" in key else nines, nines, nines]),
                    "empty": b"",
                    "binary": bytes(range(256)),
                }[make],
            )
        origin.version += 1
        cache.invalidate("row")
        assert read() == origin.version, key
        loads = origin.loads
        assert [read(), read()] == [origin.version] * 2, key
        assert origin.loads <= loads + 1, f"{key!r} was not repaired"
        cache.invalidate_pattern("k")
        origin.version += 1
        assert read() == origin.version, key


def test_a_restart_revives_nothing(namespace: str) -> None:
    """An empty server at the same address: a miss, then hits again."""
    with valkey() as server:
        cache, origin = cache_on(server, namespace), Origin()
        with cache.blocking() as blocking:
            read = reader(blocking, origin)
            read()
            origin.version = 1
            blocking.invalidate("row")
            server.restart()
            assert [read(), read(), read()] == [1, 1, 1]
            assert origin.loads == 2
        cache.blocking().__enter__().close()


@pytest.mark.parametrize("is_new_client", [False, True])
def test_an_old_snapshot_revives_nothing(namespace: str, is_new_client: bool) -> None:
    """SAVE, invalidate, kill -9, start from the dump: the old entry and stamps are back."""
    with valkey(arguments=("--dbfilename", "dump.rdb")) as server:
        cache, origin = cache_on(server, namespace), Origin()
        read = reader(cache.blocking().__enter__(), origin)
        read()
        with redis.Redis.from_url(server.url) as direct:
            direct.save()
            shutil.copy(server.home / "dump.rdb", server.home / "old.rdb")
        origin.version = 1
        cache.blocking().__enter__().invalidate("row")
        assert read() == 1
        server.kill()
        shutil.copy(server.home / "old.rdb", server.home / "dump.rdb")
        server.start()
        with redis.Redis.from_url(server.url) as direct:
            assert keys_of(direct, namespace, metadata=False), "the snapshot was not loaded"

        second = cache_on(server, namespace) if is_new_client else cache
        again = reader(second.blocking().__enter__(), origin)

        assert [again(), again()] == [1, 1]
        for one in {cache, second}:
            one.blocking().__enter__().close()


@pytest.mark.parametrize("comes_first", ["reader", "passing writer"])
def test_an_old_snapshot_hides_no_writer_for_longer_than_d(
    namespace: str, hasty: float, comes_first: str
) -> None:
    """G4, for a mark that is in no snapshot: the server dies, then the writer after his COMMIT.

    1. the writer enters, and checks his mark   2. the server dies, and restarts from a snapshot
    of before   3. a reader captures, reads the old row and stores it   4. the writer commits
    and is killed
    """
    with valkey(arguments=("--dbfilename", "dump.rdb")) as server:
        cache, origin = cache_on(server, namespace), Origin()
        read = reader(cache.blocking().__enter__(), origin)
        for _ in range(2):
            read()
            time.sleep(hasty + 0.05)  # settled: nothing is on trial any more
        with redis.Redis.from_url(server.url) as direct:
            direct.save()
        stamps = (stamp_of_tag("row"), stamp_of_tag("row:1"))
        writer = BlockingRedis(parse_address(server.url), namespace, Sealing(), 2.0)
        writer.answer(Enter("w", stamps))
        assert writer.answer(Inside("w", stamps))
        writer.close()
        server.kill()
        server.start()
        if comes_first == "passing writer":
            with cache.blocking().__enter__().writing("row", "row:1") as passing:
                passing.check()
        assert read() == 0
        origin.version = 1

        time.sleep(hasty + 0.05)

        assert read() == 1
        cache.blocking().__enter__().close()


@pytest.fixture
def hasty() -> Iterator[float]:
    """D in seconds, much shorter than it is."""
    real = TIMES.writer_s
    object.__setattr__(TIMES, "writer_s", 1.0)
    yield TIMES.writer_s
    object.__setattr__(TIMES, "writer_s", real)


def test_foreign_entry_bytes_are_misses(
    server: EmbeddedServer, direct: redis.Redis, namespace: str
) -> None:
    """Other bytes, a flipped bit, a cut tail, another key's entry: each a miss."""
    cache = cache_on(server, namespace, near="1B").blocking().__enter__()
    origin = Origin()
    read = reader(cache, origin)
    read()
    (name,) = keys_of(direct, namespace, metadata=False)
    good = direct.get(name)
    assert isinstance(good, bytes)
    flipped = bytearray(good)
    flipped[len(flipped) // 2] ^= 1
    cache.get_or_set("other", lambda: 99, "p", type=int)
    (other,) = [k for k in keys_of(direct, namespace, metadata=False) if k != name]
    for raw in (b"", b"\x00", b"\xff" * 300, bytes(flipped), good[:-1], good + b"x"):
        direct.set(name, raw)
        loads = origin.loads
        assert read() == 0
        assert origin.loads == loads + 1, raw
    foreign = direct.get(other)
    assert foreign is not None
    direct.set(name, foreign)
    assert read() == 0
    cache.close()


def test_keys_is_never_sent(cache: BlockingCache, direct: redis.Redis) -> None:
    """Finding keys walks with SCAN; KEYS would stop the server for everybody."""
    direct.config_resetstat()
    origin = Origin()
    reader(cache, origin)()
    cache.invalidate_pattern("k*", dry_run=True)
    cache.invalidate_pattern("k*")
    cache.delete("k")
    cache.clear()

    sent = set(direct.info("commandstats"))

    assert "cmdstat_scan" in sent
    assert not {"cmdstat_keys", "cmdstat_flushall", "cmdstat_flushdb"} & sent


def test_metadata_shares_one_slot_and_entries_do_not(
    cache: BlockingCache, direct: redis.Redis, namespace: str
) -> None:
    for n in range(40):
        cache.get_or_set(f"k:{n}", lambda: 1, "p", tags=["row", f"row:{n}"], type=int)
    cache.invalidate_pattern("other:*")

    def slots(metadata: bool) -> set[int]:
        from redis.crc import key_slot

        return {key_slot(key) for key in keys_of(direct, namespace, metadata=metadata)}

    assert len(keys_of(direct, namespace, metadata=True)) > 40
    assert len(slots(True)) == 1
    assert len(slots(False)) > 20


def test_everything_is_one_round_trip_when_warm(cache: BlockingCache, direct: redis.Redis) -> None:
    """A hit costs MGETs in one trip and no script."""
    origin = Origin()
    read = reader(cache, origin)
    read()
    direct.config_resetstat()

    read()

    sent = direct.info("commandstats")
    assert {name for name in sent if "mget" in name or "eval" in name} == {"cmdstat_mget"}


def test_a_store_without_patterns_kills_what_could_match(server: EmbeddedServer) -> None:
    """The list of patterns was evicted: entries older than the newest pattern are dead."""
    store = BlockingRedis(parse_address(server.url), "lost-patterns", Sealing(), 2.0)
    store.answer(Capture(("tag:a",)))
    store.answer(AddPattern(Glob("a:*")))
    with redis.Redis.from_url(server.url) as direct:
        direct.delete("{lost-patterns}:patterns")

    epoch = store.answer(ReadShared((), ())).epoch  # type: ignore[union-attr]
    assert epoch is not None
    patterns = store.answer(ReadPatterns(epoch))

    assert patterns.newest < epoch.pattern_position  # type: ignore[union-attr]
    store.close()


async def test_a_lease_that_outlives_itself_by_a_clock_set_back_is_none(
    server: EmbeddedServer, direct: redis.Redis, namespace: str
) -> None:
    """Else its dead leader would be waited for until the clock has caught up."""
    store = AsyncRedis(parse_address(server.url), namespace, Sealing(), 2.0)
    lease = "lease:x"
    try:
        assert await store.answer(Elect((lease,))) == (None,)
        store.forget_leases((lease,))  # its leader is dead: nobody prolongs it any more
        (left,) = await store.answer(Elect((lease,)))
        assert 0 < left <= TIMES.leader_s
        direct.pexpire(f"{{{namespace}}}:{lease}", 3_600_000)
        assert await store.answer(Elect((lease,))) == (None,)
    finally:
        await store.aclose()
