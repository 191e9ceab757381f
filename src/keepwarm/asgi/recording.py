"""Takes down a body while it passes: in one entry if it is small, else piece by piece."""

import os
from hashlib import blake2b

from keepwarm.asgi.library import Library, Selected
from keepwarm.asgi.record import INLINE_BYTES, PIECE_BYTES


class Recording:
    """One body. At most one piece of it is in memory; `most` bytes may come, no more."""

    def __init__(
        self, library: Library, selected: Selected, most: int, kept_s: float, *, is_part: bool
    ) -> None:
        self._library = library
        self._selected = selected
        self._most = most
        self._inline = most if is_part else INLINE_BYTES
        self.kept_s = kept_s
        self._held: list[bytes] = []
        self._held_size = self._number = 0
        self._digest = blake2b(digest_size=15)
        self.size = 0
        self.pieces = ""

    @property
    def digest(self) -> bytes:
        return self._digest.digest()

    async def add(self, data: bytes) -> bool:
        """Take `data` down; False if the body is too large, or could not be stored."""
        self.size += len(data)
        if self.size > self._most:
            return False
        self._digest.update(data)
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size < PIECE_BYTES or self.size <= self._inline:
            return True
        held = b"".join(self._held)
        whole = len(held) - len(held) % PIECE_BYTES
        for at in range(0, whole, PIECE_BYTES):
            if not await self._keep(held[at : at + PIECE_BYTES]):
                return False
        self._held, self._held_size = [held[whole:]], len(held) - whole
        return True

    async def end(self) -> tuple[bool, bytes | None]:
        """(whether all of it is kept, the body if it is to lie with its head)."""
        held = b"".join(self._held)
        if not self.pieces and self.size <= self._inline:
            return True, held
        return (not held or await self._keep(held)), None

    async def _keep(self, data: bytes) -> bool:
        token = self._selected.token
        if token is None:
            return False
        self.pieces = self.pieces or os.urandom(16).hex()
        number, self._number = self._number, self._number + 1
        return await self._library.keep_piece(
            self._selected.subject, token, self.pieces, number, data, self.kept_s
        )
