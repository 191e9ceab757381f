"""A Gallery that renames character 1 and is killed between its COMMIT and its invalidation.

argv: database URL, data directory, store URL, new name. `after_commit` comes when the
database has confirmed, before anything else happens.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import event

from conftest import opened


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(database_url: str, data: str, store: str, name: str) -> None:
    async with opened(database_url, Path(data), cache_url=store, workers=0) as site:
        admin = await site.visitor("admin")
        version = (await admin.read("/api/characters/1"))["version"]
        print("ready", flush=True)
        sys.stdin.readline()
        for maker in site.database.makers:
            event.listen(maker.kw["sync_session_class"], "after_commit", die)
        await admin.patch("/api/characters/1", json={"version": version, "name": name})


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    sys.exit("it was not killed")
