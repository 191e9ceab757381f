"""The HTTP cache before an ASGI app: an immutable factory of one responder a request.

It belongs outermost: a hit is answered before routing, from bytes that are ready to be sent.
"""

from collections.abc import Iterable, Mapping
from time import clock_gettime

from keepwarm.asgi.auditing import Report
from keepwarm.asgi.credentials import CREDENTIALS, as_read
from keepwarm.asgi.desk import Desk, Settings
from keepwarm.asgi.record import Record
from keepwarm.asgi.report import App, Receive, Scope, Send
from keepwarm.asgi.responder import Responder
from keepwarm.asgi.routes import RoutePolicy, Routes, field_names, several
from keepwarm.core.steps import Subject
from keepwarm.core.units import MiB, size
from keepwarm.engine.alone import alone
from keepwarm.engine.answers import SINCE_BOOT, SystemClock, boot_s
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.context import ears
from keepwarm.errors import ConfigurationError
from keepwarm.ports import Clock
from keepwarm.rfc9111.targeted import TARGETS

DEFAULT_BYTES = 64 * MiB  # of a cache of this process alone


class HTTPCache:
    """RFC 9111 before `app`: `app.add_middleware(HTTPCache, cache=cache, routes={...})`.

    What is stored lies in `cache`, so that `cache.invalidate(...)` ends it in every process;
    without one, in this process alone. `routes` declares what is known of routes. With
    `declared_only` a response of another route is shared only if it says `public` or
    `s-maxage` and its handler looked at nobody's credentials; without it response fields
    alone decide, as in any shared cache. `shared` is False for a cache that only one user
    sees. `cdn` obeys CDN-Cache-Control (RFC 9213) and Keepwarm-CDN-Cache-Control, and keeps
    them. `stale_on_error` answers with what is stored, at most a day past its time, when the
    app fails and nothing forbids it. A body of more than `max_body` bytes passes unstored.
    `share_cookies` names cookies that a response which is the same for everybody may go on
    setting (`*`: any), where `declared_only` is False; others reach only the client who caused
    the response. `credentials` names more request fields by which apps know their users.
    With `declared_only` nothing here makes up a lifetime.
    """

    def __init__(
        self,
        app: App,
        cache: BaseCache | None = None,
        *,
        routes: Mapping[str, RoutePolicy] | None = None,
        shared: bool = True,
        declared_only: bool = True,
        cdn: bool = False,
        stale_on_error: bool = True,
        max_body: int | str = "64MiB",
        share_cookies: Iterable[str] = (),
        credentials: Iterable[str] = (),
        clock: Clock | None = None,
    ) -> None:
        if cache is None:
            cache = alone("keepwarm", DEFAULT_BYTES, clock)
        if not isinstance(cache, BaseCache):
            raise ConfigurationError(f"cache={cache!r} must be a keepwarm.Cache")
        settings = Settings(
            is_shared=shared,
            declared_only=declared_only,
            targets=TARGETS if cdn else (),
            stale_on_error=stale_on_error,
            max_body=size(max_body, name="max_body"),
            share_cookies=frozenset(several(share_cookies, "share_cookies")),
            credentials=CREDENTIALS.union(map(as_read, field_names(credentials, "credentials"))),
        )
        self._app = app
        self.desk = Desk(app, cache, Routes(routes), settings, clock)
        self._quick = self.desk.ready.quick
        self._tell = self.desk.library.tell
        self._has_clocks = type(self.desk.clock) is SystemClock

    def audit(self) -> Report:
        """Which routes are shared more widely than what their handlers were seen to read."""
        return self.desk.audit.report()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                self.desk.lifespan_state = scope.get("state") or {}
            await self._app(scope, receive, send)
            if scope["type"] == "lifespan":
                await self.desk.end()
            return
        if scope["method"] == "GET" and (found := self._quick(scope)) is not None:
            record: Record | None = None
            if type(found) is Record:
                # `found.held.stands()`, written out: a call is a twentieth of a hit.
                boot, held = clock_gettime(SINCE_BOOT), found.held
                if boot < found.shown_until and held is not None:
                    pulse = held.pulse
                    if (
                        boot < pulse.lease_until  # first: see Pulse
                        and held.version == pulse.version
                        and held.gate.is_open
                    ):
                        record = found
            if record is None:
                record = await self._look(found)
            if record is not None:
                record.was_used = True
                if ears.count:
                    self._tell(record)
                status, fields = record.head.status, [*record.shown]
                await send({"type": "http.response.start", "status": status, "headers": fields})
                await send({"type": "http.response.body", "body": record.body})
                return
        await Responder(self.desk, scope, receive, send).run()

    async def _look(self, found: Record | Subject) -> Record | None:
        """What may answer a plain GET of which that was the answer last, by the time of day."""
        # The clock of leases first: a pause between the two must not lengthen what is shown.
        boot = boot_s() if self._has_clocks else None
        library, now = self.desk.library, self.desk.clock.wall()
        record: Record | None
        if isinstance(found, Record) and now < found.ready_until and library.holds(found):
            record = found
        else:
            subject = found.subject if isinstance(found, Record) else found
            record = await library.read(subject, now)
        if record is not None:
            record.show(now, boot)
        return record
