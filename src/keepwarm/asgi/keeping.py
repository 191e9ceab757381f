"""Stores what a run of the app made: in one entry, in pieces while it streams, or renewed."""

from hashlib import blake2b

from keepwarm.asgi.asked import Asked, logical_of
from keepwarm.asgi.desk import Desk
from keepwarm.asgi.judging import LARGEST_PART, Came, Rules, head_of, with_etag
from keepwarm.asgi.library import Selected
from keepwarm.asgi.record import INLINE_BYTES, Head, Record, record, replaced_head
from keepwarm.asgi.recording import Recording
from keepwarm.asgi.renewing import widened
from keepwarm.core.outcome import Reason
from keepwarm.engine.context import RunningFill
from keepwarm.rfc9111.groups import groups


class Keeping:
    """One run's. `running` collects what the app's cached calls depended on."""

    def __init__(self, desk: Desk, asked: Asked, selected: Selected, rules: Rules) -> None:
        self._desk = desk
        self._asked = asked
        self._selected = selected
        self._rules = rules
        self._recording: Recording | None = None
        self.running = RunningFill(has_slot=False)
        self.is_impersonal = False
        """Whether the app looked at none of the credentials that came with the request."""

    def most(self, came: Came) -> int:
        """How long a body may be."""
        return LARGEST_PART if came.status == 206 else self._rules.max_body

    async def whole(self, came: Came, body: bytes) -> tuple[Record, Reason]:
        """Store a body that came in one."""
        head = with_etag(self._head(came, len(body)), blake2b(body, digest_size=15).digest())
        if head.part is not None or len(body) <= INLINE_BYTES:
            return await self.keep(came, *widened(self._selected.record, came, head, body))
        recording = self._new_recording(came)
        if await recording.add(body) and (await recording.end())[0]:
            made, reason = await self.keep(came, self._in_pieces(came, head, recording), None)
            made.body = body  # it is at hand
            return made, reason
        return self.unstored(head, body), Reason.TOO_LARGE

    async def add(self, came: Came, data: bytes) -> bool:
        """Take down what streams; False if it is too long, or could not be stored."""
        if self._recording is None:
            self._recording = self._new_recording(came)
        return await self._recording.add(data)

    def is_whole(self, came: Came) -> bool:
        """Whether no byte is missing from what was taken down."""
        return self._recording is not None and came.is_whole(self._recording.size)

    async def end(self, came: Came) -> bool:
        """The last byte has come: store what was taken down. Whether that could be done."""
        recording = self._recording
        assert recording is not None
        is_kept, body = await recording.end()
        if not is_kept:
            return False
        head = with_etag(self._head(came, recording.size), recording.digest)
        if body is None:
            made, _ = await self.keep(came, self._in_pieces(came, head, recording), None)
        else:
            found = widened(self._selected.record, came, head, body)
            made, _ = await self.keep(came, *found)
        return made.stored is not None

    async def keep(self, came: Came, head: Head, body: bytes | None) -> tuple[Record, Reason]:
        """Store a new response, and take from it what it says of others of its path."""
        desk, url = self._desk, self._asked.url
        origin = "/".join(url.split("/", 3)[:3])
        self.running.tags += [group_tag(origin, group) for group in groups(head.fields)]
        desk.learn(self._asked, came.fields)
        if logical_of(url, desk.search_of(url)) != self._asked.logical:
            # No-Vary-Search has just given the URL another key; the token is for this one's.
            self._selected.token = None
        made, reason = await self.renew(head, body)
        if made.stored is not None:
            desk.note_storable(self._selected.subject.name, is_storable=True)
        return made, reason

    async def renew(self, head: Head, body: bytes | None) -> tuple[Record, Reason]:
        """Store what a stored response has become."""
        library = self._desk.library
        return await library.keep(self._asked, self._selected, head, body, self.running)

    def unstored(self, head: Head, body: bytes | None) -> Record:
        """The same, good for answering this one request."""
        return record(head, body, self._selected.subject, None, 0.0, self._rules.targets)

    def _head(self, came: Came, size: int) -> Head:
        return head_of(self._rules, self._asked, came, size, is_impersonal=self.is_impersonal)

    def _new_recording(self, came: Came) -> Recording:
        library = self._desk.library
        kept_s = library.lasting(self.unstored(self._head(came, 0), None)).kept_s
        is_part = came.status == 206
        return Recording(library, self._selected, self.most(came), kept_s, is_part=is_part)

    def _in_pieces(self, came: Came, head: Head, recording: Recording) -> Head:
        until = came.came_at + recording.kept_s
        return replaced_head(head, pieces=recording.pieces, pieces_until=until)


def group_tag(origin: str, group: str) -> str:
    """The tag of an origin's cache group (RFC 9875): another origin's of that name is another."""
    return f"group:{origin}:{group}"
