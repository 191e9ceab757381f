"""The client's side of a run of the app: what is sent on, with a word on what became of it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from keepwarm.asgi.answering import answer
from keepwarm.asgi.asked import Asked
from keepwarm.asgi.judging import Rules, varied
from keepwarm.asgi.library import Library
from keepwarm.asgi.record import Record
from keepwarm.asgi.report import Message, Scope, Send
from keepwarm.asgi.summary import CACHE_NAME
from keepwarm.rfc9111.fields import Field, without
from keepwarm.rfc9111.status import Told, member

_EARLY_HINT = "http.response.early_hint"


class Outgoing:
    """Without a client (`send` None), as in a background refresh, nothing is sent."""

    def __init__(self, send: Send | None, asked: Asked, rules: Rules, library: Library) -> None:
        self._send = send
        self._asked = asked
        self._rules = rules
        self._library = library

    @property
    def has_client(self) -> bool:
        return self._send is not None

    async def hint(self, scope: Scope, links: Sequence[bytes]) -> None:
        """Send early what the last response of this path asked to load early (RFC 8297)."""
        is_known = _EARLY_HINT in (scope.get("extensions") or ())
        if self._send is not None and links and is_known and self._asked.method == "GET":
            await self._send({"type": _EARLY_HINT, "links": list(links)})

    async def message(self, message: Message) -> None:
        """Send a message as it is."""
        if self._send is not None:
            await self._send(message)

    async def start(self, start: Message, fields: list[Field], told: Told) -> None:
        """Send the start of a response with these fields."""
        if self._send is None:
            return
        if self._rules.targets:
            fields = without(fields, set(self._rules.targets))
        if self._rules.policy is not None:
            fields = varied(fields, self._rules.policy.vary)
        status = (b"cache-status", member(CACHE_NAME, told))
        await self._send({**start, "headers": [*fields, status]})

    async def body(self, data: bytes, more: bool) -> None:
        if self._send is not None:
            await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def record(
        self, found: Record, now: float, told: Told, extra: Iterable[Field] = ()
    ) -> None:
        """Answer from a record, with fields that are for this client alone."""
        if self._send is None:
            return
        if extra := list(extra):
            found = replace(found, fields=[*found.fields, *extra])
        await answer(self._library, found, self._asked, self._send, now, told)
