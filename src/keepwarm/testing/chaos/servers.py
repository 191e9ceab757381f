"""Faults of the server: killed, frozen, emptied, full, busy, loading, failed over."""

import asyncio
import contextlib
import os
import random

import redis

from keepwarm.testing.chaos.stage import NAMESPACE, Stage, follow, wait_until_synced

_JUNK_KEYS = 1_000
_UNLIMITED = "512mb"
_BUSY_AFTER_MS = 50


async def kill(stage: Stage, dice: random.Random) -> None:
    """kill -9; after a while it is there again, at the same address, and knows nothing."""
    async with stage.server_lock:
        await asyncio.to_thread(stage.primary.kill)
        (stage.primary.home / "dump.rdb").unlink(missing_ok=True)
        await asyncio.sleep(dice.uniform(0, 0.6))
        await asyncio.to_thread(stage.start, stage.primary)


async def freeze(stage: Stage, dice: random.Random) -> None:
    """SIGSTOP: connections stay, nothing is answered."""
    async with stage.server_lock:
        stage.primary.freeze()
        try:
            await asyncio.sleep(dice.uniform(0.5, 2))
        finally:
            stage.primary.thaw()


async def old_snapshot(stage: Stage, dice: random.Random) -> None:
    """What was acknowledged since the snapshot has never happened, after the restart."""
    async with stage.server_lock:
        if dice.random() < 0.8:  # else from an even older one
            await stage.ask("SAVE")
            await asyncio.sleep(dice.uniform(0.2, 1.0))
        await asyncio.to_thread(stage.primary.kill)
        await asyncio.sleep(dice.uniform(0, 0.2))
        await asyncio.to_thread(stage.start, stage.primary)


async def load_slowly(stage: Stage, dice: random.Random) -> None:
    """As above, and the start takes a second, during which it says so."""
    async with stage.server_lock:
        await asyncio.to_thread(_fill, stage, _JUNK_KEYS)
        await stage.ask("SAVE")
        await asyncio.to_thread(stage.primary.kill)
        await asyncio.to_thread(stage.start, stage.primary)


def _fill(stage: Stage, count: int) -> None:
    with redis.Redis.from_url(stage.primary.url) as client, client.pipeline(False) as pipe:
        for _ in range(count):
            pipe.set(f"junk:{os.urandom(6).hex()}", os.urandom(500), ex=60)
        pipe.execute()


async def be_busy(stage: Stage, dice: random.Random) -> None:
    """A script that runs on: first no answers at all, then -BUSY to everybody."""
    server = stage.primary
    async with stage.server_lock:
        await stage.ask("CONFIG", "SET", "busy-reply-threshold", _BUSY_AFTER_MS)
        script = asyncio.create_task(_run_on(stage))
        await asyncio.sleep(dice.uniform(0.2, 1.2))
        while not script.done():
            with contextlib.suppress(redis.RedisError):  # not busy yet, or no longer
                await stage.ask("SCRIPT", "KILL", server=server)
            await asyncio.sleep(0.05)


async def _run_on(stage: Stage) -> None:
    with contextlib.suppress(redis.ResponseError):  # it was killed
        await asyncio.to_thread(_eval, stage)


def _eval(stage: Stage) -> None:
    with redis.Redis.from_url(stage.primary.url, socket_timeout=10) as client:
        client.execute_command("EVAL", "while true do end", 0)


async def be_full(stage: Stage, dice: random.Random) -> None:
    """Whoever wants to write is told -OOM."""
    server = stage.primary
    try:
        await stage.ask("CONFIG", "SET", "maxmemory-policy", "noeviction", server=server)
        await stage.ask("CONFIG", "SET", "maxmemory", 1, server=server)
        await asyncio.sleep(dice.uniform(0.3, 1.2))
    finally:
        await stage.insist("CONFIG", "SET", "maxmemory", _UNLIMITED, server=server)
        await stage.insist("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", server=server)


async def evict(stage: Stage, dice: random.Random) -> None:
    """Others fill the memory: under allkeys-lru, stamps, epoch and registry go as well."""
    server = stage.primary
    loop = asyncio.get_running_loop()
    try:
        memory = await stage.ask("INFO", "memory", server=server)
        used = memory["used_memory"] if isinstance(memory, dict) else 0
        await stage.ask("CONFIG", "SET", "maxmemory", used + 200_000, server=server)
        until = loop.time() + dice.uniform(0.5, 1.5)
        while loop.time() < until:
            await asyncio.to_thread(_fill, stage, 200)
            await asyncio.sleep(0.02)
    finally:
        await stage.insist("CONFIG", "SET", "maxmemory", _UNLIMITED, server=server)


async def delete(stage: Stage, dice: random.Random) -> None:
    """Any key of ours may be evicted at any time: the epoch, a stamp, the registry, a lease."""
    await asyncio.to_thread(_delete, stage, dice)


def _delete(stage: Stage, dice: random.Random) -> None:
    with redis.Redis.from_url(stage.primary.url, socket_timeout=3) as client:
        keys = list(client.scan_iter(match=f"*{NAMESPACE}*", count=5_000))
        metadata = [key for key in keys if key.startswith(b"{")]
        chosen = metadata if metadata and dice.random() < 0.8 else keys
        if chosen:
            client.delete(*dice.sample(chosen, min(len(chosen), dice.choice((1, 1, 2, 5)))))


async def flush(stage: Stage, dice: random.Random) -> None:
    await stage.ask("FLUSHALL", dice.choice(("SYNC", "ASYNC")))


async def fail_over(stage: Stage, dice: random.Random) -> None:
    """The replica that was behind takes over; the old primary comes back as its replica.

    Nobody can reach the old primary any more: beyond that, nothing is promised. The next
    injection goes back, so that a server returns whose identity was seen before.
    """
    old, new, link = stage.primary, stage.spare, stage.link
    assert new is not None
    assert link is not None
    async with stage.server_lock:
        await asyncio.to_thread(link.freeze)
        await asyncio.sleep(dice.uniform(0.1, 0.8))  # acknowledged meanwhile: lost by the replica
        async with stage.all_proxies() as proxies:
            for proxy in proxies:
                await asyncio.to_thread(proxy.refuse)
            await asyncio.to_thread(link.refuse)
            await stage.ask("REPLICAOF", "NO", "ONE", server=new)
            for proxy in proxies:
                await asyncio.to_thread(proxy.retarget, new.url)
            stage.primary, stage.spare = new, old
        await asyncio.to_thread(link.retarget, ("127.0.0.1", new.port))
        is_never_synced = dice.random() < 0.3
        await asyncio.to_thread(link.freeze if is_never_synced else link.pass_through)
        await asyncio.to_thread(follow, old, link.port, old.password)
        if not is_never_synced:
            await asyncio.to_thread(wait_until_synced, old)


async def step_clock(stage: Stage, dice: random.Random) -> None:
    """The server's wall clock jumps, and does not come back."""
    by_s = dice.choice((1, 30, 600, 3_600)) * dice.choice((-1, 1))
    await asyncio.to_thread(stage.clock_file.write_text, f"{by_s:+d}s")
