"""Finds and keeps responses on the shelf: an entry for a URL, or an index and one a variant.

What Vary names is part of an entry's name; which names those are, the index under the URL
itself says. All entries of a URL share its logical key, and so its stamp: one invalidation
ends them all, in every process.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b

from keepwarm.asgi.asked import Asked
from keepwarm.asgi.credentials import CREDENTIALS
from keepwarm.asgi.ready import Ready, Slot
from keepwarm.asgi.record import (
    MOST_VARIANTS,
    MOST_VARIES,
    PIECE_BYTES,
    Head,
    Index,
    Record,
    pack,
    pack_index,
    record,
    unpack,
)
from keepwarm.core.entry import Stored, names_of
from keepwarm.core.outcome import Reason
from keepwarm.core.stamps import Token
from keepwarm.core.steps import Subject
from keepwarm.engine.context import RunningFill
from keepwarm.engine.shelf import Lasting, Shelf
from keepwarm.rfc9111.fields import has
from keepwarm.rfc9111.reusing import kept_s
from keepwarm.rfc9111.selecting import variant

MOST_OTHERS = 8  # whose tags are sent along
_INDEX_KEPT_S = 30 * 86_400.0  # longer than what it tells of is ever asked for; rewritten then
_LONGEST_KEPT_S = 366 * 86_400.0


class Truncated(Exception):
    """A piece of a stored body is gone: what was sent of it must not pass for the whole."""


@dataclass(slots=True)
class Selected:
    """What a request found. `token` fences what is made instead, where it was asked for."""

    subject: Subject
    slot: Slot | None = None
    record: Record | None = None
    token: Token | None = None
    index: Index | None = None
    was_dead: bool = False

    @property
    def miss(self) -> str:
        """Why there is nothing, in RFC 9211's words."""
        return "vary-miss" if self.index is not None else "uri-miss"


