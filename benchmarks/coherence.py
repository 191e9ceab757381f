"""`python -m benchmarks.coherence`: what coherence costs, measured, as a table in the docs.

Everything runs against a Valkey of its own on this machine. Figures are medians; where two
things are compared they take turns in the same minute.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from benchmarks.machine import machine
from keepwarm import Cache, NotAcknowledged, Policy, collect
from keepwarm.core.steps import ReadShared
from keepwarm.stores.redis.operations import Operation
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.servers import valkey

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "coherence.md"
RESULTS = ROOT / "benchmarks" / "results" / "coherence.json"
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
POLICIES = {"p": Policy("5m", max_fills=64)}
TRIAL_S = 10.5  # stamps made from nothing are not mirrored before they have proved themselves
ENTRIES = 1_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `goal` is empty where there is none to meet."""

    what: str
    figure: str
    goal: str = ""
    met: bool | None = None


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


async def _timed(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Median seconds of one."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


async def near_hits(server: EmbeddedServer) -> list[Figure]:
    found = {}
    for coherence in ("strict", "validate"):
        async with Cache(
            server.url, namespace=f"hits-{coherence}", coherence=coherence, policies=POLICIES
        ) as cache:

            async def read(cache: Cache = cache) -> object:
                return await cache.get_or_set("k", lambda: "x" * 2000, "p", tags=["x:1"])

            await read()
            await asyncio.sleep(TRIAL_S)
            await read()
            await read()
            with collect() as outcomes:
                await read()
            assert outcomes[0].tier == "near", outcomes
            found[coherence] = await _timed(read, 1_000)
    ratio = found["validate"] / found["strict"]
    return [
        Figure(
            "a near hit, strict (asks nobody) / validate (asks for the stamps)",
            f"{found['strict'] * 1e6:.0f} µs / {found['validate'] * 1e6:.0f} µs ({ratio:.1f}×)",
        )
    ]


async def tagged_hits(server: EmbeddedServer) -> list[Figure]:
    """A shared hit with its stamps, against fetching and opening the same entry alone."""
    counts = (1, 4, 41)
    async with Cache(
        server.url, namespace="tagged", coherence="validate", policies=POLICIES
    ) as cache:
        steps = {}
        for count in counts:
            tags = [f"tag:{n}" for n in range(count)]
            await cache.get_or_set(f"k{count}", lambda: "x" * 2000, "p", tags=tags)
        await asyncio.sleep(TRIAL_S)  # as stamps are most of the time
        for count in counts:
            tags = [f"tag:{n}" for n in range(count)]
            await cache.get_or_set(f"k{count}", lambda: "x" * 2000, "p", tags=tags)
            subject = cache.plans.subject(f"k{count}", cache.plans.codec(None), "p", tags)
            steps[count] = ReadShared((subject.name,), subject.hint)
        store: Any = cache._running()._shared

        async def plain(count: int) -> None:
            (name,) = steps[count].names
            commands = (("MGET", name),)
            read = store._operations.opened
            await store._run(
                Operation((), commands, lambda replies: read((name,), replies[0])),
                asyncio.get_running_loop().time() + 1,
            )

        async def one(count: int) -> None:
            await store.answer(steps[count])

        ratios: dict[int, list[float]] = {count: [] for count in counts}
        for _ in range(15):
            for count in counts:
                alone = await _timed(lambda count=count: plain(count), 100)
                whole = await _timed(lambda count=count: one(count), 100)
                ratios[count].append(whole / alone)
    medians = {count: statistics.median(each) for count, each in ratios.items()}
    said = ", ".join(f"{count} tags {ratio:.2f}×" for count, ratio in medians.items())
    met = medians[4] <= 1.35 and medians[41] <= 1.6
    what = "a shared hit with its stamps, against the same entry fetched without"
    return [Figure(what, said, "≤ 1.35× up to 4 tags, ≤ 1.6× at 41", met)]


@contextmanager
def holders(url: str, namespace: str, count: int) -> Iterator[list["subprocess.Popen[str]"]]:
    command = [sys.executable, "-m", "benchmarks.holder", url, namespace]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


async def acknowledgements(server: EmbeddedServer) -> list[Figure]:
    said = []
    paused_s = 0.0
    for count in (0, 1, 4, 8):
        namespace = f"acks-{count}"
        with holders(server.url, namespace, count) as processes:
            async with Cache(server.url, namespace=namespace, policies=POLICIES) as cache:
                await asyncio.sleep(0.6)  # the registry is complete after one lease
                took = await _timed(lambda cache=cache: cache.invalidate("x:1"), 200)
                said.append(f"{count}: {_ms(took)}")
                if count == 4:
                    processes[0].send_signal(19)  # SIGSTOP: paused, not dead
                    began = time.perf_counter()
                    await cache.invalidate("x:1")
                    paused_s = time.perf_counter() - began
                    after = await _timed(lambda cache=cache: cache.invalidate("x:1"), 20)
    return [
        Figure(
            "an acknowledgement, by number of other processes with a near tier", ", ".join(said)
        ),
        Figure(
            "the first with one of four processes paused; the next ones",
            f"{_ms(paused_s)}; {_ms(after)}",
            "≤ 350 ms",
            paused_s <= 0.35,
        ),
    ]


async def frozen(server: EmbeddedServer) -> list[Figure]:
    async with Cache(server.url, namespace="frozen", policies=POLICIES) as cache:
        for n in range(50):
            await cache.get_or_set(f"k{n}", lambda: 1, "p")
        server.freeze()

        async def read(n: int) -> float:
            began = time.perf_counter()
            await cache.get_or_set(f"cold {n}", lambda: 1, "p")
            return time.perf_counter() - began

        took = [await read(n) for n in range(50)]
        began = time.perf_counter()
        try:
            await cache.invalidate("x:1")
        except NotAcknowledged:
            refused_s = time.perf_counter() - began
        server.thaw()
        healed = time.perf_counter()
        hits: list[tuple[float, bool]] = []
        while time.perf_counter() < healed + 1.2:
            for n in range(50):
                with collect() as outcomes:
                    await cache.get_or_set(f"k{n}", lambda: 1, "p")
                hits.append((time.perf_counter() - healed, outcomes[0].hit))
            await asyncio.sleep(0.01)
        recovered_s = max((at for at, hit in hits if not hit), default=0.0)
        await asyncio.sleep(0.5)
        server.freeze()
        crowd = sorted(await asyncio.gather(*(read(1_000 + n) for n in range(200))))
        server.thaw()
        await asyncio.sleep(0.5)
    return [
        Figure("store frozen: the first read", _ms(took[0]), "≤ 250 ms", took[0] <= 0.25),
        Figure(
            "… later ones, median and worst of 49",
            f"{_ms(statistics.median(took[1:]))}, {_ms(max(took[1:]))}",
            "≤ 5 ms",
            sorted(took[1:])[46] <= 0.005,
        ),
        Figure("… 200 at once, p99", _ms(crowd[197]), "≤ 300 ms", crowd[197] <= 0.3),
        Figure("… an invalidation raises after", _ms(refused_s), "≤ 550 ms", refused_s <= 0.55),
        Figure(
            "store thawed: every read hits again after",
            _ms(recovered_s),
            "≥ 80 % within 1 s",
            recovered_s <= 1.0,
        ),
    ]


async def many_entries(server: EmbeddedServer) -> list[Figure]:
    """A million entries that carry one tag: nobody has to find them."""
    async with Cache(
        server.url, namespace="many", coherence="validate", policies=POLICIES
    ) as cache:
        await cache.get_or_set("k0", lambda: 1, "p", tags=["all"])
        name = cache.plans.subject("k0", cache.plans.codec(None), "p").name
        with redis.Redis.from_url(server.url) as direct:
            raw = direct.get(name)
            assert isinstance(raw, bytes)
            for start in range(0, ENTRIES, 20_000):
                pipe = direct.pipeline(transaction=False)
                for n in range(start, start + 20_000):
                    pipe.set(f"many:copy{n}@x", raw)
                pipe.execute()
            await asyncio.sleep(1)  # the registry is complete after a lease

            def announced() -> int:
                return int(direct.info("commandstats").get("cmdstat_spublish", {}).get("calls", 0))

            before = announced()
            took = await _timed(lambda: cache.invalidate("all"), 1)
            trips = announced() - before  # each script that changes stamps announces once
            again = await _timed(lambda: cache.invalidate("all"), 50)
    what = "invalidating a tag that a million entries carry"
    said = f"{trips} script, {_ms(took)}; the next {_ms(again)}"
    return [Figure(what, said, "1 round trip", trips == 1)]


async def measure() -> list[Figure]:
    found: list[Figure] = []
    with valkey(tcp=True) as server:
        for part in (near_hits, tagged_hits, acknowledgements, frozen):
            found += await part(server)
    with valkey(tcp=True, arguments=["--maxmemory", "2gb"]) as server:
        found += await many_entries(server)
    return found


def _version() -> str:
    with valkey() as server, redis.Redis.from_url(server.url) as direct:
        info = direct.info("server")
    return f"Valkey {info.get('valkey_version', info['redis_version'])}"


def table(found: list[Figure], about: dict[str, Any]) -> str:
    lines = [
        f"Measured on {about['processor']}, {about['cores']} cores, Python {about['python']}, "
        f"{about['store']} on loopback, by `make figures`:",
        "",
        "| what | measured | goal |",
        "|---|---|---|",
    ]
    for each in found:
        mark = "" if each.met is None else (" ✓" if each.met else " ✗ missed")
        lines.append(f"| {each.what} | {each.figure} | {each.goal}{mark} |")
    return "\n".join(lines)


def main() -> int:
    found = asyncio.run(measure())
    about = machine(_version())
    text = table(found, about)
    print(text)
    results = {"machine": about, "figures": [[f.what, f.figure, f.goal, f.met] for f in found]}
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")
    return 0 if all(f.met is not False for f in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
