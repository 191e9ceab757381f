"""Requests that change something: what they outdate is ended before their client hears of it."""

from dataclasses import replace
from hashlib import blake2b

from keepwarm.asgi.asked import Asked, logical_of_other
from keepwarm.asgi.desk import Desk
from keepwarm.asgi.judging import Came, head_of, verdict, with_etag
from keepwarm.asgi.keeping import group_tag
from keepwarm.asgi.record import INLINE_BYTES
from keepwarm.asgi.report import Message, Send
from keepwarm.asgi.routes import PerUser
from keepwarm.asgi.summary import CACHE_NAME
from keepwarm.rfc9111.fields import without
from keepwarm.rfc9111.groups import ended
from keepwarm.rfc9111.invalidating import is_content_of, outdated
from keepwarm.rfc9111.status import Told, member


class Unsafe:
    """`send` for the app.

    A POST may answer with what a GET of its URL would get from now on (RFC 9110 section
    9.3.3). That is stored as a bare set is, since nobody can say of when it is: after it has
    ended what was there, everywhere.
    """

    def __init__(self, desk: Desk, asked: Asked, send: Send) -> None:
        self._desk = desk
        self._asked = asked
        self._client = send
        self._came: Came | None = None
        self._start: Message = {}
        self._body: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body" and self._came is not None:
            await self._hold(message)
        else:
            await self._let_go()
            await self._client(message)

    async def _begin(self, message: Message) -> None:
        desk, asked = self._desk, self._asked
        status = message["status"]
        fields = [(bytes(n).lower(), bytes(v)) for n, v in message.get("headers", ())]
        if asked.bypass != "host":
            urls = outdated(asked.url, status, fields)
            keys = {logical_of_other(url, desk.search_of(url)) for url in urls}
            origin = "/".join(asked.url.split("/", 3)[:3])
            tags = [group_tag(origin, group) for group in ended(fields)] if urls else []
            await desk.invalidate(keys, tags)
        self._start = {
            **message,
            "headers": [
                *without(fields, set(desk.settings.targets)),
                (b"cache-status", member(CACHE_NAME, Told("method"))),
            ],
        }
        now = desk.clock.wall()
        came = Came(status, fields, now, now, bool(message.get("trailers")))
        if self._is_kept(came):
            self._came = came  # its start is held until all of it is there
        else:
            await self._client(self._start)

    def _is_kept(self, came: Came) -> bool:
        asked = self._asked
        if asked.method != "POST" or asked.bypass or asked.has_credentials:
            return False
        if not 200 <= came.status < 300 or not is_content_of(asked.url, came.fields):
            return False
        rules = self._desk.rules_for(asked)
        if asked.match is not None and isinstance(asked.match.policy, PerUser):
            return False
        as_get = replace(asked, method="GET")
        found = verdict(rules, as_get, came, saw_credentials=False)
        explicit = any(name in (b"cache-control", b"expires") for name, _ in came.fields)
        return bool(found) and explicit and (came.size or 0) <= INLINE_BYTES

    async def _hold(self, message: Message) -> None:
        data = bytes(message.get("body") or b"")
        self._body.append(data)
        self._size += len(data)
        if self._size > INLINE_BYTES:
            await self._let_go(more=bool(message.get("more_body")))
        elif not message.get("more_body"):
            came, body = self._came, b"".join(self._body)
            assert came is not None
            if came.is_whole(len(body)):
                head = head_of(self._desk.rules_for(self._asked), self._asked, came, len(body))
                head = with_etag(head, blake2b(body, digest_size=15).digest())
                await self._desk.library.keep_unfenced(self._asked, head, body)
            await self._let_go(more=False)

    async def _let_go(self, *, more: bool = True) -> None:
        """Send what was held, and hold nothing any more."""
        if self._came is None:
            return
        self._came = None
        await self._client(self._start)
        body = b"".join(self._body)
        self._body = []
        await self._client({"type": "http.response.body", "body": body, "more_body": more})
