"""The few things a recipe may ask of the outside, each typed with its reply.

A recipe is a generator: it yields a step and is sent the reply. Async engine, blocking
engine and test scheduler answer the same steps, so the rules exist once and every
interleaving of them can be played in a test.

    found = yield from ask(ReadNear(name))      # found: Held | None
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar

from keepwarm.core.entry import NO_DEBT, Debt, Patterns, Seen, Stored
from keepwarm.core.globs import Glob
from keepwarm.core.outcome import Reason
from keepwarm.core.policy import Policy
from keepwarm.core.stamps import Carried, Epoch, Stamp, Token

R = TypeVar("R")
Recipe: TypeAlias = Generator["Step[Any]", Any, R]


class Step(Generic[R]):
    """A request whose reply is an R."""

    __slots__ = ()


def ask(step: Step[R]) -> Recipe[R]:
    """Yield `step` and return its reply, typed."""
    reply: R = yield step
    return reply


# --- what is asked about -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subject:
    """One cached call: which entry, under which policy, depending on what.

    `name` is the physical key, `logical` what patterns match. `stamps` are those known
    before the origin runs, own key first; `hint` those the entry carried when last seen.
    `bound_s` is how long a near copy may be served unasked (0: ask each time).
    """

    name: str
    logical: str
    policy_name: str
    policy: Policy
    tags: tuple[str, ...]
    stamps: tuple[str, ...]
    hint: tuple[str, ...]
    bound_s: float = 0.0
    filler: str = ""


# --- replies -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Instant:
    wall: float
    mono: float


@dataclass(frozen=True, slots=True)
class Held:
    """A near copy, and the monotonic instant up to which its stamps were proven."""

    stored: Stored
    proven_at: float


@dataclass(frozen=True, slots=True)
class Away:
    """The shared store gave no usable answer; `why` is one of a few fixed words."""

    why: str
    debt: Debt = NO_DEBT


@dataclass(frozen=True, slots=True)
class Decoded:
    value: Any


@dataclass(frozen=True, slots=True)
class Garbled:
    why: str


@dataclass(frozen=True, slots=True)
class Produced:
    """What the origin returned. `payload` is None where it could not be encoded.

    `tags` are those named during the fill; `absorbed` the stamps of cached values it
    used, None where one of them was unstored (the whole must not be stored then).
    """

    payload: bytes | None
    raw: Any
    policy_name: str
    policy: Policy
    cost_s: float
    tags: tuple[str, ...] = ()
    absorbed: tuple[Carried, ...] | None = ()
    absorbed_position: int | None = None
    absorbed_epochs: frozenset[str] = frozenset()
    absorbed_keys: tuple[tuple[str, int], ...] = ()
    fresh_until: float | None = None
    is_skipped: bool = False
    used: tuple[str, ...] | None = ()
    """The stamps of all cached values it used, storable or not; None where one was unknown."""
    used_as_of: int | None = None
    """The oldest position that those had seen; 0 where one has none."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A failed fill. As for Filled, who joined it late may have to ask again."""

    error: BaseException
    reason: Reason = Reason.ORIGIN_FAILED
    is_joinable: bool = True
    was_joined: bool = False


@dataclass(frozen=True, slots=True)
class Filled:
    """A finished fill.

    `terms` is None where it was not stored. `is_joinable` is False where a caller that
    joined it late could have missed an invalidation.
    """

    made: Produced
    stored: Stored | None
    reason: Reason
    is_joinable: bool = True
    was_joined: bool = False
    was_elsewhere: bool = False
    """Another process ran the origin."""
    epoch: str = ""
    as_of: int = 0
    """Every change up to it in `epoch` was seen, stored or not, where there was a token."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Every fill slot is taken and the caller has a stale value it may serve."""


@dataclass(frozen=True, slots=True)
class Slow:
    """The soft timeout passed; the fill goes on."""


def must_ask_again(reply: "FillReply") -> bool:
    """Whether this reply came from a fill that its receiver joined too late to trust it."""
    return isinstance(reply, Filled | Raised) and reply.was_joined and not reply.is_joinable


