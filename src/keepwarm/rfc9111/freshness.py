"""Freshness and age (RFC 9111 section 4.2)."""

from dataclasses import dataclass
from enum import StrEnum

from keepwarm.rfc9111.dates import date_of
from keepwarm.rfc9111.directives import INVALID, MOST_S, ResponseControl
from keepwarm.rfc9111.fields import Fields, first, has

HEURISTIC_STATUSES = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""Those that RFC 9110 section 15.1 defines as heuristically cacheable."""
HEURISTIC_FRACTION = 0.1  # of the time since it was last modified (section 4.2.2)
HEURISTIC_MOST_S = 7 * 86_400.0  # what was not touched for years may be touched tomorrow


class Basis(StrEnum):
    """What a lifetime was taken from."""

    S_MAXAGE = "s-maxage"
    MAX_AGE = "max-age"
    EXPIRES = "expires"
    HEURISTIC = "heuristic"
    POLICY = "policy"
    NONE = "no-lifetime"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Seconds that a response is fresh, from when it was made."""

    seconds: float
    basis: Basis

    @property
    def is_explicit(self) -> bool:
        return self.basis not in (Basis.HEURISTIC, Basis.NONE)


def lifetime(
    status: int,
    fields: Fields,
    control: ResponseControl,
    now: float,
    *,
    is_shared: bool = True,
    may_guess: bool = True,
) -> Lifetime:
    """The freshness lifetime (4.2.1, 4.2.2); `now` is when the response came."""
    if is_shared and control.s_maxage is not None:
        return Lifetime(_valid(control.s_maxage), Basis.S_MAXAGE)
    if control.max_age is not None:
        return Lifetime(_valid(control.max_age), Basis.MAX_AGE)
    made_at = date_of(fields, b"date", now)
    if made_at is None:
        made_at = now
    if not control.is_targeted and has(fields, b"expires"):
        expires_at = date_of(fields, b"expires", now)
        # Unreadable, above all "0": it has expired (5.3).
        left = 0.0 if expires_at is None else min(max(0.0, expires_at - made_at), MOST_S)
        return Lifetime(left, Basis.EXPIRES)
    if may_guess and (status in HEURISTIC_STATUSES or control.public):
        changed_at = date_of(fields, b"last-modified", now)
        if changed_at is not None and changed_at < made_at:
            guess = (made_at - changed_at) * HEURISTIC_FRACTION
            return Lifetime(min(guess, HEURISTIC_MOST_S), Basis.HEURISTIC)
    return Lifetime(0.0, Basis.NONE)


def _valid(seconds: int) -> float:
    return 0.0 if seconds == INVALID else float(seconds)


def age_value(fields: Fields) -> int:
    """The Age of a response as it came: its first member, 0 where that is no whole number (5.1)."""
    raw = first(fields, b"age")
    if raw is None:
        return 0
    member = raw.decode("latin-1").partition(",")[0].strip(" \t")
    if not (member.isascii() and member.isdigit()):
        return 0
    digits = member.lstrip("0")
    return MOST_S if len(digits) > 10 else min(int(digits or "0"), MOST_S)


def initial_age(fields: Fields, asked_at: float, came_at: float) -> float:
    """The age a response had when it came (4.2.3): the worse of its Date and its Age."""
    made_at = date_of(fields, b"date", came_at)
    apparent = max(0.0, came_at - made_at) if made_at is not None else 0.0
    # A date has whole seconds: the fraction is no age.
    if apparent < 1.0:
        apparent = 0.0
    return max(apparent, age_value(fields) + max(0.0, came_at - asked_at))
