"""What is declared about routes: who may be given a response, and for how long.

    routes={
        "GET /api/characters": Shared(ttl="5m", vary=["accept-language"]),
        "GET /api/characters/{character_id}": Shared(ttl="1h", tags=["character:{character_id}"]),
        "GET /api/featured": PerUser(ttl="3m"),
        "GET /media/{name:path}": Immutable(),
        "GET /metrics": Bypass(),
    }

The first pattern that matches counts. `{name}` is one segment of a path, `{name:path}` any
number of them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from keepwarm.core.policy import Duration
from keepwarm.core.units import seconds
from keepwarm.errors import ConfigurationError

YEAR_S = 365 * 86_400.0

# What an encoded character may hide from whoever compares paths: a separator, a dot, an end.
_ODD = re.compile(
    rb"%(?:2[fFeE3]|5[cC]|3[bBfF]|25|0[0-9a-fA-F]|1[0-9a-fA-F]|7[fF])|;|\\|//|/\.\.?(?:/|$)"
)


@dataclass(frozen=True, slots=True, init=False)
class Terms:
    """What a declared route's responses get, beside what they say themselves. Seconds."""

    ttl_s: float | None
    stale_while_revalidate_s: float | None
    stale_if_error_s: float | None
    vary: tuple[bytes, ...]
    tags: tuple[str, ...]

    def __init__(
        self,
        ttl: Duration | None = None,
        *,
        vary: Iterable[str] = (),
        tags: Iterable[str] = (),
        stale_while_revalidate: Duration | None = None,
        stale_if_error: Duration | None = None,
    ) -> None:
        for name, value in (
            ("ttl_s", _optional(ttl, "ttl")),
            (
                "stale_while_revalidate_s",
                _optional(stale_while_revalidate, "stale_while_revalidate"),
            ),
            ("stale_if_error_s", _optional(stale_if_error, "stale_if_error")),
            ("vary", tuple(sorted({_name(field) for field in several(vary, "vary")}))),
            ("tags", tuple(several(tags, "tags"))),
        ):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, init=False)
class Shared(Terms):
    """The same for everybody, whatever credentials a request carries.

    `ttl` is how long this cache answers with a response, in place of what its Cache-Control
    tells browsers; `no-store` and `private` in a response still keep it out. `vary` names
    request fields that tell responses apart, beside those in Vary. `tags` are templates of
    tags, filled from the path.
    """


@dataclass(frozen=True, slots=True, init=False)
class PerUser(Terms):
    """A copy for each user: for each Authorization and each value of `cookies`.

    Without `cookies` every difference in the Cookie field tells users apart.
    """

    cookies: tuple[str, ...] | None

    def __init__(
        self,
        ttl: Duration | None = None,
        *,
        cookies: Iterable[str] | None = None,
        vary: Iterable[str] = (),
        tags: Iterable[str] = (),
        stale_while_revalidate: Duration | None = None,
        stale_if_error: Duration | None = None,
    ) -> None:
        Terms.__init__(
            self,
            ttl,
            vary=vary,
            tags=tags,
            stale_while_revalidate=stale_while_revalidate,
            stale_if_error=stale_if_error,
        )
        names = None if cookies is None else tuple(several(cookies, "cookies"))
        object.__setattr__(self, "cookies", names)


@dataclass(frozen=True, slots=True, init=False)
class Immutable(Terms):
    """Never changes under its URL, and is the same for everybody: kept for a year."""

    def __init__(self, *, vary: Iterable[str] = (), tags: Iterable[str] = ()) -> None:
        Terms.__init__(self, "365d", vary=vary, tags=tags)


@dataclass(frozen=True, slots=True)
class Bypass:
    """Never looked up, never stored."""


RoutePolicy: TypeAlias = Shared | PerUser | Immutable | Bypass


@dataclass(frozen=True, slots=True)
class Match:
    """A route and what its pattern found in the path."""

    pattern: str
    policy: RoutePolicy
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    pattern: str
    regex: re.Pattern[str]
    policy: RoutePolicy


_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")


class Routes:
    """All that is declared. Raises ConfigurationError where a pattern cannot work."""

    def __init__(self, declared: Mapping[str, RoutePolicy] | None) -> None:
        self.declared: Mapping[str, RoutePolicy] = dict(declared or {})
        self._routes = [_route(pattern, policy) for pattern, policy in self.declared.items()]

    def __bool__(self) -> bool:
        return bool(self._routes)

    def match(self, method: str, path: str, raw_path: bytes) -> Match | None:
        """The policy of a path as the app sees it; None for one that nothing is declared of.

        A path that another program might read as a different one is never declared:
        `/media/..%2fme` is for the app to make sense of, not for a pattern.
        """
        if not self._routes or _ODD.search(raw_path):
            return None
        for route in self._routes:
            if route.method == method and (found := route.regex.fullmatch(path)):
                policy = route.policy
                if isinstance(policy, Bypass) or not policy.tags:
                    return Match(route.pattern, policy)
                tags = tuple(_filled(tag, found.groupdict()) for tag in policy.tags)
                return Match(route.pattern, policy, tags)
        return None


def _route(pattern: str, policy: object) -> _Route:
    if not isinstance(policy, Shared | PerUser | Immutable | Bypass):
        raise ConfigurationError(
            f"routes[{pattern!r}] must be Shared(...), PerUser(...), Immutable() or Bypass()"
        )
    method, has_method, path = pattern.partition(" ")
    if not has_method:
        method, path = "GET", pattern
    path = path.strip()
    if method not in ("GET", "QUERY") or not path.startswith("/"):
        raise ConfigurationError(
            f"routes[{pattern!r}]: write a method that can be cached and a path, as in "
            "'GET /api/characters/{character_id}'"
        )
    regex, at, holes = "", 0, set[str]()
    for hole in _HOLE.finditer(path):
        regex += re.escape(path[at : hole.start()])
        regex += f"(?P<{hole[1]}>{'.+' if hole[2] else '[^/]+'})"
        at = hole.end()
        if hole[1] in holes:
            raise ConfigurationError(f"routes[{pattern!r}] names {hole[1]!r} twice")
        holes.add(hole[1])
    regex += re.escape(path[at:])
    for tag in () if isinstance(policy, Bypass) else policy.tags:
        unknown = {name for name, _ in _HOLE.findall(tag)} - holes
        if unknown:
            raise ConfigurationError(
                f"routes[{pattern!r}]: the tag {tag!r} needs {', '.join(sorted(unknown))}, "
                "which is not in the path"
            )
    return _Route(method, pattern, re.compile(regex, re.DOTALL), policy)


def _filled(template: str, found: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: found[hole[1]], template)


def _optional(value: Duration | None, name: str) -> float | None:
    return None if value is None else seconds(value, name=name)


def several(given: Iterable[str], name: str) -> list[str]:
    """`given` as a list of names. Raises ConfigurationError, naming the argument."""
    if isinstance(given, str):
        raise ConfigurationError(f"{name}={given!r} must be a list, as in {name}=[{given!r}]")
    found = list(given)
    if not all(found) or any(type(item) is not str for item in found):
        raise ConfigurationError(f"{name}={found!r} must be a list of names")
    return found


def _name(field: str) -> bytes:
    name = field.strip().lower()
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", name) or name == "*":
        raise ConfigurationError(f"vary: {field!r} is not the name of a request field")
    return name.encode("ascii")
