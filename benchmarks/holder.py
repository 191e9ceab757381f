"""`python -m benchmarks.holder URL NAMESPACE`: a process with a near tier, until it is told to go.

It keeps one entry in its near tier and reads it now and then, so that every invalidation
of it has to wait for this process.
"""

import asyncio
import sys

from keepwarm import Cache, Policy


async def main(url: str, namespace: str) -> None:
    policies = {"p": Policy("5m")}
    async with Cache(url, namespace=namespace, policies=policies) as cache:
        await cache.get_or_set("k", lambda: 1, "p", tags=["x:1"])
        print("ready", flush=True)
        gone = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
        while not gone.done():
            await cache.get_or_set("k", lambda: 1, "p", tags=["x:1"])
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
