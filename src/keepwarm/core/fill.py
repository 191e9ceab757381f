"""The recipe of a flight: ask the origin, then store what it said if that is provably safe.

The token was captured before the origin ran. Nothing here looks at a clock to decide
whether the value may be stored: either every stamp it depends on is the one captured,
or a name that came up only during the fill is proven to have been quiet since the
token's position, or the value is handed to its callers unstored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from msgspec import structs

from keepwarm.core.entry import Life, Seen, Stored, Terms, names_of
from keepwarm.core.judge import capture, compared_at, judge
from keepwarm.core.outcome import Reason
from keepwarm.core.stamps import Carried, Stamp, Token, merge, stamp_of_tag
from keepwarm.core.steps import (
    AwaitLeader,
    Away,
    CallOrigin,
    Capture,
    CloseFlight,
    Confirm,
    Decode,
    Dice,
    Elect,
    Filled,
    Garbled,
    Handed,
    Instant,
    Now,
    Produced,
    Raised,
    ReadShared,
    Recipe,
    Release,
    Subject,
    WriteNear,
    WriteShared,
    ask,
)

Wanted = tuple[tuple[Subject, Token | None], ...]
Results = dict[str, Filled | Raised]


def lease_of(subject: Subject, token: Token) -> str:
    """What the processes that fill one subject from one token elect their leader under.

    The lease only elects; what fences is the token: a leader that lost his lease unawares
    stores nothing wrong.
    """
    text = repr((subject.name, token.join_key)).encode("utf-8", "backslashreplace")
    return "lease:" + blake2b(text, digest_size=12).hexdigest()


def leases_of(wanted: Wanted) -> tuple[str, ...]:
    """Every lease that a fill of `wanted` may lead."""
    return tuple(lease_of(subject, token) for subject, token in wanted if token is not None)


def fill(wanted: Wanted, *, is_alone: bool = False) -> Recipe[Mapping[str, Filled | Raised]]:
    """Run the origin for what no other process is filling; replies by physical name.

    A name the origin did not answer (a batch that found nothing) is missing. `is_alone`
    runs it whoever else does: its caller wants a call that began after his own.
    """
    if is_alone:
        return (yield from _produce(wanted))
    led: list[tuple[Subject, Token | None]] = []
    others: list[tuple[Subject, Token, float]] = []
    fenced = [(subject, token) for subject, token in wanted if token is not None]
    leases = leases_of(wanted)
    left = (yield from ask(Elect(leases))) if leases else ()
    for (subject, token), within_s in zip(fenced, left, strict=True):
        if within_s is None:
            led.append((subject, token))
        else:
            others.append((subject, token, within_s))
    led += [(subject, token) for subject, token in wanted if token is None]
    results: Results = {}
    if led:
        results |= yield from _produce(tuple(led))
    for subject, token, within_s in others:
        results |= yield from _from_others(subject, token, within_s)
    return results


def _from_others(subject: Subject, token: Token, within_s: float) -> Recipe[Results]:
    """What the process that leads this fill stores; our own fill if that comes to nothing.

    A push ends the wait, or the leader's lease if he died; nobody polls.
    """
    began = yield from ask(Now())
    while True:
        handed = yield from ask(AwaitLeader(lease_of(subject, token), within_s))
        # Whoever joined us began before what follows is sent, so its proof is his, too.
        yield from ask(CloseFlight())
        now = yield from ask(Now())
        seen = yield from ask(ReadShared((subject.name,), subject.hint))
        if isinstance(seen, Away):
            return (yield from _produce(((subject, None),)))
        found = yield from _living(subject, seen, now)
        if found is not None:
            return {subject.name: found}
        renewed = (yield from capture((subject,), seen, now.mono))[subject.name]
        has_waited = now.mono - began.mono >= subject.policy.hard_timeout_s
        if renewed is None or handed is Handed.UNSTORED or has_waited:
            return (yield from _produce(((subject, renewed),)))
        token = renewed
        (left,) = yield from ask(Elect((lease_of(subject, token),)))
        if left is None:
            return (yield from _produce(((subject, token),)))
        within_s = left


def _living(subject: Subject, seen: Seen, now: Instant) -> Recipe[Filled | None]:
    """The entry that another process has stored, as a fill of our own would be handed out."""
    stored = seen.entries[0]
    if stored is None:
        return None
    names = names_of(stored.terms)
    if not seen.stamps.keys() >= set(names):
        more = yield from ask(ReadShared((), names))
        if isinstance(more, Away):
            return None
        seen = more
    if (yield from judge(subject, stored, seen, now)) is not Life.FRESH:
        return None
    decoded = yield from ask(Decode(stored.payload))
    if isinstance(decoded, Garbled):
        return None
    terms = stored.terms
    yield from ask(WriteNear(subject.name, subject.logical, stored, now.mono))
    made = Produced(
        stored.payload, decoded.value, subject.policy_name, subject.policy, terms.cost_s, terms.tags
    )
    as_of = compared_at(stored, seen)
    return Filled(made, stored, Reason.FILLED, was_elsewhere=True, epoch=terms.epoch, as_of=as_of)


def _produce(wanted: Wanted) -> Recipe[Results]:
    """Run the origin once for all of `wanted`, and store what may be stored."""
    subjects = tuple(subject for subject, _ in wanted)
    produced = yield from ask(CallOrigin(subjects))
    # From here on nobody joins: who did, began before the confirmation below is sent.
    was_joined = yield from ask(CloseFlight())
    results = yield from store(wanted, produced, was_joined=was_joined)
    ended = tuple((lease_of(s, t), _is_stored(results.get(s.name))) for s, t in wanted if t)
    if ended:
        yield from ask(Release(ended))
    return results


def store(
    wanted: Wanted, produced: Mapping[str, Produced | Raised], *, was_joined: bool
) -> Recipe[Results]:
    """Store those of the values made for `wanted` that their tokens allow."""
    results: Results = {}
    drafts: list[_Draft] = []
    for subject, token in wanted:
        made = produced.get(subject.name)
        if isinstance(made, Raised):
            results[subject.name] = made
        elif made is not None and token is None:
            # Nobody can have joined after it started; see Fill.
            results[subject.name] = Filled(made, None, Reason.STORE_AWAY)
        elif made is not None and token is not None:
            drafts.append(_draft(subject, token, made, was_joined))
    found = yield from _confirmed(drafts)
    writes: list[tuple[Subject, Stored, float]] = []
    for draft in drafts:
        done = yield from _settle(draft, found.get(draft.subject.name))
        results[draft.subject.name] = done
        if done.stored is not None:
            writes.append((draft.subject, done.stored, draft.token.captured_at))
    if writes:
        now = yield from ask(Now())
        entries = tuple((subject.name, stored) for subject, stored, _ in writes)
        yield from ask(WriteShared(entries, now.wall))
        for subject, stored, captured_at in writes:
            yield from ask(WriteNear(subject.name, subject.logical, stored, captured_at))
    return results


def _is_stored(result: Filled | Raised | None) -> bool:
    return isinstance(result, Filled) and result.stored is not None


@dataclass(frozen=True, slots=True)
class _Draft:
    """A value that may be stored if `late` were quiet since its token, and the rest holds.

    Since its own token, not since the oldest cached value it used: that one answers for
    itself by its stamps, and a tag that was known in time is compared with no more either.
    See decisions/0017-late-tags.md. `position` is the oldest of all, for patterns.
    """

    subject: Subject
    token: Token
    made: Produced
    together: tuple[Carried, ...] | None
    late: tuple[str, ...]
    unchanged: tuple[Carried, ...]
    position: int

    @property
    def must_be_confirmed(self) -> bool:
        return bool(self.late or self.unchanged)


def _draft(subject: Subject, token: Token, made: Produced, was_joined: bool) -> _Draft:
    together = None if made.absorbed is None else merge(token.stamps, made.absorbed)
    known = {stamp[0] for stamp in together or token.stamps}
    late = tuple(dict.fromkeys(n for n in map(stamp_of_tag, made.tags) if n not in known))
    position = token.position
    if made.absorbed_position is not None:
        position = min(position, made.absorbed_position)
    absorbed = made.absorbed or ()
    unchanged = absorbed if late or was_joined else ()
    return _Draft(subject, token, made, together, late, unchanged, position)


def _confirmed(drafts: Sequence[_Draft]) -> Recipe[dict[str, Mapping[str, Stamp]]]:
    """The late stamps of each draft that is confirmed, by name; in one trip if all are.

    Together they are asked about since the earliest of their tokens. If that fails, it
    says nothing about a single one: then each is asked about by itself.
    """
    asked = [draft for draft in drafts if draft.must_be_confirmed]
    if not asked:
        return {}
    epochs = {draft.token.epoch for draft in asked}
    unchanged = merge(*(draft.unchanged for draft in asked))
    if len(asked) > 1 and len(epochs) == 1 and unchanged is not None:
        late = tuple(dict.fromkeys(name for draft in asked for name in draft.late))
        position = min(draft.token.position for draft in asked)
        reply = yield from ask(Confirm(epochs.pop(), position, late, unchanged))
        if isinstance(reply, Away):
            return {}
        if reply is not None:
            return {d.subject.name: {n: reply[n] for n in d.late} for d in asked}
    found: dict[str, Mapping[str, Stamp]] = {}
    for draft in asked:
        reply = yield from ask(
            Confirm(draft.token.epoch, draft.token.position, draft.late, draft.unchanged)
        )
        if isinstance(reply, Away):
            return found
        if reply is not None:
            found[draft.subject.name] = reply
        elif draft.late:
            yield from ask(Capture(draft.late))  # so that the next fill finds them
    return found


def _settle(draft: _Draft, confirmed: Mapping[str, Stamp] | None) -> Recipe[Filled]:
    """Decide whether the value may be stored, and under which terms."""
    subject, token, made = draft.subject, draft.token, draft.made
    as_of = _as_of(token, made)
    if draft.must_be_confirmed and confirmed is None:
        return Filled(made, None, Reason.RACED, is_joinable=False, epoch=token.epoch, as_of=as_of)
    is_joinable = made.absorbed is not None
    found = tuple((n, s.nonce, s.soft) for n, s in (confirmed or {}).items())
    refused = _refused(token, made, draft.together)
    if refused is not None:
        return Filled(made, None, refused, is_joinable=is_joinable, epoch=token.epoch, as_of=as_of)
    assert draft.together is not None
    assert made.payload is not None
    now = yield from ask(Now())
    dice = yield from ask(Dice())
    lives = made.policy.lifetimes(now.wall, dice)
    terms = Terms(
        filled_at=now.wall,
        fresh_until=lives.fresh_until,
        stale_until=lives.stale_until,
        error_until=lives.error_until,
        kept_until=lives.kept_until,
        cost_s=made.cost_s,
        epoch=token.epoch,
        position=draft.position,
        stamps=draft.together + found,
        tags=tuple(dict.fromkeys((*subject.tags, *made.tags))),
        filler=subject.filler,
        own_position=token.position,
        keys=made.absorbed_keys,
    )
    if made.fresh_until is not None and made.fresh_until < terms.fresh_until:
        terms = shortened(terms, made.fresh_until)
    return Filled(
        made,
        Stored(terms, made.payload),
        Reason.FILLED,
        is_joinable=is_joinable,
        epoch=token.epoch,
        as_of=as_of,
    )


def _as_of(token: Token, made: Produced) -> int:
    """What the value has seen: its token's position, or less where it was made of less."""
    return token.position if made.used_as_of is None else min(token.position, made.used_as_of)


def _refused(token: Token, made: Produced, together: tuple[Carried, ...] | None) -> Reason | None:
    """Why `made` may not be stored, or None."""
    if made.is_skipped:
        return Reason.SKIPPED
    if made.absorbed is None:
        return Reason.NESTED
    if together is None or not made.absorbed_epochs <= {token.epoch}:
        return Reason.RACED
    if made.payload is None:
        return Reason.UNENCODABLE
    if len(made.payload) > made.policy.max_bytes:
        return Reason.TOO_LARGE
    return None


def shortened(terms: Terms, fresh_until: float) -> Terms:
    """The same terms with every instant moved earlier, so that it is fresh until then."""
    by = terms.fresh_until - fresh_until
    return structs.replace(
        terms,
        fresh_until=fresh_until,
        stale_until=terms.stale_until - by,
        error_until=terms.error_until - by,
        kept_until=terms.kept_until - by,
    )
