"""Every policy, key and tag of Gallery: what is kept, how long, and what a write ends.

Keys and lifetimes

| key                                          | s    | depends on (tags)                     |
|----------------------------------------------|------|---------------------------------------|
| characters:list:{mode}:{page}:…:{user_id?}   | 300  | characters; traits, preferences below |
| characters:detail:{character_id}             | 600  | character:{id}                        |
| characters:card:{character_id}               | 600  | character:{id}                        |
| characters:written:{version}:{character_id}  | 600  | character:{id}                        |
| characters:similar:{character_id}            | 300  | characters, traits                    |
| characters:featured:{user_id?}               | 180  | characters, traits, preferences:{id}  |
| characters:scores                            | 180  | characters, traits                    |
| characters:facets                            | 600  | characters, traits                    |
| images:user:{username}:{character_id?}       | 900  | images:user:{username}                |
| images:character:{character_id}              | 900  | images:character:{id}                 |
| images:generation:{job_id}                   | 3600 | generation:{job_id}                   |
| preferences:{user_id}                        | 1800 | preferences:{user_id}                 |
| likes:{user_id}:{character_id}               | 300  | like:{user_id}:{character_id}         |
| session:{digest}                             | 600  | session:{digest}                      |
| media:{kind}:{id}:{digest}:{width}:{format}  | 7 d  | picture:{kind}:{id}                   |

What does not exist is remembered for 20 s under the same tags, so that creating it
shows it at once.

**Lists** are ids, and cards cached one by one: a changed character costs its own card
and detail, not every list it is in. Their keys name everything the answer depends on
(page size and filters beside the specification's mode, page and user), and `user_id`
only where it does: one copy of "newest" serves everybody. What looks *inside*
characters (filters, featuring, likeness) carries `characters:traits` as well, which an
edit ends; the other lists need only `characters`, which creation and deletion end.

**Pages** are put together from cards that were written as HTML and JSON once (web/markup.py),
each under its own character's tag, as the lists are. They are filled from the origin and not
from the cached cards: the items of a batch share what its fill depended on, and one edit
would end them all.

**The clock** of rankings, rounded to ten minutes, is not part of a key. A ranking's
age is what its policy bounds (300 s, and longer only as STALE); a bucket in the key
would make every page cold six times an hour and leave nothing to serve while
it is recomputed. Each answer says for which instant it was computed: `as_of`.

**Likes** end the character's own entries, its card among them: who likes must see the number
move wherever it stands, and so must everybody who looks on. That costs a row and a card, and
no list: those are ids, and what is similar depends on traits alone.

**Age-tolerant**: a view ends nothing, and a like no ranking. Counts of views and orders follow
when entries age out.

**Sessions, credentials and rights are not cached**: whoever can write to the store
must not become somebody by it.

**Responses** are kept, too, in front of the app: ROUTES says of which routes and for whom.
One that is made of cached values ends with any of them, in every process, and is fresh no
longer than they are, so its own `ttl` is only how long it may answer at most. Nothing of a
route that is not named is kept, and of one that is only what says so itself
(web/answers.py): the personal modes of a list share their route with the common ones, and
stay out. A reader's own answers depend on `session_mark` beside, which signing out ends.
"""

from __future__ import annotations

from datetime import timedelta

from gallery.data.values import PERSONAL_MODES, Changed, Filters, Mode
from gallery.origin import Listing, Origin, Painter
from gallery.web.markup import MARKUP_VERSION, Written, written
from gallery.web.sessions import SESSION_COOKIES
from gallery.web.views import card_view
from keepwarm import Cache, Immutable, PerUser, Policy, Shared

#: Lists tolerate age: they may be late while recomputed, while the database is away
#: (stale_if_error), and while the store cannot prove them current (stale_if_unproven).
#: Four computed at once keep two cores busy without starving everything else.
_LIST = Policy(
    "300s",
    stale_while_revalidate="1h",
    stale_if_error="1d",
    stale_if_unproven="5m",
    soft_timeout="150ms",
    hard_timeout="10s",
    max_fills=4,
)

