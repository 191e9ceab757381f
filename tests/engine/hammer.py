"""One process of several that read and write rows through a cache and check what they read.

The rows are a memory-mapped file of (committed, acknowledged) versions: each process
commits, invalidates and only then publishes the acknowledgement; a read that returns less
than was acknowledged before it began is stale.
"""

import asyncio
import fcntl
import json
import mmap
import random
import struct
import sys
import time

from keepwarm import Cache, NotAcknowledged, Policy, collect

ROWS = 8


async def main(url: str, namespace: str, path: str, seed: int, seconds: float) -> None:
    dice = random.Random(seed)
    with open(path, "r+b") as file:
        table = mmap.mmap(file.fileno(), 0)

        def get(row: int, which: int) -> int:
            value: int = struct.unpack_from("<q", table, row * 16 + which * 8)[0]
            return value

        def raise_to(row: int, which: int, value: int | None) -> int:
            """Under a lock that all processes share: one more, or at least `value`."""
            fcntl.lockf(file, fcntl.LOCK_EX)
            try:
                new = get(row, which) + 1 if value is None else max(value, get(row, which))
                struct.pack_into("<q", table, row * 16 + which * 8, new)
                return new
            finally:
                fcntl.lockf(file, fcntl.LOCK_UN)

        said: dict[str, object] = {}
        counts = {"reads": 0, "hits": 0, "writes": 0}
        stale: list[str] = []
        policies = {"p": Policy(ttl="5m", max_fills=8)}
        async with Cache(url, namespace=namespace, policies=policies, operation_timeout="5s") as c:
            end = time.monotonic() + seconds

            @c("p", key="row:{row}", tags=["row:{row}"])
            async def load(row: int) -> int:
                version = get(row, 0)
                await asyncio.sleep(0.002 * dice.random())
                return version

            async def read() -> None:
                while time.monotonic() < end:
                    row = min(ROWS - 1, int(dice.expovariate(0.5)))
                    least = get(row, 1)
                    with collect() as outcomes:
                        got = await load(row)
                    counts["reads"] += 1
                    counts["hits"] += outcomes[0].hit
                    if got < least:
                        stale.append(f"row {row}: {got} < {least}: {outcomes[0]}")

            async def write() -> None:
                while time.monotonic() < end:
                    row = dice.randrange(ROWS)
                    version = raise_to(row, 0, None)
                    try:
                        await c.invalidate(f"row:{row}")
                    except NotAcknowledged:
                        continue
                    raise_to(row, 1, version)
                    counts["writes"] += 1
                    await asyncio.sleep(0.02 * dice.random())

            await asyncio.gather(write(), *(read() for _ in range(4)))
        said |= counts | {"stale": stale[:3]}
        print(json.dumps(said))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
