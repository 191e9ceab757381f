"""What must be made anew in a forked child: locks, threads, sockets, flights."""

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Holds something that a child must not share with its parent."""

    def after_fork(self) -> None:
        """Runs in the child, in its only thread; the parent's locks may be held for ever."""


_forkable: "weakref.WeakSet[Forkable]" = weakref.WeakSet()


def on_fork(part: Forkable) -> None:
    """Have `part.after_fork()` called in every child forked while it lives."""
    _forkable.add(part)


def _in_child() -> None:
    for part in tuple(_forkable):
        part.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
