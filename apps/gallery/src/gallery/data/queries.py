"""Everything Gallery reads: each takes a session and gives back plain values."""

from gallery.data.accounts import credentials, find_session, user
from gallery.data.characters import cards, detail, similar, species, tag_names
from gallery.data.featuring import global_scores, tastes
from gallery.data.images import character_images, image, image_bytes, user_images
from gallery.data.interactions import has_liked, like_count
from gallery.data.jobs import job
from gallery.data.lists import list_ids
from gallery.data.preferences import preferences
from gallery.data.rankings import featured

__all__ = [
    "cards",
    "character_images",
    "credentials",
    "detail",
    "featured",
    "find_session",
    "global_scores",
    "has_liked",
    "image",
    "image_bytes",
    "job",
    "like_count",
    "list_ids",
    "preferences",
    "similar",
    "species",
    "tag_names",
    "tastes",
    "user",
    "user_images",
]