POLICIES: dict[str, Policy] = {
    "character-list": _LIST,
    # Somebody's own: must follow their preferences at once, so never unproven.
    "personal-list": Policy(
        "300s",
        stale_while_revalidate="15m",
        stale_if_error="1d",
        soft_timeout="150ms",
        hard_timeout="10s",
        max_fills=4,
    ),
    "character-card": Policy(
        "600s",
        stale_while_revalidate="1h",
        stale_if_error="7d",
        stale_if_unproven="5m",
        hard_timeout="10s",
        max_fills=8,
    ),
    "character-detail": Policy(
        "600s", stale_while_revalidate="1h", stale_if_error="7d", hard_timeout="10s", max_fills=8
    ),
    "featured": Policy(
        "180s",
        stale_while_revalidate="15m",
        stale_if_error="1d",
        soft_timeout="150ms",
        hard_timeout="10s",
        max_fills=4,
    ),
    "facets": Policy("600s", stale_while_revalidate="1h", stale_if_error="7d"),
    "image-metadata": Policy("900s", stale_if_error="1d", max_fills=8),
    "generation-result": Policy("3600s", max_fills=8),
    "preferences": Policy("1800s", stale_if_error="1d", max_fills=8),
    "like": Policy("300s", max_fills=8),
    # The address holds a digest of what is painted, so the bytes never change; only
    # their removal ends them.
    "portrait": Policy("7d", stale_if_unproven="7d", stale_if_error="7d", hard_timeout="20s"),
    "absent": Policy("20s"),
    "session-mark": Policy("600s"),
}

CHARACTERS = "characters"
TRAITS = "characters:traits"

#: How long a response of one reader's is kept; nothing is of a session that ends before.
OWN = timedelta(minutes=3)


def _own() -> PerUser:
    """A copy for each session, and one for all strangers."""
    return PerUser(ttl=OWN, cookies=SESSION_COOKIES)


ROUTES: dict[str, Shared | PerUser | Immutable] = {
    "GET /api/characters": Shared(ttl="300s"),
    "GET /api/characters/{character_id}": _own(),  # `liked` and `can_edit`
    "GET /api/characters/{character_id}/similar": Shared(ttl="300s"),
    "GET /api/characters/{character_id}/images": Shared(ttl="600s"),
    "GET /api/users/{username}/images": Shared(ttl="600s"),
    "GET /api/facets": Shared(ttl="600s"),
    "GET /api/featured": _own(),
    "GET /api/preferences": _own(),
    "GET /media/{digest}/{name}": Immutable(),
}


