"""Sealing: how stored values are protected, chosen by configuration and never by a value.

By default an envelope carries a CRC-32 over its name and all its bytes: accidents (a
flipped bit, a cut value, value A under key B) are misses. Whoever can write to the
store can compute a CRC, so where others share it, `secrets` replaces it by a keyed
hash; `encryption_keys` hide the values as well. Each list is newest first: the first
writes, all of them read, so keys are changed without an outage:

    secrets=[old]  →  [old, new] everywhere  →  [new, old] everywhere  →  [new]
"""

import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Protocol

from keepwarm.core.units import KiB, MiB
from keepwarm.errors import ConfigurationError
from keepwarm.stores.compression import Compression

AUTHENTICATED, ENCRYPTED = 2, 4  # flags of an envelope
MAC_BYTES = 16  # 128 bits
NONCE_BYTES = 12
TAG_BYTES = 16
_COPIED = 4 * KiB  # below it a copy costs less than a view
SHORTEST_SECRET = 16  # bytes; 32 random ones are better
MOST_SECRETS = 8  # each costs one try for a value that none of them made

DEFAULT_COMPRESS_ABOVE = KiB  # below it zstd saves less than its own cost
COMPRESS_ABOVE_WITH_DICTIONARY = 128  # bytes: what is short gains the most from one
DEFAULT_MAX_BYTES = 64 * MiB  # what decoding one value may take, whatever the value says

Secret = str | bytes


class _Aead(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)
class Sealing:
    """The protection of one cache's stored values; never shows its keys.

    `secrets` and `encryption_keys` are lists of str or bytes, newest first. A value
    larger than `compress_above` bytes is compressed if that makes it smaller. Nothing
    larger than `max_bytes` is ever decompressed or opened. `dictionaries` are the contents of
    trained ones, newest first.

    Raises ConfigurationError for secrets that are too short, or where encryption is
    asked for without the `cryptography` package (keepwarm[encryption]).
    """

    compress_above: int
    max_bytes: int
    fixed_flags: int
    """What an envelope says of its protection: exactly this."""
    is_encrypted: bool
    trailer_bytes: int
    compression: Compression
    _macs: tuple[bytes, ...] = field(repr=False)
    _ciphers: tuple[_Aead, ...] = field(repr=False)

    def __init__(
        self,
        *,
        secrets: Iterable[Secret] = (),
        encryption_keys: Iterable[Secret] = (),
        compress_above: int | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        dictionaries: Iterable[bytes] = (),
    ) -> None:
        compression = Compression(dictionaries)
        if compress_above is None:
            compress_above = (
                COMPRESS_ABOVE_WITH_DICTIONARY if compression.ids else DEFAULT_COMPRESS_ABOVE
            )
        if compress_above < 0:
            raise ConfigurationError(f"compress_above={compress_above} is negative")
        if max_bytes < 1:
            raise ConfigurationError(f"max_bytes={max_bytes} must be at least 1")
        store = object.__setattr__
        store(self, "compress_above", compress_above)
        store(self, "max_bytes", max_bytes)
        store(self, "compression", compression)
        store(self, "_macs", _derive(secrets, "secrets", b"keepwarm.mac"))
        keys = _derive(encryption_keys, "encryption_keys", b"keepwarm.aes")
        store(self, "_ciphers", tuple(map(_cipher, keys)))
        store(self, "is_encrypted", bool(self._ciphers))
        store(self, "trailer_bytes", MAC_BYTES if self._macs else 4)
        flags = (AUTHENTICATED if self._macs else 0) | (ENCRYPTED if self._ciphers else 0)
        store(self, "fixed_flags", flags)

    def __repr__(self) -> str:
        return (
            f"Sealing(secrets={len(self._macs)} masked, "
            f"encryption_keys={len(self._ciphers)} masked, "
            f"compress_above={self.compress_above}, max_bytes={self.max_bytes}, "
            f"dictionaries={list(self.compression.ids)})"
        )

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Sealing holds keys and is not copied out of its process")

    @property
    def is_authenticated(self) -> bool:
        """Whether values carry a keyed hash."""
        return bool(self._macs)

    def trailer(self, bound: bytes) -> bytes:
        """The check value of `bound`, by the newest secret."""
        if not self._macs:
            return zlib.crc32(bound).to_bytes(4, "big")
        return _mac(self._macs[0], bound)

    def is_intact(self, name: bytes, data: bytes, size: int) -> bool:
        """Whether what follows the first `size` bytes of `data` is their trailer under `name`."""
        trailer = data[size:]
        if not self._macs:
            body = data[:size] if size < _COPIED else memoryview(data)[:size]
            check = zlib.crc32(body, zlib.crc32(name, _begun(len(name))))
            return check == int.from_bytes(trailer)
        # Every secret is tried, so that time does not tell which one made it.
        whole = bound_to(name) + data[:size]
        return sum(compare_digest(_mac(key, whole), trailer) for key in self._macs) > 0

    def encrypt(self, data: bytes, associated: bytes) -> bytes:
        """nonce ‖ ciphertext ‖ tag, by the newest key. At most 2³² values per key."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, data, associated)

    def decrypt(self, data: bytes, associated: bytes) -> bytes | None:
        """The plaintext, or None where no key opens it."""
        from cryptography.exceptions import InvalidTag

        if len(data) < NONCE_BYTES + TAG_BYTES:
            return None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], associated)
            except InvalidTag:
                continue
        return None


def bound_to(name: bytes) -> bytes:
    """`name` and its length, so that no name's end can pass for an envelope's beginning."""
    return len(name).to_bytes(4, "big") + name


@lru_cache(maxsize=1_024)
def _begun(length: int) -> int:
    """The CRC of what `bound_to` puts before a name of so many bytes."""
    return zlib.crc32(length.to_bytes(4, "big"))


def _mac(key: bytes, bound: bytes) -> bytes:
    return blake2b(bound, digest_size=MAC_BYTES, key=key).digest()


def _derive(given: Iterable[Secret], name: str, purpose: bytes) -> tuple[bytes, ...]:
    """A 256-bit key for `purpose` from each secret of any length and alphabet."""
    if isinstance(given, (str, bytes)):
        raise ConfigurationError(f"{name} must be a list, newest first, not one string")
    raw = [s.encode("utf-8", "surrogatepass") if isinstance(s, str) else bytes(s) for s in given]
    if len(raw) > MOST_SECRETS:
        raise ConfigurationError(f"{name} holds {len(raw)}; keep at most {MOST_SECRETS}")
    if any(len(secret) < SHORTEST_SECRET for secret in raw):
        raise ConfigurationError(
            f"one of {name} is shorter than {SHORTEST_SECRET} bytes; make one with "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return tuple(blake2b(secret, digest_size=32, person=purpose).digest() for secret in raw)


def _cipher(key: bytes) -> _Aead:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise ConfigurationError(
            "encryption_keys needs the cryptography package: install keepwarm[encryption]"
        ) from error
    return AESGCM(key)
