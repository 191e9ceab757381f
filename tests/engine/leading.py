"""One process of several that ask for the same cold keys at once."""

import asyncio
import json
import os
import sys

from keepwarm import Cache, Policy

CALLERS = 50


async def main(url: str, namespace: str, log: str, keys: int, origin_s: float) -> None:
    policies = {"p": Policy("5m", max_fills=8)}
    right = 0
    async with Cache(url, namespace=namespace, policies=policies, operation_timeout="5s") as cache:

        async def origin(key: str) -> str:
            with open(log, "a") as file:
                file.write(f"{key} {os.getpid()}\n")
            await asyncio.sleep(origin_s)
            return key * 3

        async def ask(key: str) -> bool:
            return bool(await cache.get_or_set(key, lambda: origin(key), "p") == key * 3)

        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for n in range(keys):
            right += sum(await asyncio.gather(*(ask(f"k{n}") for _ in range(CALLERS))))
    print(json.dumps({"right": right}))


if __name__ == "__main__":
    url, namespace, log, keys, origin_s = sys.argv[1:]
    asyncio.run(main(url, namespace, log, int(keys), float(origin_s)))
