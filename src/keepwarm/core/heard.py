"""Which announced changes this process has heard of, without a gap.

How to think of it: every change that may end something is announced, numbered without
gaps, with its position in the namespace's history. Who has heard all of them up to number
k knows every invalidation up to the position of number k: what he compares and finds
unchanged is as good as read at that position. A number that is missing, and an epoch that
is another one, mean that something was lost: nobody can tell what, so everything may be
out of date.

The browsers' channel listens here. It hears of more than near tiers have to obey: of a
writer's leaving, too, because a page may show what was there before his commit. That has no
number. It is lost only with the connection, and then a position that has moved is reason
enough; and who heard the writer enter looks after him in any case.
"""

from collections.abc import Callable
from typing import Protocol

from keepwarm.core.mirror import Told


class Listener(Protocol):
    """Is told in the moment of hearing, on whatever thread that is; must not wait."""

    def changed(self, told: Told) -> None:
        """One change, with none missed before it."""

    def missed(self) -> None:
        """Anything may have changed; or the store has said its first word."""


class Heard:
    """What one connection, or a store in this process, has told so far."""

    def __init__(self) -> None:
        self.epoch = ""
        """Empty until the store has said a word."""
        self.position = 0
        """Every change announced up to it has been heard."""
        self.last = 0
        """The position of the last change, or where hearing began."""
        self._number = 0
        self._was_lost = False
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` from now on; the result ends that."""
        self._listeners = [*self._listeners, listener]
        return lambda: self._forget(listener)

    def _forget(self, listener: Listener) -> None:
        self._listeners = [each for each in self._listeners if each is not listener]

    def told(self, told: Told) -> None:
        """An announcement came. What it ends must have been dropped before."""
        number = self._number + told.is_numbered
        is_next = told.epoch == self.epoch and told.number == number and not self._was_lost
        self._was_lost = False
        self.epoch, self._number = told.epoch, told.number
        self.position = max(told.position, self.position) if is_next else told.position
        self.last = told.position
        is_known = is_next and not (told.patterns or told.everything)
        for listener in self._listeners:
            if is_known:
                listener.changed(told)
            else:
                listener.missed()

    def lost(self) -> None:
        """The connection is gone: what is announced now is not heard."""
        self._was_lost = True

    def renewed(self, epoch: str, position: int, number: int) -> None:
        """A heartbeat's reply: how many changes there have been when it was made.

        It comes behind every announcement made before it on the same connection.
        """
        is_same = epoch == self.epoch and number == self._number
        if is_same and not (self._was_lost and position != self.position):
            self.position, self._was_lost = max(self.position, position), False
            return
        self._was_lost = False
        self.epoch, self._number = epoch, number
        self.position = self.last = position
        for listener in self._listeners:
            listener.missed()
