"""Middleware that tells on each response what it depends on, and how new it is.

    Keepwarm-Position: <incarnation>.<n>.<mac>   everything changed up to n has been seen
    Keepwarm-Tags: ~k3J9xQ2b ~a81-Qzs3           what will be told when it changes

A response to a write says instead what it invalidated, where that stands, and gives the
token with which any process then answers no older (`Keepwarm-Invalidated: 1`,
`Keepwarm-Token`); the client sends it back as `Keepwarm-After`.
"""

from collections.abc import Sequence

from keepwarm.core.outcome import Outcome
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.context import Written, collect, collect_written
from keepwarm.engine.hearing import Hearing, Place
from keepwarm.live import asgi_types as asgi
from keepwarm.live.app import LABEL_KEY
from keepwarm.live.signs import Signs

POSITION, TAGS = b"keepwarm-position", b"keepwarm-tags"
INVALIDATED, TOKEN, AFTER = b"keepwarm-invalidated", b"keepwarm-token", b"keepwarm-after"
_READS = frozenset({"GET", "HEAD", "QUERY"})
"""What these show is what counts, even if they write (a count of views) on their way."""
TELLS_OF = "keepwarm.live"
"""In the scope: a function from outcomes to the position and tags that a response made of them
would have. For pages that bring data along, whose parts depend on different things."""
_OURS = frozenset({POSITION, TAGS, INVALIDATED, TOKEN})


class LiveHeaders:
    """`app.add_middleware(LiveHeaders, cache=cache)`, added last: it belongs outermost.

    They sum up the cached calls made before the response starts, or the entry of the HTTP
    cache that it is answered from. A response that used none takes no part. `secret` is as
    that of `keepwarm.live`.
    """

    def __init__(
        self, app: asgi.App, cache: BaseCache, *, secret: bytes | str | None = None
    ) -> None:
        self._app = app
        self._cache = cache
        self._hearing = Hearing(cache)
        self._signs = Signs(self._hearing.key(LABEL_KEY, secret), self._hearing.namespace)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._hearing.here
        may_write = scope["method"] not in _READS
        with (
            self._cache.after(asgi.field(scope, AFTER)),
            collect_written() as written,
            collect() as outcomes,
        ):

            async def tell(message: asgi.Message) -> None:
                if message["type"] == "http.response.start":
                    fields = [f for f in message.get("headers", ()) if f[0].lower() not in _OURS]
                    is_write = may_write and bool(written)
                    told = self._written(written) if is_write else self._read(outcomes, began)
                    message = {**message, "headers": fields + told}
                await send(message)

            def tell_of(some: Sequence[Outcome]) -> tuple[str, str] | None:
                told = dict(self._read(some, began))
                return (told[POSITION].decode(), told[TAGS].decode()) if told else None

            await self._app({**scope, TELLS_OF: tell_of}, receive, tell)

    def _read(self, outcomes: Sequence[Outcome], began: Place) -> list[tuple[bytes, bytes]]:
        if not outcomes:
            return []
        place = oldest([self._hearing.vouched(outcome, began) for outcome in outcomes])
        return self._fields(place, depends(outcomes))

    def _written(self, written: Sequence[Written]) -> list[tuple[bytes, bytes]]:
        last = max(written, key=lambda each: each.position)
        stamps: tuple[str, ...] | None = ()
        for each in written:
            if each.stamps is None or stamps is None or each.epoch != last.epoch:
                stamps = None
            else:
                stamps += each.stamps
        return [
            *self._fields(Place(last.epoch, last.position), stamps),
            (INVALIDATED, b"1"),
            (TOKEN, last.token.encode("ascii")),
        ]

    def _fields(self, place: Place, stamps: tuple[str, ...] | None) -> list[tuple[bytes, bytes]]:
        position = self._signs.position(place.epoch, place.position)
        labels = self._signs.labels(stamps)
        return [(POSITION, position.encode("ascii")), (TAGS, labels.encode("ascii"))]


def oldest(places: Sequence[Place]) -> Place:
    """What all of them have seen; of two epochs, nothing in either.

    1. a value is read   2. `clear()`: a new epoch begins, at 0   3. another value is read

    Position 0 of the new one would claim that the first value had seen the clear.
    """
    first = places[0]
    if any(place.epoch != first.epoch for place in places):
        return Place()
    return min(places, key=lambda place: place.position)


def depends(outcomes: Sequence[Outcome]) -> tuple[str, ...] | None:
    """The stamps that `outcomes` depend on; None where somebody lost count."""
    if len(outcomes) == 1:
        return outcomes[0].depends
    found: dict[str, None] = {}
    for outcome in outcomes:
        names = outcome.depends
        if names is None:
            return None
        found |= dict.fromkeys(names)
    return tuple(found)
