"""Everything Gallery changes: each function says in `Changed` what it touched.

Nothing here commits. Run it in `Database.transaction()`, and invalidate what `Changed`
names after that block, when the commit is done.
"""

from gallery.data.accounts import (
    create_session,
    create_user,
    delete_session,
    delete_sessions_of,
    purge_sessions,
    set_password_hash,
)
from gallery.data.editing import create_character, delete_character, update_character
from gallery.data.images import add_image, delete_image
from gallery.data.interactions import like, unlike, view
from gallery.data.jobs import claim_job, create_job, fail_job, finish_job, requeue_jobs
from gallery.data.preferences import set_preferences

__all__ = [
    "add_image",
    "claim_job",
    "create_character",
    "create_job",
    "create_session",
    "create_user",
    "delete_character",
    "delete_image",
    "delete_session",
    "delete_sessions_of",
    "fail_job",
    "finish_job",
    "like",
    "purge_sessions",
    "requeue_jobs",
    "set_password_hash",
    "set_preferences",
    "unlike",
    "update_character",
    "view",
]
