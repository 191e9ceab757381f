"""Structured fields (RFC 9651), as far as caching reads them; one error fails the whole field.

Values: bool, int, float (decimals), str (strings), Token, bytes, and lists (inner lists).
Parameters are read and dropped: nothing here has a use for them.
"""

import base64
import binascii
import re
from typing import TypeAlias

Bare: TypeAlias = "bool | int | float | str | bytes | Token"
Item: TypeAlias = "Bare | list[Bare]"

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_NUMBER = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_BOOLEAN = re.compile(r"\?([01])")
_SPACE = re.compile(r" *")
_OWS = re.compile(r"[ \t]*")


class Token(str):
    """A token, which is not the string of the same letters."""

    __slots__ = ()


class Malformed(ValueError):
    """Not a structured field of that kind."""


class _Reader:
    def __init__(self, text: str) -> None:
        if not text.isascii():
            raise Malformed(text)
        self._text = text
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._text)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def skip(self, char: str) -> bool:
        if self._text.startswith(char, self._at):
            self._at += 1
            return True
        return False

    def key(self) -> str:
        found = self.take(_KEY)
        if found is None:
            raise Malformed(self._text)
        return found[0]

    def bare(self) -> Bare:
        if found := self.take(_NUMBER):
            whole, fraction = found.groups()
            if fraction is None:
                if len(whole) > 15:
                    raise Malformed(self._text)
                return int(found[0])
            if len(whole) > 12 or len(fraction) > 3:
                raise Malformed(self._text)
            return float(found[0])
        if found := self.take(_STRING):
            return re.sub(r"\\(.)", r"\1", found[1])
        if found := self.take(_BOOLEAN):
            return found[1] == "1"
        if found := self.take(_BYTES):
            try:
                return base64.b64decode(found[1] + "=" * (-len(found[1]) % 4))
            except binascii.Error:
                raise Malformed(self._text) from None
        if found := self.take(_TOKEN):
            return Token(found[0])
        raise Malformed(self._text)

    def parameters(self) -> None:
        while self.skip(";"):
            self.take(_SPACE)
            self.key()
            if self.skip("="):
                self.bare()

    def item(self) -> Item:
        found: Item
        found = self._inner() if self.skip("(") else self.bare()
        self.parameters()
        return found

    def _inner(self) -> list[Bare]:
        found: list[Bare] = []
        while True:
            self.take(_SPACE)
            if self.skip(")"):
                return found
            found.append(self.bare())
            self.parameters()
            if self._text[self._at : self._at + 1] not in (" ", ")"):
                raise Malformed(self._text)

    def more(self) -> bool:
        """Past the comma to the next member; False at the end."""
        self.take(_OWS)
        if self.is_done:
            return False
        if not self.skip(","):
            raise Malformed(self._text)
        self.take(_OWS)
        if self.is_done:
            raise Malformed(self._text)
        return True


def dictionary(text: str) -> dict[str, Item]:
    """Raises Malformed."""
    reader, found = _Reader(text.strip(" ")), dict[str, Item]()
    if reader.is_done:
        return found
    while True:
        key = reader.key()
        if reader.skip("="):
            found[key] = reader.item()
        else:
            found[key] = True
            reader.parameters()
        if not reader.more():
            return found


def items(text: str) -> list[Item]:
    """The members of a List. Raises Malformed."""
    reader, found = _Reader(text.strip(" ")), list[Item]()
    if reader.is_done:
        return found
    while True:
        found.append(reader.item())
        if not reader.more():
            return found


def string(text: str) -> str:
    """`text` as a structured string; what cannot be in one is left out."""
    safe = "".join(char for char in text if " " <= char <= "~")
    escaped = safe.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