class CachedReads:
    """The reads of `origin`, cached."""

    def __init__(self, cache: Cache, origin: Origin, painter: Painter) -> None:
        self._origin = origin
        self._painter = painter

        self.ranked = cache(
            "character-list",
            key="characters:list:{mode}:{page}:{page_size}",
            tags=[CHARACTERS],
        )(self._ranked)
        self.filtered = cache(
            "character-list",
            key="characters:list:{mode}:{page}:{page_size}:{filters}",
            tags=[CHARACTERS, TRAITS],
        )(self._filtered)
        self.personal = cache(
            "personal-list",
            key="characters:list:{mode}:{page}:{page_size}:{filters}:{user_id?}",
            tags=[CHARACTERS, TRAITS, "preferences:{user_id}"],
        )(self._personal)
        self.scores = cache("featured", key="characters:scores", tags=[CHARACTERS, TRAITS])(
            origin.scores
        )
        self.featured = cache(
            "featured",
            key="characters:featured:{user_id?}",
            tags=[CHARACTERS, TRAITS, "preferences:{user_id}"],
        )(self._featured)
        self.cards = cache.batch(
            "character-card",
            key="characters:card:{character_id}",
            tags=["character:{character_id}"],
        )(origin.cards)
        self.written = cache.batch(
            "character-card",
            key=f"characters:written:{MARKUP_VERSION}:{{character_id}}",
            tags=["character:{character_id}"],
        )(self._written)
        self.character = cache(
            "character-detail",
            key="characters:detail:{character_id}",
            tags=["character:{character_id}"],
            none="absent",
        )(origin.character)
        self.similar = cache(
            "character-list",
            key="characters:similar:{character_id}",
            tags=[CHARACTERS, TRAITS],
        )(origin.similar)
        self.facets = cache("facets", key="characters:facets", tags=[CHARACTERS, TRAITS])(
            origin.facets
        )
        self.user_images = cache(
            "image-metadata",
            key="images:user:{username}:{character_id?}",
            tags=["images:user:{username}"],
        )(origin.user_images)
        self.character_images = cache(
            "image-metadata",
            key="images:character:{character_id}",
            tags=["images:character:{character_id}"],
        )(origin.character_images)
        self.generation = cache(
            "generation-result",
            key="images:generation:{job_id}",
            tags=["generation:{job_id}"],
            none="absent",
        )(origin.generation)
        self.preferences = cache(
            "preferences", key="preferences:{user_id}", tags=["preferences:{user_id}"]
        )(origin.preferences)
        self.likes = cache(
            "like", key="likes:{user_id}:{character_id}", tags=["like:{user_id}:{character_id}"]
        )(origin.likes)
        self.session_mark = cache(
            "session-mark", key="session:{digest}", tags=["session:{digest}"]
        )(_mark)
        self.media = cache(
            "portrait",
            key="media:{kind}:{id}:{digest}:{width}:{format}",
            tags=["picture:{kind}:{id}"],
            none="absent",
        )(origin.media)

    async def listing(
        self, mode: Mode, page: int, page_size: int, filters: Filters, user_id: int | None
    ) -> Listing:
        """A page of a list by the cached function that depends on no more than it must."""
        if mode in PERSONAL_MODES:
            return await self.personal(mode, page, page_size, filters, user_id)
        if filters:
            return await self.filtered(mode, page, page_size, filters)
        return await self.ranked(mode, page, page_size)

    async def _ranked(self, mode: Mode, page: int, page_size: int) -> Listing:
        return await self._origin.listing(mode, page, page_size, Filters(), None, None)

    async def _filtered(self, mode: Mode, page: int, page_size: int, filters: Filters) -> Listing:
        return await self._origin.listing(mode, page, page_size, filters, None, None)

    async def _personal(
        self, mode: Mode, page: int, page_size: int, filters: Filters, user_id: int | None
    ) -> Listing:
        scores = await self.scores() if mode is Mode.FEATURED else None
        return await self._origin.listing(mode, page, page_size, filters, user_id, scores)

    async def _written(self, character_ids: list[int]) -> dict[int, Written]:
        found = await self._origin.cards(character_ids)
        return {id: written(card_view(card, self._painter)) for id, card in found.items()}

    async def _featured(self, user_id: int | None) -> Listing:
        scores = await self.scores()
        return await self._origin.featured(user_id, scores)


async def _mark(digest: str) -> bool:
    """Says nothing of the session: what is made for it ends with this, and that is all."""
    return bool(digest)


# What each write ends, declared inside its transaction (writing.py).


def character_created(changed: Changed) -> list[str]:
    return [CHARACTERS, *_characters(changed)]


def character_edited(changed: Changed) -> list[str]:
    return [TRAITS, *_characters(changed)]


def character_deleted(changed: Changed) -> list[str]:
    gone = (f"picture:portrait:{id}" for id in changed.character_ids)
    return [CHARACTERS, *_characters(changed), *gone, *images_changed(changed)]


def images_changed(changed: Changed) -> list[str]:
    return [
        *(f"images:user:{name}" for name in changed.usernames),
        *(f"images:character:{id}" for id in changed.character_ids),
        *(f"picture:image:{id}" for id in changed.image_ids),
    ]


def preferences_changed(changed: Changed) -> list[str]:
    return [f"preferences:{id}" for id in changed.user_ids]


def session_ended(digest: str) -> list[str]:
    """`digest` is what the database knows of the session's token."""
    return [f"session:{digest}"]


def like_changed(user_id: int, character_id: int) -> list[str]:
    return [f"like:{user_id}:{character_id}", f"character:{character_id}"]


def jobs_changed(*changed: Changed) -> list[str]:
    jobs = (f"generation:{id}" for each in changed for id in each.job_ids)
    return [*jobs, *(tag for each in changed for tag in images_changed(each))]


def _characters(changed: Changed) -> list[str]:
    return [f"character:{id}" for id in changed.character_ids]
