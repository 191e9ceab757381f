"""What must be made anew in a forked child: locks, threads, sockets, flights."""

import logging
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

log = logging.getLogger("keepwarm")


class Forkable(Protocol):
    """Holds something that a child must not share with its parent."""

    def after_fork(self) -> None:
        """Runs in the child, in its only thread; the parent's locks may be held for ever.

        Other parts may not have been made anew yet: start and use nothing here.
        """


_forkable: "weakref.WeakSet[Forkable]" = weakref.WeakSet()
_still = threading.RLock()


def on_fork(part: Forkable) -> None:
    """Have `part.after_fork()` called in every child forked while it lives."""
    _forkable.add(part)


@contextmanager
def unforked() -> Iterator[None]:
    """Nobody forks meanwhile; for opening what a child has to close, and noting it."""
    with _still:
        yield


def _before() -> None:
    _still.acquire()


def _in_parent() -> None:
    _still.release()


def _in_child() -> None:
    global _still
    _still = threading.RLock()
    for part in tuple(_forkable):
        try:
            part.after_fork()
        except Exception:
            # The others still hold their parent's locks.
            log.exception("a forked child could not make its %s anew", type(part).__name__)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
