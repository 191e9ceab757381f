"""Plans: each public operation once, as a recipe and what to make of its result.

The async and the blocking cache run the same plans, so they cannot drift apart.
"""

import inspect
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from keepwarm.core import fetch as fetching
from keepwarm.core import fetch_many as fetching_many
from keepwarm.core import invalidate as invalidating
from keepwarm.core import keep as keeping
from keepwarm.core import reading as reading_by_hand
from keepwarm.core import write as announcing
from keepwarm.core.fetch import Absent, Answer
from keepwarm.core.globs import Glob
from keepwarm.core.invalidate import Unconfirmed, Verdict
from keepwarm.core.keys import check_key, check_tag, physical
from keepwarm.core.outcome import Outcome, Reason
from keepwarm.core.policy import Policy
from keepwarm.core.stamps import Token, stamp_of_key, stamp_of_tag, stamps_of
from keepwarm.core.steps import Filled, Raised, Recipe, Scan, Subject, ask
from keepwarm.engine.call import INLINE, Call, Origin, Plan
from keepwarm.engine.context import RunningFill, Written, acknowledged, must_ask
from keepwarm.engine.hints import Hints
from keepwarm.engine.reading import Block
from keepwarm.engine.tokens import Tokens
from keepwarm.engine.writing import Announcement
from keepwarm.errors import (
    ConfigurationError,
    NotAcknowledged,
    UnfencedSet,
    WriteNotAnnounced,
)
from keepwarm.observe.marks import Marks
from keepwarm.ports import Codec
from keepwarm.stores.codecs import Plain, Unencodable, codec_for
from keepwarm.stores.memory import new_nonce

R = TypeVar("R")

PREVIEW = 1_000  # keys a dry run lists at most


@dataclass(frozen=True, slots=True)
class Ack:
    """A confirmed invalidation: no read that starts from now on is older than it.

    `what` are the tags, keys or the pattern; `level` is "hard", or "soft" for
    `then="stale"`, which promises only that a refresh is on its way. `epoch` and
    `position` place it in the namespace's history, and `token` says the same to
    `cache.after()` on another process. `processes` is how many near tiers had to confirm it
    (or be waited out). `matched` lists, for a dry run, the keys it would have hit (at most
    1,000).
    """

    what: tuple[str, ...]
    level: str = "hard"
    epoch: str = ""
    position: int = 0
    matched: tuple[str, ...] = ()
    token: str = ""
    processes: int = 0


def node_name() -> str:
    """What this process is called in `explain`."""
    return f"{socket.gethostname()}-{os.getpid()}"


