"""RESP3 cut into whole messages without decoding them: what a proxy needs to lose some.

A server's stream is a sequence of messages; pushes (type `>`) may come between any two
replies. To lose pushes and nothing else, one must know where each message ends.
"""

from collections.abc import Iterator

_LINES = frozenset(b"+-:_#,(")
_BULKS = frozenset(b"$=!")
_LISTS = frozenset(b"*~>")
_PAIRS = frozenset(b"%|")
PUSH = ord(">")


class NotResp(ValueError):
    """A byte that begins no message of RESP2 or RESP3."""


class Frames:
    """The messages of one direction of one connection, fed from its first byte on."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0
        """How far the message at the head of `_held` has been looked through."""
        self._missing = 1
        """How many values it still needs from there on."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Each message that `chunk` completes, as it was sent. Raises NotResp."""
        self._held += chunk
        while self._scan():
            whole = bytes(self._held[: self._at])
            del self._held[: self._at]
            self._at, self._missing = 0, 1
            yield whole

    def _scan(self) -> bool:
        held = self._held
        while self._missing:
            end = held.find(b"\r\n", self._at)
            if end < 0:
                return False
            kind = held[self._at]
            after, more = end + 2, 0
            if kind not in _LINES:
                if kind not in _BULKS | _LISTS | _PAIRS:
                    raise NotResp(f"no message begins with {bytes([kind])!r}")
                count = int(held[self._at + 1 : end])
                if kind in _BULKS:
                    after += count + 2 if count >= 0 else 0
                elif kind in _LISTS:
                    more = max(0, count)
                else:
                    # An attribute stands before the value that it describes.
                    more = 2 * count + (kind == ord("|"))
            if after > len(held):
                return False
            self._at = after
            self._missing += more - 1
        return True
