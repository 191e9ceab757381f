"""A whole seeded world in memory: who there is, what they like, and what they did.

Popularity follows Zipf's law (the second most popular character is met half as often
as the first); each user has tastes for a few tags and one species, and mostly meets
and likes what fits them. The same size, seed and reference give the same world: only
uniform numbers of PCG64 are used, which NumPy keeps stable.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from gallery.data import grammar, words
from gallery.data.editing import search_text
from gallery.data.models import micros
from gallery.data.values import Kind, Mode

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Row = tuple[object, ...]

DAY = 86_400  # seconds
SPAN = 60 * DAY  # how far back interactions go
OLDEST = 720 * DAY  # how far back characters go
FITTING_LIKES, OTHER_LIKES = 0.30, 0.06  # how likely a meeting is a like
TASTES = 3  # tags that a user likes
BY_TAG, BY_SPECIES = 0.45, 0.60  # below which number a meeting follows tag, or species
ACTIVITY = 0.7  # Zipf exponent of how much users do
POPULARITY = 1.0  # Zipf exponent of how often characters are met


@dataclass(frozen=True, slots=True)
class SeedSize:
    name: str
    characters: int
    users: int  # besides the administrator
    interactions: int
    images: int


DEFAULT = SeedSize("default", 50_000, 2_000, 1_200_000, 8_000)
SMALL = SeedSize("small", 300, 30, 6_000, 60)
SIZES = {size.name: size for size in (DEFAULT, SMALL)}


@dataclass(frozen=True, slots=True)
class Interactions:
    """One element per interaction, oldest first; users and characters by id."""

    user_id: Ints
    character_id: Ints
    kind: Ints
    at: Ints  # microseconds since 1970


class World:
    """Rows for every table, made in the order of the tables' dependence."""

    def __init__(self, size: SeedSize, *, seed: int, reference: datetime) -> None:
        self.size = size
        self._now = micros(reference) // 1_000_000  # whole seconds
        self._random = np.random.Generator(np.random.PCG64(seed))
        self.invented = grammar.characters(seed, size.characters)
        self.created = self._creations()
        self._ranks = _order(self._random.random(size.characters))
        self._weights = _zipf(size.characters, POPULARITY)[self._ranks]
        self._tags_of = [[_TAG_AT[tag] for tag in one.tags] for one in self.invented]
        self._pools = self._make_pools()
        self.liked_tags = self._random_tags()
        self.liked_species = _draw(self._random.random(size.users), _cumulated(_SPECIES_WEIGHTS))
        self.interactions = self._meetings()

    def _creations(self) -> Ints:
        """When each character was made, in seconds since 1970; ids follow this order."""
        age = self._random.random(self.size.characters) ** 1.6 * OLDEST
        return self._now - 600 - np.sort(age.astype(np.int64))[::-1]

    def _random_tags(self) -> Ints:
        """(user, TASTES): which tags each user likes, by position in grammar.TAGS."""
        given = np.bincount([tag for tags in self._tags_of for tag in tags], minlength=_TAGS)
        bounds = _cumulated(np.sqrt(given.astype(np.float64)))
        drawn = _draw(self._random.random(self.size.users * TASTES), bounds)
        return drawn.reshape(self.size.users, TASTES)

    def tags_liked_by(self, user_id: int) -> list[str]:
        return [grammar.TAGS[tag] for tag in self.liked_tags[user_id - 1]]

    def _make_pools(self) -> list[Ints]:
        """The characters of each tag, then of each species, then all."""
        by_tag: list[list[int]] = [[] for _ in grammar.TAGS]
        by_species: list[list[int]] = [[] for _ in _SPECIES]
        for at, (one, tags) in enumerate(zip(self.invented, self._tags_of, strict=True)):
            by_species[_SPECIES.index(one.attributes["species"])].append(at)
            for tag in tags:
                by_tag[tag].append(at)
        pools = [np.array(members, dtype=np.int64) for members in (*by_tag, *by_species)]
        return [*pools, np.arange(self.size.characters)]

    def _meetings(self) -> Interactions:
        count, users = self.size.interactions, self.size.users
        dice = self._random.random
        who = _draw(dice(count), _cumulated(_zipf(users, ACTIVITY)[_order(dice(users))]))
        route, which = dice(count), np.minimum((dice(count) ** 1.5 * TASTES).astype(int), 2)
        pool = np.full(count, len(self._pools) - 1)
        pool = np.where(route < BY_SPECIES, _TAGS + self.liked_species[who], pool)
        pool = np.where(route < BY_TAG, self.liked_tags[who, which], pool)
        met = self._drawn_from(pool, dice(count))
        likely = np.where(route < BY_SPECIES, FITTING_LIKES, OTHER_LIKES)
        kind = np.where(dice(count) < likely, int(Kind.LIKE), int(Kind.VIEW))
        at = self._moments(met)
        order = np.argsort(at, kind="stable")
        who, met, kind, at = who[order], met[order], kind[order], at[order]
        # Nobody likes a character twice: every like but the first is a view.
        likes = np.flatnonzero(kind == int(Kind.LIKE))
        pairs = who[likes] * self.size.characters + met[likes]
        again = np.ones(len(likes), dtype=bool)
        again[np.unique(pairs, return_index=True)[1]] = False
        kind[likes[again]] = int(Kind.VIEW)
        return Interactions(who + 1, met + 1, kind, at * 1_000_000)

    def _drawn_from(self, pool: Ints, dice: Floats) -> Ints:
        """A character for each number, from its pool, by popularity."""
        met = np.empty(len(pool), dtype=np.int64)
        order = np.argsort(pool, kind="stable")
        edges = np.searchsorted(pool[order], np.arange(len(self._pools) + 1))
        for number, members in enumerate(self._pools):
            mine = order[edges[number] : edges[number + 1]]
            if len(mine):
                # A pool can be empty in a small world: then anybody is met.
                members = members if len(members) else self._pools[-1]
                met[mine] = members[_draw(dice[mine], _cumulated(self._weights[members]))]
        return met

    def _moments(self, met: Ints) -> Ints:
        """When each meeting was: since its character exists, rather lately, in bursts."""
        dice = self._random.random
        characters = self.size.characters
        lived = np.minimum(self._now - self.created, SPAN)
        peak, sharpness = dice(characters), dice(characters) * 0.6
        ago = dice(len(met)) ** 1.2
        near_peak = np.abs(peak[met] + (dice(len(met)) - 0.5) * 0.08)
        ago = np.where(dice(len(met)) < sharpness[met], np.minimum(near_peak, 0.9999), ago)
        return self._now - (ago * lived[met]).astype(np.int64)

    # Rows, column by column as the tables in `seeding` name them.

    def characters(self) -> Iterator[Row]:
        size = self.size
        creator = 1 + _draw(
            self._random.random(size.characters), _cumulated(_zipf(size.users, 0.8))
        )
        done = self.interactions
        length = size.characters + 1
        likes = np.bincount(done.character_id[done.kind == int(Kind.LIKE)], minlength=length)
        views = np.bincount(done.character_id[done.kind == int(Kind.VIEW)], minlength=length)
        made = (self.created * 1_000_000).tolist()
        figures = zip(creator.tolist(), likes[1:].tolist(), views[1:].tolist(), made, strict=True)
        for at, (one, (by, liked, viewed, when)) in enumerate(
            zip(self.invented, figures, strict=True), 1
        ):
            searched = search_text(one.name, one.description, one.attributes, one.tags)
            yield (
                at, by, one.name, one.description, one.attributes["species"],
                json.dumps(one.attributes), one.seed, searched, 1, liked, viewed, when, when,
            )  # fmt: skip

    def character_tags(self) -> Iterator[Row]:
        for at, tags in enumerate(self._tags_of, 1):
            for tag in tags:
                yield at, tag + 1

    def preferences(self) -> Iterator[Row]:
        """Most users have said what they like; some hide a tag."""
        dice = self._random.random((self.size.users, 4)).tolist()
        for at, (says, loves, hides, which) in enumerate(dice):
            if says > 0.7:
                continue
            liked = self.tags_liked_by(at + 1)
            weights = {tag: 1.0 - 0.25 * n for n, tag in enumerate(dict.fromkeys(liked))}
            others = [tag for tag in grammar.TAGS if tag not in weights]
            hidden = [others[int(which * len(others))]] if hides < 0.15 else []
            favourite = _SPECIES[self.liked_species[at]] if loves < 0.5 else None
            yield (
                at + 1, json.dumps(weights), json.dumps(hidden), favourite,
                Mode.FEATURED.value, self._now * 1_000_000,
            )  # fmt: skip

    def images(self) -> Iterator[Row]:
        """Pictures that users had painted of characters they met."""
        dice = self._random.random((self.size.images, 3)).tolist()
        done = self.interactions
        moments = sorted(int(d[0] * len(done.at)) for d in dice)
        for at, (moment, (_, seed, wish)) in enumerate(zip(moments, dice, strict=True), 1):
            character = int(done.character_id[moment])
            one = self.invented[character - 1]
            prompt = f"{one.name} among {grammar.TAGS[int(wish * len(grammar.TAGS))]}"
            number = int(seed * 2**31)
            digest = hashlib.sha256(f"{prompt}\n{number}".encode()).hexdigest()
            yield (
                at, int(done.user_id[moment]), character, "generated", digest, number, prompt,
                640, 640, None, int(done.at[moment]), None,
            )  # fmt: skip

    def users_since(self) -> int:
        """When the users joined, in microseconds since 1970: before any character."""
        return (self._now - OLDEST - 30 * DAY) * 1_000_000


_TAGS = len(grammar.TAGS)
_TAG_AT = {tag: at for at, tag in enumerate(grammar.TAGS)}
_SPECIES = list(words.SPECIES)
_SPECIES_WEIGHTS = np.array(list(words.SPECIES.values()), dtype=np.float64)


def _zipf(count: int, exponent: float) -> Floats:
    return 1.0 / np.arange(1, count + 1, dtype=np.float64) ** exponent


def _order(numbers: Floats) -> Ints:
    """A permutation; equal numbers, were there any, in their order."""
    order: Ints = np.argsort(numbers, kind="stable")
    return order


def _cumulated(weights: Floats) -> Floats:
    return np.cumsum(weights)


def _draw(dice: Floats, bounds: Floats) -> Ints:
    """Positions, each as likely as its share of the cumulated weights."""
    drawn: Ints = np.searchsorted(bounds, dice * bounds[-1], side="right")
    return np.minimum(drawn, len(bounds) - 1)
