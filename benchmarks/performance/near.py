"""Hits in this process: decorated functions of keepwarm and of its peers."""

import asyncio
import functools
import tempfile
import threading
from datetime import timedelta
from typing import Any

from benchmarks.performance.measuring import Contender, Figure, in_turn
from keepwarm import Cache, Policy

KEYS = 64
TIMES = 20_000
POLICIES = {"p": Policy(ttl="1h")}


def _awaiting(call: Any) -> Any:
    async def run(times: int) -> None:
        for n in range(times):
            await call(n % KEYS)

    return run


def _calling(call: Any) -> Any:
    async def run(times: int) -> None:
        for n in range(times):
            call(n % KEYS)

    return run


async def measure(url: str) -> dict[str, dict[str, Figure]]:
    """Async and blocking near hits; `url` is a server for the strict near tier."""
    import aiocache
    import async_lru
    import cachebox
    import moka_py
    import theine
    from cashews import Cache as Cashews
    from fastapi_cache import FastAPICache
    from fastapi_cache.backends.inmemory import InMemoryBackend
    from fastapi_cache.decorator import cache as fastapi_cached

    async def origin(n: int) -> str:
        return f"character {n}"

    FastAPICache.init(InMemoryBackend(), prefix="bench")
    cashews = Cashews()
    cashews.setup("mem://")
    async with (
        Cache(policies=POLICIES) as alone,
        Cache(url, namespace="near", policies=POLICIES) as strict,
    ):
        ours = alone("p", key="c:{n}", tags=["c:{n}"])(_typed())
        theirs_strict = strict("p", key="c:{n}", tags=["c:{n}"])(_typed())

        @fastapi_cached(expire=3600)
        async def fastapi_one(n: int) -> str:
            return f"character {n}"

        @aiocache.cached(ttl=3600)
        async def aio_one(n: int) -> str:
            return f"character {n}"

        @cashews(ttl="1h")
        async def cashews_one(n: int) -> str:
            return f"character {n}"

        contenders = {
            "a bare coroutine": origin,
            "keepwarm": ours,
            "keepwarm, strict over Valkey": theirs_strict,
            "moka-py": moka_py.cached(maxsize=1024, ttl=3600)(origin),
            "cachebox": cachebox.cached(cachebox.TTLCache(1024, 3600))(origin),
            "async-lru": async_lru.alru_cache(maxsize=1024, ttl=3600)(origin),
            "theine": theine.Memoize(1024, timedelta(hours=1))(origin),
            "aiocache": aio_one,
            "fastapi-cache2": fastapi_one,
            "cashews": cashews_one,
        }
        await _warm(theirs_strict)
        slow = ("aiocache", "fastapi-cache2", "cashews")
        asynchronous = await in_turn(
            [
                Contender(name, _awaiting(call), TIMES // (10 if name in slow else 1))
                for name, call in contenders.items()
            ]
        )
        blocking = await _blocking(alone, strict)
    return {"async": asynchronous, "blocking": blocking}


def _typed() -> Any:
    async def character(n: int) -> str:
        return f"character {n}"

    return character


async def _warm(call: Any) -> None:
    """Until near hits ask nobody: all that a new store holds is on trial for ten seconds."""
    for _ in range(110):
        for n in range(KEYS):
            await call(n)
        await asyncio.sleep(0.1)


async def _blocking(alone: Cache, strict: Cache) -> dict[str, Figure]:
    import cachetools
    import django
    from django.conf import settings
    from dogpile.cache import make_region

    def plain(n: int) -> str:
        return f"character {n}"

    def ours(n: int) -> str:
        return f"character {n}"

    if not settings.configured:
        backend = "django.core.cache.backends.locmem.LocMemCache"
        settings.configure(CACHES={"default": {"BACKEND": backend}})
        django.setup()
    from django.core.cache import cache as locmem

    for n in range(KEYS):
        locmem.set(f"c:{n}", plain(n), 3600)
    region = make_region().configure("dogpile.cache.memory", expiration_time=3600)
    with tempfile.TemporaryDirectory(prefix="keepwarm-bench-"):
        contenders = {
            "a bare call": plain,
            "functools.lru_cache (no lifetime)": functools.lru_cache(maxsize=1024)(plain),
            "keepwarm": alone("p", key="b:{n}", tags=["b:{n}"])(ours),
            "cachetools, locked": cachetools.cached(
                cachetools.TTLCache(1024, 3600), lock=threading.Lock()
            )(plain),
            "dogpile.cache": region.cache_on_arguments()(plain),
            "Django locmem": lambda n: locmem.get(f"c:{n}"),
        }
        return await in_turn(
            [Contender(name, _calling(call), TIMES) for name, call in contenders.items()]
        )
