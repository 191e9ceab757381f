"""Password hashing by pwdlib's argon2, off the event loop."""

from __future__ import annotations

import anyio
import anyio.to_thread
from pwdlib import PasswordHash

#: One hash takes 64 MiB and tens of ms: more at once would crowd out everything else.
AT_ONCE = 2


class Passwords:
    """Hashes and checks passwords in at most `AT_ONCE` threads."""

    def __init__(self) -> None:
        self._hasher = PasswordHash.recommended()
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        return await anyio.to_thread.run_sync(self._hasher.hash, password, limiter=self._limiter)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` made `stored`; without one, no, after as long a time.

        So the time of a refused sign-in does not tell which names exist.
        """
        against = stored if stored is not None else await self._hash_of_nobody()
        same = await anyio.to_thread.run_sync(
            self._hasher.verify, password, against, limiter=self._limiter
        )
        return same and stored is not None

    async def _hash_of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = await self.hash("nobody has this password")
        return self._nobody
