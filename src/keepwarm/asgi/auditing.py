"""Which routes are shared more widely than what their handlers look at allows.

Nothing is stored by it: a route of which nothing is declared stays private as soon as its
handler looks at credentials, and what is declared is taken at its word. Here is noted where
that word and what was seen disagree, for `keepwarm audit` to tell.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet, ref

from keepwarm.asgi.asked import API_KEYS
from keepwarm.asgi.routes import Bypass, Match, PerUser, RoutePolicy, Terms

MOST_ROUTES = 1_000
_KEYED_BY_USER = frozenset({"authorization", *(name.decode("ascii") for name in API_KEYS)})

_all: "WeakSet[Audit]" = WeakSet()
"""Those of this process; none of them is kept alive by it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A route, what is declared of it, and what its handler read that no copy is kept apart by.

    `policy` is "public" for a route of which nothing is declared but whose responses say that
    they are for everybody: they stay out of this cache, and not of others' behind it.
    """

    route: str
    policy: str
    read: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`unseen` are declared routes that answered no request with credentials from the app."""

    findings: tuple[Finding, ...]
    seen: tuple[str, ...]
    unseen: tuple[str, ...]


class Audit:
    """What one HTTP cache observed in this process since it started.

    `of` is the cache that its responses lie in.
    """

    def __init__(self, declared: Mapping[str, RoutePolicy], of: object) -> None:
        self._declared = declared
        self._of: ref[Any] = ref(of)
        self._seen: OrderedDict[tuple[str, str], set[str]] = OrderedDict()
        _all.add(self)

    def is_of(self, cache: object) -> bool:
        return self._of() is cache

    def observe(
        self, match: Match | None, path: str, reads: Iterable[str], *, is_public: bool
    ) -> None:
        """Note what a handler read of a request that carried credentials."""
        if match is not None:
            route, policy, unkeyed = match.pattern, match.policy, _unkeyed(match.policy, reads)
            name = type(policy).__name__
        else:
            route, name, unkeyed = path, "public", set(reads) if is_public else set()
            if not unkeyed:
                return
        known = self._seen.setdefault((route, name), set())
        known |= unkeyed
        self._seen.move_to_end((route, name))
        if len(self._seen) > MOST_ROUTES:
            self._seen.popitem(last=False)

    def report(self) -> Report:
        """All of it, in order of routes."""
        seen = sorted(self._seen.items())
        found = tuple(
            Finding(route, policy, tuple(sorted(reads))) for (route, policy), reads in seen if reads
        )
        routes = tuple(dict.fromkeys(route for (route, _), _ in seen))
        unseen = (
            pattern
            for pattern, policy in self._declared.items()
            if pattern not in routes and not isinstance(policy, Bypass)
        )
        return Report(found, routes, tuple(sorted(unseen)))


def reported(cache: object = None) -> Report | None:
    """What the HTTP caches of this process say together: those of `cache`, or all of them.

    None where there is none.
    """
    found = [audit.report() for audit in _all if cache is None or audit.is_of(cache)]
    if not found:
        return None
    seen = {route for report in found for route in report.seen}
    return Report(
        tuple(sorted({each for report in found for each in report.findings}, key=_by_route)),
        tuple(sorted(seen)),
        tuple(sorted({route for report in found for route in report.unseen} - seen)),
    )


def _by_route(found: Finding) -> tuple[str, str]:
    return found.route, found.policy


def _unkeyed(policy: RoutePolicy, reads: Iterable[str]) -> set[str]:
    """What of `reads` does not tell a route's copies apart."""
    found = set(reads)
    if isinstance(policy, Terms):
        varied = {name.decode("latin-1") for name in policy.vary}
        found = {read for read in found if read.partition(":")[0] not in varied}
    if isinstance(policy, PerUser):
        found -= _KEYED_BY_USER
        if policy.cookies is None:
            found = {read for read in found if read.partition(":")[0] != "cookie"}
        else:
            found -= {f"cookie:{name}" for name in policy.cookies}
    return found
