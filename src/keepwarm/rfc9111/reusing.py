"""Whether a stored response may answer a request as it is (RFC 9111 sections 4 and 4.2.4)."""

from dataclasses import dataclass
from enum import Enum

from keepwarm.rfc9111.directives import RequestControl, ResponseControl
from keepwarm.rfc9111.freshness import Lifetime

GRACE_S = 86_400.0
"""How long a stale response stands in for a failing origin when nothing is said about it."""


class Use(Enum):
    FRESH = "fresh"
    STALE = "stale"  # the client said that it accepts it
    REVALIDATE = "revalidate"  # answer with it, and refresh it meanwhile
    VALIDATE = "validate"  # ask the origin first


@dataclass(frozen=True, slots=True)
class Terms:
    """What a stored response says about its reuse, with instants in Unix seconds."""

    control: ResponseControl
    lifetime: Lifetime
    came_at: float
    initial_age: float
    is_shared: bool = True

    def age(self, now: float) -> float:
        """4.2.3."""
        return self.initial_age + max(0.0, now - self.came_at)

    def left(self, now: float) -> float:
        """Seconds of freshness left; what is not above 0 is stale, by so many seconds."""
        return self.lifetime.seconds - self.age(now)

    @property
    def must_revalidate(self) -> bool:
        """Whether it must never be served stale, whatever happens."""
        said = self.control
        return said.must_revalidate or said.no_cache or (said.proxy_revalidate and self.is_shared)

    @property
    def forbids_stale(self) -> bool:
        """Whether it must not be served stale unless it names a window itself.

        s-maxage means proxy-revalidate, too (5.2.2.10), unless what it is said with
        allows more.
        """
        return self.must_revalidate or (self.control.s_maxage is not None and self.is_shared)


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is a word of RFC 9211 for what is forwarded, else what allowed the reuse."""

    use: Use
    reason: str
    left_s: float = 0.0


def decide(
    terms: Terms, asked: RequestControl, now: float, *, is_softly_stale: bool = False
) -> Decision:
    """How a stored response that the request selects may be used.

    `is_softly_stale`: somebody declared it stale before its time.
    """
    age = terms.age(now)
    left = terms.lifetime.seconds - age
    if is_softly_stale:
        left = min(left, 0.0)
    if asked.no_cache:
        return Decision(Use.VALIDATE, "request", left)
    if terms.control.no_cache:
        return Decision(Use.VALIDATE, "stale", left)
    if asked.max_age is not None and age > asked.max_age and asked.max_stale is None:
        return Decision(Use.VALIDATE, "request", left)
    if asked.min_fresh is not None and left < asked.min_fresh:
        return Decision(Use.VALIDATE, "request" if left > 0 else "stale", left)
    if left > 0:
        return Decision(Use.FRESH, "fresh", left)
    if asked.max_stale is not None and -left <= asked.max_stale and not terms.forbids_stale:
        return Decision(Use.STALE, "max-stale", left)
    window = terms.control.stale_while_revalidate
    asks_for_more = asked.max_age is not None or asked.min_fresh is not None
    if window and -left <= window and not terms.must_revalidate and not asks_for_more:
        return Decision(Use.REVALIDATE, "stale-while-revalidate", left)
    return Decision(Use.VALIDATE, "stale", left)


def may_cover_error(
    terms: Terms, asked: RequestControl, now: float, *, by_default: bool = True
) -> bool:
    """Whether it may be served although stale, because the origin failed (RFC 5861 section 4)."""
    if terms.must_revalidate or asked.no_cache:
        return False
    stale_for, said = -terms.left(now), terms.control.stale_if_error
    if said is None and terms.forbids_stale:
        return False  # whatever a client asks for
    named = [w for w in (said, asked.stale_if_error) if w is not None]
    if named:
        return stale_for <= max(named)
    return by_default and stale_for <= GRACE_S


def kept_s(terms: Terms, now: float, *, has_validator: bool) -> float:
    """How long it can be of any use from `now` on: fresh, in a window, or to be validated."""
    said = terms.control
    beyond = max(
        said.stale_while_revalidate or 0,
        said.stale_if_error if said.stale_if_error is not None else 0,
        0 if terms.forbids_stale else GRACE_S,
        GRACE_S if has_validator else 0,
    )
    return max(0.0, terms.left(now)) + beyond