class Plans:
    """Makes plans for one namespace and its policies."""

    def __init__(
        self,
        namespace: str,
        policies: Mapping[str, Policy],
        bound_s: float,
        hints: Hints,
        filler: str = "",
        *,
        tokens: Tokens | None = None,
        strict_set: bool = False,
        marks: Marks | None = None,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens or Tokens()
        self._marks, self._mono = marks or Marks(), mono
        self._strict_set = strict_set
        self.namespace = namespace
        self.policies = policies
        self._bound_s = bound_s
        self._hints = hints
        self._filler = filler or node_name()
        self._plain = codec_for(Plain)

    def policy(self, policy: str | Policy) -> tuple[str, Policy]:
        """A policy and its name, by name or given outright."""
        if isinstance(policy, Policy):
            return INLINE, policy
        found = self.policies.get(policy)
        if found is None:
            known = ", ".join(sorted(self.policies)) or "none is declared"
            raise ConfigurationError(f"there is no policy {policy!r}; the cache has: {known}")
        return policy, found

    def codec(self, hint: Any) -> Codec:
        """The codec of values by hand: `Plain` where no type is given."""
        return self._plain if hint is None else codec_for(hint)

    def subject(
        self, logical: str, codec: Codec, policy: str | Policy, tags: Iterable[str] = ()
    ) -> Subject:
        name, found = self.policy(policy)
        return self.subject_of(logical, codec, name, found, tuple(map(check_tag, tags)))

    def subject_of(
        self, logical: str, codec: Codec, policy_name: str, policy: Policy, tags: tuple[str, ...]
    ) -> Subject:
        stamps = stamps_of(logical, tags)
        name = physical(self.namespace, logical, codec.fingerprint)
        return Subject(
            name=name,
            logical=logical,
            policy_name=policy_name,
            policy=policy,
            tags=tags,
            stamps=stamps,
            hint=self._hints.get(name) or stamps,
            bound_s=0.0 if must_ask() else self._bound_s,
            filler=self._filler,
        )

    # Reading.

    @staticmethod
    def fetched(result: Answer | Raised) -> tuple[Any, tuple[Outcome, ...]]:
        """What a fetch gives its caller. Raises what the origin raised."""
        return _value(result)

    def refill(self, subject: Subject, call: Call) -> Plan[Any]:
        return Plan(fetching.refill(subject), call, _value)

    def fetch_many(self, subjects: tuple[Subject, ...], call: Call) -> Plan[dict[str, Any]]:
        def finish(
            result: Mapping[str, Answer | Raised],
        ) -> tuple[dict[str, Any], tuple[Outcome, ...]]:
            values, outcomes = _values(result)
            # What does not exist is an answer too, on which an enclosing fill depends.
            missed = (_miss(s, Reason.FILLED) for s in subjects if s.name not in result)
            return values, (*outcomes, *missed)

        return Plan(fetching_many.fetch_many(subjects), call, finish)

    def peek(self, subject: Subject, call: Call, default: Any = None) -> Plan[Any]:
        def finish(result: Answer | Absent) -> tuple[Any, tuple[Outcome, ...]]:
            if isinstance(result, Absent):
                return default, (_miss(subject, result.reason),)
            return result.value, (result.outcome,)

        return Plan(fetching.peek(subject), call, finish)

    def explain(self, subject: Subject, call: Call) -> Plan[str]:
        def finish(result: Answer | Absent) -> tuple[str, tuple[Outcome, ...]]:
            return explained(result), ()

        return Plan(fetching.peek(subject), call, finish)

    def get(self, key: str, hint: Any, default: Any) -> Plan[Any]:
        codec = self.codec(hint)
        subject = self.subject(check_key(key), codec, _BY_HAND)
        return self.peek(subject, self._call(codec), default)

    def get_many(self, keys: Iterable[str], hint: Any) -> Plan[dict[str, Any]]:
        codec = self.codec(hint)
        by_name = {
            subject.name: subject
            for subject in (self.subject(check_key(k), codec, _BY_HAND) for k in keys)
        }

        def finish(result: Mapping[str, Answer]) -> tuple[dict[str, Any], tuple[Outcome, ...]]:
            found = {by_name[name].logical: answer.value for name, answer in result.items()}
            missed = tuple(
                _miss(subject, Reason.FILLED)
                for name, subject in by_name.items()
                if name not in result
            )
            return found, tuple(answer.outcome for answer in result.values()) + missed

        return Plan(fetching_many.peek_many(tuple(by_name.values())), self._call(codec), finish)

    def get_or_set(
        self,
        key: str,
        factory: Callable[[], Any],
        policy: str | Policy,
        tags: Iterable[str],
        hint: Any,
    ) -> tuple[Subject, Call]:
        codec = self.codec(hint)
        subject = self.subject(check_key(key), codec, policy, tags)
        return subject, self._call(codec, _origin_of(factory))

    # Writing.

    def keep(self, subject: Subject, codec: Codec, value: Any) -> Plan[bool]:
        return self._keep(((subject, _encoded(codec, value)),), codec)

    def set_many(
        self,
        values: Mapping[str, Any],
        policy: str | Policy,
        tags: Iterable[str],
        hint: Any,
    ) -> Plan[bool]:
        codec = self.codec(hint)
        tags = tuple(tags)
        items = tuple(
            (self.subject(check_key(key), codec, policy, tags), _encoded(codec, value))
            for key, value in values.items()
        )
        return self._keep(items, codec)

    def reading(self, key: str, tags: Iterable[str], policy: str | Policy, hint: Any) -> Block:
        """A fenced set by hand, as a block."""
        codec = self.codec(hint)
        subject = self.subject(check_key(key), codec, policy, tags)
        call = self._call(codec)

        def begin() -> Plan[Token | None]:
            return Plan(reading_by_hand.begin(subject), call, lambda token: (token, ()))

        def end(token: Token | None, value: Any, running: RunningFill) -> Plan[Filled]:
            _encoded(codec, value)  # here it is the caller's mistake, not an outcome
            made = call.produced(subject, value, running, 0.0)
            return Plan(reading_by_hand.end(subject, token, made), call, lambda f: (f, ()))

        return Block(subject, codec, begin, end, call)

    def _keep(self, items: tuple[tuple[Subject, bytes], ...], codec: Codec) -> Plan[bool]:
        if self._strict_set:
            raise UnfencedSet(tuple(subject.logical for subject, _ in items))

        def finish(result: keeping.Kept) -> tuple[bool, tuple[Outcome, ...]]:
            return result.stored, ()

        return Plan(keeping.keep(items), self._call(codec), finish)

    def discard(self, *keys: str) -> Plan[bool]:
        """A set while the cache is off: nothing is stored, but what was there is out of date."""
        recipe = invalidating.invalidate_keys(tuple(map(check_key, keys)), ())
        return Plan(recipe, self._call(self._plain), lambda _verdict: (False, ()))

    def touch(self, key: str, policy: str | Policy, hint: Any) -> Plan[bool]:
        codec = self.codec(hint)
        subject = self.subject(check_key(key), codec, policy)
        return Plan(keeping.touch(subject), self._call(codec), lambda done: (done, ()))

    # Invalidating.

    def invalidate(self, tags: Iterable[str], then: str | None) -> Plan[Ack]:
        if then not in (None, "stale"):
            raise ConfigurationError(f"then={then!r}: leave it out, or write then='stale'")
        what = tuple(map(check_tag, tags))
        stamps = tuple(dict.fromkeys(map(stamp_of_tag, what)))
        level = "soft" if then else "hard"
        recipe = invalidating.invalidate(stamps, is_soft=bool(then))
        return self._acked(recipe, what, level, stamps=stamps)

    def invalidate_keys(self, keys: Iterable[str], hints: Iterable[Any]) -> Plan[Ack]:
        logical = tuple(map(check_key, keys))
        names = tuple(
            physical(self.namespace, key, self.codec(hint).fingerprint)
            for hint in hints
            for key in logical
        )
        stamps = tuple(map(stamp_of_key, logical))
        return self._acked(invalidating.invalidate_keys(logical, names), logical, stamps=stamps)

    def delete(self, keys: Iterable[str], hint: Any) -> Plan[Ack]:
        plan = self.invalidate_keys(keys := tuple(keys), (hint,))
        return replace(plan, counts=("deletes", len(keys)))

    def invalidate_pattern(self, pattern: str) -> Plan[Ack]:
        glob = Glob(pattern)
        return self._acked(invalidating.invalidate_pattern(glob), (pattern,))

    def preview(self, pattern: str) -> Plan[Ack]:
        glob = Glob(pattern)

        def finish(names: Any) -> tuple[Ack, tuple[Outcome, ...]]:
            if not isinstance(names, tuple):
                raise NotAcknowledged((pattern,), names.why, retried=False)
            keys = (self.logical_in(name) for name in names)
            found = tuple(dict.fromkeys(k for k in keys if k is not None and glob.matches(k)))
            return Ack((pattern,), "preview", matched=found), ()

        return Plan(ask(Scan(glob.redis(self.namespace), PREVIEW)), self._call(self._plain), finish)

    def clear(self) -> Plan[Ack]:
        return self._acked(invalidating.clear(), ("*",))

    # Announcing.

    def writing(self, tags: Iterable[str]) -> Announcement:
        """What a block of `cache.writing(*tags)` does, under a writer's name of its own."""
        what = tuple(dict.fromkeys(map(check_tag, tags)))
        if not what:
            raise ConfigurationError("writing() needs the tags of what is about to change")
        stamps = tuple(dict.fromkeys(map(stamp_of_tag, what)))
        writer, call = new_nonce(), self._call(self._plain)

        def announced(result: Verdict | None) -> tuple[None, tuple[Outcome, ...]]:
            if isinstance(result, Unconfirmed):
                raise WriteNotAnnounced(what, result.why)
            return None, ()

        def entered(result: Verdict) -> tuple[None, tuple[Outcome, ...]]:
            nothing = announced(result)
            self._marks.entered(writer, what, self._mono())
            return nothing

        def leave() -> Plan[Ack]:
            self._marks.left(writer, self._mono())
            return self._acked(announcing.leave(writer, stamps), what, stamps=stamps)

        return Announcement(
            what,
            enter=lambda: Plan(announcing.enter(writer, stamps), call, entered),
            check=lambda: Plan(announcing.check(writer, stamps), call, announced),
            leave=leave,
            withdraw=lambda: Plan(announcing.withdraw(writer, stamps), call, lambda x: (x, ())),
        )

    def logical_in(self, name: str) -> str | None:
        """The readable part of a physical name."""
        head = f"{self.namespace}:"
        body, found, _ = name.rpartition("@")
        return body.removeprefix(head) if found and body.startswith(head) else None

    def _acked(
        self,
        recipe: Recipe[Verdict],
        what: tuple[str, ...],
        level: str = "hard",
        *,
        stamps: tuple[str, ...] | None = None,
    ) -> Plan[Ack]:
        def finish(verdict: Verdict) -> tuple[Ack, tuple[Outcome, ...]]:
            if isinstance(verdict, Unconfirmed):
                raise NotAcknowledged(
                    what, verdict.why, durable=verdict.durable, retried=level == "hard"
                )
            token = self._tokens.of(verdict.epoch, verdict.position)
            acknowledged(Written(verdict.epoch, verdict.position, stamps, token))
            return Ack(
                what,
                level,
                verdict.epoch,
                verdict.position,
                token=token,
                processes=len(verdict.holders),
            ), ()

        return Plan(recipe, self._call(self._plain), finish, ("invalidations", 1))

    def _call(self, codec: Codec, origin: Origin | None = None) -> Call:
        return Call(codec, self.policies, origin, what="a value set by hand")


def _encoded(codec: Codec, value: Any) -> bytes:
    try:
        return codec.encode(value)
    except Unencodable as error:
        raise TypeError(
            f"this value cannot be stored: {error.reason}; pass type= for values other than "
            "str, bytes, numbers, lists and dicts"
        ) from error


_BY_HAND = Policy(ttl="5m")  # reading by hand needs no lifetime: the entry has its own


def _origin_of(factory: Callable[[], Any]) -> Origin:
    def origin(subjects: tuple[Subject, ...]) -> Any:
        value = factory()
        if inspect.isawaitable(value):
            return _awaited(subjects[0].name, value)
        return {subjects[0].name: value}

    return origin


async def _awaited(name: str, value: Any) -> dict[str, Any]:
    return {name: await value}


def _value(result: Answer | Raised) -> tuple[Any, tuple[Outcome, ...]]:
    if isinstance(result, Raised):
        raise result.error
    return result.value, (result.outcome,)


def _values(
    result: Mapping[str, Answer | Raised],
) -> tuple[dict[str, Any], tuple[Outcome, ...]]:
    for reply in result.values():
        if isinstance(reply, Raised):
            raise reply.error
    answers = {n: reply for n, reply in result.items() if isinstance(reply, Answer)}
    values = {name: answer.value for name, answer in answers.items()}
    return values, tuple(answer.outcome for answer in answers.values())


def _miss(subject: Subject, reason: Reason) -> Outcome:
    return Outcome(subject.policy_name, None, False, reason, stamps=None, names=subject.stamps)


def explained(result: Answer | Absent) -> str:
    """A sentence for people: from where, how old, by whom, at what cost, depending on what."""
    if isinstance(result, Absent):
        return f"miss: {result.reason}"
    outcome = result.outcome
    state = "fresh for" if outcome.ttl_s >= 0 and not outcome.stale else "stale for"
    filler = f" by {outcome.filler}" if outcome.filler else ""
    tags = ", ".join(outcome.tags) or "none"
    return (
        f"{outcome.tier} hit, {state} {_span(abs(outcome.ttl_s))}, "
        f"filled {_span(outcome.age_s)} ago{filler} in {outcome.cost_s * 1000:.0f} ms, "
        f"tags {tags}{' current' if outcome.tags else ''}"
    )


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"
