"""One run of the app for a request that the cache may store the answer of, or answer itself.

The run's `send` looks at what comes and decides at the response's start:

    304 to our own question      → the stored response is renewed, and answers
    an error, and stale allowed  → the stored response answers
    the missing part             → completes the stored one, and that answers
    may be stored                → held until its first bytes, recorded, stored, then ended
    anything else                → passes untouched

What is stored is so before the last byte is sent: whoever has the whole answer and asks
again finds it.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from keepwarm.asgi.answering import sized
from keepwarm.asgi.asked import CREDENTIALS, Asked
from keepwarm.asgi.content import with_content
from keepwarm.asgi.desk import Desk, log
from keepwarm.asgi.flights import Flight, Landed
from keepwarm.asgi.judging import (
    LASTING_REASONS,
    Came,
    cookies_of,
    judged,
    says_public,
    verdict,
)
from keepwarm.asgi.keeping import Keeping
from keepwarm.asgi.library import Selected
from keepwarm.asgi.outgoing import Outgoing
from keepwarm.asgi.question import Question
from keepwarm.asgi.record import Record
from keepwarm.asgi.renewing import REPLACED, by_head, by_rest, may_stay, renewed
from keepwarm.asgi.report import Message, Receive, Scope, Send
from keepwarm.asgi.reported import of_run
from keepwarm.asgi.watching import Watch
from keepwarm.engine.context import enter_block, leave_block
from keepwarm.rfc9111.fields import has, without
from keepwarm.rfc9111.reusing import may_cover_error
from keepwarm.rfc9111.status import Told
from keepwarm.rfc9111.storing import Verdict

FAILURES = frozenset({500, 502, 503, 504})  # RFC 5861 section 4
_UNSEEN = ("http.response.pathsend", "http.response.zerocopysend")


class Mode(Enum):
    WAITING = "waiting"
    PASSING = "passing"
    HOLDING = "holding"  # its start, until there are bytes
    RECORDING = "recording"
    CONFIRMED = "confirmed"
    MISMATCHED = "mismatched"  # an answer to another question than ours
    COVERED = "covered"
    COMPLETING = "completing"
    ANSWERED = "answered"


class Fetch:
    """`send` for the app. Without a client (`send` None) it only refreshes what is stored."""

    def __init__(
        self,
        desk: Desk,
        asked: Asked,
        selected: Selected,
        send: Send | None,
        *,
        reason: str,
        base: Record | None = None,
        flight: Flight | None = None,
        is_collapsed: bool = False,
        others: Sequence[Record] = (),
    ) -> None:
        self.desk = desk
        self.asked = asked
        self.selected = selected
        self.reason = reason
        self.base = base
        self.others = others
        self.flight = flight
        self.is_collapsed = is_collapsed
        self._rules = desk.rules_for(asked)
        self._out = Outgoing(send, asked, self._rules, desk.library)
        self._keeping = Keeping(desk, asked, selected, self._rules)
        self._mode = Mode.WAITING
        self._start: Message = {}
        self._came = Came(0, [], 0.0, 0.0)
        self._asked_at = 0.0
        self._parts: list[bytes] = []
        self._watch: Watch | None = None

    async def run(self, scope: Scope, receive: Receive) -> None:
        try:
            await self._run(scope, receive)
            if self._mode is Mode.MISMATCHED:
                self.base, self.others, self._mode = None, (), Mode.WAITING
                self.selected.token = await self.desk.library.token(self.selected.subject)
                self._keeping = Keeping(self.desk, self.asked, self.selected, self._rules)
                await self._run(scope, with_content(self.asked.content, receive))
        finally:
            self._land(Landed.FAILED)  # unless it has landed already

    async def _run(self, scope: Scope, receive: Receive) -> None:
        inner, running = self._scope(scope), self._keeping.running
        await self._out.hint(scope, self.desk.hints(self.asked))
        self._asked_at = self.desk.clock.wall()
        context = enter_block(running) if self.selected.token is not None else None
        try:
            await self.desk.app(inner, receive, self)
        except Exception as error:
            covers = self._mode in (Mode.WAITING, Mode.HOLDING) and self._covers()
            if not covers and self._mode not in (Mode.COVERED, Mode.ANSWERED):
                raise
            log.error("the app failed; answered with what is stored", exc_info=error)
            if covers:
                await self._cover(None)
        finally:
            if context is not None:
                leave_block(running, context)
            self._observe()
        if self._mode is Mode.HOLDING:
            await self._pass(Landed.FAILED, "")  # it ended without a body: not ours to mend

    # What the app is asked.

    def _scope(self, scope: Scope) -> Scope:
        is_declared = self._rules.policy is not None
        self._question = Question(self.asked, self.base, self.others, is_declared=is_declared)
        fields = self._question.fields
        self._watch = None
        if not self._out.has_client and not self._rules.is_private:
            # Nobody's credentials may decide what everybody gets.
            fields = without(fields, CREDENTIALS)
        elif self.asked.has_credentials and self._rules.declared_only:
            self._watch = Watch()
        inner: Scope = {**scope, "headers": fields}
        if self._watch is not None:
            inner = self._watch.over(scope, fields)
        extensions = scope.get("extensions")
        if extensions and self.selected.token is not None:
            # A body that went past us could not be stored.
            inner["extensions"] = {n: v for n, v in extensions.items() if n not in _UNSEEN}
        return inner

    @property
    def _saw_credentials(self) -> bool:
        """Whether the app looked at credentials on a route of which nothing is declared.

        To be asked as late as can be: a body is made after the response has begun.
        """
        is_undeclared = self._rules.policy is None
        return is_undeclared and self._watch is not None and self._watch.saw_credentials

    def _observe(self) -> None:
        """Note what the app looked at, for the audit."""
        watch, asked = self._watch, self.asked
        if watch is not None and self._came.status:
            is_seen = watch.saw_credentials
            is_public = is_seen and says_public(self._rules, self._came)
            self.desk.audit.observe(asked.match, asked.path, watch.reads, is_public=is_public)

    # What the app answers.

    async def __call__(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start":
                await self._begin(message)
            case "http.response.body":
                await self._body(bytes(message.get("body") or b""), bool(message.get("more_body")))
            case _:
                if self._mode is Mode.HOLDING:
                    await self._pass(Landed.UNSTORABLE, "")
                elif self._mode is Mode.RECORDING:
                    self._let_pass(Landed.FAILED)
                if self._mode in (Mode.WAITING, Mode.PASSING):
                    await self._out.message(message)

    async def _begin(self, message: Message) -> None:
        self._start = message
        self._came = came = Came(
            message["status"],
            [(bytes(n).lower(), bytes(v)) for n, v in message.get("headers", ())],
            self._asked_at,
            self.desk.clock.wall(),
            bool(message.get("trailers")),
        )
        question = self._question
        if question.is_answered(came):
            self.base = question.confirmed(came)
            self._mode = Mode.CONFIRMED if self.base is not None else Mode.MISMATCHED
        elif came.status in FAILURES and self._covers():
            self._mode = Mode.COVERED
        elif question.is_completed(came):
            self._mode = Mode.COMPLETING
        elif question.is_missed(came):
            self._mode = Mode.MISMATCHED
        elif self.asked.method == "HEAD":
            await self._head_came()
            await self._refuse("")
        else:
            found = self._verdict()
            if found:
                self._mode = Mode.HOLDING
            else:
                await self._refuse(found.reason)

    def _verdict(self) -> Verdict:
        desk, asked = self.desk, self.asked
        found = verdict(self._rules, asked, self._came, saw_credentials=self._saw_credentials)
        if not found:
            return found
        is_new = self.base is None
        if is_new and not desk.doorkeeper.admits(asked.path, asked.url, asked.variant):
            return Verdict(False, "key-flood")
        name = self.selected.subject.name
        if self.selected.token is None and name in desk.unstorable:
            # Nothing was captured, as it never was of use here; from now on it is.
            desk.note_storable(name, is_storable=True)
            return Verdict(False, "not-expected")
        return found

    async def _refuse(self, reason: str) -> None:
        came, asked, base = self._came, self.asked, self.base
        if reason in LASTING_REASONS and came.status < 500:
            self.desk.note_storable(self.selected.subject.name, is_storable=False)
        if (
            base is not None
            and came.status in REPLACED
            and asked.is_cacheable_method
            and not (asked.has_credentials or asked.control.no_store)
        ):
            # The origin has something else now: what it replaced must not cover a failure.
            await self.desk.library.forget(base)
        await self._pass(Landed.UNSTORABLE, reason)

    async def _body(self, data: bytes, more: bool) -> None:
        match self._mode:
            case Mode.HOLDING if not more:
                await self._keep_whole(data)
            case Mode.HOLDING:
                self._mode = Mode.RECORDING
                _, lasts = judged(self._rules, self._came)
                told = self._told(ttl_s=lasts.seconds, is_stored=True)
                await self._out.start(self._start, self._came.fields, told)
                await self._record(data)
                await self._out.body(data, True)
            case Mode.RECORDING:
                await self._record(data)
                if not more and self._mode is Mode.RECORDING:
                    await self._keep_recorded()
                await self._out.body(data, more)
            case Mode.CONFIRMED if not more:
                await self._confirmed()
            case Mode.COVERED if not more:
                await self._cover(self._came.status)
            case Mode.COMPLETING:
                self._parts.append(data)
                if not more:
                    await self._complete(b"".join(self._parts))
            case Mode.PASSING:
                await self._out.body(data, more)
            case _:
                return

    # Storing.

    async def _keep_whole(self, body: bytes) -> None:
        """The body came in one: store it, then answer."""
        came, keeping = self._came, self._keeping
        unkept = self._unkept(body)
        if unkept:
            landed = Landed.FAILED if unkept == "incomplete" else Landed.UNSTORABLE
            await self._pass(landed, unkept)
            await self._out.body(body, False)
            return
        keeping.is_impersonal = self._watch is not None
        made, reason = await keeping.whole(came, body)
        is_stored = made.stored is not None
        self._land(Landed.STORED if is_stored else Landed.UNSTORABLE)
        self._mode = Mode.ANSWERED
        ttl_s, detail = made.terms.left(came.came_at), "" if is_stored else reason
        told = replace(self._told(ttl_s=ttl_s, is_stored=is_stored, detail=detail), is_new=True)
        stored = made.head.fields
        if self._question.is_ours and came.part is None:
            extra = [*of_run(came.fields), *cookies_of(came, stored)]
            await self._out.record(made, came.came_at, told, extra)
            return
        fields = came.fields
        if not has(fields, b"etag"):
            fields = [*fields, *(f for f in stored if f[0] == b"etag")]
        await self._out.start(self._start, sized(fields, came.status, len(body)), told)
        await self._out.body(body, False)

    def _unkept(self, body: bytes) -> str:
        """Why a whole body is not stored, in a word; empty if it may be."""
        if not self._came.is_whole(len(body)):
            return "incomplete"
        if len(body) > self._keeping.most(self._came):
            return "too-large"
        return "credentials" if self._saw_credentials else ""

    async def _record(self, data: bytes) -> None:
        if not await self._keeping.add(self._came, data):
            self._let_pass(Landed.UNSTORABLE)

    async def _keep_recorded(self) -> None:
        """The last byte has come: store what was recorded before it goes out."""
        came, keeping = self._came, self._keeping
        if not keeping.is_whole(came):
            self._let_pass(Landed.FAILED)
            return
        keeping.is_impersonal = self._watch is not None
        is_stored = not self._saw_credentials and await keeping.end(came)
        self._let_pass(Landed.STORED if is_stored else Landed.UNSTORABLE)

    # Answering from what is stored.

    def _covers(self) -> bool:
        """Whether the stored response may stand in for a failure, and is none itself."""
        base = self.base
        if base is None or base.status >= 500 or base.part is not None or not self._out.has_client:
            return False
        return may_cover_error(
            base.terms,
            self.asked.control,
            self.desk.clock.wall(),
            by_default=self.desk.settings.stale_on_error,
        )

    async def _cover(self, status: int | None) -> None:
        assert self.base is not None
        self._land(Landed.UNSTORABLE)
        self._mode = Mode.ANSWERED
        now = self.desk.clock.wall()
        self.desk.library.tell(self.base)
        left_s = self.base.terms.left(now)
        told = Told(
            self.reason, left_s, status, is_collapsed=self.is_collapsed, detail="stale-if-error"
        )
        await self._out.record(self.base, now, told)

    async def _confirmed(self) -> None:
        """Renew the stored response by what the 304 says, and answer with it."""
        base, came = self.base, self._came
        assert base is not None
        head = renewed(self._rules, base, came)
        saw = self._saw_credentials
        if may_stay(self._rules, self.asked, head, came, saw_credentials=saw):
            made, _ = await self._keeping.renew(head, base.body)
        else:
            made = self._keeping.unstored(head, base.body)  # for this one only
        is_stored = made.stored is not None
        self._land(Landed.STORED if is_stored else Landed.UNSTORABLE)
        self._mode = Mode.ANSWERED
        told = Told(self.reason, made.terms.left(came.came_at), 304, is_stored, self.is_collapsed)
        extra = [*of_run(came.fields), *cookies_of(came, head.fields)]
        await self._out.record(made, came.came_at, told, extra)

    async def _head_came(self) -> None:
        """A HEAD's answer says something about the stored response to GET (4.3.5)."""
        base, came = self.base, self._came
        head = by_head(self._rules, base, came) if base is not None else None
        if base is None or head is None:
            return
        saw = self._saw_credentials
        if may_stay(self._rules, self.asked, head, came, saw_credentials=saw):
            await self._keeping.renew(head, base.body)

    async def _complete(self, body: bytes) -> None:
        """Answer with the whole, of the stored part and the rest that has come."""
        base, came = self.base, self._came
        assert base is not None
        found = by_rest(self._rules, base, came, body)
        if found is None:
            self._mode, self._parts = Mode.MISMATCHED, []
            return
        head, whole = found
        saw = self._saw_credentials
        if may_stay(self._rules, self.asked, head, came, saw_credentials=saw):
            made, _ = await self._keeping.keep(came, head, whole)
        else:
            made = self._keeping.unstored(head, whole)
        is_stored = made.stored is not None
        self._land(Landed.STORED if is_stored else Landed.UNSTORABLE)
        self._mode = Mode.ANSWERED
        told = Told("partial", made.terms.left(came.came_at), 206, is_stored)
        await self._out.record(made, came.came_at, told, cookies_of(came, head.fields))

    # Sending.

    def _told(
        self, *, ttl_s: float | None = None, is_stored: bool = False, detail: str = ""
    ) -> Told:
        return Told(
            self.reason,
            ttl_s if is_stored else None,
            self._came.status if self.base is not None else None,
            is_stored,
            self.is_collapsed,
            detail,
        )

    async def _pass(self, landed: Landed, detail: str) -> None:
        """Send the start, which was held, and let everything pass from here on."""
        self._let_pass(landed)
        await self._out.start(self._start, self._came.fields, self._told(detail=detail))

    def _let_pass(self, landed: Landed) -> None:
        self._land(landed)
        self._mode = Mode.PASSING

    def _land(self, how: Landed) -> None:
        flight, self.flight = self.flight, None
        self.desk.flights.land(flight, how)
