"""Lists of characters: which, in what order, and how many.

Orders end in the id, so a page never depends on chance. `now` is the caller's clock,
rounded down to ten minutes: what happened after it does not count, so an answer can
be recomputed.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Select, exists, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import models as m
from gallery.data.featuring import global_scores, tastes
from gallery.data.preferences import preferences
from gallery.data.rankings import featured, popularity_scores, trending_scores
from gallery.data.text import like_pattern
from gallery.data.values import Filters, IdPage, Mode, PreferencesInfo, Scores

_NO_FILTERS = Filters()
_PRIME = 4_294_967_291  # below 2³², so that products with a 31-bit seed fit in 63 bits


async def list_ids(
    session: AsyncSession,
    *,
    mode: Mode,
    page: int,
    page_size: int,
    now: datetime,
    user_id: int | None = None,
    filters: Filters = _NO_FILTERS,
    scores: Scores | None = None,
) -> IdPage:
    """Page `page` (from 0) of the list that `mode` and `filters` describe.

    `user_id` matters in PERSONAL_MODES only. `scores` may hand over cached global
    scores for `featured`, which otherwise are computed. A page past the end is empty
    and still tells the total.
    """
    start = page * page_size
    if mode is Mode.FEATURED:
        ranked = await _featured_ids(session, now, user_id, filters, scores)
        ids = ranked[start : start + page_size]
        return IdPage(ids, len(ranked), start + len(ids) < len(ranked))
    if mode is Mode.NEWEST:
        return await _newest(session, page_size, start, filters)
    statement = _ordered(mode, now, user_id)
    if mode is Mode.DISCOVER and user_id is not None:
        statement = statement.where(*_unmet(user_id, await preferences(session, user_id)))
    statement = statement.where(*_conditions(filters))
    rows = (await session.execute(statement.limit(page_size).offset(start))).all()
    if rows or page == 0:
        total = rows[0].total if rows else 0
    else:
        first = (await session.execute(statement.limit(1))).first()
        total = first.total if first else 0
    ids = [row.id for row in rows]
    return IdPage(ids, total, bool(ids) and start + len(ids) < total)


async def _newest(session: AsyncSession, page_size: int, start: int, filters: Filters) -> IdPage:
    """A page read along an index; counting apart spares it ordering the whole list."""
    conditions = _conditions(filters)
    newest = (
        select(m.Character.id)
        .where(*conditions)
        .order_by(m.Character.created_at.desc(), m.Character.id.desc())
        .limit(page_size)
        .offset(start)
    )
    ids = list((await session.scalars(newest)).all())
    counted = select(func.count()).select_from(m.Character).where(*conditions)
    total = (await session.scalar(counted)) or 0
    return IdPage(ids, total, bool(ids) and start + len(ids) < total)


def _ordered(mode: Mode, now: datetime, user_id: int | None) -> Select[int, int]:
    """(id, total) of the characters of a list in its order, without filters or limit."""
    listed = select(m.Character.id, func.count().over().label("total"))
    if mode is Mode.TRENDING:
        trending = trending_scores(now)
        return listed.join(trending, trending.c.character_id == m.Character.id).order_by(
            trending.c.score.desc(), m.Character.id
        )
    if mode is Mode.ALL:
        popular = popularity_scores(now)
        return listed.outerjoin(popular, popular.c.character_id == m.Character.id).order_by(
            func.coalesce(popular.c.score, 0).desc(), m.Character.id
        )
    return listed.order_by(_shuffled(now, user_id), m.Character.id)


def _shuffled(now: datetime, user_id: int | None) -> ColumnElement[int]:
    """An order that looks random and stays for one reader and one day."""
    day = now.date().toordinal()
    factor = (day * 2_654_435_761 + (user_id or 0) * 40_503) % (1 << 31) | 1
    return (m.Character.seed * literal(factor, BigInteger)) % literal(_PRIME, BigInteger)


def _unmet(user_id: int, settings: PreferencesInfo) -> list[ColumnElement[bool]]:
    """Neither viewed nor liked nor made by the user, and without tags they hide."""
    met = exists().where(
        m.Interaction.character_id == m.Character.id, m.Interaction.user_id == user_id
    )
    found = [~met, m.Character.creator_id != user_id]
    if settings.hidden_tags:
        found.append(m.Character.id.not_in(_tagged(settings.hidden_tags)))
    return found


def _tagged(names: Sequence[str]) -> Select[int]:
    """The ids of characters with any of those tags."""
    return (
        select(m.CharacterTag.character_id)
        .join(m.Tag, m.Tag.id == m.CharacterTag.tag_id)
        .where(m.Tag.name.in_(names))
    )


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.species is not None:
        found.append(m.Character.species == filters.species)
    if filters.creator is not None:
        creator = select(m.User.id).where(m.User.username == filters.creator)
        found.append(m.Character.creator_id == creator.scalar_subquery())
    if filters.tag is not None:
        found.append(m.Character.id.in_(_tagged([filters.tag])))
    found += [m.Character.search.like(like_pattern(word), escape="\\") for word in filters.words]
    return found


async def _featured_ids(
    session: AsyncSession,
    now: datetime,
    user_id: int | None,
    filters: Filters,
    scores: Scores | None,
) -> list[int]:
    if scores is None:
        scores = await global_scores(session, now)
    ranked = featured(scores, await tastes(session, user_id))
    if not filters:
        return ranked
    statement = select(m.Character.id).where(m.Character.id.in_(ranked), *_conditions(filters))
    kept = set((await session.scalars(statement)).all())
    return [id for id in ranked if id in kept]
