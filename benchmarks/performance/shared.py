"""Reads from Redis or Valkey: decoded hits, raw GETs, and a storm of cancellations."""

import asyncio
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import hiredis
import msgspec
import redis.asyncio as redis_py

from benchmarks.performance.measuring import Contender, Figure, in_turn
from keepwarm import Cache, Policy
from keepwarm.core.steps import Ping
from keepwarm.core.units import MiB
from keepwarm.stores.codecs import codec_for
from keepwarm.stores.compression import Compression
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.aio import AsyncRedis
from keepwarm.stores.redis.dialing import dial
from keepwarm.stores.redis.settings import parse_address
from keepwarm.stores.redis.wire import Wire

CONCURRENT = 50
TIMES = 4_000
PER_POINT = 24  # characters on a page


class Card(msgspec.Struct, frozen=True):
    id: int
    name: str
    likes: int
    image: str


class Page(msgspec.Struct, frozen=True):
    cards: tuple[Card, ...]
    total: int


def page(n: int) -> Page:
    """About 2 KB as JSON."""
    dice = random.Random(n)
    cards = tuple(
        Card(
            dice.randrange(50_000),
            f"{dice.choice(_FIRST)} of {dice.choice(_PLACES)}",
            dice.randrange(9_000),
            f"/media/{dice.randrange(10**8):x}.webp",
        )
        for _ in range(PER_POINT)
    )
    return Page(cards, 50_000)


class Detail(msgspec.Struct, frozen=True):
    id: int
    name: str
    story: str
    likes: int
    image: str


def detail(n: int) -> Detail:
    """About 2 KB as JSON, most of it text."""
    dice = random.Random(n)
    words = " ".join(dice.choice(_WORDS) for _ in range(330))
    name = f"{dice.choice(_FIRST)} of {dice.choice(_PLACES)}"
    return Detail(n, name, words, dice.randrange(9_000), f"/media/{n:x}.webp")


_WORDS = (
    *("river", "stone", "lantern", "quiet", "harbour", "winter", "song", "keeper", "morning"),
    *("glass", "thorn", "ember", "walked", "beneath", "against", "the", "a", "of", "and"),
    *("into", "never", "after", "her", "his", "their", "old", "bright", "narrow", "salt"),
)
_FIRST = ("Alba", "Bero", "Cato", "Dara", "Edda", "Finn", "Gala", "Hela", "Ivo", "Juno")
_PLACES = ("the North", "Amber Hill", "Low Water", "the Glass City", "Thornwood", "Eastmarch")


