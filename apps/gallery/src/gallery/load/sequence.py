"""A plan and a cast become a sequence of requests: the same ones each time.

The dice are Python's Mersenne twister seeded from the plan, and nothing else decides:
no clock, no answers, no order of hashing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from gallery.data.values import Mode
from gallery.load import requests as rq
from gallery.load.cast import Cast, Known, Member
from gallery.load.plan import Plan
from gallery.load.requests import Kind, Planned, Request

WIDTHS, WIDTH_WEIGHTS = (160, 320, 640), (6, 3, 1)  # cards show small ones, details large
#: One kind of write after the other that `at_least_one` asks for: this share of the
#: writes, once the first visitors have filled a cold cache.
OWED, OWED_SINCE = 0.5, 0.2
_WRITE_KINDS = {"preferences": Kind.SET_PREFERENCES}


def sequence(plan: Plan, cast: Cast) -> list[Planned]:
    """All requests of a load, by the time they are due."""
    author = _Author(plan, cast)
    dice, at, planned = author.dice, 0.0, []
    while (at := at + dice.expovariate(plan.requests_per_s)) < plan.seconds:
        is_write = dice.random() < plan.writes.share
        planned.append(Planned(at, author.write(at) if is_write else author.read()))
    return planned


def _zipf(count: int, exponent: float) -> list[float]:
    return list(accumulate(1.0 / rank**exponent for rank in range(1, count + 1)))


def _weighted(weights: dict[str, float]) -> tuple[list[str], list[float]]:
    names = [name for name, weight in weights.items() if weight > 0]
    return names, list(accumulate(weights[name] for name in names))


@dataclass(slots=True)
class _Author:
    """Draws one request after the other, and remembers what the writes so far have done."""

    plan: Plan
    cast: Cast
    dice: Random = field(init=False)
    _versions: dict[int, int] = field(init=False)
    _gone: set[int] = field(default_factory=set)
    _created: list[int] = field(default_factory=list)  # numbers of those not yet deleted
    _made: int = 0
    _uploads: list[tuple[int, Member]] = field(default_factory=list)
    _uploaded: int = 0
    _owed: list[str] = field(default_factory=list)
    _tables: dict[str, tuple[list[str], list[float]]] = field(default_factory=dict)
    _bounds: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plan = self.plan
        self.dice = Random(plan.seed)
        self._versions = {one.id: one.version for one in self.cast.characters}
        tables = ("reads", "modes", "writes")
        self._tables = {name: _weighted(plan.weights(name)) for name in tables}
        self._bounds = {
            "characters": _zipf(len(self.cast.characters), plan.characters.zipf),
            "users": _zipf(len(self.cast.users), plan.users.zipf),
            "pages": _zipf(plan.pages.count, plan.pages.zipf),
        }
        if plan.writes.at_least_one:
            # What removes comes after what it removes.
            order = ("edit", "create", "upload", "preferences", "like", "delete_image", "delete")
            self._owed = [name for name in order if plan.weights("writes")[name] > 0][::-1]

    def read(self) -> Request:
        user = self._user()
        user_id = None if user is None else user.id
        kind = self._named("reads")
        match kind:
            case "list":
                page = self.dice.choices(
                    range(self.plan.pages.count), cum_weights=self._bounds["pages"]
                )[0]
                mode = Mode(self._named("modes"))
                return rq.listing(mode, page, self.plan.pages.size, user_id)
            case "featured":
                return Request(Kind.FEATURED, "GET", "/api/featured", user_id)
            case "facets":
                return Request(Kind.FACETS, "GET", "/api/facets", user_id)
            case "preferences":
                owner = user or self._member()
                return Request(Kind.PREFERENCES, "GET", "/api/preferences", owner.id)
            case "user_images":
                path = f"/api/users/{self._member().username}/images"
                return Request(Kind.USER_IMAGES, "GET", path, user_id)
            case "portrait":
                width = self.dice.choices(WIDTHS, WIDTH_WEIGHTS)[0]
                return rq.portrait(self._character().id, width)
            case _:
                return rq.of_character(Kind(kind), self._character().id, user_id)

    def write(self, at: float) -> Request:
        is_late = at >= OWED_SINCE * self.plan.seconds
        is_owed = bool(self._owed) and is_late and self.dice.random() < OWED
        name = self._owed.pop() if is_owed else self._named("writes")
        if name == "delete" and not self._created:
            name = "create"
        if name == "delete_image" and not self._uploads:
            name = "upload"
        kind = _WRITE_KINDS.get(name) or Kind(name)
        admin = self.cast.admin
        match kind:
            case Kind.VIEW:
                seer = self._user()
                seer_id = None if seer is None else seer.id
                return rq.interaction(kind, self._character().id, seer_id)
            case Kind.LIKE | Kind.UNLIKE:
                return rq.interaction(kind, self._character().id, self._member().id)
            case Kind.EDIT:
                return self._edit(admin)
            case Kind.SET_PREFERENCES:
                return self._preferences()
            case Kind.UPLOAD:
                return self._upload()
            case Kind.DELETE_IMAGE:
                number, owner = self._uploads.pop(self.dice.randrange(len(self._uploads)))
                path = f"/api/users/{owner.username}/images/{{uploaded:{number}}}"
                return Request(kind, "DELETE", path, owner.id)
            case Kind.CREATE:
                return self._create()
            case _:
                return self._delete(admin)

    def _edit(self, admin: Member) -> Request:
        one = self._character(living=True)
        version = self._versions[one.id]
        self._versions[one.id] = version + 1
        body: dict[str, object] = {
            "version": version,
            "description": f"Edited for the {version}th time. {self._sentence()}",
        }
        if self.dice.random() < 0.5:
            body["tags"] = sorted(set(self.dice.choices(self.cast.tags, k=4)))
        path = f"/api/characters/{one.id}"
        return rq.with_json(Kind.EDIT, "PATCH", path, body, admin.id, one.id)

    def _create(self) -> Request:
        self._created.append(self._made)
        self._made += 1
        body = {
            "name": f"Newcomer {self._made}",
            "description": self._sentence(),
            "attributes": {"species": self.dice.choice(self.cast.species)},
            "tags": sorted(set(self.dice.choices(self.cast.tags, k=3))),
        }
        return rq.with_json(Kind.CREATE, "POST", "/api/characters", body, self._member().id)

    def _delete(self, admin: Member) -> Request:
        """Sometimes one that the load made, sometimes one that people look at."""
        if self.dice.random() < 0.5:
            one = self._character(living=True)
            self._gone.add(one.id)
            return Request(
                Kind.DELETE, "DELETE", f"/api/characters/{one.id}", admin.id, character_id=one.id
            )
        number = self._created.pop(self.dice.randrange(len(self._created)))
        return Request(Kind.DELETE, "DELETE", f"/api/characters/{{created:{number}}}", admin.id)

    def _preferences(self) -> Request:
        liked = self.dice.sample(self.cast.tags, k=3)
        body = {
            "tag_weights": {tag: round(self.dice.uniform(0.5, 5.0), 2) for tag in liked[:2]},
            "hidden_tags": liked[2:],
            "favourite_species": self.dice.choice(self.cast.species),
        }
        user_id = self._member().id
        return rq.with_json(Kind.SET_PREFERENCES, "PUT", "/api/preferences", body, user_id)

    def _upload(self) -> Request:
        owner, about = self._member(), self._character(living=True)
        number = self._uploaded
        self._uploads.append((number, owner))
        self._uploaded += 1
        return rq.upload(number, owner.username, owner.id, about.id)

    def _named(self, table: str) -> str:
        names, bounds = self._tables[table]
        return self.dice.choices(names, cum_weights=bounds)[0]

    def _member(self) -> Member:
        return self.dice.choices(self.cast.users, cum_weights=self._bounds["users"])[0]

    def _user(self) -> Member | None:
        """Who asks: somebody signed in, or a stranger."""
        return self._member() if self.dice.random() < self.plan.users.signed_in else None

    def _character(self, *, living: bool = False) -> Known:
        while True:
            one = self.dice.choices(self.cast.characters, cum_weights=self._bounds["characters"])[0]
            if not living or one.id not in self._gone:
                return one

    def _sentence(self) -> str:
        one, other, third = self.dice.sample(self.cast.tags, k=3)
        return f"Known for {one}, wary of {other}. Some say {third} as well."
