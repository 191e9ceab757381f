"""Collapsing: requests for what another request is just fetching wait for it, if that helps.

They do not get what it got. When it has stored something, or given up, each looks again by
itself, with stamps read after it began; so nobody is handed what was ended before he asked.
"""

import asyncio
from enum import Enum

LONGEST_WAIT_S = 10.0  # a client that reads slowly must not hold up those behind it for ever
MOST_FLIGHTS = 10_000


class Landed(Enum):
    STORED = "stored"
    UNSTORABLE = "unstorable"  # whoever waited asks for himself, beside the others
    FAILED = "failed"  # aborted or broken: one of those who waited tries again
    LATE = "late"


class Flight:
    """One request that fetches, and those who wait for it."""

    __slots__ = ("_done", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._done: asyncio.Future[Landed] = asyncio.get_running_loop().create_future()

    async def wait(self) -> Landed:
        await asyncio.wait((self._done,), timeout=LONGEST_WAIT_S)
        return self._done.result() if self._done.done() else Landed.LATE

    def land(self, how: Landed) -> None:
        if not self._done.done():
            self._done.set_result(how)


class Flights:
    """Those under way, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Flight] = {}

    def get(self, name: str) -> Flight | None:
        return self._by_name.get(name)

    def begin(self, name: str) -> Flight | None:
        """A flight that others may wait for; None where one is under way, or too many are."""
        if name in self._by_name or len(self._by_name) >= MOST_FLIGHTS:
            return None
        flight = self._by_name[name] = Flight(name)
        return flight

    def land(self, flight: Flight | None, how: Landed) -> None:
        if flight is None:
            return
        if self._by_name.get(flight.name) is flight:
            del self._by_name[flight.name]
        flight.land(how)
