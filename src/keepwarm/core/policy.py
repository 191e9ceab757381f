"""Policy: how long a kind of value may live, how stale it may be served, what a fill may cost."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from keepwarm.core.units import seconds, size
from keepwarm.errors import PolicyError

Duration: TypeAlias = str | timedelta | float
"""As in "5m" or timedelta(minutes=5); of bare numbers only 0."""

DEFAULT_HARD_TIMEOUT = "10s"  # longer than a slow query, shorter than a proxy's patience
DEFAULT_JITTER = 0.05  # entries filled together expire over a twentieth of their ttl
DEFAULT_MAX_BYTES = "8MiB"  # a value beyond it blocks a single-threaded store for milliseconds


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """The instants of one entry, on the clock that `now` came from, in seconds."""

    fresh_until: float
    stale_until: float
    """Stale-while-revalidate may serve it until then."""
    error_until: float
    """Stale-if-error may serve it until then."""
    kept_until: float
    """Nothing may serve it any more: the store may drop it."""


@dataclass(frozen=True, slots=True, init=False)
class Policy:
    """The terms for one kind of value; every field is checked here, and kept in seconds.

    Stale windows begin where freshness ends (RFC 5861). `soft_timeout` is how long a
    caller waits for the origin before it is given a permitted stale value;
    `hard_timeout` how long before it gets FillTimeout or Overloaded. `jitter` is the
    fraction of ttl that is subtracted at random, so ttl is never exceeded. `max_fills`
    bounds the origin calls of this policy in one process (None: twice the cores). A
    value of more than `max_bytes` is returned but not stored.

    Raises PolicyError, naming the field.
    """

    ttl_s: float
    stale_while_revalidate_s: float
    stale_if_error_s: float
    stale_if_unproven_s: float
    soft_timeout_s: float | None
    hard_timeout_s: float
    jitter: float
    max_fills: int | None
    max_bytes: int

    def __init__(
        self,
        ttl: Duration,
        *,
        stale_while_revalidate: Duration = 0,
        stale_if_error: Duration = 0,
        stale_if_unproven: Duration = 0,
        soft_timeout: Duration | None = None,
        hard_timeout: Duration = DEFAULT_HARD_TIMEOUT,
        jitter: float = DEFAULT_JITTER,
        max_fills: int | None = None,
        max_bytes: str | int = DEFAULT_MAX_BYTES,
    ) -> None:
        ttl_s = seconds(ttl, name="ttl")
        if ttl_s == 0:
            raise PolicyError(
                "ttl must be more than 0; to leave a function uncached use when= or enabled="
            )
        hard_s = seconds(hard_timeout, name="hard_timeout")
        if hard_s == 0:
            raise PolicyError("hard_timeout must be more than 0: no origin answers in no time")
        soft_s = None if soft_timeout is None else seconds(soft_timeout, name="soft_timeout")
        if soft_s is not None and soft_s >= hard_s:
            raise PolicyError(
                f"soft_timeout={soft_timeout!r} must be less than hard_timeout={hard_timeout!r}"
            )
        if type(jitter) not in (int, float):
            raise PolicyError(f"jitter={jitter!r} is not a number: write a fraction such as 0.05")
        if not 0 <= jitter <= 0.5:
            raise PolicyError(f"jitter={jitter!r} must lie between 0 and 0.5 (half of ttl)")
        if max_fills is not None and (type(max_fills) is not int or max_fills < 1):
            raise PolicyError(f"max_fills={max_fills!r} must be a whole number of at least 1")
        fields: dict[str, object] = {
            "ttl_s": ttl_s,
            "stale_while_revalidate_s": seconds(
                stale_while_revalidate, name="stale_while_revalidate"
            ),
            "stale_if_error_s": seconds(stale_if_error, name="stale_if_error"),
            "stale_if_unproven_s": seconds(stale_if_unproven, name="stale_if_unproven"),
            "soft_timeout_s": soft_s,
            "hard_timeout_s": hard_s,
            "jitter": float(jitter),
            "max_fills": max_fills,
            "max_bytes": size(max_bytes, name="max_bytes"),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def lifetimes(self, now: float, dice: float) -> Lifetimes:
        """The instants of an entry filled at `now`; `dice`, in [0, 1), decides the jitter."""
        fresh_until = now + self.ttl_s * (1.0 - self.jitter * dice)
        stale_until = fresh_until + self.stale_while_revalidate_s
        error_until = fresh_until + self.stale_if_error_s
        unproven_until = fresh_until + self.stale_if_unproven_s
        # A soft timeout needs something to fall back on: without a stale window, one more ttl.
        slow_until = fresh_until + (self.ttl_s if self.soft_timeout_s is not None else 0.0)
        return Lifetimes(
            fresh_until,
            stale_until,
            error_until,
            kept_until=max(stale_until, error_until, unproven_until, slow_until),
        )
