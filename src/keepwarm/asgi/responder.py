"""One request: answered from what is stored, or passed to the app, with a word on why."""

from keepwarm.asgi.answering import answer, fits
from keepwarm.asgi.asked import MOST_QUERY_BYTES, Asked, asked_of, raw_path
from keepwarm.asgi.content import buffered, nothing
from keepwarm.asgi.desk import Desk
from keepwarm.asgi.fetching import Fetch
from keepwarm.asgi.flights import Flight, Landed
from keepwarm.asgi.library import Selected
from keepwarm.asgi.ready import Slot
from keepwarm.asgi.record import Record
from keepwarm.asgi.report import Message, Receive, Scope, Send
from keepwarm.asgi.routes import Bypass
from keepwarm.asgi.summary import CACHE_NAME
from keepwarm.asgi.unsafe import Unsafe
from keepwarm.rfc9111.fields import without
from keepwarm.rfc9111.invalidating import is_unsafe
from keepwarm.rfc9111.reusing import Decision, Use, decide
from keepwarm.rfc9111.status import Told, member
from keepwarm.rfc9111.storing import may_share_authorized

_ROUNDS = 3  # how often a request waits for others before it asks by itself


class Responder:
    """Made for one request, used once."""

    def __init__(self, desk: Desk, scope: Scope, receive: Receive, send: Send) -> None:
        self.desk = desk
        self.scope = scope
        self.receive = receive
        self.send = send

    async def run(self) -> None:
        desk, scope = self.desk, self.scope
        method = scope["method"]
        if method not in ("GET", "HEAD", "QUERY"):
            await self._other(method)
            return
        routed = "GET" if method == "HEAD" else method
        match = desk.routes.match(routed, scope["path"], raw_path(scope))
        if match is not None and isinstance(match.policy, Bypass):
            await self._pass("bypass", "route")
            return
        content: bytes | None = b""
        if method == "QUERY":
            content, self.receive = await buffered(self.receive, MOST_QUERY_BYTES)
        asked = asked_of(scope, match, None, content or b"")
        search = desk.search_of(asked.url)
        if search is not None:
            asked = asked_of(scope, match, search, content or b"")
        if content is None:
            await self._pass("bypass", "content")
        elif asked.bypass:
            await self._pass("bypass", asked.bypass)
        elif not desk.shelf.is_on:
            await self._pass("bypass", "disabled")
        else:
            await self._answer(asked)

    async def _answer(self, asked: Asked) -> None:
        desk = self.desk
        landed: Landed | None = None
        for turn in range(_ROUNDS + 1):
            now = desk.clock.wall()
            selected = await self._look(asked, now)
            name = selected.subject.name
            decision, base, reason = await self._decide(asked, selected, now)
            if decision is not None:
                await self._serve(asked, selected, decision, now)
                return
            if asked.control.only_if_cached:
                await self._gateway_timeout(reason)
                return
            may_wait = (
                landed in (None, Landed.FAILED)
                and turn < _ROUNDS
                and self._may_collapse(asked, name)
            )
            flight = desk.flights.get(name) if may_wait else None
            if flight is None:
                break
            landed = await flight.wait()
        await self._fetch(asked, selected, base, reason, landed is not None, now)

    async def _look(self, asked: Asked, now: float) -> Selected:
        desk = self.desk
        subject = desk.library.subject(asked)
        wants_token = asked.method != "HEAD" and subject.name not in desk.unstorable
        return await desk.library.look(asked, wants_token=wants_token, now=now)

    def _may_collapse(self, asked: Asked, name: str) -> bool:
        """Whether what another request is fetching could answer this one."""
        control = asked.control
        if asked.method == "HEAD" or asked.wants_range is not None or control.no_cache:
            return False
        if control.max_age == 0 or name in self.desk.unstorable:
            return False
        is_expected = asked.match is not None or not self.desk.settings.declared_only
        return is_expected or name in self.desk.storable

    async def _decide(
        self, asked: Asked, selected: Selected, now: float
    ) -> tuple[Decision | None, Record | None, str]:
        """(how to answer from what is stored, what to ask the origin about, why it is asked)."""
        found = selected.record
        if found is None:
            return None, None, selected.miss
        if not self._may_be_given(asked, found):
            return None, None, "request"
        if not fits(found, asked):
            is_whole_wanted = asked.wants_range is None and asked.method == "GET"
            return None, found if is_whole_wanted else None, "partial"
        decision = decide(found.terms, asked.control, now, is_softly_stale=not found.is_current)
        is_sent = found.body is None and asked.method == "GET"
        if is_sent and not await self.desk.library.is_whole(found):
            return None, None, "miss"
        if decision.use is Use.VALIDATE:
            return None, found if found.part is None else None, decision.reason
        return decision, None, decision.reason

    def _may_be_given(self, asked: Asked, found: Record) -> bool:
        """Whether what was stored for another request is for one with these credentials."""
        head = found.head
        if head.is_private or head.is_declared or not asked.has_credentials:
            return True
        if self.desk.settings.declared_only:
            return head.is_impersonal
        return not asked.has_authorization or may_share_authorized(found.terms.control)

    async def _serve(
        self, asked: Asked, selected: Selected, decision: Decision, now: float
    ) -> None:
        found = selected.record
        assert found is not None
        if decision.use is Use.REVALIDATE:
            self._refresh(asked, found)
        elif decision.use is Use.FRESH and asked.method == "GET":
            self._learn(asked, selected, found)
        detail = "" if decision.use is Use.FRESH else decision.reason
        desk = self.desk
        desk.library.tell(found)
        told = Told(ttl_s=decision.left_s, detail=detail)
        await answer(desk.library, found, asked, self.send, now, told)

    def _learn(self, asked: Asked, selected: Selected, found: Record) -> None:
        """Have the next request for this very target answered before anything is parsed."""
        if asked.variant or asked.bypass:
            return
        ready, subject = self.desk.ready, selected.subject
        slot, inner = ready.slot(subject.name), ready.slot(found.subject.name)
        if selected.index is None and slot is None:
            slot = inner = Slot(subject.logical)  # no room for it: only where it lies
        if slot is not None and inner is not None:
            ready.learn(self.scope, slot, inner, found)

    def _refresh(self, asked: Asked, found: Record) -> None:
        """Have a stale response that was just served refreshed, without anybody's credentials."""
        if found.head.had_authorization and not found.head.is_private:
            return  # without them the app would answer something else
        desk, scope = self.desk, self.scope

        async def work() -> None:
            selected = await desk.library.look(asked, wants_token=True, now=desk.clock.wall())
            if selected.token is None:
                selected.token = await desk.library.token(selected.subject)
            flight = desk.flights.begin(selected.subject.name)
            base = selected.record if selected.record is not None else found
            fetch = Fetch(
                desk, asked, selected, None, reason="stale", base=base, flight=flight
            )  # fmt: skip
            await fetch.run(scope, nothing())

        desk.refresh(found.subject.name, work)

    async def _fetch(
        self,
        asked: Asked,
        selected: Selected,
        base: Record | None,
        reason: str,
        is_collapsed: bool,
        now: float,
    ) -> None:
        desk, name = self.desk, selected.subject.name
        is_kept = asked.method != "HEAD" and name not in desk.unstorable
        if selected.token is None and (base is not None or is_kept):
            selected.token = await desk.library.token(selected.subject)
        flight: Flight | None = None
        if self._may_collapse(asked, name):
            flight = desk.flights.begin(name)
        desk.library.tell_of_fetch(selected)
        fetch = Fetch(
            desk,
            asked,
            selected,
            self.send,
            reason=reason,
            base=base,
            flight=flight,
            is_collapsed=is_collapsed,
            others=self._others(asked, selected, base),
        )
        await fetch.run(self.scope, self.receive)

    def _others(self, asked: Asked, selected: Selected, base: Record | None) -> list[Record]:
        """Variants of which the origin may say that one of them is what it would send (4.3.1)."""
        is_plain = asked.method == "GET" and not asked.has_conditions and asked.wants_range is None
        if base is not None or selected.record is not None or not is_plain:
            return []
        return self.desk.library.others(asked, selected)

    async def _gateway_timeout(self, reason: str) -> None:
        """The client wants nothing but what is stored, and there is nothing (5.2.1.7)."""
        told = Told(reason, detail="only-if-cached")
        fields = [(b"content-length", b"0"), (b"cache-status", member(CACHE_NAME, told))]
        await self.send({"type": "http.response.start", "status": 504, "headers": fields})
        await self.send({"type": "http.response.body", "body": b""})

    # What is none of the cache's business.

    async def _other(self, method: str) -> None:
        if not is_unsafe(method):
            await self._pass("method")
            return
        match = self.desk.routes.match("GET", self.scope["path"], raw_path(self.scope))
        if match is not None and isinstance(match.policy, Bypass):
            match = None
        asked = asked_of(self.scope, match)
        unsafe = Unsafe(self.desk, asked, self.send)
        await self.desk.app(self.scope, self.receive, unsafe)

    async def _pass(self, reason: str, detail: str = "") -> None:
        send, targets = self.send, set(self.desk.settings.targets)
        status = member(CACHE_NAME, Told(reason, detail=detail))

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields = without(list(message.get("headers", ())), targets)
                message = {**message, "headers": [*fields, (b"cache-status", status)]}
            await send(message)

        await self.desk.app(self.scope, self.receive, marked)
