"""A process forks while its threads use the cache: the child can use it at once."""

import os
import threading
import time
from collections.abc import Callable

import pytest

from engine.conftest import POLICIES
from keepwarm import Cache
from keepwarm.engine.threads import BlockingCache
from keepwarm.stores.memory import new_nonce
from keepwarm.stores.redis.server import EmbeddedServer

CHILDREN, PATIENCE_S = 20, 20.0


def _in_child(work: Callable[[], bool]) -> int:
    """The process id of a child that says by its status what `work` returned."""
    child = os.fork()
    if child == 0:
        status = 2
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return child


def _status(child: int) -> int | None:
    """How it ended; None if it did not, and had to be killed."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


def _works(cache: BlockingCache) -> bool:
    fresh = new_nonce()
    tag = f"mine:{fresh}"
    first = cache.get_or_set(f"child {fresh}", lambda: fresh, "plain", tags=[tag])
    again = cache.get_or_set(f"child {fresh}", lambda: "another", "plain", tags=[tag])
    cache.invalidate(tag)
    return (first, again, cache.get(f"child {fresh}")) == (fresh, fresh, None)


@pytest.mark.parametrize("where", ["memory", "valkey"])
def test_children_of_a_busy_process_use_the_cache_at_once(
    where: str, server: EmbeddedServer, namespace: str
) -> None:
    url = server.url if where == "valkey" else "memory://"
    owner = Cache(url, namespace=namespace, policies=POLICIES, operation_timeout="5s")
    done = threading.Event()
    with owner.blocking() as cache:

        def hammer(n: int) -> None:
            m = 0
            while not done.is_set():
                m += 1
                cache.get_or_set(f"k{(n + m) % 50}", lambda: n, "plain", tags=[f"t:{m % 7}"])
                if m % 20 == 0:
                    cache.invalidate(f"t:{n}")

        threads = [threading.Thread(target=hammer, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        try:
            ends = [_status(_in_child(lambda: _works(cache))) for _ in range(CHILDREN)]
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert ends == [0] * CHILDREN
        assert _works(cache)
        cache.close()


async def test_a_child_of_an_event_loop_uses_the_cache_from_threads(
    server: EmbeddedServer, namespace: str
) -> None:
    """Its copy of the loop's connection is closed, and the parent's goes on working."""
    async with Cache(server.url, namespace=namespace, policies=POLICIES) as cache:
        await cache.get_or_set("k", lambda: 1, "plain")
        child = _in_child(lambda: _works(cache.blocking().__enter__()))
        assert _status(child) == 0
        for n in range(50):
            assert await cache.get_or_set(f"k{n}", lambda n=n: n + 1, "plain") == n + 1
        assert cache.stats().errors == 0


def test_forked_children_draw_different_nonces() -> None:
    reading, writing = os.pipe()
    for _ in range(2):
        os.waitpid(_in_child(lambda: os.write(writing, new_nonce().encode()) == 22), 0)
    os.close(writing)
    with os.fdopen(reading) as drawn:
        both = drawn.read()
    assert len(both) == 44
    assert both[:22] != both[22:]
