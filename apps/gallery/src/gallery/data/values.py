"""The values that queries and writes give back: plain, frozen, free of the database.

Times are aware datetimes in UTC. Every value here can be cached as it is.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from gallery.data.text import MAX_QUERY, normalise


class Mode(StrEnum):
    """How a list of characters is chosen and ordered."""

    ALL = "all"  # by popularity: people reached over all time
    FEATURED = "featured"  # trending, weighted by the reader's tastes
    DISCOVER = "discover"  # what the reader has not met, reshuffled each day
    NEWEST = "newest"
    TRENDING = "trending"  # decayed sum over a month of interactions


PERSONAL_MODES = frozenset({Mode.FEATURED, Mode.DISCOVER})
"""The modes whose answer depends on `user_id`; the others ignore it."""

CLOCKED_MODES = frozenset({Mode.ALL, Mode.FEATURED, Mode.DISCOVER, Mode.TRENDING})
"""The modes whose answer depends on `now`."""


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


class Kind(IntEnum):
    """What somebody did with a character. A like outranks a view: `max` relies on it."""

    VIEW = 1
    LIKE = 2


class ImageKind(StrEnum):
    PORTRAIT = "portrait"  # painted from a character's seed
    UPLOAD = "upload"
    GENERATED = "generated"


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to, in canonical form: equal filters are equal values.

    `species`, `tag` and `creator` match exactly, `q` holds words that must all occur
    in a character's name, description, tags or attributes. Empty means not filtered.
    """

    species: str | None = None
    tag: str | None = None
    creator: str | None = None
    q: str | None = None

    def __post_init__(self) -> None:
        for name in ("species", "tag", "creator"):
            value = getattr(self, name)
            object.__setattr__(self, name, normalise(value)[:MAX_QUERY] or None if value else None)
        words = sorted(set(normalise(self.q or "")[:MAX_QUERY].split()))
        object.__setattr__(self, "q", " ".join(words) or None)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of `q`, each once, in order."""
        return tuple((self.q or "").split())

    def __bool__(self) -> bool:
        return any((self.species, self.tag, self.creator, self.q))


@dataclass(frozen=True, slots=True)
class IdPage:
    """One page of a list: ids in order, how many the whole list has, whether more follow."""

    ids: list[int]
    total: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A character as lists show it. `blurb` is the first sentence of the description.

    `tones` stand for its portrait until that is there (pictures/tones.py); the database
    knows nothing of them, so who paints adds them.
    """

    id: int
    name: str
    creator: str
    blurb: str
    attributes: dict[str, str]
    tags: list[str]
    seed: int
    version: int
    like_count: int
    view_count: int
    created_at: datetime
    tones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CharacterDetail:
    """A character in full. `version` is what an update must name (optimistic locking)."""

    id: int
    creator_id: int
    creator: str
    name: str
    description: str
    attributes: dict[str, str]
    tags: list[str]
    seed: int
    version: int
    like_count: int
    view_count: int
    created_at: datetime
    updated_at: datetime
    tones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A character that may be featured, with its global score (a whole number)."""

    id: int
    score: int
    species: str
    tags: list[str]


@dataclass(frozen=True, slots=True)
class Scores:
    """The global scores at `at`, best first. The same for every reader, so cached once."""

    at: datetime
    candidates: list[Candidate]


@dataclass(frozen=True, slots=True)
class Tastes:
    """What a reader likes: weights (0 and up) by tag and species, and tags not to show."""

    tags: dict[str, float] = field(default_factory=dict)
    species: dict[str, float] = field(default_factory=dict)
    hidden_tags: list[str] = field(default_factory=list)


NO_TASTES = Tastes()
"""The tastes of somebody unknown: everything weighs the same."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image without its bytes.

    `digest` is the SHA-256 of an upload's bytes, or of what a painted image is painted
    from; `media_type` is set for uploads only (painted images are painted on demand).
    """

    id: int
    owner_id: int
    owner: str
    character_id: int | None
    kind: ImageKind
    digest: str
    seed: int | None
    prompt: str | None
    width: int
    height: int
    media_type: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ImageBytes:
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PreferencesInfo:
    """A user's settings; `tag_weights` in 0…5, added to what their likes tell."""

    tag_weights: dict[str, float] = field(default_factory=dict)
    hidden_tags: list[str] = field(default_factory=list)
    favourite_species: str | None = None
    sort: Mode = Mode.FEATURED


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A user without credentials."""

    id: int
    username: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with the hash to check a password against. Never cached, never sent."""

    user: UserInfo
    password_hash: str


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A signed-in session and its user."""

    user: UserInfo
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A generation job. `image_id` is set when done, `error` when failed."""

    id: str
    user_id: int
    username: str
    character_id: int | None
    prompt: str
    seed: int
    status: JobStatus
    image_id: int | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Changed:
    """What a write touched, so that exactly that can be invalidated after the commit.

    `lists` is true when membership or order of a list that promises freshness may have
    changed (a character came, went, or was edited); views and likes leave it false.
    """

    character_ids: tuple[int, ...] = ()
    usernames: tuple[str, ...] = ()  # owners whose galleries changed
    user_ids: tuple[int, ...] = ()  # users whose preferences or tastes changed
    image_ids: tuple[int, ...] = ()
    job_ids: tuple[str, ...] = ()
    lists: bool = False
