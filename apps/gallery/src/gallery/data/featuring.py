"""What featuring needs: the scores all readers share, and one reader's tastes."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import models as m
from gallery.data.characters import tags_of
from gallery.data.preferences import preferences
from gallery.data.rankings import CANDIDATES, trending_scores
from gallery.data.values import Candidate, Kind, Scores, Tastes

_RECENT_LIKES = 200  # how many of a user's latest likes tell their tastes


async def global_scores(session: AsyncSession, now: datetime) -> Scores:
    """The best trending characters with what featuring needs to know; expensive, shared."""
    trending = trending_scores(now)
    best = (
        select(m.Character.id, trending.c.score, m.Character.species)
        .join(trending, trending.c.character_id == m.Character.id)
        .order_by(trending.c.score.desc(), m.Character.id)
        .limit(CANDIDATES)
    )
    rows = (await session.execute(best)).all()
    tags = await tags_of(session, [row.id for row in rows])
    return Scores(
        at=now,
        candidates=[
            Candidate(id=row.id, score=row.score, species=row.species, tags=tags.get(row.id, []))
            for row in rows
        ],
    )


async def tastes(session: AsyncSession, user_id: int | None) -> Tastes:
    """What a user likes: the share of their latest likes with each tag and species,
    plus what their preferences say. Nobody's tastes are NO_TASTES."""
    if user_id is None:
        return Tastes()
    latest = (
        select(m.Interaction.character_id)
        .where(m.Interaction.user_id == user_id, m.Interaction.kind == Kind.LIKE)
        .order_by(m.Interaction.at.desc(), m.Interaction.character_id)
        .limit(_RECENT_LIKES)
    )
    liked = list((await session.scalars(latest)).all())
    kinds = await session.execute(
        select(m.Character.id, m.Character.species).where(m.Character.id.in_(liked))
    )
    settings = await preferences(session, user_id)
    by_tag = _shares(await tags_of(session, liked), len(liked))
    by_species = _shares({id: [name] for id, name in kinds.all()}, len(liked))
    for tag, weight in settings.tag_weights.items():
        by_tag[tag] = by_tag.get(tag, 0.0) + weight
    if settings.favourite_species is not None:
        favourite = settings.favourite_species
        by_species[favourite] = by_species.get(favourite, 0.0) + 1.0
    return Tastes(
        tags=dict(sorted(by_tag.items())),
        species=dict(sorted(by_species.items())),
        hidden_tags=settings.hidden_tags,
    )


def _shares(names: dict[int, list[str]], of: int) -> dict[str, float]:
    counts: dict[str, int] = {}
    for several in names.values():
        for name in several:
            counts[name] = counts.get(name, 0) + 1
    return {name: round(count / of, 4) for name, count in counts.items()}
