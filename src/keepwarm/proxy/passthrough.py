"""An ASGI app that forwards each request to one upstream, and its response back, unchanged.

How to think of it: an exchange has two directions that run at the same time. Up goes the
request: its head, then its body as the client sends it, and after that only the news that
the client is gone. Down comes the response. An upstream may answer before it has read the
body, so that neither waits for the other; back pressure is each side's own.

What it promises: a request is sent once, whatever happens. What is sent on came from the
upstream in that order, without fields that end at a proxy. A response that was cut short is
cut short for the client too (ResponseCut). A connection is used again only after an exchange
that was whole in both directions. A client that goes away ends the exchange.
"""

import asyncio
from dataclasses import dataclass

from keepwarm.asgi.report import Message, Receive, Scope, Send
from keepwarm.proxy import failures, wire
from keepwarm.proxy.connection import Connection, Cut
from keepwarm.proxy.failures import Failed, Failure, ResponseCut
from keepwarm.proxy.fields import Field, end_to_end, values
from keepwarm.proxy.pool import Pool, Upstream

MAX_INTERIM = 16  # 1xx responses before a final one; more is an upstream gone wrong
VIA = (b"via", b"1.1 keepwarm")  # RFC 9110 §7.6.3: gateways must, in requests


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the upstream is waited for."""

    connect_s: float = 5.0
    """To take a connection, with the wait for a free one."""
    answer_s: float = 60.0
    """For each step: to take the next part of the request, to begin its response, to send
    the next part of it. A client's pauses count as well."""


class PassThrough:
    """Forwards to `upstream`. WebSockets are refused: upgrades are not forwarded."""

    def __init__(self, upstream: Upstream, patience: Patience | None = None) -> None:
        self._upstream = upstream
        self._patience = patience or Patience()
        self._pool: Pool | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                # Here, not in the constructor: a pool belongs to the loop that is running.
                self._pool = self._pool or Pool(self._upstream)
                await _Exchange(self._pool, self._patience, scope, receive, send).run()
            case "lifespan":
                await self._live(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1003})

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        if self._pool is not None:
            self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})


