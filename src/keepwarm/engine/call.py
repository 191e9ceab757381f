"""One call on its way through the engine: what it is about and how its origin is asked."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from keepwarm.core.outcome import Outcome
from keepwarm.core.policy import Policy
from keepwarm.core.steps import Decoded, Garbled, Produced, Recipe, Subject
from keepwarm.engine.context import RunningFill
from keepwarm.errors import ConfigurationError
from keepwarm.ports import Codec
from keepwarm.stores.codecs import Undecodable, Unencodable

log = logging.getLogger("keepwarm")

INLINE = "inline"
"""What a policy that was declared at its function is called in outcomes and metrics."""

R = TypeVar("R")
Values: TypeAlias = Mapping[str, Any]
Subjects: TypeAlias = tuple[Subject, ...]
Origin: TypeAlias = Callable[[Subjects], Values] | Callable[[Subjects], Awaitable[Values]]
"""Values by physical name for the subjects asked; a name may be missing."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a driver needs beside the recipe: the codec, and the origin if there is one.

    `none` names the policy for None values. `what` is for log lines: the name of the
    function, never an argument.
    """

    codec: Codec
    policies: Mapping[str, Policy]
    origin: Origin | None = None
    none: str | None = None
    what: str = "a cached call"

    def decode(self, payload: bytes) -> Decoded | Garbled:
        try:
            return Decoded(self.codec.decode(payload))
        except Undecodable as error:
            return Garbled(str(error))

    def produced(
        self, subject: Subject, value: Any, running: RunningFill, cost_s: float
    ) -> Produced:
        """What the fill makes of a value the origin returned."""
        name = running.policy or (self.none if value is None and self.none else None)
        policy = subject.policy
        if name is not None:
            if name not in self.policies:
                raise ConfigurationError(
                    f"{self.what} chose the policy {name!r}, which the cache does not have"
                )
            policy = self.policies[name]
        payload: bytes | None
        try:
            payload = self.codec.encode(value)
        except Unencodable as error:
            payload = None
            _warn_once(self.what, str(error))
        return Produced(
            payload=payload,
            raw=value,
            policy_name=name or subject.policy_name,
            policy=policy,
            cost_s=cost_s,
            tags=tuple(running.tags),
            absorbed=running.absorbed,
            absorbed_position=running.position,
            absorbed_epochs=frozenset(running.epochs),
            absorbed_keys=tuple(running.keys),
            fresh_until=running.fresh_until,
            is_skipped=running.is_skipped,
            used=tuple(running.used) if running.used is not None else None,
            used_as_of=running.used_as_of,
        )


_warned: set[str] = set()


def _warn_once(what: str, why: str) -> None:
    if what not in _warned:
        _warned.add(what)
        log.warning(
            "%s returned a value that is not of its declared type and so is not cached: %s",
            what,
            why,
        )


@dataclass(frozen=True, slots=True)
class Plan(Generic[R]):
    """A recipe ready to run, and what to make of its result.

    `outcomes` are reported to metrics, the collector and an enclosing fill. `counts` is
    what running it adds to the metrics by itself, whatever becomes of it.
    """

    recipe: Recipe[Any]
    call: Call
    finish: Callable[[Any], tuple[R, tuple[Outcome, ...]]]
    counts: tuple[str, int] | None = None
