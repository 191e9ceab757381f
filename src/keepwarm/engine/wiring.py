"""What a cache is joined from, and the running of its plans."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from keepwarm.core.outcome import Outcome
from keepwarm.core.policy import Policy
from keepwarm.engine.answers import Parts
from keepwarm.engine.call import Plan
from keepwarm.engine.context import build_on_nothing, report
from keepwarm.engine.tokens import Tokens
from keepwarm.errors import NotAcknowledged, Overloaded
from keepwarm.observe.counters import Counters
from keepwarm.ports import AsyncShared, BlockingShared

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wiring:
    """The parts a cache is joined from; `setup` makes them.

    The two stores are made when first needed: an async one belongs to its event loop.
    """

    namespace: str
    policies: Mapping[str, Policy]
    bound_s: float
    parts: Parts
    counters: Counters
    connect: Callable[[], AsyncShared] | None
    connect_blocking: Callable[[], BlockingShared] | None
    closed: Callable[[], None] = lambda: None
    tokens: Tokens = field(default_factory=Tokens)
    strict_set: bool = False


def begin(plan: Plan[T], counters: Counters) -> None:
    if plan.counts is not None:
        counters.counted(*plan.counts)


def finish(
    ending: Callable[[Any], tuple[T, tuple[Outcome, ...]]], result: Any, counters: Counters
) -> T:
    """What `ending` makes of a recipe's result; counted, and told to who listens."""
    try:
        value, outcomes = ending(result)
    except NotAcknowledged:
        counters.counted("unacknowledged")
        raise
    except Overloaded:
        counters.counted("overloaded")
        build_on_nothing()
        raise
    except Exception:
        build_on_nothing()
        raise
    for outcome in outcomes:
        counters.saw(outcome)
        report(outcome)
    return value
