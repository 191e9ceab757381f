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
from hashlib import blake2b
from typing import Any

from keepwarm.asgi.answering import answer, completed, sized
from keepwarm.asgi.asked import Asked, logical_of
from keepwarm.asgi.desk import Desk, log
from keepwarm.asgi.flights import Flight, Landed
from keepwarm.asgi.judging import (
    LARGEST_PART,
    LASTING_REASONS,
    Came,
    Rules,
    as_part,
    as_whole,
    head_of,
    judged,
    of_run,
    varied,
    verdict,
    with_etag,
    without_run,
)
from keepwarm.asgi.library import Selected
from keepwarm.asgi.question import Question, own_fields
from keepwarm.asgi.record import CACHE_NAME, INLINE_BYTES, Head, Record, record, replaced_head
from keepwarm.asgi.recording import Recording
from keepwarm.asgi.report import Message, Receive, Scope, Send
from keepwarm.asgi.routes import Bypass, PerUser
from keepwarm.asgi.watching import CREDENTIALS, Watch
from keepwarm.core.outcome import Reason
from keepwarm.engine.context import RunningFill, enter_block, leave_block
from keepwarm.rfc9111 import targeted
from keepwarm.rfc9111.fields import Field, has, without
from keepwarm.rfc9111.groups import groups
from keepwarm.rfc9111.ranges import joined, may_combine
from keepwarm.rfc9111.reusing import may_cover_error
from keepwarm.rfc9111.status import Told, member
from keepwarm.rfc9111.storing import Verdict
from keepwarm.rfc9111.validating import (
    freshened_by_head,
    updated,
)

FAILURES = frozenset({500, 502, 503, 504})  # RFC 5861 section 4
_UNSEEN = ("http.response.pathsend", "http.response.zerocopysend")
_EARLY_HINT = "http.response.early_hint"


