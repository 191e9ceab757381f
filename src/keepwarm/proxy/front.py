"""What stands before the cache: requests that could be read in two ways end here.

How to think of it: the cache keys by what it sees, and the origin answers what it is sent;
both must be the same request. So everything that a proxy removes is removed here, before the
cache, and what servers let through although readers disagree on it is refused, not repaired.
`refusal` decides; `Front` does.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from keepwarm.asgi.report import App, Message, Receive, Scope, Send
from keepwarm.proxy import failures
from keepwarm.proxy.failures import Failure, ResponseCut
from keepwarm.proxy.fields import Field, end_to_end

MAX_HEAD = 64 * 1024
MAX_FIELDS = 200  # browsers send about 20, chains of proxies about 50
VERSIONS = {"1.0": "1.0", "1": "1.0", "1.1": "1.1", "2": "2"}  # granian calls 1.0 "1"

_TARGET = re.compile(rb"/[\x21\x22\x24-\x7e]*")  # no fragment, nothing that is not printable
_QUERY = re.compile(rb"[\x21\x22\x24-\x7e]*")
_ABSOLUTE = re.compile(rb"https?://([^/?#@\s]+)(/.*)?", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_NAMES = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+,)*")  # a comma after each
_CONTROL = re.compile(rb"[^\t\x20-\x7e\x80-\xff]")
_LENGTH = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer instead of the request: a status, and why for people."""

    status: int
    why: str


def refusal(scope: Scope) -> Refusal | None:
    """Why the request in `scope` is not to be answered, or None."""
    fields: list[Field] = scope["headers"]
    if scope["http_version"] not in VERSIONS:
        return Refusal(505, "This version of HTTP is not spoken here.")
    if scope["method"] == "CONNECT":
        return Refusal(405, "No tunnels are made here.")
    if len(fields) > MAX_FIELDS or _size(scope) > MAX_HEAD:
        return Refusal(431, "The request's head is too large.")
    names = b"".join([name + b"," for name, _ in fields])
    is_plain = _NAMES.fullmatch(names) and names.count(b",") == len(fields)
    if not is_plain or _CONTROL.search(b"".join([value for _, value in fields])):
        return Refusal(400, "A header field is malformed.")
    return _framing_refusal(scope, fields) or _place_refusal(scope, fields)


def _framing_refusal(scope: Scope, fields: list[Field]) -> Refusal | None:
    # Request names are in lower case: ASGI says so, and servers see to it.
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    lengths = [value for name, value in fields if name == b"content-length"]
    if codings and (lengths or scope["http_version"] != "1.1"):
        return Refusal(400, "The request has two framings.")
    if codings and [coding.lower() for coding in codings] != [b"chunked"]:
        return Refusal(501, "The only transfer coding spoken here is chunked.")
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        return Refusal(400, "The request's length is malformed.")
    return None


def _place_refusal(scope: Scope, fields: list[Field]) -> Refusal | None:
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (not hosts and VERSIONS[scope["http_version"]] != "1.0"):
        return Refusal(400, "A request names one host.")
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        return Refusal(400, "The host is malformed.")
    target, authority = _origin_form(scope["raw_path"])
    if authority is not None and (not hosts or authority.lower() != hosts[0].lower()):
        return Refusal(400, "The target and Host disagree.")
    if target == b"*":
        return None if scope["method"] == "OPTIONS" else Refusal(400, "The target is malformed.")
    if _TARGET.fullmatch(target) is None or _QUERY.fullmatch(scope["query_string"]) is None:
        return Refusal(400, "The target is malformed.")
    return None


def _size(scope: Scope) -> int:
    fields: list[Field] = scope["headers"]
    target = len(scope["raw_path"]) + len(scope["query_string"])
    return target + sum(len(name) + len(value) + 4 for name, value in fields)


def _origin_form(path: bytes) -> tuple[bytes, bytes | None]:
    """The path of a target, and the authority if it was in absolute form.

    Some servers leave absolute forms to the app, some keep the path alone.
    """
    found = _ABSOLUTE.fullmatch(path)
    if found is None:
        return path, None
    return found[2] or b"/", found[1]


def cleaned(scope: Scope) -> Scope:
    """`scope` as the origin will see it: fields that end here are gone, the target is a path."""
    fields: list[Field] = scope["headers"]
    kept = end_to_end(fields)
    # The framing stays: who forwards the body must know that there is one.
    kept += [field for field in fields if field[0] == b"transfer-encoding"]
    path, authority = _origin_form(scope["raw_path"])
    clean = {**scope, "headers": kept, "http_version": VERSIONS[scope["http_version"]]}
    if authority is not None:
        clean |= {"raw_path": path, "path": unquote(path.decode("ascii"))}
    left = hops_left(scope)
    if left is not None:
        others = [field for field in kept if field[0] != b"max-forwards"]
        clean["headers"] = [*others, (b"max-forwards", b"%d" % (left - 1))]
    return clean


def hops_left(scope: Scope) -> int | None:
    """How often a TRACE or OPTIONS may be forwarded (RFC 9110 §7.6.2); None: it does not say."""
    if scope["method"] not in ("TRACE", "OPTIONS"):
        return None
    given = [value for name, value in scope["headers"] if name == b"max-forwards"]
    return int(given[0]) if len(given) == 1 and _LENGTH.fullmatch(given[0]) else None


class Front:
    """Refuses what could be misread, cleans the rest, and hands it to `app`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = refusal(scope)
        if refused is not None:
            await _refuse(send, refused)
        elif hops_left(scope) == 0:
            await _answer_last(send, scope["method"])
        else:
            response = _Response(send)
            try:
                await self._app(cleaned(scope), receive, response)
            except ResponseCut:
                if response.is_started:
                    raise
                await response.fail(failures.TERMINATED)


class _Response:
    """The `send` of one response: takes off what some server would fail on."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_started = False

    async def fail(self, failure: Failure) -> None:
        """Answer for a response that broke while the cache still held its start."""
        start = {"type": "http.response.start", "status": failure.status, "headers": failure.fields}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": failure.body, "more_body": False})

    async def __call__(self, message: Message) -> None:
        self.is_started = self.is_started or message["type"] == "http.response.start"
        if message["type"] == "http.response.start" and message["status"] in (204, 304):
            # uvicorn counts bytes against a 304's Content-Length, which tells of another
            # response; RFC 9110 §8.6 makes it optional there, and forbids it in a 204.
            kept = [field for field in message["headers"] if field[0].lower() != b"content-length"]
            message = {**message, "headers": kept}
        await self._send(message)


async def _answer_last(send: Send, method: str) -> None:
    """Answer for the origin a request that must go no further: TRACE is not offered here."""
    status = 200 if method == "OPTIONS" else 405
    fields = [(b"allow", b"GET, HEAD, OPTIONS"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _refuse(send: Send, refused: Refusal) -> None:
    """Answer, and end the connection: where its next request begins may be in doubt."""
    body = f"{refused.why}\n".encode("ascii")
    fields = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})
