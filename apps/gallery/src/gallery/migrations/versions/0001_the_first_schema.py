"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"

down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()  # microseconds since 1970
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "seedings",
        sa.Column("size", sa.String(length=32), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("reference", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_seedings")),
    )
    op.create_table(
        "tags",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("name", name=op.f("uq_tags_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("role IN ('user', 'admin')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
    )
    op.create_table(
        "characters",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("species", sa.String(length=40), nullable=False),
        sa.Column("attributes", JSON, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("like_count", sa.Integer(), nullable=False),
        sa.Column("view_count", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "like_count >= 0 AND view_count >= 0", name=op.f("ck_characters_counts")
        ),
        sa.ForeignKeyConstraint(
            ["creator_id"], ["users.id"], name=op.f("fk_characters_creator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_characters")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_characters_created_at_id"), "characters", ["created_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_characters_creator_id_created_at_id"),
        "characters",
        ["creator_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_characters_species_created_at_id"),
        "characters",
        ["species", "created_at", "id"],
        unique=False,
    )

    op.create_table(
        "preferences",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("tag_weights", JSON, nullable=False),
        sa.Column("hidden_tags", JSON, nullable=False),
        sa.Column("favourite_species", sa.String(length=40), nullable=True),
        sa.Column("sort", sa.String(length=16), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_preferences_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_preferences")),
    )
    op.create_table(
        "sessions",
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"], unique=False)
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)

    op.create_table(
        "character_tags",
        sa.Column("character_id", ID, nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["character_id"],
            ["characters.id"],
            name=op.f("fk_character_tags_character_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tags.id"], name=op.f("fk_character_tags_tag_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("character_id", "tag_id", name=op.f("pk_character_tags")),
    )
    op.create_index(
        op.f("ix_character_tags_tag_id_character_id"),
        "character_tags",
        ["tag_id", "character_id"],
        unique=False,
    )

    op.create_table(
        "images",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("character_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(kind = 'upload') = (data IS NOT NULL)", name=op.f("ck_images_bytes")),
        sa.CheckConstraint(
            "kind IN ('portrait', 'upload', 'generated')", name=op.f("ck_images_kind")
        ),
        sa.ForeignKeyConstraint(
            ["character_id"],
            ["characters.id"],
            name=op.f("fk_images_character_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_images_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_images_character_id_created_at_id"),
        "images",
        ["character_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_images_digest"), "images", ["digest"], unique=False)
    op.create_index(
        op.f("ix_images_owner_id_character_id_created_at_id"),
        "images",
        ["owner_id", "character_id", "created_at", "id"],
        unique=False,
    )

    op.create_table(
        "interactions",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("character_id", ID, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("kind IN (1, 2)", name=op.f("ck_interactions_kind")),
        sa.ForeignKeyConstraint(
            ["character_id"],
            ["characters.id"],
            name=op.f("fk_interactions_character_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_interactions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interactions")),
    )
    op.create_index(
        "ix_interactions_history",
        "interactions",
        ["user_id", "kind", "at", "character_id"],
        unique=False,
    )
    op.create_index(
        "ix_interactions_people",
        "interactions",
        ["character_id", "user_id", "kind", "at"],
        unique=False,
    )
    op.create_index(
        "ix_interactions_recent", "interactions", ["at", "character_id", "kind"], unique=False
    )
    op.create_index(
        "uq_interactions_like",
        "interactions",
        ["user_id", "character_id"],
        unique=True,
        sqlite_where=sa.text("kind = 2"),
        postgresql_where=sa.text("kind = 2"),
    )

    op.create_table(
        "generation_jobs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("character_id", ID, nullable=True),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("image_id", ID, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'failed')",
            name=op.f("ck_generation_jobs_status"),
        ),
        sa.ForeignKeyConstraint(
            ["character_id"],
            ["characters.id"],
            name=op.f("fk_generation_jobs_character_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
            name=op.f("fk_generation_jobs_image_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_generation_jobs_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation_jobs")),
    )
    op.create_index(
        op.f("ix_generation_jobs_character_id"), "generation_jobs", ["character_id"], unique=False
    )
    op.create_index(
        op.f("ix_generation_jobs_image_id"), "generation_jobs", ["image_id"], unique=False
    )
    op.create_index(
        op.f("ix_generation_jobs_status_created_at_id"),
        "generation_jobs",
        ["status", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_generation_jobs_user_id_created_at"),
        "generation_jobs",
        ["user_id", "created_at"],
        unique=False,
    )


def downgrade() -> None:
    for table in (
        "generation_jobs",
        "interactions",
        "images",
        "character_tags",
        "sessions",
        "preferences",
        "characters",
        "users",
        "tags",
        "seedings",
    ):
        op.drop_table(table)
