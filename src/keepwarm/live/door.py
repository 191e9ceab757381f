"""Who may listen: pages of our own, people who may, so many of them, for as long as they may.

A WebSocket is opened by any page with the cookies of whoever looks at it (cross-site
WebSocket hijacking), and no browser rule forbids it: so the page's origin is looked at
before anything else, and before the socket is accepted.
"""

import inspect
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from keepwarm.live import asgi_types as asgi

MOST = 5_000  # streams of a process: about 15 KB of ours each, and a socket
MOST_PER_USER = 20  # browsers of one person; a browser needs one, whatever its tabs
MOST_PER_ADDRESS = 1_000  # a company's, or those of all who come through one proxy


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who may listen. `until`: when his session ends, in Unix seconds.

    `most` is how many streams he may have, where that is not what anybody may have.
    """

    user: str
    until: float | None = None
    most: int | None = None


Allow: TypeAlias = Callable[[asgi.Scope], Who | Awaitable[Who | None] | None]


@dataclass(frozen=True, slots=True)
class Refused:
    """Not let in: an HTTP status, and the word for it."""

    status: int
    why: str


FOREIGN = Refused(403, "origin")
UNKNOWN = Refused(401, "session")
CROWDED = Refused(429, "crowded")


def anybody(scope: asgi.Scope) -> Who:
    """Lets everybody in; users are told apart by their addresses."""
    client = scope.get("client")
    return Who(f"at {client[0]}" if client else "at nowhere", most=MOST_PER_ADDRESS)


@dataclass(slots=True)
class Door:
    """Of one app in one process."""

    allow: Allow
    origins: frozenset[str] = frozenset()
    most: int = MOST
    most_per_user: int = MOST_PER_USER
    clock: Callable[[], float] = time.time
    inside: Counter[str] = field(default_factory=Counter)

    def is_foreign(self, scope: asgi.Scope) -> bool:
        """Whether a page that is not ours asks. What is no browser sends neither field."""
        origin = asgi.field(scope, b"origin")
        if origin is None:
            site = asgi.field(scope, b"sec-fetch-site")
            return site not in (None, "same-origin", "none")
        if origin in self.origins:
            return False
        # The scheme is left out: behind a TLS proxy ours is http and the page's is https.
        host = asgi.field(scope, b"host")
        return not host or origin.partition("://")[2].lower() != host.lower()

    async def who(self, scope: asgi.Scope) -> Who | None:
        """Whoever `allow` says it is, unless his session is over."""
        found = self.allow(scope)
        who = await found if inspect.isawaitable(found) else found
        return None if who is None or self.is_over(who) else who

    def is_over(self, who: Who) -> bool:
        return who.until is not None and who.until <= self.clock()

    async def look_at(self, scope: asgi.Scope) -> Who | Refused:
        """Who it is, if his page is ours and he may listen."""
        if self.is_foreign(scope):
            return FOREIGN
        return await self.who(scope) or UNKNOWN

    @contextmanager
    def place(self, who: Who) -> Iterator[bool]:
        """Hold a place for one stream; False if there is none."""
        most = self.most_per_user if who.most is None else who.most
        if self.inside.total() >= self.most or self.inside[who.user] >= most:
            yield False
            return
        self.inside[who.user] += 1
        try:
            yield True
        finally:
            self.inside[who.user] -= 1
            if not self.inside[who.user]:
                del self.inside[who.user]