FillReply: TypeAlias = Filled | Raised | Busy | Slow


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that may answer from its near tier, as the registry had it.

    `count` is how often it had renewed its lease.
    """

    name: str
    incarnation: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """Stamps were replaced, at this position of this epoch.

    `id` names the change to those who must confirm it, `holders`; where the registry was
    not `is_complete` there may be others, whom nobody can name. `heard_at` is the
    monotonic instant at which the reply arrived. `is_lost` is said of a writer who left:
    some mark of his was gone.
    """

    epoch: str
    position: int
    id: str = ""
    holders: tuple[Holder, ...] = ()
    is_complete: bool = True
    registry: str = ""
    heard_at: float = 0.0
    is_lost: bool = False


class Handed(Enum):
    """How waiting for another process's fill ended."""

    STORED = "stored"
    UNSTORED = "unstored"  # its value may not be stored: do not wait for the next one either
    LAPSED = "lapsed"  # nothing was heard within its lease


# --- steps: clock and dice -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Now(Step[Instant]):
    pass


@dataclass(frozen=True, slots=True)
class Dice(Step[float]):
    """A random number in [0, 1)."""


# --- steps: near tier ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadNear(Step[Held | None]):
    """None too where this process owes an invalidation that covers it."""

    subject: Subject


@dataclass(frozen=True, slots=True)
class ReadMirror(Step[Seen | None]):
    """What is known of `stamps` without asking: all of them, under a live lease, or None."""

    stamps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WriteNear(Step[None]):
    name: str
    logical: str
    stored: Stored
    proven_at: float


@dataclass(frozen=True, slots=True)
class DropNear(Step[None]):
    """Forget copies by physical name, by stamp, by glob over logical keys, or all (None)."""

    names: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    glob: Glob | None = None
    everything: bool = False


# --- steps: shared tier --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadShared(Step[Seen | Away]):
    """Epoch, position, at least `stamps`, and the entries of `names`, in one round trip."""

    names: tuple[str, ...]
    stamps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadPatterns(Step[Patterns | Away]):
    """The pattern invalidations up to at least `epoch.pattern_position`."""

    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Capture(Step[Seen | Away]):
    """As ReadShared without entries, but what is missing is created."""

    stamps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confirm(Step[dict[str, Stamp] | None | Away]):
    """The stamps of `late` if each is clean and was born at `position` or before, else None.

    None also where one of `unchanged` no longer is what it was. Creates nothing.
    """

    epoch: str
    position: int
    late: tuple[str, ...]
    unchanged: tuple[Carried, ...]


@dataclass(frozen=True, slots=True)
class WriteShared(Step[bool]):
    """Store entries; False where the store is away (which nobody minds).

    `ttl_s` seconds from now the store may forget them.
    """

    entries: tuple[tuple[str, Stored], ...]
    now: float


@dataclass(frozen=True, slots=True)
class ReplaceShared(Step[bool]):
    """Swap the terms of `name`'s entry if it still is the one `filled_at` names."""

    name: str
    old: Stored
    new: Stored
    now: float


