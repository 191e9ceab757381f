"""What callers may send, with every length and range."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gallery.data.values import Mode

#: Seeds are 0 … 2³¹ - 1: what a column, a painter and a JSON number all hold.
LARGEST_SEED = 2**31 - 1
#: No list is read further: a database counts through every row that it skips.
LAST_PAGE = 10_000
LARGEST_PAGE = 60
#: Ids are 64 bit in the database; larger numbers name nothing.
LARGEST_ID = 2**63 - 1

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Story = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
TagName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
AttributeName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)
]
AttributeValue = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)
]
Tags = Annotated[list[TagName], Field(max_length=12)]
Attributes = Annotated[dict[AttributeName, AttributeValue], Field(max_length=20)]
Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{3,32}$")]
Weight = Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)]


class Form(BaseModel):
    """A body whose unknown fields are refused: a misspelt one would be silently lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CharacterForm(Form):
    """A new character. Its portrait is painted from its attributes and a seed."""

    name: Name
    description: Story
    attributes: Attributes = {}
    tags: Tags = []


class CharacterPatch(Form):
    """What to change; what is left out stays. `version` is the one that was read."""

    version: Annotated[int, Field(ge=0, le=LARGEST_SEED)]
    name: Name | None = None
    description: Story | None = None
    attributes: Attributes | None = None
    tags: Tags | None = None


class PreferencesForm(Form):
    """All of a user's preferences; what is left out returns to its default."""

    tag_weights: Annotated[dict[TagName, Weight], Field(max_length=60)] = {}
    hidden_tags: Annotated[list[TagName], Field(max_length=60)] = []
    favourite_species: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)] | None
    ) = None
    sort: Mode = Mode.FEATURED


class LoginForm(Form):
    """Who signs in. Nothing about a wrong one is checked here: that would tell of names."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class RegisterForm(Form):
    """A new user: letters, digits, `_` and `-` in the name; a password of 10 or more."""

    username: Username
    password: Annotated[str, StringConstraints(min_length=10, max_length=200)]


class GenerationForm(Form):
    """A picture to paint: the same prompt and seed give the same picture."""

    prompt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = 0
    character_id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
