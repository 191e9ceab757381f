"""`python -m benchmarks.http`: what a hit of the HTTP cache costs, in CPU seconds of its server.

An app that says 2 KB, under uvicorn: bare, behind HTTPCache from the near tier, and from the
shared tier (a near tier of one byte, so that each request reads Valkey). The load comes from
another process over connections that stay open; what is counted is the CPU time that the
server's process used, so neither the load generator nor the store is in it. The variants take
turns, so that a machine that grows slower slows all of them; the median of the rounds counts.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from keepwarm import Cache, HTTPCache
from keepwarm.testing.servers import valkey

RESULTS = Path(__file__).parent / "results" / "http.json"
BODY = b"x" * 2048
CONNECTIONS = 32
NEAR_GOAL, SHARED_GOAL = 0.90, 0.65
_TICK = os.sysconf("SC_CLK_TCK")


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """The app, which does nothing that could be saved."""
    if scope["type"] != "http":
        return
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", b"2048"),
        (b"cache-control", b"public, max-age=3600"),
        (b"etag", b'"1"'),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def near() -> Any:
    return HTTPCache(bare, Cache(os.environ["BENCH_STORE"]))


def shared() -> Any:
    return HTTPCache(bare, Cache(os.environ["BENCH_STORE"], near=1))


VARIANTS = {"bare": "bare", "near": "near", "shared": "shared"}


@contextlib.contextmanager
def serving(variant: str, store: str) -> Iterator[tuple[int, int]]:
    """(port, pid) of a uvicorn that serves a variant."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [sys.executable, "-m", "uvicorn", f"benchmarks.http:{variant}", "--port", str(port)]
    arguments += ["--http", "httptools", "--no-access-log", "--log-level", "error"]
    arguments += ["--lifespan", "off"]
    if variant != "bare":
        arguments.append("--factory")
    process = subprocess.Popen(arguments, env=os.environ | {"BENCH_STORE": store})
    try:
        _await_port(port, process)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    raise RuntimeError("the server did not come up")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


REQUEST = (
    b"GET /page HTTP/1.1\r\nHost: site.test\r\nUser-Agent: benchmark\r\nAccept: */*\r\n"
    b"Accept-Encoding: gzip\r\n\r\n"
)


async def _client(port: int, count: int, marks: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2048)
    marks.append(head)
    writer.close()


async def load(port: int, requests: int) -> bytes:
    """Ask `requests` times; the last answer's head."""
    marks: list[bytes] = []
    each = requests // CONNECTIONS
    await asyncio.gather(*(_client(port, each, marks) for _ in range(CONNECTIONS)))
    return marks[-1]


def measure(requests: int, rounds: int) -> dict[str, Any]:
    figures: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with valkey() as server, contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(serving(variant, server.url))
            for name, variant in VARIANTS.items()
        }
        for port, _ in servers.values():
            asyncio.run(load(port, CONNECTIONS))
        time.sleep(11)  # until stamps made from nothing are settled: a writer's lease
        for port, _ in servers.values():
            asyncio.run(load(port, CONNECTIONS * 20))
        for _ in range(rounds):
            for name, (port, pid) in servers.items():
                before = cpu_s(pid)
                head = asyncio.run(load(port, requests))
                used = cpu_s(pid) - before
                assert name == "bare" or b"keepwarm; hit" in head, head
                figures[name].append((requests // CONNECTIONS) * CONNECTIONS / used)
        about = machine(server.url.partition(":")[0])
    medians = {name: statistics.median(values) for name, values in figures.items()}
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": about,
        "requests": requests,
        "requests_per_cpu_s": {name: round(value) for name, value in medians.items()},
        "ratio": {name: round(value / medians["bare"], 3) for name, value in medians.items()},
        "rounds": {name: [round(v) for v in values] for name, values in figures.items()},
        "goals": {"near": NEAR_GOAL, "shared": SHARED_GOAL},
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke test; writes nothing")
    arguments = parser.parse_args()
    requests, rounds = (2_000, 1) if arguments.quick else (arguments.requests, arguments.rounds)
    found = measure(requests, rounds)
    for name, ratio in found["ratio"].items():
        goal = found["goals"].get(name)
        mark = "" if goal is None else f" (goal {goal}: {'met' if ratio >= goal else 'missed'})"
        print(f"  {name:8} {found['requests_per_cpu_s'][name]:>8} per CPU second, {ratio}{mark}")
    if not arguments.quick:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
