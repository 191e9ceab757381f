"""A bound on failed sign-ins per name and per address, so that guessing is slow."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable

from gallery.web.problems import Problem

#: OWASP's advice is a handful of tries; ten leaves room for a forgetful person.
FAILURES_ALLOWED = 10
WINDOW_S = 300.0
#: Names and addresses remembered at once; the least recently failing go first.
REMEMBERED = 10_000


class Throttle:
    """Counts failures per name within a sliding window, in this process."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        allowed: int = FAILURES_ALLOWED,
        window_s: float = WINDOW_S,
        remembered: int = REMEMBERED,
    ) -> None:
        self._clock = clock
        self._allowed = allowed
        self._window_s = window_s
        self._remembered = remembered
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, *names: str) -> None:
        """Raise Problem 429 while any of `names` has failed too often."""
        wait_s = max(self._wait_s(name) for name in names)
        if wait_s > 0:
            seconds = math.ceil(wait_s)
            raise Problem(
                429,
                "too_many_attempts",
                "Too many failed sign-ins.",
                hint=f"Wait {seconds} seconds, then try again.",
                headers={"Retry-After": str(seconds)},
            )

    def failed(self, *names: str) -> None:
        for name in names:
            self._recent(name).append(self._clock())
            self._failures.move_to_end(name)
            while len(self._failures) > self._remembered:
                self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures of `name` (of a user, not of an address that tries many)."""
        self._failures.pop(name, None)

    def _wait_s(self, name: str) -> float:
        if name not in self._failures:
            return 0.0
        recent = self._recent(name)
        if len(recent) < self._allowed:
            return 0.0
        return recent[-self._allowed] + self._window_s - self._clock()

    def _recent(self, name: str) -> deque[float]:
        failures = self._failures.setdefault(name, deque(maxlen=self._allowed))
        oldest = self._clock() - self._window_s
        while failures and failures[0] <= oldest:
            failures.popleft()
        return failures
