"""The recipe of a flight: ask the origin, then store what it said if that is provably safe.

The token was captured before the origin ran. Nothing here looks at a clock to decide
whether the value may be stored: either every stamp it depends on is the one captured,
or a name that came up only during the fill is proven to have been quiet since the
token's position, or the value is handed to its callers unstored.
"""

from collections.abc import Mapping

from msgspec import structs

from keepwarm.core.entry import Stored, Terms
from keepwarm.core.outcome import Reason
from keepwarm.core.stamps import Carried, Token, merge, stamp_of_tag
from keepwarm.core.steps import (
    Away,
    CallOrigin,
    Capture,
    CloseFlight,
    Confirm,
    Dice,
    Filled,
    Now,
    Produced,
    Raised,
    Recipe,
    Subject,
    WriteNear,
    WriteShared,
    ask,
)

Wanted = tuple[tuple[Subject, Token | None], ...]


def fill(wanted: Wanted) -> Recipe[Mapping[str, Filled | Raised]]:
    """Run the origin once for all of `wanted`; replies by physical name.

    A name the origin did not answer (a batch that found nothing) is missing.
    """
    produced = yield from ask(CallOrigin())
    # From here on nobody joins: who did, began before the confirmation below is sent.
    was_joined = yield from ask(CloseFlight())
    results: dict[str, Filled | Raised] = {}
    writes: list[tuple[Subject, Stored, float]] = []
    for subject, token in wanted:
        made = produced.get(subject.name)
        if made is None:
            continue
        if isinstance(made, Raised):
            results[subject.name] = made
            continue
        done = yield from _settle(subject, token, made, was_joined)
        results[subject.name] = done
        if done.stored is not None and token is not None:
            writes.append((subject, done.stored, token.captured_at))
    if writes:
        now = yield from ask(Now())
        entries = tuple((subject.name, stored) for subject, stored, _ in writes)
        yield from ask(WriteShared(entries, now.wall))
        for subject, stored, captured_at in writes:
            yield from ask(WriteNear(subject.name, subject.logical, stored, captured_at))
    return results


def _settle(
    subject: Subject, token: Token | None, made: Produced, was_joined: bool
) -> Recipe[Filled]:
    """Decide whether `made` may be stored, and under which terms."""
    if token is None:
        # Nobody can have joined after it started; see Fill.
        return Filled(made, None, Reason.STORE_AWAY)
    together = None if made.absorbed is None else merge(token.stamps, made.absorbed)
    known = {stamp[0] for stamp in together or token.stamps}
    late = tuple(dict.fromkeys(n for n in map(stamp_of_tag, made.tags) if n not in known))
    position = token.position
    if made.absorbed_position is not None:
        position = min(position, made.absorbed_position)
    is_joinable = made.absorbed is not None
    found: tuple[Carried, ...] = ()
    if late or (was_joined and made.absorbed):
        reply = yield from ask(Confirm(token.epoch, position, late, made.absorbed or ()))
        if reply is None or isinstance(reply, Away):
            if late and reply is None:
                yield from ask(Capture(late))  # so that the next fill finds them
            return Filled(made, None, Reason.RACED, is_joinable=False)
        found = tuple((n, s.nonce, s.soft) for n, s in reply.items())
    refused = _refused(token, made, together)
    if refused is not None:
        return Filled(made, None, refused, is_joinable=is_joinable)
    assert together is not None
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
        position=position,
        stamps=together + found,
        tags=tuple(dict.fromkeys((*subject.tags, *made.tags))),
        filler=subject.filler,
        own_position=token.position,
        keys=made.absorbed_keys,
    )
    if made.fresh_until is not None and made.fresh_until < terms.fresh_until:
        terms = shortened(terms, made.fresh_until)
    return Filled(made, Stored(terms, made.payload), Reason.FILLED, is_joinable=is_joinable)


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