class _Exchange:
    """One request and its response."""

    def __init__(
        self, pool: Pool, patience: Patience, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._pool = pool
        self._patience = patience
        self._method: str = scope["method"]
        self._scope = scope
        self._receive = receive
        self._send = send
        self._deadline: asyncio.Timeout | None = None
        self._is_sent = False  # the request, to its end
        self._is_client_gone = False
        self._is_started = False  # the response, to the client

    async def run(self) -> None:
        try:
            await self._forward()
        except Failed as failed:
            if self._is_client_gone:
                return
            if self._is_started:
                raise ResponseCut(failed.failure.why) from failed
            await self._answer(failed.failure)

    async def _forward(self) -> None:
        connection = await self._connect()
        is_whole = False
        keep_alive = b""
        uplink = asyncio.create_task(self._upward(connection))
        try:
            head = await self._response_head(connection)
            body = self._body_after(head)
            keep_alive = b",".join(values(head.fields, b"keep-alive"))
            await self._download(connection, head, body)
            is_whole = self._is_sent and head.persists and not isinstance(body, wire.ToTheEnd)
        finally:
            uplink.cancel()
            self._pool.give_back(connection, reusable=is_whole, keep_alive=keep_alive)
            await asyncio.wait([uplink])
            _raise_unforeseen(uplink)

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._patience.connect_s):
                return await self._pool.take()
        except TimeoutError:
            raise Failed(failures.CONNECT_TIMEOUT) from None
        except OSError as error:
            raise Failed(failures.REFUSED) from error

    # Up.

    async def _upward(self, connection: Connection) -> None:
        try:
            await self._upload(connection)
        except Exception as error:
            if not isinstance(error, Cut):
                connection.abort()  # half a request was sent: nobody waits for its answer
            raise

    async def _upload(self, connection: Connection) -> None:
        """Send the request; then wait for the client to go, and end the exchange if it does.

        Raises Cut if the upstream takes no more: it may have answered all the same.
        """
        fields = self._request_fields()
        is_chunked = bool(values(fields, b"transfer-encoding"))
        expected = sum(int(value) for value in values(fields, b"content-length"))
        first: Message | None = None
        if self._scope["http_version"] == "2" and not expected and not is_chunked:
            # HTTP/2 ends a body without saying at its start whether there will be one.
            first = await self._receive()
            if first["type"] == "http.request" and (first.get("body") or first.get("more_body")):
                is_chunked = True
                fields.append((b"transfer-encoding", b"chunked"))
        await connection.write(wire.request_head(self._method, self._target(), fields))
        has_more = bool(expected) or is_chunked
        while has_more:
            message = first or await self._receive()
            first = None
            self._postpone()
            if message["type"] == "http.disconnect":
                self._leave(connection)
                return
            body = message.get("body", b"")
            has_more = message.get("more_body", False)
            if not is_chunked:
                expected -= len(body)
                if expected < 0 or (expected and not has_more):
                    self._leave(connection)  # a server that lost count: send no half request
                    return
                has_more = expected > 0
            await connection.write(_chunk(body, has_more) if is_chunked else body)
            self._postpone()
        self._is_sent = True
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave(connection)

    def _postpone(self) -> None:
        """Count the time for an answer from now: the request is still on its way."""
        if self._deadline is not None and not self._deadline.expired():
            now = asyncio.get_running_loop().time()
            self._deadline.reschedule(now + self._patience.answer_s)

    def _leave(self, connection: Connection) -> None:
        self._is_client_gone = True
        connection.abort()

    def _target(self) -> bytes:
        query: bytes = self._scope.get("query_string", b"")
        path: bytes = self._scope["raw_path"]
        return path + b"?" + query if query else path

    def _request_fields(self) -> list[Field]:
        given: list[Field] = list(self._scope["headers"])
        fields = [
            field
            for field in end_to_end(given)
            # The server in front of us has answered `Expect: 100-continue` already.
            if field[0].lower() != b"expect"
        ]
        if not values(fields, b"host"):
            fields.insert(0, (b"host", self._pool.upstream.authority.encode("ascii")))
        if values(given, b"transfer-encoding"):
            fields.append((b"transfer-encoding", b"chunked"))
        fields.append(VIA)
        return fields

    # Down.

    async def _response_head(self, connection: Connection) -> wire.Head:
        """The final response's head; interim ones end here (ASGI cannot send them on)."""
        try:
            async with asyncio.timeout(self._patience.answer_s) as self._deadline:
                for _ in range(MAX_INTERIM):
                    head = wire.parse_head(await connection.read_head())
                    if head.status == 101:
                        raise Failed(failures.UPGRADED)
                    if head.status >= 200:
                        return head
        except TimeoutError:
            raise Failed(failures.TIMEOUT) from None
        except Cut as cut:
            raise Failed(failures.TERMINATED) from cut
        except wire.Malformed as malformed:
            raise Failed(failures.MALFORMED) from malformed
        finally:
            self._deadline = None
        raise Failed(failures.MALFORMED)

    def _body_after(self, head: wire.Head) -> wire.Body:
        try:
            return wire.body_after(self._method, head)
        except wire.Malformed as malformed:
            raise Failed(failures.MALFORMED) from malformed

    async def _download(self, connection: Connection, head: wire.Head, body: wire.Body) -> None:
        """Send the response on."""
        self._is_started = True
        await self._send(
            {
                "type": "http.response.start",
                "status": head.status,
                "headers": end_to_end(head.fields),
            }
        )
        if not body.is_done and not connection.has_bytes():
            # Servers that wait for a first part before they send the head get an empty one.
            await self._send_part(b"", has_more=True)
        part = b""
        try:
            while not body.is_done:
                async with asyncio.timeout(self._patience.answer_s):
                    data = await connection.read()
                    if data:
                        part = body.feed(data)
                    else:
                        part = b""
                        body.end()
                    if part and not body.is_done:
                        await self._send_part(part, has_more=True)
        except TimeoutError:
            raise Failed(failures.TIMEOUT) from None
        except (Cut, wire.Malformed) as error:
            raise Failed(failures.TERMINATED) from error
        connection.put_back(body.rest)
        await self._send_part(part, has_more=False)

    async def _send_part(self, body: bytes, *, has_more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": has_more})

    async def _answer(self, failure: Failure) -> None:
        await self._send(
            {
                "type": "http.response.start",
                "status": failure.status,
                "headers": failure.fields,
            }
        )
        await self._send_part(failure.body, has_more=False)


def _chunk(body: bytes, has_more: bool) -> bytes:
    """`body` as a chunk, with the last chunk after it if nothing follows."""
    data = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return data if has_more else data + b"0\r\n\r\n"


def _raise_unforeseen(uplink: asyncio.Task[None]) -> None:
    """Raise what ended the upload, unless that was us or the upstream."""
    error = None if uplink.cancelled() else uplink.exception()
    if error is not None and not isinstance(error, Cut):
        raise error
