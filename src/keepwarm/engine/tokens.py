"""Read-your-writes tokens: where in the namespace's history an acknowledgement stands.

A token travels with a user (a header, a cookie) from the process that acknowledged to the
one that answers next. It only ever makes a near copy be asked about, so one that is
forged or unreadable costs a round trip and nothing else; it is signed, where the cache
has secrets, because the same position is what browsers resume their stream from.
"""

import hmac
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

RECENT_S = 60.0  # no bound is longer, and clocks of servers are closer together than this
_SIGNATURE_CHARS = 22  # 128 bits


def key_of(secret: bytes, purpose: bytes) -> bytes:
    """A key of 32 bytes for one purpose."""
    return hmac.new(secret, purpose, sha256).digest()


class Tokens:
    """Makes and reads them; the first secret signs, all are recognised."""

    def __init__(
        self, secrets: tuple[bytes, ...] = (), clock: Callable[[], float] = time.time
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._own = os.urandom(32)

    @property
    def are_shared(self) -> bool:
        """Whether other processes sign alike."""
        return bool(self._secrets)

    def key(self, purpose: bytes) -> bytes:
        """A key for something else to be signed with: of the first secret, else of this process."""
        return key_of(self._secrets[0] if self._secrets else self._own, purpose)

    def of(self, epoch: str, position: int) -> str:
        """The token of an acknowledgement."""
        text = f"1.{int(self._clock())}.{epoch}.{position}"
        return f"{text}.{self._signature(text, self._secrets[0]) if self._secrets else '-'}"

    def is_recent(self, token: str | None) -> bool:
        """Whether near copies must be asked about on its account."""
        if not token:
            return False
        text, _, signature = token.rpartition(".")
        parts = text.split(".")
        if len(parts) != 4 or not (parts[1].isascii() and parts[1].isdigit()):
            return True  # nobody knows what it says: ask
        known = [self._signature(text, secret) for secret in self._secrets]
        if known and not any(hmac.compare_digest(s.encode(), signature.encode()) for s in known):
            return True
        return len(parts[1]) > 12 or int(parts[1]) > self._clock() - RECENT_S

    @staticmethod
    def _signature(text: str, secret: bytes) -> str:
        digest = hmac.new(secret, b"keepwarm-after\0" + text.encode(), sha256).digest()
        return urlsafe_b64encode(digest).decode()[:_SIGNATURE_CHARS]