class Mode(Enum):
    WAITING = "waiting"
    PASSING = "passing"
    HOLDING = "holding"  # its start, until there are bytes
    RECORDING = "recording"
    CONFIRMED = "confirmed"
    MISMATCHED = "mismatched"  # a 304 about something else than we asked about
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
        self._client = send
        self._rules = rules_for(desk, asked)
        self._mode = Mode.WAITING
        self._start: Message = {}
        self._came = Came(0, [], 0.0, 0.0)
        self._asked_at = 0.0
        self._parts: list[bytes] = []
        self._recording: Recording | None = None
        self._running = RunningFill(has_slot=False)
        self._watch: Watch | None = None

    async def run(self, scope: Scope, receive: Receive) -> None:
        try:
            await self._run(scope, receive)
            if self._mode is Mode.MISMATCHED:
                self.base, self.others, self._mode = None, (), Mode.WAITING
                self.selected.token = await self.desk.library.token(self.selected.subject)
                self._running = RunningFill(has_slot=False)
                await self._run(scope, receive)
        finally:
            self._land(Landed.FAILED)  # unless it has landed already

    async def _run(self, scope: Scope, receive: Receive) -> None:
        inner = self._scope(scope)
        await self._hint(scope)
        self._asked_at = self.desk.clock.wall()
        context = enter_block(self._running) if self.selected.token is not None else None
        try:
            await self.desk.app(inner, receive, self)
        except Exception as error:
            covers = self._mode is Mode.WAITING and self._covers()
            if not covers and self._mode not in (Mode.COVERED, Mode.ANSWERED):
                raise
            log.error("the app failed; answered with what is stored", exc_info=error)
            if covers:
                await self._cover(None)
        finally:
            if context is not None:
                leave_block(self._running, context)
        if self._mode is Mode.HOLDING:
            self._pass(Landed.FAILED)
            await self._send_start(self._told())  # it ended without a body: not ours to mend

    # What the app is asked.

    def _scope(self, scope: Scope) -> Scope:
        is_declared = self._rules.policy is not None
        self._question = Question(self.asked, self.base, self.others, is_declared=is_declared)
        fields = self._question.fields
        if self._client is None and not self._rules.is_private:
            # Nobody's credentials may decide what everybody gets.
            fields = without(fields, CREDENTIALS)
        elif self._is_watched():
            self._watch = Watch()
            fields = self._watch.over(fields)
        inner: dict[str, Any] = {**scope, "headers": fields}
        extensions = scope.get("extensions")
        if extensions and self.selected.token is not None:
            # A body that went past us could not be stored.
            inner["extensions"] = {n: v for n, v in extensions.items() if n not in _UNSEEN}
        return inner

    def _is_watched(self) -> bool:
        is_undeclared = self._rules.policy is None and self._rules.declared_only
        return is_undeclared and self.asked.has_credentials

    async def _hint(self, scope: Scope) -> None:
        """Send early what the last response of this path asked to load early (RFC 8297)."""
        if self._client is None or _EARLY_HINT not in (scope.get("extensions") or ()):
            return
        links = self.desk.hints(self.asked)
        if links and self.asked.method == "GET":
            await self._client({"type": _EARLY_HINT, "links": list(links)})

    # What the app answers.

    async def __call__(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start":
                await self._begin(message)
            case "http.response.body":
                await self._body(bytes(message.get("body") or b""), bool(message.get("more_body")))
            case _:
                if self._mode is Mode.HOLDING:
                    self._pass(Landed.UNSTORABLE)
                    await self._send_start(self._told())
                elif self._mode is Mode.RECORDING:
                    self._pass(Landed.FAILED)
                if self._mode in (Mode.WAITING, Mode.PASSING) and self._client is not None:
                    await self._client(message)

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
        saw = self._watch is not None and self._watch.saw_credentials
        found = verdict(self._rules, asked, self._came, saw_credentials=saw)
        if found.reason == "credentials":
            desk.note_personal(asked.path)
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
        if reason in LASTING_REASONS and self._came.status < 500:
            self.desk.note_storable(self.selected.subject.name, is_storable=False)
        self._pass(Landed.UNSTORABLE)
        await self._send_start(self._told(detail=reason))

    async def _body(self, data: bytes, more: bool) -> None:
        match self._mode:
            case Mode.HOLDING if not more:
                await self._keep_whole(data)
            case Mode.HOLDING:
                self._mode = Mode.RECORDING
                _, lasts = judged(self._rules, self._came)
                await self._send_start(self._told(ttl_s=lasts.seconds, is_stored=True))
                await self._record(data)
                await self._send(data, True)
            case Mode.RECORDING:
                await self._record(data)
                if not more and self._mode is Mode.RECORDING:
                    await self._keep_recorded()
                await self._send(data, more)
            case Mode.CONFIRMED if not more:
                await self._confirmed()
            case Mode.COVERED if not more:
                await self._cover(self._came.status)
            case Mode.COMPLETING:
                self._parts.append(data)
                if not more:
                    await self._complete(b"".join(self._parts))
            case Mode.PASSING:
                await self._send(data, more)
            case _:
                return

    # Storing.

    async def _keep_whole(self, body: bytes) -> None:
        """The body came in one: store it, then answer."""
        came = self._came
        is_whole = came.is_whole(len(body))
        if not is_whole or len(body) > self._most():
            self._pass(Landed.UNSTORABLE if is_whole else Landed.FAILED)
            why = "too-large" if is_whole else "incomplete"
            await self._send_start(self._told(detail=why))
            await self._send(body, False)
            return
        head = with_etag(self._head(len(body)), blake2b(body, digest_size=15).digest())
        if head.part is not None or len(body) <= INLINE_BYTES:
            made, reason = await self._keep(*self._widened(head, body))
        else:
            recording = self._new_recording()
            is_kept = await recording.add(body) and (await recording.end())[0]
            if is_kept:
                made, reason = await self._keep(self._in_pieces(head, recording), None)
                made = replace(made, body=body)  # it is at hand
            else:
                made = record(head, body, self.selected.subject, None, 0.0, self._rules.targets)
                reason = Reason.TOO_LARGE
        self._land(Landed.UNSTORABLE)
        self._mode = Mode.ANSWERED
        if self._client is None:
            return
        is_stored = made.stored is not None
        told = self._told(
            ttl_s=made.terms.left(came.came_at),
            is_stored=is_stored,
            detail="" if is_stored else reason,
        )
        if self._question.is_ours and head.part is None:
            if run := of_run(came.fields):
                made = replace(made, fields=[*made.fields, *run])
            await answer(self.desk.library, made, self.asked, self._client, came.came_at, told)
            return
        fields = came.fields
        if not has(fields, b"etag"):
            fields = [*fields, *(f for f in head.fields if f[0] == b"etag")]
        fields = sized(fields, came.status, len(body))
        await self._send_start(told, fields)
        await self._send(body, False)

    def _head(self, size: int) -> Head:
        is_impersonal = self._watch is not None  # it saw none, or this were not stored
        return head_of(self._rules, self.asked, self._came, size, is_impersonal=is_impersonal)

    def _new_recording(self) -> Recording:
        library = self.desk.library
        draft = record(self._head(0), None, self.selected.subject, None, 0.0, self._rules.targets)
        kept_s = library.lasting(draft).kept_s
        is_part = self._came.status == 206
        return Recording(library, self.selected, self._most(), kept_s, is_part=is_part)

    def _most(self) -> int:
        return LARGEST_PART if self._came.status == 206 else self._rules.max_body

    def _in_pieces(self, head: Head, recording: Recording) -> Head:
        until = self._came.came_at + recording.kept_s
        return replaced_head(head, pieces=recording.pieces, pieces_until=until)

    async def _record(self, data: bytes) -> None:
        if self._recording is None:
            self._recording = self._new_recording()
        if not await self._recording.add(data):
            self._pass(Landed.UNSTORABLE)

    async def _keep_recorded(self) -> None:
        """The last byte has come: store what was recorded before it goes out."""
        recording = self._recording
        assert recording is not None
        if not self._came.is_whole(recording.size):
            self._pass(Landed.FAILED)
            return
        is_kept, body = await recording.end()
        if not is_kept:
            self._pass(Landed.UNSTORABLE)
            return
        head = with_etag(self._head(recording.size), recording.digest)
        if body is None:
            await self._keep(self._in_pieces(head, recording), None)
        else:
            await self._keep(*self._widened(head, body))
        self._pass(Landed.UNSTORABLE)

    async def _keep(self, head: Head, body: bytes | None) -> tuple[Record, Reason]:
        desk, url = self.desk, self.asked.url
        origin = "/".join(url.split("/", 3)[:3])
        self._running.tags += [group_tag(origin, group) for group in groups(head.fields)]
        desk.learn(self.asked, self._came.fields)
        rule = desk.search_of(url)
        if logical_of(url, rule) != self.asked.logical:
            # No-Vary-Search has just given the URL another key; the token is for this one's.
            self.selected.token = None
        made, reason = await desk.library.keep(self.asked, self.selected, head, body, self._running)
        is_stored = made.stored is not None
        if is_stored:
            desk.note_storable(self.selected.subject.name, is_storable=True)
        self._land(Landed.STORED if is_stored else Landed.UNSTORABLE)
        return made, reason

    def _widened(self, head: Head, body: bytes) -> tuple[Head, bytes]:
        """A part together with the stored one it overlaps or touches; else as it is."""
        base, part = self.selected.record, self._came.part
        if base is None or base.part is None or base.body is None or part is None:
            return head, body
        before = base.part
        span = joined(before.span, part.span)
        if span is None or len(span) > LARGEST_PART or before.size != part.size:
            return head, body
        if not may_combine(base.fields, self._came.fields):
            return head, body
        whole = bytearray(len(span))
        for found, data in ((before.span, base.body), (part.span, body)):
            whole[found.first - span.first : found.last + 1 - span.first] = data
        return as_part(head, span, part.size), bytes(whole)

    # Answering from what is stored.

    def _covers(self) -> bool:
        """Whether the stored response may stand in for a failure, and is none itself."""
        base = self.base
        if base is None or base.status >= 500 or base.part is not None or self._client is None:
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
        await self._answer(self.base, now, told)

    async def _confirmed(self) -> None:
        """Renew the stored response by what the 304 says, and answer with it."""
        base, came = self.base, self._came
        assert base is not None
        control = targeted.control(came.fields, self._rules.targets)
        fields = updated(base.head.fields, self._renewing(), control, came.came_at)
        head = replaced_head(base.head, fields=fields, asked_at=came.asked_at, came_at=came.came_at)
        if control.no_store or (control.private and not self._rules.is_private):
            targets = self._rules.targets
            made = record(head, base.body, base.subject, None, 0.0, targets)  # for this one only
        else:
            made, _ = await self.desk.library.keep(
                self.asked, self.selected, head, base.body, self._running
            )
        is_stored = made.stored is not None
        self._land(Landed.STORED if is_stored else Landed.UNSTORABLE)
        self._mode = Mode.ANSWERED
        left_s = made.terms.left(came.came_at)
        told = Told(self.reason, left_s, 304, is_stored, self.is_collapsed)
        cookies = [field for field in came.fields if field not in head.fields and _is_cookie(field)]
        await self._answer(made, came.came_at, told, cookies)

    def _renewing(self) -> list[Field]:
        """The fields that renew a stored response; a cookie beside them is for one client."""
        fields = without_run(self._came.fields)
        return without(fields, {b"set-cookie"}) if self._rules.declared_only else fields

    async def _answer(
        self, found: Record, now: float, told: Told, cookies: list[Field] | None = None
    ) -> None:
        client = self._client
        if client is None:
            return
        if cookies:
            client = _adding(client, cookies)
        await answer(self.desk.library, found, self.asked, client, now, told)

    async def _head_came(self) -> None:
        """A HEAD's answer says something about the stored response to GET (4.3.5)."""
        base, came = self.base, self._came
        if base is None or base.part is not None:
            return
        control = targeted.control(came.fields, self._rules.targets)
        is_same = came.status == 200 and freshened_by_head(own_fields(base), came.fields)
        if (
            is_same
            and not control.no_store
            and not (control.private and not self._rules.is_private)
        ):
            fields = updated(base.head.fields, self._renewing(), control, came.came_at)
            head = replaced_head(
                base.head, fields=fields, asked_at=came.asked_at, came_at=came.came_at
            )
        elif came.status in (200, 404, 410):
            head = replaced_head(base.head, ttl_s=0.0)  # outdated; a GET will tell by what
        else:
            return
        await self.desk.library.keep(self.asked, self.selected, head, base.body, self._running)

    # Completing a part.

    async def _complete(self, body: bytes) -> None:
        base, came = self.base, self._came
        assert base is not None
        assert base.part is not None
        assert came.part is not None
        whole = completed(base.part, base, body, came.part.span)
        if whole is None or not came.is_whole(len(body)):
            raise ValueError("the origin sent another part than it declared")
        control = base.terms.control
        fields = updated(base.head.fields, self._renewing(), control, came.came_at)
        head = replaced_head(
            as_whole(replaced_head(base.head, fields=fields), len(whole)),
            asked_at=came.asked_at,
            came_at=came.came_at,
        )
        made, _ = await self._keep(head, whole)
        self._mode = Mode.ANSWERED
        is_stored = made.stored is not None
        told = Told("partial", made.terms.left(came.came_at), 206, is_stored)
        await self._answer(made, came.came_at, told)

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

    async def _send_start(self, told: Told, fields: list[Field] | None = None) -> None:
        if self._client is None:
            return
        sent = self._came.fields if fields is None else fields
        if self._rules.targets:
            sent = without(sent, set(self._rules.targets))
        if self._rules.policy is not None:
            sent = varied(sent, self._rules.policy.vary)
        sent = [*sent, (b"cache-status", member(CACHE_NAME, told))]
        await self._client({**self._start, "headers": sent})

    async def _send(self, data: bytes, more: bool) -> None:
        if self._client is not None:
            await self._client({"type": "http.response.body", "body": data, "more_body": more})

    def _pass(self, landed: Landed) -> None:
        """From here on everything passes."""
        self._land(landed)
        self._mode = Mode.PASSING

    def _land(self, how: Landed) -> None:
        flight, self.flight = self.flight, None
        self.desk.flights.land(flight, how)


def rules_for(desk: Desk, asked: Asked) -> Rules:
    policy = asked.match.policy if asked.match is not None else None
    settings = desk.settings
    return Rules(
        policy=None if isinstance(policy, Bypass) else policy,
        is_private=isinstance(policy, PerUser) or not settings.is_shared,
        declared_only=settings.declared_only,
        targets=settings.targets,
        max_body=settings.max_body,
    )


def _is_cookie(field: Field) -> bool:
    return field[0] == b"set-cookie"


def _adding(client: Send, cookies: list[Field]) -> Send:
    """`client`, given those cookies too."""

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *cookies]}
        await client(message)

    return send


def group_tag(origin: str, group: str) -> str:
    """The tag of an origin's cache group (RFC 9875): another origin's of that name is another."""
    return f"group:{origin}:{group}"
