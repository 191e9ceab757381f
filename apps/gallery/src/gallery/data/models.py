"""The tables, with every index and constraint.

Instants are whole microseconds since 1970 in UTC (`Instant`): the same eight bytes,
order and arithmetic on SQLite and PostgreSQL, so rankings come out identical on both.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from keepwarm.frameworks.sqlalchemy import outbox_table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Whole microseconds since 1970 of an aware datetime."""
    return (at - EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    return EPOCH + value * _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as whole microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else instant(value)


# SQLite numbers rows by itself only when the key is declared INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
# SQLite would give a deleted row's id to the next one, and with it whatever is still
# cached, linked or bookmarked under that id.
NEVER_REUSED = {"sqlite_autoincrement": True}
Json = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class User(Base):
    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('user', 'admin')", name="role"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(Instant)


class UserSession(Base):
    """A signed-in session: the token itself is never stored, only its digest."""

    __tablename__ = "sessions"

    token_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant, index=True)


class Character(Base):
    __tablename__ = "characters"
    __table_args__ = (
        Index(None, "created_at", "id"),  # newest
        Index(None, "species", "created_at", "id"),  # newest of a species
        Index(None, "creator_id", "created_at", "id"),  # newest of a creator
        CheckConstraint("like_count >= 0 AND view_count >= 0", name="counts"),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    creator_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text)
    # Its own column because lists filter by it; `attributes` holds it too.
    species: Mapped[str] = mapped_column(String(40))
    attributes: Mapped[dict[str, str]] = mapped_column(Json)
    seed: Mapped[int] = mapped_column(BigInteger)  # 0 … 2³¹ − 1
    search: Mapped[str] = mapped_column(Text)  # text.normalise of name, description, tags, …
    version: Mapped[int] = mapped_column(Integer)
    like_count: Mapped[int] = mapped_column(Integer)
    view_count: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)


class Tag(Base):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)


class CharacterTag(Base):
    __tablename__ = "character_tags"
    __table_args__ = (Index(None, "tag_id", "character_id"),)

    character_id: Mapped[int] = mapped_column(
        ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True
    )
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)


class Interaction(Base):
    """One like or view by a signed-in user; strangers only raise `view_count`."""

    __tablename__ = "interactions"
    __table_args__ = (
        CheckConstraint("kind IN (1, 2)", name="kind"),
        # trending: a range of time, read from the index alone
        Index("ix_interactions_recent", "at", "character_id", "kind"),
        # popularity: people per character, in grouping order, read from the index alone
        Index("ix_interactions_people", "character_id", "user_id", "kind", "at"),
        # tastes and discover: what one user liked last, and has met
        Index("ix_interactions_history", "user_id", "kind", "at", "character_id"),
        # one like per user and character
        Index(
            "uq_interactions_like",
            "user_id",
            "character_id",
            unique=True,
            sqlite_where=text("kind = 2"),
            postgresql_where=text("kind = 2"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    character_id: Mapped[int] = mapped_column(ForeignKey("characters.id", ondelete="CASCADE"))
    kind: Mapped[int] = mapped_column(SmallInteger)  # values.Kind
    at: Mapped[datetime] = mapped_column(Instant)


class Image(Base):
    __tablename__ = "images"
    __table_args__ = (
        Index(None, "owner_id", "character_id", "created_at", "id"),
        Index(None, "character_id", "created_at", "id"),
        CheckConstraint("kind IN ('portrait', 'upload', 'generated')", name="kind"),
        CheckConstraint("(kind = 'upload') = (data IS NOT NULL)", name="bytes"),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    character_id: Mapped[int | None] = mapped_column(
        ForeignKey("characters.id", ondelete="CASCADE")
    )
    kind: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), index=True)
    seed: Mapped[int | None] = mapped_column(BigInteger)
    prompt: Mapped[str | None] = mapped_column(Text)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    media_type: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Instant)
    # Last, so that SQLite need not walk over it to reach the other columns.
    data: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class Preferences(Base):
    __tablename__ = "preferences"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    tag_weights: Mapped[dict[str, float]] = mapped_column(Json)
    hidden_tags: Mapped[list[str]] = mapped_column(Json)
    favourite_species: Mapped[str | None] = mapped_column(String(40))
    sort: Mapped[str] = mapped_column(String(16))
    updated_at: Mapped[datetime] = mapped_column(Instant)


class GenerationJob(Base):
    __tablename__ = "generation_jobs"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'done', 'failed')", name="status"),
        Index(None, "status", "created_at", "id"),  # the next one to claim
        Index(None, "user_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    character_id: Mapped[int | None] = mapped_column(
        ForeignKey("characters.id", ondelete="SET NULL"), index=True
    )
    prompt: Mapped[str] = mapped_column(Text)
    seed: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    image_id: Mapped[int | None] = mapped_column(
        ForeignKey("images.id", ondelete="SET NULL"), index=True
    )
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)


class Seeding(Base):
    """One row per finished seeding, written in its last transaction."""

    __tablename__ = "seedings"

    size: Mapped[str] = mapped_column(String(32), primary_key=True)
    seed: Mapped[int] = mapped_column(Integer)
    reference: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime] = mapped_column(Instant)


OUTBOX = outbox_table(Base.metadata)
"""Committed writes whose invalidation is not confirmed yet."""
