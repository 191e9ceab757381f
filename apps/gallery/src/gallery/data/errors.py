"""What a write may refuse.

Refused
├─ NotFound          nothing has that id
├─ VersionConflict   somebody else updated the character first
├─ NameTaken         another user has that name
└─ Unusable          a value that cannot be stored
"""


class Refused(Exception):
    """A write that was not made; the session can go on."""


class NotFound(Refused):
    def __init__(self, what: str, id: object) -> None:
        super().__init__(f"no {what} {id}")


class VersionConflict(Refused):
    """`current` is the version the character has now."""

    def __init__(self, character_id: int, expected: int, current: int) -> None:
        super().__init__(
            f"character {character_id} is at version {current}, not {expected}: read it again"
        )
        self.current = current


class NameTaken(Refused):
    def __init__(self, username: str) -> None:
        super().__init__(f"the name {username!r} is taken")


class Unusable(Refused):
    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
