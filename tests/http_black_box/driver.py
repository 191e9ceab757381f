"""Plays the table through a running proxy: 25 cases at a time, each on a connection of its own."""

import time
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from proxy.clients import Client, Reply
from proxy.origins import Origin, Peer

from .cases import CASES
from .table import Case, Step

PARALLEL = 25
SETTLE_S = 30.0


@dataclass(slots=True)
class Played:
    """One case being played: its steps, and the requests that the origin got, with their step."""

    case: Case
    name: str  # of its own in each run; {case} in a response's fields stands for it
    asked: list[tuple[int, bytes]] = field(default_factory=list)

    def answer(self, peer: Peer, request: bytes, number: int) -> bool:
        """Answer as the step says; whether the connection goes on."""
        self.asked.append((number, request))
        response = self.case.steps[number].response
        if response.hangs_up:
            return False
        body = response.body if response.body is not None else f"body {number + 1}"
        if response.status in (204, 304):
            body = ""
        fields = [line.replace("{case}", self.name) for line in response.fields]
        lines = [f"HTTP/1.1 {response.status} Some Reason", *fields]
        if response.status != 304:
            lines.append(f"Content-Length: {len(body) + 9 * response.cuts}")
        head = "\r\n".join([*lines, "", ""])
        peer.send((response.interim + head).encode("latin-1"))
        if not request.startswith(b"HEAD "):
            peer.send(body.encode())
        return not response.cuts


class Driver:
    """The origin's side and the client's side of all cases."""

    def __init__(self, origin: Origin) -> None:
        self._played: dict[bytes, Played] = {}
        origin.plays(self._serve)

    def play_all(self, port: int) -> dict[str, str]:
        """What went wrong in each case, by its name; "" where nothing did."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            found = pool.map(lambda case: self._play(case, port), CASES)
            return dict(zip((case.name for case in CASES), found, strict=True))

    def _serve(self, peer: Peer) -> None:
        while request := peer.request():
            path = request.split(b" ", 2)[1]
            played = self._played[path[:33]]
            found = value(request, b"x-step")
            if not played.answer(peer, request, int(found)):
                return

    def _play(self, case: Case, port: int) -> str:
        name = uuid.uuid4().hex
        path = f"/{name}"
        played = self._played[path.encode()] = Played(case, name)
        client = Client(port)
        try:
            for number, step in enumerate(case.steps):
                wrong = self._step(client, played, path, number, step)
                until = time.monotonic() + SETTLE_S
                while wrong and step.retried and time.monotonic() < until:
                    wrong = self._step(client, played, path, number, step)
                if wrong:
                    return f"step {number + 1}: {wrong}"
                if step.response.cuts:
                    client.close()
                    client = Client(port)
        except (OSError, AssertionError) as error:
            return f"step {number + 1}: {error!r}"
        finally:
            client.close()
        return ""

    def _step(self, client: Client, played: Played, path: str, number: int, step: Step) -> str:
        lines = [f"{step.method} {path}{step.suffix} HTTP/1.1", "Host: origin.example"]
        lines += [*step.fields, f"X-Step: {number}"]
        if step.content:
            lines.append(f"Content-Length: {len(step.content)}")
        client.send("\r\n".join([*lines, "", step.content]).encode("latin-1"))
        reply = client.reply(step.method)
        return judged(step, number, reply, played)


def value(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n"):
        key, _, found = line.partition(b":")
        if key.lower() == name:
            return found.strip()
    raise AssertionError(f"no {name!r} in {head!r}")


def judged(step: Step, number: int, reply: Reply, played: Played) -> str:
    """What is wrong with this reply, or ""."""
    asked = [request for at, request in list(played.asked) if at == number]
    own = f"body {number + 1}" if step.response.body is None else step.response.body
    if step.response.cuts:
        return "a cut response looks whole" if reply.is_whole else ""
    if step.expect == "hit" and "stale-while" not in played.case.name and asked:
        return "the origin was asked"
    if step.expect in ("miss", "validated") and not asked:
        return f"the origin was not asked; got {reply}"
    if step.expect == "validated" and not any(b"\r\nif-" in r.lower() for r in asked):
        return "the origin was asked without a condition"
    wanted = step.status if step.status is not None else step.response.status
    if reply.status != wanted:
        return f"status {reply.status} in place of {wanted}"
    if not reply.is_whole:
        return "the response was cut"
    body = reply.body.decode("latin-1")
    if step.body is not None and step.status != 504 and body != step.body:
        return f"body {body!r} in place of {step.body!r}"
    if step.body is None and step.method != "HEAD" and step.status != 504:
        is_own = body == own
        if step.expect == "miss" and not is_own:
            return f"body {body!r} is not the origin's {own!r}"
        if step.expect in ("hit", "validated") and is_own and number:
            return f"body {body!r} is of this step"
    return missing(step, reply, asked)


def missing(step: Step, reply: Reply, asked: list[bytes]) -> str:
    """Which line should be there and is not, or the other way round."""
    lines = defaultdict(set)
    for name, found in reply.fields:
        lines[name.lower().decode()].add(found.decode("latin-1"))
    for wanted in step.has:
        name, is_line, text = wanted.partition(": ")
        if not lines[name.lower()] or (is_line and text not in lines[name.lower()]):
            return f"no {wanted!r} in {dict(lines)}"
    for unwanted in step.lacks:
        name, is_line, text = unwanted.partition(": ")
        if (text in lines[name.lower()]) if is_line else lines[name.lower()]:
            return f"{unwanted!r} in {dict(lines)}"
    heads = "\r\n".join(head.decode("latin-1") for head in asked).lower().split("\r\n")
    for wanted in step.asked:
        if wanted.lower() not in heads:
            return f"the origin saw no {wanted!r}"
    for unwanted in step.unasked:
        if unwanted.lower() in heads:
            return f"the origin saw {unwanted!r}"
    return ""
