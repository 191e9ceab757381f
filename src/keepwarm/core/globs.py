"""Globs over logical keys: `*` is any run of characters, `?` is one; nothing else is special.

A pattern is written by a programmer; the values in it come from users. Put those in
through `escape`, which leaves nothing in them that a glob could take as its own.
"""

import re
from dataclasses import dataclass, field

from keepwarm.core.parts import encode_part, safe_text
from keepwarm.errors import KeyArgumentError

LONGEST = 1024  # characters of a pattern; with it the cost of one match is bounded

# What Redis's MATCH takes as special; `safe_text` leaves none of them in a name.
_REFUSED = re.compile(r"[\[\]\\]")


def escape(value: object) -> str:
    """`value` as it stands in a rendered key: the way to put it into a pattern."""
    return encode_part(value)


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern over whole logical keys; `*` also crosses colons.

    Raises KeyArgumentError for an empty or overlong pattern, and for `[`, `]`, `\\`,
    which other globs take as special.
    """

    pattern: str
    _first: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _middle: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)
    _last: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _last_length: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.pattern:
            raise KeyArgumentError("a pattern must be a non-empty string, such as 'characters:*'")
        if len(self.pattern) > LONGEST:
            raise KeyArgumentError(f"a pattern may have at most {LONGEST} characters")
        if _REFUSED.search(self.pattern):
            raise KeyArgumentError(
                f"pattern {self.pattern!r} contains '[', ']' or a backslash: only * and ? are "
                "special; put a user's value in through keepwarm's escape()"
            )
        first, *rest = re.split(r"\*+", self.pattern)
        last = rest.pop() if rest else None
        store = object.__setattr__
        store(self, "_first", _fixed(first))
        store(self, "_middle", tuple(_fixed(part) for part in rest))
        store(self, "_last", None if last is None else _fixed(last))
        store(self, "_last_length", len(last or ""))

    def __str__(self) -> str:
        return self.pattern

    def matches(self, logical: str) -> bool:
        """Whether the whole of `logical` fits.

        Each run between stars has a fixed length, so taking the earliest place for
        each is right and nothing is ever tried twice.
        """
        found = self._first.match(logical)
        if found is None:
            return False
        if self._last is None:
            return found.end() == len(logical)
        at = found.end()
        for part in self._middle:
            found = part.search(logical, at)
            if found is None:
                return False
            at = found.end()
        tail = len(logical) - self._last_length
        return tail >= at and self._last.match(logical, tail) is not None

    def redis(self, namespace: str) -> str:
        """The MATCH argument of a SCAN over the physical names this may concern.

        It may match more (check with `matches`), and misses only names whose key was
        too long to be stored readably.
        """
        # One character of a logical key is up to twelve of a physical name.
        body = "".join(
            part if part == "*" else "?*" if part == "?" else safe_text(part)
            for part in re.split(r"([*?])", self.pattern)
        )
        return f"{namespace}:{re.sub(r'[*]+', '*', body)}@*"


def _fixed(part: str) -> re.Pattern[str]:
    return re.compile(".".join(map(re.escape, part.split("?"))), re.DOTALL)
