"""The quickest way: a cached function that answers from what is ready, within its own frame.

How to think of it: behind each cached function stands a table from its arguments to what
is `Ready`. The function that callers hold is made for the signature of theirs, so that a
hit packs no arguments, builds no key and awaits nothing:

    async def character(character_id):
        ready = get(character_id)
        if ready is not None and <it is for an argument of this very type>
                and <its lease lives> and <nothing has changed since it was compared>
                and <no other copy has taken its place>
                and <the cache is on, nothing is owed, nobody listens>:
            count the hit; return the value
        prepared = prepared_of(character_id)
        if prepared is not None and <the cache is on>:
            return await fetch(prepared)
        return await slowly(character_id)

That condition stands three times below, as asking another function would cost an eighth of
a hit; change all three. The lease is read before the version: see `core.mirror`. What a
call is about (its key, its tags, how its origin is asked) is the same each time and kept
for some thousands of arguments. Everything else, the first call with these arguments
included, takes the ordinary way.
"""

import inspect
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keepwarm.core.eviction import LAPS
from keepwarm.engine.answers import SINCE_BOOT
from keepwarm.engine.context import ears, is_listening
from keepwarm.engine.guard import Gate
from keepwarm.engine.straight import UNDECODED, Line, Prepared, Ready, is_held
from keepwarm.stores.near import Warm

PLAIN_TYPES = frozenset({int, str, bool, bytes, type(None)})
"""Of which equal values of one type are the same argument."""

_PREPARED_KEPT = 4_096  # of one function, about a kilobyte each; the others are made anew
_LONGEST = 256  # characters of an argument that is kept
_CHECKED_A_TIME = 2  # kept ones looked at with each that is added: the table stays within twice


@dataclass(frozen=True, slots=True)
class Quick:
    """What a quick function is made of; `name` is that of its only argument."""

    gate: Gate
    table: "Table"
    fetch: Callable[[Prepared], Any]
    slowly: Callable[..., Any]
    name: str

    def answer(self, key: tuple[Any, Any]) -> tuple[Any] | None:
        """The value that may be answered at once; counted."""
        ready = self.table.ready.get(key[0])
        if ready is None or ready.shape != key[1]:
            return None
        pulse, resident, at = ready.pulse, ready.resident, time.clock_gettime(SINCE_BOOT)
        copy = resident.value
        if copy.__class__ is Warm:
            packed, shared = copy.packed, copy.memo
        else:
            packed, shared = copy, None
        if (
            at < pulse.lease_until
            and at < ready.until
            and (ready.version == pulse.version or ready.line.is_current(ready))
            and packed is ready.packed
            and self.gate.is_open
            and not (ears.count and is_listening())
        ):
            if shared is None:
                shared = ready.decoded(copy)
            if shared is not UNDECODED:
                ready.count.hits += 1
                if resident.uses < LAPS:
                    resident.uses += 1
                return (shared,)
        return None

    def prepared_for(self, key: tuple[Any, Any]) -> Prepared | None:
        prepared = self.table.prepared.get(key[0])
        is_same = prepared is not None and prepared.shape == key[1]
        return prepared if is_same and self.gate.is_open else None


class Table:
    """What is ready, by arguments; only copies that the near tier still holds are kept.

    A few others are looked at with each addition, so that it stays within about twice
    what is held, and no call pays for more.
    """

    def __init__(self) -> None:
        self.ready: dict[Any, Ready] = {}
        self.prepared: dict[Any, Prepared] = {}
        self.key_of = key_of
        self.line: Line | None = None
        """Of the copy that became ready last; the next ones mostly share it."""
        self._order: deque[Any] = deque()

    def prepare(self, key: Any, prepared: Prepared) -> None:
        if len(self.prepared) >= _PREPARED_KEPT:
            self.prepared.clear()
        self.prepared[key] = prepared

    def add(self, key: Any, ready: Ready) -> None:
        if key not in self.ready:
            self._order.append(key)
        self.ready[key] = ready
        for _ in range(_CHECKED_A_TIME):
            try:
                other = self._order.popleft()
            except IndexError:
                return  # another thread took it
            found = self.ready.get(other)
            if found is None or not is_held(found) or found.pulse.lease_until == -math.inf:
                self.ready.pop(other, None)
            else:
                self._order.append(other)


def is_quick(signature: inspect.Signature) -> bool:
    """Whether a function of this signature can have a quick one made for it."""
    return all(p.kind is p.POSITIONAL_OR_KEYWORD for p in signature.parameters.values())


def key_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """What stands for these arguments in a table, and the types that go with it; or None."""
    values = (*args, *kwargs.values())
    shape = tuple(map(type, values))
    if not PLAIN_TYPES.issuperset(shape) or not all(map(_is_short, values)):
        return None
    return ((args, *kwargs.items()) if kwargs else args), shape


