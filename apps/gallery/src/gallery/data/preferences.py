"""A user's settings: reading and replacing them.

Writes do not commit: they belong in `Database.transaction()`.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import models as m
from gallery.data.accounts import existing_user
from gallery.data.errors import Unusable
from gallery.data.text import normalise
from gallery.data.values import Changed, Mode, PreferencesInfo


async def preferences(session: AsyncSession, user_id: int) -> PreferencesInfo:
    """A user's settings; the defaults where none were set."""
    statement = select(m.Preferences).where(m.Preferences.user_id == user_id)
    row = await session.scalar(statement.execution_options(populate_existing=True))
    if row is None:
        return PreferencesInfo()
    return PreferencesInfo(
        tag_weights=dict(row.tag_weights),
        hidden_tags=list(row.hidden_tags),
        favourite_species=row.favourite_species,
        sort=Mode(row.sort),
    )


async def set_preferences(
    session: AsyncSession, user_id: int, wanted: PreferencesInfo, *, now: datetime
) -> Changed:
    """Replace a user's settings whole. Raises NotFound or Unusable."""
    await existing_user(session, user_id)
    weights = {normalise(tag): float(weight) for tag, weight in wanted.tag_weights.items()}
    hidden = sorted({normalise(tag) for tag in wanted.hidden_tags} - {""})
    if len(weights) > 100 or not all(tag and 0 <= w <= 5 for tag, w in weights.items()):
        raise Unusable("tag_weights", "at most 100 tags with weights from 0 to 5")
    if len(hidden) > 100 or any(len(tag) > 40 for tag in (*hidden, *weights)):
        raise Unusable("hidden_tags", "at most 100, each of at most 40 characters")
    species = normalise(wanted.favourite_species or "") or None
    if species is not None and len(species) > 40:
        raise Unusable("favourite_species", "must have at most 40 characters")
    row = await session.get(m.Preferences, user_id, with_for_update=True)
    if row is None:
        row = m.Preferences(user_id=user_id)
        session.add(row)
    row.tag_weights = dict(sorted(weights.items()))
    row.hidden_tags = hidden
    row.favourite_species = species
    row.sort = Mode(wanted.sort).value
    row.updated_at = now
    await session.flush()
    return Changed(user_ids=(user_id,))