def _at_once(call: Callable[[int], Awaitable[Any]]) -> Callable[[int], Awaitable[None]]:
    """`call` by fifty callers, each with a key of its own."""

    async def one(key: int, times: int) -> None:
        for _ in range(times):
            await call(key)

    async def run(times: int) -> None:
        await asyncio.gather(*(one(key, times // CONCURRENT) for key in range(CONCURRENT)))

    return run


async def measure_hits(url: str, kind: type[Page] | type[Detail] = Page) -> dict[str, Figure]:
    """Shared hits, decoded, with tags where the library has them."""
    import aiocache
    from aiocache.serializers import PickleSerializer
    from cashews import Cache as Cashews
    from fastapi_cache import FastAPICache
    from fastapi_cache.backends.redis import RedisBackend
    from fastapi_cache.coder import PickleCoder
    from fastapi_cache.decorator import cache as fastapi_cached

    address = parse_address(url)
    client = redis_py.from_url(url)
    made: Callable[[int], Any] = page if kind is Page else detail
    name = kind.__name__.lower()
    FastAPICache.reset()
    FastAPICache.init(RedisBackend(client), prefix=name)
    cashews = Cashews()
    cashews.setup(url, client_side=False)

    @fastapi_cached(expire=3600, coder=PickleCoder)
    async def fastapi_one(n: int) -> Any:
        return made(n)

    @aiocache.cached(
        ttl=3600,
        cache=aiocache.Cache.REDIS,
        endpoint=address.host,
        port=address.port,
        password=address.password,
        serializer=PickleSerializer(),
        namespace=name,
    )
    async def aio_one(n: int) -> Any:
        return made(n)

    @cashews(ttl="1h", prefix=name)
    async def cashews_one(n: int) -> Any:
        return made(n)

    async with Cache(url, namespace=name, near=0, policies={"p": Policy(ttl="1h")}) as cache:

        async def answer(n: int) -> Any:
            return made(n)

        answer.__annotations__["return"] = kind
        ours = cache("p", key="page:{n}", tags=["pages", "page:{n}"])(answer)
        contenders = {
            "keepwarm": ours,
            "aiocache": aio_one,
            "fastapi-cache2": fastapi_one,
            "cashews": cashews_one,
        }
        for call in contenders.values():
            for key in range(CONCURRENT):
                await call(key)
        found = await in_turn(
            [
                Contender(name, _at_once(call), TIMES if call is ours else TIMES // 4)
                for name, call in contenders.items()
            ]
        )
    await cashews.close()
    await client.aclose()
    return found


async def measure_least() -> dict[str, Figure]:
    """What a shared hit cannot do without, piece by piece: no other work between them."""
    codecs = {kind: codec_for(kind) for kind in (Page, Detail)}
    payloads = {
        kind: [codecs[kind].encode(made(key)) for key in range(CONCURRENT)]
        for kind, made in ((Page, page), (Detail, detail))
    }
    compression = Compression()
    loop = asyncio.get_running_loop()
    turn: list[asyncio.Future[None]] = []

    def answer() -> None:
        for future in turn:
            future.set_result(None)
        turn.clear()

    def ask(_: int) -> "asyncio.Future[None]":
        if not turn:
            loop.call_soon(answer)
        turn.append(loop.create_future())
        return turn[-1]

    def each(work: Callable[[bytes], object], given: list[bytes]) -> Callable[[int], Any]:
        async def run(times: int) -> None:
            for _ in range(times // CONCURRENT):
                for data in given:
                    work(data)

        return run

    contenders = [Contender("a caller that waits is told", _at_once(ask), TIMES)]
    for kind, called in ((Page, "list"), (Detail, "detail")):
        frames = [compression.compress(payload) for payload in payloads[kind]]
        unpack = each(lambda frame: compression.decompress(frame, MiB), frames)
        decode = each(codecs[kind].decode, payloads[kind])
        contenders.append(Contender(f"a {called} is decompressed", unpack, TIMES))
        contenders.append(Contender(f"a {called} is decoded", decode, TIMES))
    return await in_turn(contenders)


async def measure_gets(url: str) -> dict[str, Figure]:
    """GET of 2 KB by fifty at once, over one connection; a blocking socket that pipelines is
    about as cheap as it can be."""
    import coredis
    import glide

    address = parse_address(url)
    client = redis_py.from_url(url, protocol=3)
    core = coredis.Redis(host=address.host, port=address.port, password=address.password)
    config = glide.GlideClientConfiguration(
        [glide.NodeAddress(address.host, address.port)],
        credentials=glide.ServerCredentials(password=address.password or ""),
        request_timeout=5_000,
    )
    glided = await glide.GlideClient.create(config)
    for key in range(CONCURRENT):
        await client.set(f"raw:{key}", os.urandom(2_048))

    store = AsyncRedis(address, "bench", Sealing(), 5.0)
    await store.answer(Ping())
    reads = store._reads

    async with core:
        found = await in_turn(
            [
                Contender("keepwarm", _at_once(lambda k: reads.get(f"raw:{k}", 5.0)), TIMES),
                Contender("a blocking socket, pipelined", _pipelined(address), TIMES),
                Contender("redis-py", _at_once(lambda k: client.get(f"raw:{k}")), TIMES // 4),
                Contender("coredis", _at_once(lambda k: core.get(f"raw:{k}")), TIMES // 4),
                Contender("valkey-glide", _at_once(lambda k: glided.get(f"raw:{k}")), TIMES // 4),
            ]
        )
    await store.aclose()
    await client.aclose()
    await glided.close()
    return found


def _pipelined(address: Any) -> Callable[[int], Awaitable[None]]:
    sock = socket.create_connection((address.host, address.port))
    sock.sendall(hiredis.pack_command(("AUTH", address.password)))
    sock.recv(100)
    asked = b"".join(hiredis.pack_command(("GET", f"raw:{key}")) for key in range(CONCURRENT))

    async def run(times: int) -> None:
        parser = hiredis.Reader()
        for _ in range(times // CONCURRENT):
            sock.sendall(asked)
            left = CONCURRENT
            while left:
                parser.feed(sock.recv(262_144))
                while parser.gets() is not False:
                    left -= 1

    return run


@dataclass(frozen=True, slots=True)
class Storm:
    """What ten thousand cancelled requests cost."""

    connections: int
    wrong: int
    seconds: float


async def storm(url: str, times: int = 10_000) -> dict[str, Storm]:
    """Requests cancelled at random moments: new connections, by the server, and wrong replies."""
    address = parse_address(url)
    loop = asyncio.get_running_loop()
    wire = await dial(address, lambda: Wire(lambda _push: None, lambda _wire, _why: None))
    await wire.exchange(address.handshake(), loop.time() + 5)
    client = redis_py.from_url(url, protocol=3, max_connections=100)
    admin = redis_py.from_url(url)

    async def ours(text: str) -> Any:
        (reply,) = await wire.begin((("ECHO", text),), loop.time() + 30)
        return reply

    found = {}
    for name, ask in (("keepwarm", ours), ("redis-py", client.echo)):
        dice = random.Random(7)
        wrong = 0
        before = (await admin.info("stats"))["total_connections_received"]
        began = time.perf_counter()

        async def caller(ask: Any = ask, dice: random.Random = dice) -> int:
            text = str(dice.random())
            task = asyncio.ensure_future(ask(text))
            for _ in range(dice.randrange(8)):
                await asyncio.sleep(0)
            task.cancel()
            try:
                return int(await task != text.encode())
            except asyncio.CancelledError:
                return 0

        for _ in range(times // 100):
            wrong += sum(await asyncio.gather(*(caller() for _ in range(100))))
        for _ in range(100):
            text = str(dice.random())
            wrong += await ask(text) != text.encode()
        took_s = time.perf_counter() - began
        after = (await admin.info("stats"))["total_connections_received"]
        found[name] = Storm(after - before, wrong, took_s)
    wire.close()
    await client.aclose()
    await admin.aclose()
    return found
