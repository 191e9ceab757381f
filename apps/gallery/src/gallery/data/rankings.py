"""The rankings: what is trending, what is popular, and what to feature for one reader.

Scores are sums of whole numbers, so that neither the order in which a database adds
up nor parallel workers can change a ranking: the same data and clock give the same
list on SQLite, on PostgreSQL and in a test's own recomputation.
"""

import math
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Float,
    Subquery,
    case,
    cast,
    func,
    literal,
    select,
    type_coerce,
)

from gallery.data.models import Interaction, micros
from gallery.data.values import Kind, Scores, Tastes

WINDOW = timedelta(days=30)
HALF_LIFE = timedelta(days=3)
LIKE_WEIGHT = 4  # one like is worth four views
SCALE = 1 << 20  # of one view just now; after a month it still counts 1,024
CANDIDATES = 2_000  # how many may be featured; bounds what the cached scores weigh

_RATE = math.log(2) / (HALF_LIFE / timedelta(microseconds=1))


def trending_scores(now: datetime) -> Subquery:
    """(character_id, score, likes, views) of characters met in the month up to `now`.

    Each interaction counts its weight, halved for every three days of its age.
    """
    age = literal(micros(now), BigInteger) - type_coerce(Interaction.at, BigInteger)
    decay = func.exp(type_coerce(age, Float) * literal(-_RATE, Float))
    is_like = Interaction.kind == Kind.LIKE
    weight = case((is_like, LIKE_WEIGHT * SCALE), else_=SCALE)
    points = cast(func.floor(type_coerce(weight, Float) * decay), BigInteger)
    return (
        select(
            Interaction.character_id,
            cast(func.sum(points), BigInteger).label("score"),
            func.sum(case((is_like, 1), else_=0)).label("likes"),
            func.sum(case((is_like, 0), else_=1)).label("views"),
        )
        .where(Interaction.at > now - WINDOW, Interaction.at <= now)
        .group_by(Interaction.character_id)
        .subquery("trending")
    )


def popularity_scores(now: datetime) -> Subquery:
    """(character_id, score) of characters ever met by `now`.

    People are counted, not clicks: each who liked it counts four, each who only viewed
    it counts one, however often. That is why the counters on a character cannot tell.
    """
    people = (
        select(Interaction.character_id, func.max(Interaction.kind).label("kind"))
        .where(Interaction.at <= now)
        .group_by(Interaction.character_id, Interaction.user_id)
        .subquery("people")
    )
    worth = case((people.c.kind == Kind.LIKE, LIKE_WEIGHT), else_=1)
    return (
        select(people.c.character_id, func.sum(worth).label("score"))
        .group_by(people.c.character_id)
        .subquery("popularity")
    )


def featured(scores: Scores, tastes: Tastes, limit: int | None = None) -> list[int]:
    """The ids to feature for somebody with `tastes`, best first; pure and cheap.

    Global scores count by their square root, lest a few famous characters drown what
    a reader likes. Characters with a hidden tag are left out.
    """
    hidden = frozenset(tastes.hidden_tags)
    ranked = []
    for candidate in scores.candidates:
        if hidden and not hidden.isdisjoint(candidate.tags):
            continue
        liking = 1.0 + tastes.species.get(candidate.species, 0.0)
        for tag in candidate.tags:
            liking += tastes.tags.get(tag, 0.0)
        ranked.append((-math.sqrt(candidate.score) * liking, candidate.id))
    ranked.sort()
    return [id for _, id in ranked[:limit]]