class Library:
    """One per middleware."""

    def __init__(self, shelf: Shelf, ready: Ready, targets: tuple[bytes, ...]) -> None:
        self._shelf = shelf
        self._latest: Record | None = None
        self._ready = ready
        self._targets = targets

    def holds(self, found: Record) -> bool:
        """Whether a record may be used without asking anybody."""
        held, stored = found.held, found.stored
        if held is not None and held.stands():
            return True
        if stored is None:
            return False
        logical = found.subject.logical
        found.held = held = self._shelf.hold(logical, stored)
        return held is not None or self._shelf.is_within_bound(logical, stored, found.proven_at)

    def tell(self, found: Record) -> None:
        """Tell who listens (the browsers' channel) what an answer from `found` depends on."""
        if found.stored is not None:
            self._shelf.tell(found.subject, found.stored, found.as_of)

    def tell_of_fetch(self, selected: Selected) -> None:
        """The same of what is about to be fetched: the tags that its route declares."""
        self._shelf.tell_of_fetch(selected.subject, selected.token)

    def subject(self, asked: Asked) -> Subject:
        tags = asked.match.tags if asked.match is not None else ()
        return self._shelf.subject(asked.logical, asked.variant, tags)

    async def read(self, subject: Subject, now: float) -> Record | None:
        """The fresh and whole response that lies under a name; None for anything else."""
        began = self._shelf.clock.mono()
        read = await self._shelf.read(subject, began)
        found = self._read(subject, read[0], began, read[1]) if read is not None else None
        return found if isinstance(found, Record) and now < found.ready_until else None

    async def look(self, asked: Asked, *, wants_token: bool, now: float) -> Selected:
        """The stored response that `asked` selects, fresh or not."""
        subject = self.subject(asked)
        near = self._near(asked, subject, now)
        if near is not None:
            return near
        began = self._shelf.clock.mono()
        shelved = await self._shelf.find(subject, wants_token=wants_token)
        selected = Selected(subject, token=shelved.token, was_dead=shelved.was_dead)
        if shelved.stored is None:
            return selected
        found = self._read(subject, shelved.stored, began, shelved.as_of)
        if isinstance(found, Record):
            found.is_current = shelved.is_current
            selected.record, selected.slot = found, self._ready.slot(subject.name)
        elif found is not None:
            selected.index = found
            selected.slot = self._ready.put_index(subject.name, subject.logical, found)
            await self._variant(asked, selected, found, wants_token=wants_token)
        return selected

    def _near(self, asked: Asked, subject: Subject, now: float) -> Selected | None:
        """What this process has in hand, if that is fresh and needs nobody's word."""
        slot = self._ready.slot(subject.name)
        if slot is None:
            return None
        found, index = slot.record, slot.index
        if index is not None:
            found = None
            for names, variants in reversed(index.sets):
                named = variant_name(names, asked)
                if named in variants:
                    name = self._shelf.subject(asked.logical, asked.variant + named).name
                    inner = self._ready.slot(name)
                    found = inner.record if inner is not None else None
                    break
        if found is None or now >= found.fresh_until or not self.holds(found):
            return None
        return Selected(subject, slot, found, index=index)

    def others(self, asked: Asked, selected: Selected) -> list[Record]:
        """Variants in hand that the request does not select, but that the origin may name.

        Whether they were ended meanwhile does not matter: only its word makes them current.
        Those told apart by credentials are somebody else's: a tag that is of the build, not of
        the page, would hand them over.
        """
        found: list[Record] = []
        for names, variants in reversed(selected.index.sets if selected.index is not None else []):
            if not CREDENTIALS.isdisjoint(names):
                continue
            for named in reversed(variants):
                name = self._shelf.subject(selected.subject.logical, asked.variant + named).name
                slot = self._ready.slot(name)
                made = slot.record if slot is not None else None
                if made is not None and made.is_nameable and len(found) < MOST_OTHERS:
                    found.append(made)
        return found

    async def _variant(
        self, asked: Asked, selected: Selected, index: Index, *, wants_token: bool
    ) -> None:
        for names, variants in reversed(index.sets):
            named = variant_name(names, asked)
            if named not in variants:
                continue
            subject = self._variant_subject(selected.subject, asked, named)
            began = self._shelf.clock.mono()
            shelved = await self._shelf.find(subject, wants_token=wants_token)
            selected.token = selected.token or shelved.token
            if shelved.stored is None:
                continue
            found = self._read(subject, shelved.stored, began, shelved.as_of)
            if isinstance(found, Record) and (
                selected.record is None or found.head.came_at > selected.record.head.came_at
            ):
                found.is_current = shelved.is_current
                selected.record = found

    def _variant_subject(self, subject: Subject, asked: Asked, named: str) -> Subject:
        return self._shelf.subject(subject.logical, asked.variant + named, subject.tags)

    def _read(
        self, subject: Subject, stored: Stored, began: float, as_of: int
    ) -> Record | Index | None:
        slot = self._ready.slot(subject.name)
        known = slot.record if slot is not None else None
        if (
            known is not None
            and known.stored is not None
            and (known.stored is stored or known.stored == stored)
        ):
            known.proven_at, known.as_of = began, max(known.as_of, as_of)
            return known
        found: Record | Index | None = self._latest
        if not isinstance(found, Record) or found.stored is not stored:
            found = unpack(stored.payload, subject, stored, began, self._targets)
        # Else it was asked for in the same turn.
        if isinstance(found, Record):
            found.as_of = max(found.as_of, as_of)
            self._latest = found
            if found.body is not None:
                self._ready.put(subject.name, found)
        return found

    # Keeping.

    async def token(self, subject: Subject) -> Token | None:
        return await self._shelf.token(subject)

    async def token_on(self, selected: Selected, sources: Iterable[Record]) -> Token | None:
        """What fences a response that is made of one of `sources`: their stamps are in it."""
        subject, token = selected.subject, selected.token
        if token is None:
            return None
        theirs = [names_of(found.stored.terms) for found in sources if found.stored is not None]
        names = dict.fromkeys((*subject.stamps, *(name for each in theirs for name in each)))
        if names.keys() <= {name for name, _, _ in token.stamps}:
            return token
        return await self._shelf.token(replace(subject, stamps=tuple(names)))

    async def keep(
        self,
        asked: Asked,
        selected: Selected,
        head: Head,
        body: bytes | None,
        running: RunningFill | None,
    ) -> tuple[Record, Reason]:
        """Store a response; the record is good for answering this request, stored or not."""
        subject = selected.subject
        if head.names:
            named = variant_name(head.names, asked)
            subject = self._variant_subject(subject, asked, named)
        began = selected.token.captured_at if selected.token is not None else 0.0
        made = record(head, body, subject, None, began, self._targets)
        lasting = self.lasting(made)
        if lasting.kept_s <= 0:
            return made, Reason.EXPIRED
        payload = pack(head, body or b"")
        stored, reason = await self._shelf.put(subject, selected.token, payload, lasting, running)
        if stored is None:
            return made, reason
        made.keep_as(stored)
        if body is not None:
            self._ready.put(subject.name, made)
        else:
            self._ready.drop(subject.name)
        if head.names:
            await self._enlist(asked, selected, head.names, variant_name(head.names, asked))
        return made, reason

    async def forget(self, found: Record) -> None:
        """Let nobody be answered with `found` any more, as far as this process can see to it."""
        self._ready.drop(found.subject.name)
        await self._shelf.forget(found.subject)

    async def keep_unfenced(self, asked: Asked, head: Head, body: bytes) -> bool:
        """Store what a POST said a GET would get now, unless it varies.

        What else lies under the URL nobody read: no index could be written that is complete.
        """
        if head.names:
            return False
        subject = self.subject(asked)
        made = record(head, body, subject, None, 0.0, self._targets)
        self._ready.drop(subject.name)
        return await self._shelf.put_unfenced(subject, pack(head, body), self.lasting(made))

    def lasting(self, made: Record) -> Lasting:
        now = self._shelf.clock.wall()
        has_validator = has(made.fields, b"etag") or has(made.fields, b"last-modified")
        kept = min(kept_s(made.terms, now, has_validator=has_validator), _LONGEST_KEPT_S)
        if made.head.pieces:
            kept = min(kept, made.head.pieces_until - now)
        return Lasting(min(max(0.0, made.terms.left(now)), kept), kept)

    async def _enlist(
        self, asked: Asked, selected: Selected, names: list[bytes], named: str
    ) -> None:
        subject = selected.subject
        slot = self._ready.slot(subject.name)
        known = [i for i in (selected.index, slot.index if slot is not None else None) if i]
        index = enlisted(known, names, named)
        if selected.index is not None and index.sets == selected.index.sets:
            return  # an index that was only at hand may have been ended in the store
        lasting = Lasting(_INDEX_KEPT_S, _INDEX_KEPT_S)
        await self._shelf.put(subject, selected.token, pack_index(index), lasting)
        self._ready.put_index(subject.name, subject.logical, index)
        listed = {variant for i in known for _, variants in i.sets for variant in variants}
        gone = listed - {variant for _, variants in index.sets for variant in variants}
        if gone:
            subjects = [self._variant_subject(subject, asked, variant) for variant in gone]
            for left in subjects:
                self._ready.drop(left.name)
            await self._shelf.forget(*subjects)

    # Pieces.

    def piece(self, subject: Subject, of: str, number: int) -> Subject:
        return self._shelf.subject(subject.logical, f"{of}.{number}")

    async def keep_piece(
        self, subject: Subject, token: Token, of: str, number: int, data: bytes, kept: float
    ) -> bool:
        return await self._shelf.put_piece(self.piece(subject, of, number), token, data, kept)

    async def body(
        self, found: Record, first: int = 0, last: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes `first` to `last` of a body, piece by piece. Raises Truncated."""
        last = found.head.size - 1 if last is None else last
        if found.body is not None:
            yield (
                found.body[first : last + 1] if first or last + 1 < found.head.size else found.body
            )
            return
        for number in range(first // PIECE_BYTES, last // PIECE_BYTES + 1):
            data = await self._shelf.get_piece(self.piece(found.subject, found.head.pieces, number))
            begins = number * PIECE_BYTES
            expected = min(PIECE_BYTES, found.head.size - begins)
            if data is None or len(data) != expected:
                raise Truncated(number)
            yield data[max(0, first - begins) : last + 1 - begins]

    async def is_whole(self, found: Record) -> bool:
        """Whether the first and the last piece are there: those between live as long."""
        if found.body is not None or not found.head.size:
            return True
        for number in {0, (found.head.size - 1) // PIECE_BYTES}:
            piece = self.piece(found.subject, found.head.pieces, number)
            if await self._shelf.get_piece(piece) is None:
                return False
        return True


def variant_name(names: Iterable[bytes], asked: Asked) -> str:
    """What a variant is called: by the fields it varies on and what this request has there."""
    names = tuple(names)
    told = repr((names, variant(names, asked.fields))).encode("utf-8", "backslashreplace")
    return blake2b(told, digest_size=12, person=b"keepwarm.vary").hexdigest()


def enlisted(known: list[Index], names: list[bytes], named: str) -> Index:
    """An index with that variant as the newest, and no more than the most there may be."""
    sets: dict[tuple[bytes, ...], list[str]] = {}
    for index in known:
        for their, variants in index.sets:
            mine = sets.setdefault(tuple(their), [])
            mine += [v for v in variants if v not in mine]
    ours = sets.pop(tuple(names), [])
    if named not in ours:
        ours = [*ours, named][-MOST_VARIANTS:]
    kept = [*sets.items(), (tuple(names), ours)][-MOST_VARIES:]
    return Index([(list(n), v) for n, v in kept])
