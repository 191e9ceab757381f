"""What became of a call: an answer with its reason, for headers, logs and the dashboard."""

from enum import StrEnum

import msgspec

from keepwarm.core.stamps import Carried


class Tier(StrEnum):
    NEAR = "near"
    SHARED = "shared"


class Reason(StrEnum):
    """Why a call was answered the way it was; the words appear in Cache-Status and metrics."""

    FRESH = "fresh"
    REVALIDATING = "stale-while-revalidate"
    ORIGIN_FAILED = "stale-if-error"
    ORIGIN_SLOW = "soft-timeout"
    OVERLOADED = "overloaded"
    UNPROVEN = "stale-if-unproven"
    FILLED = "uri-miss"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    STORE_AWAY = "store-away"
    IN_DEBT = "invalidation-pending"
    DISABLED = "disabled"
    CONDITION = "when"
    NO_TENANT = "key-part-missing"
    SKIPPED = "skipped"
    RACED = "raced-an-invalidation"
    TOO_LARGE = "too-large"
    UNENCODABLE = "unencodable"
    UNDECODABLE = "undecodable"
    NESTED = "nested-value-unstored"


class Outcome(msgspec.Struct, frozen=True):
    """How one cached call was answered.

    `tier` is None where the origin was called. `age_s`, `ttl_s` (negative: stale for
    that long) and `cost_s` (what the origin took) are seconds. `stamps` and `position`
    travel to an enclosing fill, which then depends on them too. The value has seen every
    change up to `as_of` in `epoch`, which for a hit is where its stamps were compared;
    without an epoch nobody knows more than that it was made during the call. `names` are
    the stamps it depends on where `stamps` is None and they are known all the same: nothing
    is proven of them, but a browser can be told.
    """

    policy: str
    tier: Tier | None
    stale: bool
    reason: Reason
    age_s: float = 0.0
    ttl_s: float = 0.0
    cost_s: float = 0.0
    stored: bool = False
    collapsed: bool = False
    tags: tuple[str, ...] = ()
    epoch: str = ""
    position: int = 0
    keys: tuple[tuple[str, int], ...] = ()
    stamps: tuple[Carried, ...] | None = None
    fresh_until: float = 0.0
    filler: str = ""
    names: tuple[str, ...] | None = None
    as_of: int = 0

    @property
    def depends(self) -> tuple[str, ...] | None:
        """The names of all stamps the value depends on; None where somebody lost count."""
        return self.names if self.stamps is None else tuple(stamp[0] for stamp in self.stamps)

    @property
    def hit(self) -> bool:
        return self.tier is not None