@dataclass(frozen=True, slots=True)
class DeleteShared(Step[None]):
    """Free the memory of `names`; housekeeping, nothing depends on it."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeStamps(Step[Changed | Away]):
    """Give each of `stamps` a new nonce (a new soft nonce only if `is_soft`)."""

    stamps: tuple[str, ...]
    is_soft: bool = False


@dataclass(frozen=True, slots=True)
class AddPattern(Step[Changed | Away]):
    glob: Glob


@dataclass(frozen=True, slots=True)
class NewEpoch(Step[Changed | Away]):
    pass


@dataclass(frozen=True, slots=True)
class Settle(Step[Away | None]):
    """Wait until no process can answer from a near copy that `changed` ended.

    That is, until each holder has confirmed, or the longest lease it can have is over.
    Away if nobody waited so long: then somebody may answer from such a copy yet.
    """

    changed: Changed


@dataclass(frozen=True, slots=True)
class Strike(Step[None]):
    """Take holders that stayed silent off the registry, unless they renewed meanwhile.

    With `is_whole` also note that the registry is complete: nobody unnamed has a lease.
    """

    holders: tuple[Holder, ...]
    registry: str = ""
    is_whole: bool = False


# --- steps: announced writes -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Enter(Step[Changed | Away]):
    """Mark `stamps` as being written: until the mark is gone nothing of them is stored."""

    writer: str
    stamps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inside(Step[bool | Away]):
    """Whether every mark of `writer` is still there; prolongs them."""

    writer: str
    stamps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leave(Step[Changed | Away]):
    """Take away the marks of `writer` and give each stamp a new nonce."""

    writer: str
    stamps: tuple[str, ...]


# --- steps: one leader over all processes ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Elect(Step[tuple[float | None, ...]]):
    """Try to lead the fills named `leases`: None where that succeeded (or the store is away).

    Elsewhere the seconds until the present leader's lease ends, unless it is prolonged.
    """

    leases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AwaitLeader(Step[Handed]):
    """Wait for the leader of `lease` to finish, for at most `within_s`."""

    lease: str
    within_s: float


@dataclass(frozen=True, slots=True)
class Release(Step[None]):
    """End the leadership of each lease, and tell who waits whether its value was stored."""

    leases: tuple[tuple[str, bool], ...]


# --- steps: the lease of the near tier ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Renew(Step["Renewed"]):
    """Prolong the lease of `holder`, or begin a new one if it is not known any more.

    Without a holder only a heartbeat. Always a write, so that a server which has become
    a replica refuses it, and always looks whether this still is the server of the epoch.
    """

    holder: str = ""
    incarnation: str = ""
    next_incarnation: str = ""


@dataclass(frozen=True, slots=True)
class Renewed:
    """`told` is the number of the last change that was announced; `server_ms` its clock."""

    epoch: Epoch
    position: int
    told: int
    continued: bool
    registry: str
    is_complete: bool
    server_ms: int


@dataclass(frozen=True, slots=True)
class Owe(Step[bool]):
    """Remember an unconfirmed invalidation: serve and store nothing it covers, and retry.

    True if that is on disk, too, and will outlive this process.
    """

    debt: Debt


# --- steps: for operators --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scan(Step[tuple[str, ...]]):
    """Up to `limit` physical names of entries that may match; a walk, never KEYS.

    `match` is in Redis' notation (`Glob.redis`).
    """

    match: str
    limit: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a shared store says of itself; None where it does not know or may not say."""

    used_bytes: int | None = None
    limit_bytes: int | None = None
    entries: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Describe(Step[Facts]):
    pass


@dataclass(frozen=True, slots=True)
class Ping(Step[None]):
    pass


# --- steps: fills --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fill(Step[FillReply]):
    """Have the origin run, once for all who ask with an equal token.

    Without a token (store away, writer inside) nothing is stored, and only a fill that
    has not started yet is joined. `alone` joins nobody.
    """

    subject: Subject
    token: Token | None
    may_be_stale: bool
    alone: bool = False


@dataclass(frozen=True, slots=True)
class FillMany(Step[Mapping[str, FillReply]]):
    """As Fill for several subjects, by one call of a batch origin. Replies by name."""

    wanted: tuple[tuple[Subject, Token | None], ...]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Refresh(Step[None]):
    """Start fills nobody waits for, unless they are running already or slots are short."""

    wanted: tuple[tuple[Subject, Token], ...]


@dataclass(frozen=True, slots=True)
class CallOrigin(Step[Mapping[str, Produced | Raised]]):
    """Run the origin for some of the flight's subjects (all: None); replies by physical name."""

    subjects: tuple[Subject, ...] | None = None


@dataclass(frozen=True, slots=True)
class CloseFlight(Step[bool]):
    """Let nobody join any more; True if somebody had."""


@dataclass(frozen=True, slots=True)
class Decode(Step[Decoded | Garbled]):
    payload: bytes
