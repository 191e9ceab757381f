"""The quickest way: a cached function that answers from what is ready, within its own frame.

How to think of it: behind each cached function stands a table from its arguments to what
is `Ready`. The function that callers hold is made for the signature of theirs, so that a
hit packs no arguments, builds no key and awaits nothing:

    async def character(character_id):
        ready = get(character_id)
        if ready is not None and <it is for an argument of this very type>
                and <its lease lives> and <nothing has changed since it was compared>
                and <the cache is on, nothing is owed, nobody listens>:
            count the hit; return the value
        prepared = prepared_of(character_id)
        if prepared is not None and <the cache is on>:
            return await fetch(prepared)
        return await slowly(character_id)

The lease is read before the version: see `core.mirror`. What a call is about (its key,
its tags, how its origin is asked) is the same each time and kept for some thousands of
arguments. Everything else, the first call with these arguments included, takes the
ordinary way.
"""

import inspect
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from keepwarm.engine.context import ears, is_listening
from keepwarm.engine.guard import Gate
from keepwarm.engine.straight import Prepared, Ready

PLAIN_TYPES = frozenset({int, str, bool, bytes, type(None)})
"""Of which equal values of one type are the same argument."""

_KINDS = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)
_PREPARED_KEPT = 4_096  # of one function, about a kilobyte each; the others are made anew
_CHECKED_A_TIME = 2  # kept ones looked at with each that is added: the table stays within twice
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Table:
    """What is ready, by arguments; only copies that the near tier still holds are kept.

    A few others are looked at with each addition, so that it stays within about twice
    what is held, and no call pays for more.
    """

    def __init__(self, is_held: Callable[[Ready], bool]) -> None:
        self.ready: dict[Any, Ready] = {}
        self.prepared: dict[Any, Prepared] = {}
        self._is_held = is_held
        self._order: deque[Any] = deque()

    def prepare(self, key: Any, prepared: Prepared) -> None:
        if len(self.prepared) >= _PREPARED_KEPT:
            self.prepared.clear()
        self.prepared[key] = prepared

    def add(self, key: Any, ready: Ready) -> None:
        if key not in self.ready:
            self._order.append(key)
        self.ready[key] = ready
        for _ in range(min(_CHECKED_A_TIME, len(self._order))):
            other = self._order.popleft()
            found = self.ready.get(other)
            if found is None or not self._is_held(found):
                self.ready.pop(other, None)
            else:
                self._order.append(other)


def is_quick(signature: inspect.Signature) -> bool:
    """Whether a function of this signature can have one made for it."""
    return all(
        p.kind in _KINDS and not p.name.startswith("_") for p in signature.parameters.values()
    )


def key_of(arguments: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """What stands for these arguments in a table, and the types that go with it; or None."""
    values = tuple(arguments.values())
    shape = tuple(map(type, values))
    if not PLAIN_TYPES.issuperset(shape):
        return None
    return (values[0], shape[0]) if len(values) == 1 else (values, shape)


def make(
    function: Callable[..., Any],
    gate: Gate,
    table: Table,
    fetch: Callable[[Prepared], Any],
    slowly: Callable[..., Any],
    *,
    is_async: bool,
) -> Callable[..., Any]:
    """A function of the signature of `function` that answers from `table`.

    Else it asks `fetch` with what was prepared for these arguments, or `slowly` with the
    arguments themselves.
    """
    scope: dict[str, Any] = {
        "_get": table.ready.get,
        "_gate": gate,
        "_prepared_of": table.prepared.get,
        "_fetch": fetch,
        "_slowly": slowly,
        "_ears": ears,
        "_is_listening": is_listening,
        "_now": time.clock_gettime,
    }
    names, head, passed = _signature(inspect.signature(function), scope)
    key = names[0] if len(names) == 1 else f"({', '.join(names)})"
    types = (
        f"type({names[0]})" if len(names) == 1 else f"({', '.join(f'type({n})' for n in names)})"
    )
    same = f"{types} is _r.shape" if len(names) == 1 else f"{types} == _r.shape"
    source = f"""
{"async " if is_async else ""}def {_identifier(function)}({", ".join(head)}):
    try:
        _r = _get({key})
    except TypeError:
        _r = None
    if _r is not None and {same}:
        _w = _r.pulse
        _t = _now({_SINCE_BOOT})
        if (
            _t < _w.lease_until
            and _t < _r.until
            and (_r.version == _w.version or _r.is_current(_r))
            and _gate.is_open
            and not (_ears.count and _is_listening())
        ):
            _r.count.hits += 1
            return _r.value if _r.value is not None else _r.decoded()
    try:
        _q = _prepared_of({key})
    except TypeError:
        _q = None
    if _q is not None and {same.replace("_r.", "_q.")} and _gate.is_open:
        return {"await " if is_async else ""}_fetch(_q)
    return {"await " if is_async else ""}_slowly({", ".join(passed)})
"""
    exec(compile(source, f"<keepwarm quick way of {function.__qualname__}>", "exec"), scope)  # noqa: S102
    made: Callable[..., Any] = scope[_identifier(function)]
    return made


def _signature(
    signature: inspect.Signature, scope: dict[str, Any]
) -> tuple[list[str], list[str], list[str]]:
    """Names of the parameters, the same as they are declared, and as they are passed on."""
    names, head, passed = [], [], []
    before = None
    for name, parameter in signature.parameters.items():
        kind = parameter.kind
        if before is parameter.POSITIONAL_ONLY and kind is not before:
            head.append("/")
        if kind is parameter.KEYWORD_ONLY and before is not kind:
            head.append("*")
        default = f"_default_{name}"
        if parameter.default is not parameter.empty:
            scope[default] = parameter.default
            head.append(f"{name}={default}")
        else:
            head.append(name)
        names.append(name)
        passed.append(f"{name}={name}" if kind is parameter.KEYWORD_ONLY else name)
        before = kind
    if before is inspect.Parameter.POSITIONAL_ONLY:
        head.append("/")
    return names, head, passed


def _identifier(function: Callable[..., Any]) -> str:
    name = function.__name__
    return name if name.isidentifier() and not name.startswith("_") else "cached"
