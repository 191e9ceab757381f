"""`python -m benchmarks.live`: a thousand browsers on one process, as a table in the docs.

One process serves the channel (uvicorn); this one holds the clients' sockets and writes,
through a cache of its own on the same Valkey. Clients offer compression, as browsers do;
the server declines it, as docs/live.md says it must. Latency is from the call of
`invalidate` to the last client's having the whole message, the gathering included.
"""

import argparse
import asyncio
import base64
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import uvicorn

import keepwarm
from benchmarks.machine import machine
from keepwarm import Cache, Policy, Who
from keepwarm.testing.servers import valkey

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "live.md"
RESULTS = ROOT / "benchmarks" / "results" / "live.json"
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
SECRET = "a secret of the benchmark"
NAMESPACE = "live"
POLICIES = {"p": Policy(ttl="5m")}


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one way to listen. Memory is that of the serving process."""

    way: str
    clients: int
    connect_s: float
    mb: float
    kb_per_client: float
    median_ms: float
    worst_ms: float
    cpu_ms: float
    """Of the serving process, for telling all of them once."""


def serve(url: str) -> None:
    cache = Cache(url, namespace=NAMESPACE, policies=POLICIES)
    app = keepwarm.live(cache, secret=SECRET, allow=lambda _: Who("all", most=100_000))

    async def front(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        if scope["type"] == "http" and scope["path"] == "/figures":
            used = resource.getrusage(resource.RUSAGE_SELF)
            told = {"rss": _rss(), "cpu_s": used.ru_utime + used.ru_stime, "in": app.listening}
            fields = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": fields})
            await send({"type": "http.response.body", "body": json.dumps(told).encode()})
            return
        await app(scope, receive, send)

    config = uvicorn.Config(
        front,
        port=0,
        ws="wsproto",
        ws_per_message_deflate=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
        backlog=4096,
    )
    server = uvicorn.Server(config)

    async def run() -> None:
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await serving
        await cache.aclose()

    asyncio.run(run())


def _rss() -> int:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


class Listener:
    """One browser's socket."""

    def __init__(self, way: str) -> None:
        self.way = way

    async def open(self, port: int) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        lines = ["Host: 127.0.0.1", "Origin: http://127.0.0.1"]
        if self.way == "WebSocket":
            key = base64.b64encode(os.urandom(16)).decode()
            lines += [
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                f"Sec-WebSocket-Key: {key}",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
            ]
        path = "/ws" if self.way == "WebSocket" else "/events"
        head = "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""])
        self.writer.write(head.encode())
        status = await self.reader.readline()
        assert status.split()[1] == (b"101" if self.way == "WebSocket" else b"200"), status
        await self.reader.readuntil(b"\r\n\r\n")
        await self.message()

    async def message(self) -> bytes:
        if self.way != "WebSocket":
            while True:
                line = await self.reader.readline()
                if line.startswith(b"data: "):
                    return line[6:]
        first, size = await self.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        body = await self.reader.readexactly(size)
        if first == 0x81:
            return body
        if first == 0x89:  # a ping wants an answer; masked with zeros, which change nothing
            self.writer.write(bytes([0x8A, 0x80 | size, 0, 0, 0, 0]) + body)
        return await self.message()

    async def told(self) -> float:
        while b'"tags"' not in await self.message():
            pass
        return time.perf_counter()


async def measure(way: str, clients: int, rounds: int, port: int, cache: Cache) -> Figures:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

        async def figures() -> dict[str, float]:
            return (await http.get("/figures")).json()

        await figures()
        before = await figures()
        listeners = [Listener(way) for _ in range(clients)]
        began = time.perf_counter()
        for start in range(0, clients, 100):
            await asyncio.gather(*(each.open(port) for each in listeners[start : start + 100]))
        connect_s = time.perf_counter() - began
        after = await figures()
        assert after["in"] == clients
        took, spent = [], []
        for n in range(rounds):
            waiting = [asyncio.ensure_future(each.told()) for each in listeners]
            await asyncio.sleep(0.2)
            cpu = (await figures())["cpu_s"]
            began = time.perf_counter()
            await cache.invalidate(f"row:{n}")
            took.append(max(await asyncio.gather(*waiting)) - began)
            spent.append((await figures())["cpu_s"] - cpu)
        highest = (await figures())["rss"]
        for each in listeners:
            each.writer.close()
    mb = (max(highest, after["rss"]) - before["rss"]) / 1e6
    return Figures(
        way,
        clients,
        round(connect_s, 2),
        round(mb, 1),
        round(mb * 1000 / clients, 1),
        round(statistics.median(took) * 1000, 1),
        round(max(took) * 1000, 1),
        round(statistics.median(spent) * 1000, 1),
    )


async def run(clients: int, rounds: int) -> list[Figures]:
    found = []
    with valkey() as server:
        for way in ("WebSocket", "events"):
            serving = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.live", "--serve", server.url],
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            try:
                assert serving.stdout is not None
                port = int(serving.stdout.readline())
                async with Cache(server.url, namespace=NAMESPACE, policies=POLICIES) as cache:
                    found.append(await measure(way, clients, rounds, port, cache))
            finally:
                serving.terminate()
                serving.wait(timeout=20)
            print(found[-1], flush=True)
    return found


def table(found: list[Figures]) -> str:
    lines = [
        "| way | clients | memory | each | all told: median | worst | processor time |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.way} | {f.clients:,} | {f.mb:.0f} MB | {f.kb_per_client:.0f} KB "
        f"| {f.median_ms:.0f} ms | {f.worst_ms:.0f} ms | {f.cpu_ms:.0f} ms |"
        for f in found
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", metavar="URL")
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--dry-run", action="store_true", help="measure, and write nothing")
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return
    _allow_sockets(given.clients + 200)
    found = asyncio.run(run(given.clients, given.rounds))
    print(table(found))
    if not given.dry_run:
        said = {
            "machine": machine("a Valkey of its own"),
            "figures": [asdict(each) for each in found],
        }
        RESULTS.write_text(json.dumps(said, indent=1) + "\n")
        head, _, rest = PAGE.read_text().partition(BEGIN)
        _, _, tail = rest.partition(END)
        PAGE.write_text(f"{head}{BEGIN}\n{table(found)}\n{END}{tail}")


def _allow_sockets(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


if __name__ == "__main__":
    main()
