"""What views and likes did, one after the other, so that any prefix of them can be had.

Counts and rankings may follow likes and views late, so a judge needs the database as
it was after *some* of them: effects can be applied to a copy and taken back in order.
"""

from __future__ import annotations

import contextlib
import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gallery.data.values import Kind as Did
from gallery.load.player import Exchange
from gallery.load.requests import Kind

#: Rows of the load get ids that no seeded row has.
FIRST_ROW = 10**12
T = TypeVar("T")
Counts = tuple[int, int]
"""(likes, views) of a character."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one view, like or unlike changed; a second like changes nothing."""

    character_id: int
    user_id: int | None
    likes: int
    views: int
    row: tuple[int, int, int, int, int] | None  # id, user, character, kind, at
    at: int  # microseconds since 1970

    @property
    def is_unlike(self) -> bool:
        return self.likes < 0


class Effects:
    """The effects of a load's interactions in order, on the copy of the data at `path`."""

    def __init__(self, path: Path, interactions: Sequence[Exchange]) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("PRAGMA busy_timeout = 10000")
        self.applied = 0
        self.effects: list[Effect] = []
        self._counts: dict[int, list[tuple[int, Counts]]] = {}
        self._liked: dict[tuple[int, int], list[tuple[int, bool]]] = {}
        rows: dict[tuple[int, int], tuple[int, int, int, int, int] | None] = {}
        for index, exchange in enumerate(interactions):
            self._note(index, exchange, rows)

    def close(self) -> None:
        self._db.close()

    def _note(
        self, index: int, exchange: Exchange,
        rows: dict[tuple[int, int], tuple[int, int, int, int, int] | None],
    ) -> None:  # fmt: skip
        request = exchange.request
        user, character = request.user_id, request.character_id
        at = int((exchange.wall_sent + exchange.took_s / 2) * 1_000_000)
        likes = views = 0
        row = None
        if request.kind is Kind.VIEW:
            views = 1
            if user is not None:
                row = (FIRST_ROW + index, user, character, int(Did.VIEW), at)
        elif user is not None:
            pair = (user, character)
            if pair not in rows:
                rows[pair] = self._like_row(pair)
                self._liked[pair] = [(0, rows[pair] is not None)]
            row = rows[pair]
            if request.kind is Kind.LIKE and row is None:
                likes = 1
                row = rows[pair] = (FIRST_ROW + index, user, character, int(Did.LIKE), at)
                self._liked[pair].append((index + 1, True))
            elif request.kind is Kind.UNLIKE and row is not None:
                likes, rows[pair] = -1, None
                self._liked[pair].append((index + 1, False))
        self.effects.append(Effect(character, user, likes, views, row, at))
        history = self._history(character)
        before_likes, before_views = history[-1][1]
        if likes or views:
            history.append((index + 1, (before_likes + likes, before_views + views)))

    def _like_row(self, pair: tuple[int, int]) -> tuple[int, int, int, int, int] | None:
        found: tuple[int, int, int, int, int] | None = self._db.execute(
            "SELECT id, user_id, character_id, kind, at FROM interactions"
            " WHERE user_id = ? AND character_id = ? AND kind = 2",
            pair,
        ).fetchone()
        return found

    def _history(self, character_id: int) -> list[tuple[int, Counts]]:
        if character_id not in self._counts:
            found = self._db.execute(
                "SELECT like_count, view_count FROM characters WHERE id = ?", (character_id,)
            ).fetchone()
            self._counts[character_id] = [(0, found or (0, 0))]
        return self._counts[character_id]

    # -- what was true after some of them -----------------------------------------

    def counts(self, character_id: int, first: int, last: int) -> set[Counts]:
        """What the counters held after any of `first` … `last` interactions."""
        return _between(self._history(character_id), first, last)

    def liked(self, user_id: int, character_id: int, first: int, last: int) -> set[bool]:
        """Whether the user liked it after any of `first` … `last` interactions."""
        pair = (user_id, character_id)
        if pair not in self._liked:
            self._liked[pair] = [(0, self._like_row(pair) is not None)]
        return _between(self._liked[pair], first, last)

    def move(self, to: int) -> None:
        """Make the copy hold exactly the first `to` effects."""
        if to == self.applied:
            return
        self._db.execute("BEGIN IMMEDIATE")
        with contextlib.ExitStack() as stack:
            stack.callback(self._db.execute, "COMMIT")
            while self.applied < to:
                self._change(self.effects[self.applied], forward=True)
                self.applied += 1
            while self.applied > to:
                self.applied -= 1
                self._change(self.effects[self.applied], forward=False)

    def _change(self, effect: Effect, *, forward: bool) -> None:
        if not (effect.likes or effect.views):
            return
        sign = 1 if forward else -1
        self._db.execute(
            "UPDATE characters SET like_count = like_count + ?, view_count = view_count + ?"
            " WHERE id = ?",
            (sign * effect.likes, sign * effect.views, effect.character_id),
        )
        if effect.row is None:
            return
        if forward == effect.is_unlike:
            self._db.execute("DELETE FROM interactions WHERE id = ?", effect.row[:1])
        else:
            # Nothing is known of a character that a strict write has removed since.
            self._db.execute(
                "INSERT INTO interactions (id, user_id, character_id, kind, at)"
                " SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM characters WHERE id = ?)",
                (*effect.row, effect.character_id),
            )


def _between(history: list[tuple[int, T]], first: int, last: int) -> set[T]:
    indexes = [index for index, _ in history]
    begin = bisect_right(indexes, first) - 1
    return {value for _, value in history[begin : bisect_right(indexes, last)]}