def key_of_one(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """As `key_of`, for a function of one argument: however it was passed, it is the key."""
    (value,) = args or tuple(kwargs.values())
    return (value, type(value)) if type(value) in PLAIN_TYPES and _is_short(value) else None


def _is_short(value: Any) -> bool:
    """Whether a table may keep it: what is kept is counted, not weighed."""
    if isinstance(value, (str, bytes)):
        return len(value) <= _LONGEST
    return not isinstance(value, int) or value.bit_length() <= _LONGEST


def quick_async_one(quick: Quick) -> Callable[..., Any]:
    """An `async def` of one argument."""
    get, prepared_of, gate = quick.table.ready.get, quick.table.prepared.get, quick.gate
    fetch, slowly, now, clock = quick.fetch, quick.slowly, time.clock_gettime, SINCE_BOOT

    async def call(value: Any) -> Any:
        try:
            ready = get(value)
        except TypeError:
            ready = None
        if ready is not None and type(value) is ready.shape:
            pulse, resident, at = ready.pulse, ready.resident, now(clock)
            copy = resident.value
            if copy.__class__ is Warm:
                packed, shared = copy.packed, copy.memo
            else:
                packed, shared = copy, None
            if (
                at < pulse.lease_until
                and at < ready.until
                and (ready.version == pulse.version or ready.line.is_current(ready))
                and packed is ready.packed
                and gate.is_open
                and not (ears.count and is_listening())
            ):
                if shared is None:
                    shared = ready.decoded(copy)
                if shared is not UNDECODED:
                    ready.count.hits += 1
                    if resident.uses < LAPS:
                        resident.uses += 1
                    return shared
        elif ready is None and type(value) not in PLAIN_TYPES:
            return await slowly(value)
        prepared = prepared_of(value)
        if prepared is not None and type(value) is prepared.shape and gate.is_open:
            return await fetch(prepared)
        return await slowly(value)

    return _named(call, quick.name)


def quick_one(quick: Quick) -> Callable[..., Any]:
    """A `def` of one argument: as `quick_async_one`."""
    get, prepared_of, gate = quick.table.ready.get, quick.table.prepared.get, quick.gate
    fetch, slowly, now, clock = quick.fetch, quick.slowly, time.clock_gettime, SINCE_BOOT

    def call(value: Any) -> Any:
        try:
            ready = get(value)
        except TypeError:
            ready = None
        if ready is not None and type(value) is ready.shape:
            pulse, resident, at = ready.pulse, ready.resident, now(clock)
            copy = resident.value
            if copy.__class__ is Warm:
                packed, shared = copy.packed, copy.memo
            else:
                packed, shared = copy, None
            if (
                at < pulse.lease_until
                and at < ready.until
                and (ready.version == pulse.version or ready.line.is_current(ready))
                and packed is ready.packed
                and gate.is_open
                and not (ears.count and is_listening())
            ):
                if shared is None:
                    shared = ready.decoded(copy)
                if shared is not UNDECODED:
                    ready.count.hits += 1
                    if resident.uses < LAPS:
                        resident.uses += 1
                    return shared
        elif ready is None and type(value) not in PLAIN_TYPES:
            return slowly(value)
        prepared = prepared_of(value)
        if prepared is not None and type(value) is prepared.shape and gate.is_open:
            return fetch(prepared)
        return slowly(value)

    return _named(call, quick.name)


def quick_async(quick: Quick) -> Callable[..., Any]:
    """An `async def` of any number of arguments."""
    answer, prepared_for = quick.answer, quick.prepared_for
    fetch, slowly = quick.fetch, quick.slowly

    async def call(*args: Any, **kwargs: Any) -> Any:
        key = key_of(args, kwargs)
        if key is None:
            return await slowly(*args, **kwargs)
        found = answer(key)
        if found is not None:
            return found[0]
        prepared = prepared_for(key)
        if prepared is not None:
            return await fetch(prepared)
        return await slowly(*args, **kwargs)

    return call


def quick_any(quick: Quick) -> Callable[..., Any]:
    """A `def` of any number of arguments."""
    answer, prepared_for = quick.answer, quick.prepared_for
    fetch, slowly = quick.fetch, quick.slowly

    def call(*args: Any, **kwargs: Any) -> Any:
        key = key_of(args, kwargs)
        if key is None:
            return slowly(*args, **kwargs)
        found = answer(key)
        if found is not None:
            return found[0]
        prepared = prepared_for(key)
        return fetch(prepared) if prepared is not None else slowly(*args, **kwargs)

    return call


def _named(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The same function, whose argument is called `name`: callers may pass it so."""
    code = call.__code__
    call.__code__ = code.replace(co_varnames=(name, *code.co_varnames[1:]))
    return call


def make(
    signature: inspect.Signature,
    gate: Gate,
    table: Table,
    fetch: Callable[[Prepared], Any],
    slowly: Callable[..., Any],
    *,
    is_async: bool,
) -> Callable[..., Any]:
    """A function of this signature that answers from `table`.

    Else it asks `fetch` with what was prepared for these arguments, or `slowly` with the
    arguments themselves.
    """
    parameters = tuple(signature.parameters.values())
    is_one = len(parameters) == 1
    quick = Quick(gate, table, fetch, slowly, parameters[0].name if is_one else "")
    table.key_of = key_of_one if is_one else key_of
    if not is_one:
        return quick_async(quick) if is_async else quick_any(quick)
    made = quick_async_one(quick) if is_async else quick_one(quick)
    if parameters[0].default is not inspect.Parameter.empty:
        made.__defaults__ = (parameters[0].default,)
    return made
