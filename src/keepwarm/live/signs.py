"""What browsers get to see: labels for stamps, and signed positions.

A label is a keyed hash of the name of a stamp: of what the server itself compares. So what
a response depends on and what a message ends cannot drift apart, and nobody learns from a
label which tag it stands for, not even whether two users' labels are of one kind. Equal in
all processes that have the same first secret. The name of an epoch, which tokens show,
depends on that secret, too: during a change of secrets the two kinds of processes are two
incarnations to a browser, and nothing of one passes for fresh with the other.
"""

import hmac
from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import blake2b

ANY = "*"
"""Stands for all labels where there are too many to list, or nobody knows them."""
MOST_LABELS = 200  # of one response: two kilobytes of one field

_LABEL_BYTES = 6  # 131,072 stamps: no two alike but once in 30,000 namespaces
_EPOCH_BYTES = 6
_MAC_BYTES = 9
_MOST_DIGITS = 15
_LABELS_KEPT = 32_768  # about 6 MB
_LISTS_KEPT = 1_024  # what responses say is much the same, one after the other


class Signs:
    """Of one namespace and one secret."""

    def __init__(self, key: bytes, namespace: str) -> None:
        self._key = key
        self._namespace = namespace.encode()
        self.label = lru_cache(maxsize=_LABELS_KEPT)(self._label)
        self.labels = lru_cache(maxsize=_LISTS_KEPT)(self._labels)
        self.incarnation = lru_cache(maxsize=16)(self._incarnation)
        self.position = lru_cache(maxsize=_LISTS_KEPT)(self._position)

    def _hash(self, what: bytes, size: int, person: bytes) -> str:
        text = b"%b\0%b" % (self._namespace, what)
        digest = blake2b(text, digest_size=size, key=self._key, person=person).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")

    def _label(self, stamp: str) -> str:
        """What a stamp is called outside."""
        return "~" + self._hash(stamp.encode(), _LABEL_BYTES, b"keepwarm label")

    def _incarnation(self, epoch: str) -> str:
        """What an epoch is called outside."""
        return self._hash(epoch.encode(), _EPOCH_BYTES, b"keepwarm epoch") if epoch else "-"

    def _labels(self, stamps: tuple[str, ...] | None) -> str:
        """Those of a response, as its field has them."""
        if stamps is None:
            return ANY
        labels = dict.fromkeys(map(self.label, stamps))
        return " ".join(labels) if len(labels) <= MOST_LABELS else ANY

    def _position(self, epoch: str, n: int) -> str:
        """A position that comes back as it is, or not at all."""
        text = f"{self.incarnation(epoch)}.{n}"
        return f"{text}.{self._mac(text)}"

    def read(self, position: str) -> tuple[str, int] | None:
        """(incarnation, n) of one of our own; None for anything else."""
        text, _, mac = position.rpartition(".")
        incarnation, _, n = text.rpartition(".")
        if not (n.isascii() and n.isdigit() and len(n) <= _MOST_DIGITS):
            return None
        if not hmac.compare_digest(self._mac(text).encode(), mac.encode("utf-8", "replace")):
            return None
        return incarnation, int(n)

    def _mac(self, text: str) -> str:
        return self._hash(text.encode("utf-8", "replace"), _MAC_BYTES, b"keepwarm place")
