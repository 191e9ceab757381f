"""What the server writes of a character's page, exactly as React would (pages/character.tsx).

The script of that page is a chunk of its own, so React keeps it in a boundary: two comments
say where it begins and ends, and what is between them stands until the chunk has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from gallery.data.values import UserInfo
from gallery.web.markup import (
    LARGE_SIZES,
    ROW_SIZES,
    UNRESERVED,
    card_of_row,
    count,
    likes_word,
    portrait,
)
from gallery.web.views import CardView, CharacterView, ImageView, media_path

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)


def character_page(
    found: CharacterView,
    user: UserInfo | None,
    images: Sequence[ImageView],
    similar: Sequence[CardView],
) -> str:
    """What <main> holds for the page of `found`, as `user` sees it."""
    alt = f"Portrait of {found.name}"
    picture = portrait(
        "portrait", found.id, found.picture, LARGE_SIZES, alt, found.tones, is_first=True
    )
    creator = f"/?mode=newest&creator={quote(found.creator, safe=UNRESERVED)}"
    return (
        '<!--$--><article class="character-character"><div class="character-portrait">'
        f"{picture}</div><div><h1>{escape(found.name)}</h1>"
        f'<p class="character-by">by <a href="{escape(creator)}">{escape(found.creator)}</a></p>'
        f'<div class="character-doing">{_doing(found, user)}</div>'
        f'<p class="character-story">{escape(found.description)}</p>'
        f'<ul class="character-tags" aria-label="Tags">{"".join(map(_tag, found.tags))}</ul>'
        f"{_facts(found)}</div></article>{_images(images, user, found.name)}"
        f"{_similar(similar)}<!--/$-->"
    )


def _tag(tag: str) -> str:
    href = f"/?mode=all&tag={quote(tag, safe=UNRESERVED)}"
    return f'<li><a href="{escape(href)}">{escape(tag)}</a></li>'


def _doing(found: CharacterView, user: UserInfo | None) -> str:
    """What a reader may do with it: like it, add to it, change it."""
    liked = found.liked is True
    label = (
        f'<span aria-hidden="true">{"♥" if liked else "♡"} </span>{"Liked" if liked else "Like"}'
        f'<span class="character-count">{count(found.like_count)}'
        f'<span class="unseen"> {likes_word(found.like_count)}</span></span>'
    )
    if user is None:
        href = f"/sign-in?next=%2Fcharacters%2F{found.id}&amp;for=like"
        return f'<a class="button" href="{href}">{label}</a>'
    refusal = '<div class="character-refusal"></div>'
    parts = [
        f'<button type="button" aria-pressed="{str(liked).lower()}">{label}</button>{refusal}'
        '<label class="button fileButton">Add an image'
        f'<input type="file" accept="image/webp,image/png,image/jpeg"></label>{refusal}'
    ]
    if found.can_edit:
        parts.append(
            f'<a class="button" href="/characters/{found.id}/edit">Edit</a>'
            '<button type="button" class="danger">Delete</button>'
        )
    return "".join(parts)


def _facts(found: CharacterView) -> str:
    facts = "".join(
        f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(value)}</dd></div>"
        for name, value in found.attributes.items()
    )
    views = f"{found.view_count:,} view{'' if found.view_count == 1 else 's'}"
    listed = f'<dl class="character-facts">{facts}</dl>' if facts else ""
    return f'{listed}<p class="character-by">{views} since {day(found.created_at)}</p>'


def day(instant: datetime) -> str:
    """The day in UTC, as browsers write it in English: January 1, 2026."""
    at = instant.astimezone(UTC)
    return f"{_MONTHS[at.month - 1]} {at.day}, {at.year}"


def _images(images: Sequence[ImageView], user: UserInfo | None, of: str) -> str:
    if not images:
        return ""
    shown = "".join(_image(each, user, of) for each in images)
    return (
        '<section class="character-more"><h2>Images</h2>'
        f'<ul class="cards-row">{shown}</ul></section>'
    )


def _image(image: ImageView, user: UserInfo | None, of: str) -> str:
    told = image.prompt or f"{of}, by {image.owner}"
    kind = "painted" if image.kind == "generated" else image.kind
    removal = ""
    if user is not None and (user.id == image.owner_id or user.role == "admin"):
        removal = (
            f'<button type="button" class="quiet" aria-label="{escape(f"Delete: {told}")}">'
            "Delete</button>"
        )
    picture = portrait("image", image.id, image.digest, ROW_SIZES, told)
    largest = media_path("image", image.id, image.digest, 640)
    return (
        f'<li class="images-image"><a href="{largest}" target="_blank" rel="noopener">{picture}'
        f"</a><p><span>{kind}</span>{removal}</p></li>"
    )


def _similar(cards: Sequence[CardView]) -> str:
    if not cards:
        return ""
    shown = "".join(card_of_row(card, at) for at, card in enumerate(cards))
    return (
        '<section class="character-more"><h2>Similar characters</h2>'
        f'<ul class="cards-row">{shown}</ul></section>'
    )
