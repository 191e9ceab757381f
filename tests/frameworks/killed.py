"""A process that renames thing 1 and is killed between its COMMIT and its invalidation.

argv: database URL, store URL, namespace, mode, new name. The kill is a listener of this
script's own: `after_commit` comes when the database has confirmed, before anything else.
"""

import asyncio
import os
import signal
import sys
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

from frameworks.desks import ENTITIES, POLICIES, Thing, outbox
from keepwarm import Cache
from keepwarm.frameworks.sqlalchemy import bind


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def bound(cache: Cache, sessions: Any, mode: str) -> Any:
    is_strict = mode == "strict"
    bind(cache, sessions, ENTITIES, mode=mode, outbox=None if is_strict else outbox)
    return sessions


async def rename(url: str, cache: Cache, mode: str, name: str) -> None:
    sessions = bound(cache, async_sessionmaker(create_async_engine(url)), mode)
    event.listen(sessions.kw["sync_session_class"], "after_commit", die)
    async with sessions.begin() as session:
        (await session.get(Thing, 1)).name = name


def rename_plainly(url: str, cache: Cache, mode: str, name: str) -> None:
    sessions = bound(cache, sessionmaker(create_engine(url)), mode)
    event.listen(sessions, "after_commit", die)
    with sessions.begin() as session:
        session.get(Thing, 1).name = name


if __name__ == "__main__":
    url, store, namespace, mode, name = sys.argv[1:]
    cache = Cache(store, namespace=namespace, policies=POLICIES)
    if "+" in url.partition(":")[0]:
        asyncio.run(rename(url, cache, mode, name))
    else:
        rename_plainly(url, cache, mode, name)
    sys.exit("it was not killed")
