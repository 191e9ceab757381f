"""How the database answers each query: the statements sent, their plans, their time."""

import re
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import queries
from gallery.data.database import Database
from gallery.data.values import Filters, Mode

Query = Callable[[AsyncSession], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    parameters: Any


@dataclass(frozen=True, slots=True)
class Explained:
    """A query by name: the median time of several runs, and each statement's plan."""

    name: str
    median_ms: float
    plans: list[list[str]]


@asynccontextmanager
async def recorded(database: Database) -> AsyncIterator[list[Statement]]:
    """The statements that `database` is sent inside the block."""
    found: list[Statement] = []

    def record(_c: object, _cur: object, sql: str, parameters: Any, *_: object) -> None:
        if not sql.startswith("BEGIN"):
            found.append(Statement(sql, parameters))

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", record)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", record)


async def plan(session: AsyncSession, statement: Statement) -> list[str]:
    """The database's plan for a statement, a step a line."""
    connection = await session.connection()
    if connection.dialect.name == "sqlite":
        steps = await connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters
        )
        depth = {0: -1}
        lines = []
        for step, parent, _, detail in (tuple(row) for row in steps.all()):
            depth[step] = depth.get(parent, -1) + 1
            lines.append("  " * depth[step] + detail)
        return lines
    explained = await connection.exec_driver_sql(
        f"EXPLAIN (COSTS OFF) {statement.sql}", statement.parameters
    )
    # Lists of ids are cut short: which they are tells nothing.
    return [re.sub(r"'{([^,}]*,){3}[^}]*}'", "'{…}'", str(row[0])) for row in explained.all()]


def examples(now: datetime, *, user_id: int, character_id: int, username: str) -> dict[str, Query]:
    """One call of every read, by a name that says what it does."""

    def listed(mode: Mode, page: int = 0, **filters: str) -> Query:
        return lambda session: queries.list_ids(
            session, mode=mode, page=page, page_size=24, now=now, user_id=user_id,
            filters=Filters(**filters),
        )  # fmt: skip

    return {
        "list trending": listed(Mode.TRENDING),
        "list all": listed(Mode.ALL),
        "list featured": listed(Mode.FEATURED),
        "list discover": listed(Mode.DISCOVER),
        "list newest": listed(Mode.NEWEST),
        "list newest, page 100": listed(Mode.NEWEST, 100),
        "list newest of a species": listed(Mode.NEWEST, species="elf"),
        "list newest of a creator": listed(Mode.NEWEST, creator=username),
        "list newest of a tag": listed(Mode.NEWEST, tag="lanterns"),
        "list newest found by text": listed(Mode.NEWEST, q="moonlit abbey"),
        "global_scores": lambda session: queries.global_scores(session, now),
        "tastes": lambda session: queries.tastes(session, user_id),
        "cards of 24": lambda session: queries.cards(session, range(1, 25)),
        "detail": lambda session: queries.detail(session, character_id),
        "similar": lambda session: queries.similar(session, character_id),
        "species": queries.species,
        "tag_names": queries.tag_names,
        "like_count": lambda session: queries.like_count(session, character_id),
        "has_liked": lambda session: queries.has_liked(session, user_id, character_id),
        "preferences": lambda session: queries.preferences(session, user_id),
        "user_images": lambda session: queries.user_images(session, username),
        "user_images of a character": lambda session: queries.user_images(
            session, username, character_id
        ),
        "character_images": lambda session: queries.character_images(session, character_id),
        "image": lambda session: queries.image(session, 1),
        "image_bytes": lambda session: queries.image_bytes(session, "0" * 64),
        "job": lambda session: queries.job(session, "none"),
        "user": lambda session: queries.user(session, username),
        "credentials": lambda session: queries.credentials(session, username),
        "find_session": lambda session: queries.find_session(session, "0" * 64, now),
    }


async def explain(database: Database, query: Query, name: str, *, runs: int = 5) -> Explained:
    """Run a query `runs` times, and ask for the plans of what it sent."""
    times = []
    async with recorded(database) as sent:
        for _ in range(runs):
            sent.clear()
            async with database.session() as session:
                began = time.perf_counter()
                await query(session)
                times.append(time.perf_counter() - began)
    statements = list(sent)
    async with database.session() as session:
        plans = [await plan(session, statement) for statement in statements]
    return Explained(name, statistics.median(times) * 1000, plans)
