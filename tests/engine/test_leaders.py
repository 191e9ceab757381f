"""One origin call over all processes, whoever leads, and what happens if he does not return."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from engine.conftest import POLICIES
from keepwarm import Cache, fill
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import valkey

PROCESS = Path(__file__).with_name("leading.py")
TERMS = {"policies": POLICIES, "operation_timeout": "5s"}


async def test_a_second_process_waits_for_the_first_and_takes_what_it_stored(
    server: EmbeddedServer, namespace: str
) -> None:
    gate, calls = asyncio.Event(), []

    async def origin() -> int:
        calls.append(1)
        await gate.wait()
        return 7

    async with (
        Cache(server.url, namespace=namespace, **TERMS) as a,
        Cache(server.url, namespace=namespace, **TERMS) as b,
    ):
        reads = [
            asyncio.ensure_future(cache.get_or_set("k", origin, "plain", tags=["t"]))
            for cache in (a, b)
            for _ in range(20)
        ]
        while not calls:
            await asyncio.sleep(0.001)
        await asyncio.sleep(1.3)  # longer than a lease: a living leader prolongs it
        gate.set()
        began = time.monotonic()
        assert await asyncio.gather(*reads) == [7] * 40
        assert time.monotonic() - began < 0.5, "it was not told, but waited for the lease to end"
        assert len(calls) == 1


@pytest.mark.parametrize("how", ["late tag", "nested", "raises", "skips"])
async def test_a_fill_that_may_not_be_stored_holds_nobody_up(
    server: EmbeddedServer, namespace: str, how: str
) -> None:
    """Everyone gets an answer, at most one call per process, and in the end it is stored."""
    calls = []

    async with (
        Cache(server.url, namespace=namespace, **TERMS) as a,
        Cache(server.url, namespace=namespace, **TERMS) as b,
    ):

        async def load(cache: Cache) -> int:
            @cache("plain", key="inner", tags=["inner"])
            async def inner() -> int:
                return 1

            @cache("plain", key="k")
            async def outer() -> int:
                calls.append(1)
                await asyncio.sleep(0.02)
                if how == "late tag":
                    fill.tag("late")
                elif how == "nested":
                    await inner()
                elif how == "raises":
                    raise ZeroDivisionError
                else:
                    fill.skip()
                return 7

            return await outer()

        answers = await asyncio.gather(
            *(load(c) for c in (a, b) for _ in range(10)), return_exceptions=True
        )
        if how == "raises":
            assert {type(x) for x in answers} == {ZeroDivisionError}
        else:
            assert answers == [7] * 20
        assert len(calls) <= 4
        if how in ("late tag", "nested"):
            await load(a)
            calls.clear()
            assert await load(b) == 7
            assert calls == []


def _start(
    server: EmbeddedServer, namespace: str, log: Path, calls: int, origin_s: float
) -> "subprocess.Popen[str]":
    command = [sys.executable, str(PROCESS), server.url, namespace, str(log)]
    return subprocess.Popen(
        [*command, str(calls), str(origin_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_cold_key_costs_one_origin_call_over_four_processes(
    server: EmbeddedServer, namespace: str, tmp_path: Path
) -> None:
    """4 processes x 50 callers, five keys one after another."""
    log = tmp_path / "calls"
    processes = [_start(server, namespace, log, 5, 0.2) for _ in range(4)]
    for p in processes:
        assert p.stdout.readline() == "ready\n"
    for p in processes:
        p.stdin.write("go\n")
        p.stdin.flush()
    ends = [json.loads(p.communicate(timeout=60)[0]) for p in processes]
    assert [end["right"] for end in ends] == [250] * 4
    assert sorted(line.split()[0] for line in log.read_text().splitlines()) == [
        f"k{n}" for n in range(5)
    ]


def test_a_killed_leader_costs_one_call_more_within_a_lease(
    server: EmbeddedServer, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "calls"
    processes = {p.pid: p for p in (_start(server, namespace, log, 1, 0.4) for _ in range(4))}
    for p in processes.values():
        assert p.stdout.readline() == "ready\n"
    for p in processes.values():
        p.stdin.write("go\n")
        p.stdin.flush()
    while not log.exists() or not log.read_text().endswith("\n"):
        time.sleep(0.001)
    leader = int(log.read_text().split()[1])
    processes[leader].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    ends = [
        json.loads(p.communicate(timeout=60)[0]) for pid, p in processes.items() if pid != leader
    ]
    took_s = time.monotonic() - killed
    processes[leader].communicate()
    assert [end["right"] for end in ends] == [50] * 3
    assert len(log.read_text().splitlines()) == 2
    print(f"all had their answer {took_s:.2f} s after the leader was killed (its work: 0.4 s)")


async def test_a_refresh_runs_the_origin_whoever_else_does(
    server: EmbeddedServer, namespace: str
) -> None:
    """Its caller wants what is there now, not what a fill read that began before."""
    gate, versions = asyncio.Event(), iter((1, 2))

    async def origin() -> int:
        version = next(versions)
        if version == 1:
            await gate.wait()
        return version

    async with (
        Cache(server.url, namespace=namespace, **TERMS) as a,
        Cache(server.url, namespace=namespace, **TERMS) as b,
    ):
        of_a, of_b = (c("plain", key="k")(_returning_int(origin)) for c in (a, b))
        slow = asyncio.ensure_future(of_a())
        await asyncio.sleep(0.05)
        assert await of_b.refresh() == 2
        gate.set()
        assert await slow == 1


def _returning_int(origin: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
    async def value() -> int:
        return await origin()

    return value


@pytest.mark.parametrize("fault", ["freeze", "refuse"])
async def test_who_waits_for_a_leader_waits_for_no_store_that_is_away(
    namespace: str, fault: str
) -> None:
    """The word that a fill has ended comes through the store: without it everybody fills."""
    gate, calls = asyncio.Event(), []

    async def origin() -> int:
        calls.append(1)
        if len(calls) == 1:
            await gate.wait()
        return 7

    with valkey(tcp=True) as server, FaultProxy(server.url) as proxy:
        async with (
            Cache(server.url, namespace=namespace, policies=POLICIES) as leader,
            Cache(proxy.url, namespace=namespace, policies=POLICIES) as other,
        ):
            await other.get_or_set("first", lambda: 1, "plain")  # so that it is connected
            led = asyncio.ensure_future(leader.get_or_set("k", origin, "plain", tags=["t"]))
            while not calls:
                await asyncio.sleep(0.001)
            waits = asyncio.ensure_future(other.get_or_set("k", origin, "plain", tags=["t"]))
            await asyncio.sleep(0.1)
            assert len(calls) == 1, "it waits for the other process"
            getattr(proxy, fault)()
            began = time.monotonic()
            assert await waits == 7
            assert time.monotonic() - began < 0.7, "it waited for the leader's lease to end"
            gate.set()
            assert await led == 7
            proxy.pass_through()
