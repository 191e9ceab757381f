"""What an unlimited cache would have hit on the same sequence: the yardstick for ours.

It has the same keys, lifetimes and invalidations, never evicts, never fails and fills in
no time. Calls are counted as the real cache counts them: one for each cached function,
and one for each card of a list. A stored response answers for all the calls of its
handler, which then are not made: so a run is judged by what it computed, out of the calls
counted here. What a request touches is told here a second time, apart from the app (keys
and tags as in gallery.caching), and checked against a server that stores no responses:
`Ideal.calls` and its hits + misses must agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from gallery.caching import POLICIES
from gallery.data.values import PERSONAL_MODES, Mode
from gallery.load.player import Exchange
from gallery.load.requests import Kind
from keepwarm import Policy

COUNTED = frozenset(POLICIES) - {"session-mark"}
"""Policies of what requests are about. Whose session it is, the middleware asks beside them."""

CHARACTERS, TRAITS = "characters", "characters:traits"


@dataclass(frozen=True, slots=True)
class Touch:
    """One call of a cached function; `inner` are those that it makes itself on a miss."""

    key: str
    policy: str
    tags: tuple[str, ...] = ()
    inner: tuple[Touch, ...] = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """A moment of a load: tags that a write ended, then calls that were made."""

    at: float
    ends: tuple[str, ...] = ()
    touches: tuple[Touch, ...] = ()


@dataclass(slots=True)
class Ideal:
    hits: int = 0
    misses: int = 0
    by_policy: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    @property
    def calls(self) -> int:
        return self.hits + self.misses

    @property
    def ratio(self) -> float:
        return self.hits / self.calls if self.calls else 0.0


class UnlimitedCache:
    """Entries by key with their lifetimes, and which of them a tag ends.

    With `trial_s` it also keeps the promise about writers that die: for so long after it
    began, a store may lack the mark of such a writer, and what is filled meanwhile ends with
    that time (decisions/0021).
    """

    def __init__(self, policies: Mapping[str, Policy] = POLICIES, *, trial_s: float = 0.0) -> None:
        self._policies = policies
        self._trial_s = trial_s
        self._trusted_at: float | None = None
        self._entries: dict[str, tuple[float, float]] = {}  # fresh until, stale until
        self._tagged: dict[str, set[str]] = defaultdict(set)
        self.counted = Ideal()

    def meet(self, happening: Happening) -> None:
        if self._trusted_at is None:
            self._trusted_at = happening.at + self._trial_s
        for tag in happening.ends:
            for key in self._tagged.pop(tag, ()):
                self._entries.pop(key, None)
        for touch in happening.touches:
            self._call(touch, happening.at)

    def _call(self, touch: Touch, now: float) -> None:
        fresh_until, stale_until = self._entries.get(touch.key, (0.0, 0.0))
        is_hit = now < stale_until
        self.counted.hits += is_hit
        self.counted.misses += not is_hit
        self.counted.by_policy[touch.policy][0 if is_hit else 1] += 1
        if now < fresh_until:
            return
        for inner in touch.inner:
            self._call(inner, now)
        policy = self._policies[touch.policy]
        fresh_until = now + policy.ttl_s
        stale_until = fresh_until + policy.stale_while_revalidate_s
        if self._trusted_at is not None and now < self._trusted_at:
            fresh_until = min(fresh_until, self._trusted_at)
            stale_until = min(stale_until, self._trusted_at)
        self._entries[touch.key] = (fresh_until, stale_until)
        for tag in touch.tags:
            self._tagged[tag].add(touch.key)


def ideal(
    exchanges: Iterable[Exchange], *, before: Iterable[Exchange] = (), trial_s: float = 0.0
) -> Ideal:
    """What an unlimited cache hits on `exchanges`, which came after `before` (not counted).

    Refused and failed requests count for nothing. For `trial_s` see UnlimitedCache.
    """
    cache = UnlimitedCache(trial_s=trial_s)
    for counted, load in ((False, before), (True, exchanges)):
        happened = [one for exchange in load for one in _happenings(exchange)]
        happened.sort(key=lambda one: one.at)
        if counted:
            cache.counted = Ideal()
        for one in happened:
            cache.meet(one)
    return cache.counted


class _Item(msgspec.Struct):
    id: int


class _Items(msgspec.Struct):
    items: list[_Item] = []


class _Owned(msgspec.Struct):
    id: int
    character_id: int | None = None
    owner: str = ""


def _happenings(exchange: Exchange) -> list[Happening]:
    request = exchange.request
    at = exchange.wall_sent
    if not request.is_write:
        touches = () if exchange.is_failed else tuple(_touches(exchange))
        return [Happening(at, touches=touches)]
    if not exchange.is_done:
        return []
    # A write ends copies and reads back only after it has been written.
    touches = () if exchange.is_failed else tuple(_read_back(exchange))
    return [Happening(at + exchange.took_s, _ended(exchange), touches)]


def detail(id: int, status: int = 200) -> Touch:
    policy = "character-detail" if status == 200 else "absent"
    return Touch(f"detail:{id}", policy, (f"character:{id}",))


def liked(user_id: int, id: int) -> Touch:
    tag = f"like:{user_id}:{id}"
    return Touch(tag, "like", (tag,))


def cards(ids: Iterable[int]) -> list[Touch]:
    return [Touch(f"card:{id}", "character-card", (f"character:{id}",)) for id in ids]


def preferences(user_id: int) -> Touch:
    return Touch(f"preferences:{user_id}", "preferences", (f"preferences:{user_id}",))


SCORES = Touch("scores", "featured", (CHARACTERS, TRAITS))


def _touches(exchange: Exchange) -> list[Touch]:
    request, id = exchange.request, exchange.request.character_id
    user_id = request.user_id
    mine = (CHARACTERS, TRAITS, f"preferences:{user_id}")
    match request.kind:
        case Kind.LIST if request.mode in PERSONAL_MODES:
            inner = (SCORES,) if request.mode is Mode.FEATURED else ()
            key = f"{exchange.path}:{user_id}"
            return [Touch(key, "personal-list", mine, inner), *_cards_of(exchange)]
        case Kind.LIST:
            return [Touch(exchange.path, "character-list", (CHARACTERS,)), *_cards_of(exchange)]
        case Kind.FEATURED:
            first = Touch(f"featured:{user_id}", "featured", mine, (SCORES,))
            return [first, *_cards_of(exchange)]
        case Kind.DETAIL:
            found = [detail(id, exchange.status)]
            if user_id is not None and exchange.status == 200:
                found.append(liked(user_id, id))
            return found
        case Kind.SIMILAR:
            found = [detail(id, exchange.status)]
            if exchange.status == 200:
                found.append(Touch(f"similar:{id}", "character-list", (CHARACTERS, TRAITS)))
            return [*found, *_cards_of(exchange)]
        case Kind.CHARACTER_IMAGES:
            found = [detail(id, exchange.status)]
            if exchange.status == 200:
                tag = f"images:character:{id}"
                found.append(Touch(tag, "image-metadata", (tag,)))
            return found
        case Kind.USER_IMAGES:
            username = request.path.split("/")[3]
            tag = f"images:user:{username}"
            return [Touch(tag, "image-metadata", (tag,))]
        case Kind.PREFERENCES:
            return [preferences(user_id)] if user_id is not None else []
        case Kind.FACETS:
            return [Touch("facets", "facets", (CHARACTERS, TRAITS))]
        case Kind.PORTRAIT:
            policy = "portrait" if exchange.status == 200 else "absent"
            return [Touch(exchange.path, policy, (f"picture:portrait:{id}",))]
        case _:
            return []


def _cards_of(exchange: Exchange) -> list[Touch]:
    if exchange.status != 200:
        return []
    told = msgspec.json.decode(exchange.body, type=_Items)
    return cards(one.id for one in told.items)


def _read_back(exchange: Exchange) -> list[Touch]:
    request = exchange.request
    user_id = request.user_id
    match request.kind:
        case Kind.EDIT if user_id is not None:
            return _in_full(request.character_id, user_id)
        case Kind.CREATE if user_id is not None:
            return _in_full(msgspec.json.decode(exchange.body, type=_Item).id, user_id)
        case Kind.SET_PREFERENCES if user_id is not None:
            return [preferences(user_id)]
        case _:
            return []


def _in_full(id: int, user_id: int) -> list[Touch]:
    return [detail(id), liked(user_id, id)]


def _ended(exchange: Exchange) -> tuple[str, ...]:
    request, id = exchange.request, exchange.request.character_id
    match request.kind:
        case Kind.LIKE | Kind.UNLIKE:
            return (f"like:{request.user_id}:{id}", f"character:{id}")
        case Kind.EDIT:
            return (f"character:{id}", TRAITS)
        case Kind.CREATE if exchange.is_failed:
            return (CHARACTERS,)
        case Kind.CREATE:
            made = msgspec.json.decode(exchange.body, type=_Item).id
            return (CHARACTERS, f"character:{made}")
        case Kind.DELETE:
            gone = exchange.path.rpartition("/")[2]
            return (
                CHARACTERS, f"character:{gone}", f"picture:portrait:{gone}",
                f"images:character:{gone}",
            )  # fmt: skip
        case Kind.SET_PREFERENCES:
            return (f"preferences:{request.user_id}",)
        case Kind.UPLOAD:
            made_image = msgspec.json.decode(exchange.body, type=_Owned)
            return (
                f"images:user:{made_image.owner}",
                f"images:character:{made_image.character_id}",
            )
        case Kind.DELETE_IMAGE:
            return (f"images:user:{request.path.split('/')[3]}",)
        case _:
            return ()
