"""What is in one process of a world: near copies, flights, and a mirror under a lease.

A node's *inbox* is its connection as the server wrote it: announcements and answers to
renewals, in order. Each waits until the schedule lets the node hear it, is lost, or goes
down with the connection.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from keepwarm.core.entry import Debt
from keepwarm.core.mirror import Mirror
from keepwarm.core.steps import Subject
from keepwarm.stores.near import NearTier

Actions: TypeAlias = Generator[str, None, None]
"""An actor: yields what it is about to do, does it when it is resumed."""

NEAR_BYTES = 1 << 20


class Waiting(str):
    """Says what an actor is waiting for: `is_over`, or that the clock reaches `until`."""

    is_over: Callable[[], bool]
    until: float | None

    def __new__(
        cls, what: str, is_over: Callable[[], bool], until: float | None = None
    ) -> "Waiting":
        made = super().__new__(cls, what)
        made.is_over = is_over
        made.until = until
        return made


After: TypeAlias = str | tuple[str, ...] | None
"""Who has to have finished before an actor begins."""


@dataclass(slots=True)
class Actor:
    """Somebody whom the schedule may let go on. `node` is the process that he dies with."""

    name: str
    make: Callable[[], Actions]
    after: tuple[str, ...]
    node: str = ""
    is_inside: bool = False
    """Begun by another actor of the node, not by the scenario."""
    actions: Actions | None = None
    doing: str = ""
    is_done: bool = False
    waiting: Waiting | None = None


@dataclass(slots=True, eq=False)
class Flight:
    subject: Subject
    token: Any
    result: Any = None
    is_done: bool = False
    is_joined: bool = False


@dataclass(slots=True, eq=False)
class Message:
    """Something that the server wrote into a connection."""

    is_announcement: bool = False


@dataclass(slots=True)
class Node:
    name: str
    near: NearTier = field(default_factory=lambda: NearTier(NEAR_BYTES))
    flights: dict[Any, Flight] = field(default_factory=dict)
    debt: Debt = field(default_factory=Debt)
    mirror: Mirror | None = None
    inbox: list[Message] = field(default_factory=list)
    is_connected: bool = True
    incarnations: int = 0
    draws: int = 0
    """How many nonces it has drawn."""
    to_lose: int = 0
    """How many announcements will not arrive."""

    def fresh_incarnation(self) -> str:
        self.incarnations += 1
        return f"{self.name}.{self.incarnations}"

    def turn_of(self, message: Message, what: str) -> Waiting:
        """Until `message` is the next that is heard, or was lost."""
        return Waiting(what, lambda: self.inbox[:1] == [message] or message not in self.inbox)

    def has(self, message: Message) -> bool:
        """Take `message`, which is the next; False if it was lost."""
        if self.inbox[:1] != [message]:
            return False
        self.inbox.pop(0)
        return True

    def forget(self) -> None:
        """As the link does when its connection is lost, or made anew."""
        self.inbox.clear()
        if self.mirror is not None:
            self.mirror.forget()
