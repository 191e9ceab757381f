"""A near copy in as few bytes as it can be compared and served from.

As objects, the terms of an entry take 700 bytes and each of its stamps 260 more; packed
before the payload they take about 30 and 19. What is packed comes back as it was, save that
the instant and the cost of the fill are rounded. Stamps, tags and names that do not
have the form in which the library makes them are kept as they are, in MessagePack.

    flags │ stamps │ tags │ source 2 │ fresh until 8 │ age 4 │ proven 4 │ cost 4 │ position 4
    stale until, error until, kept until: 8 each, where they are not fresh until
    each stamp: form 1 │ slot 2 │ nonce 16 │ soft nonce 16, where it is another one
    each tag: length 1 │ text      logical key: length 2 │ text, where the name does not tell it
    payload
"""

import math
from binascii import a2b_base64, b2a_base64
from struct import Struct
from struct import error as struct_error

import msgspec

from keepwarm.core.entry import Stored, Terms, names_of
from keepwarm.core.stamps import Carried
from keepwarm.core.steps import Held

_HEAD = Struct("<BBBHdIIfI")
_INSTANT = Struct("<d")
_FRESH_AGE = Struct("<dI")
_STAMP = Struct("<BH16s")
_SOFT = Struct("<16s")
_WORD = Struct("<H")
_WHOLE = Struct("<BdI")  # form, proven at, length of the terms

_STALE, _ERROR, _KEPT, _UNFENCED, _LOGICAL, _AS_IT_IS = 1, 2, 4, 8, 16, 128
_PLAIN, _SOFTENED = 1, 2
_MOST_SOURCES = 65_536
_NEVER_MS = 2**32 - 1  # proven at: never
_MOST_MS = _NEVER_MS - 1

_STANDARD, _URL_SAFE = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")

_encode_terms = msgspec.msgpack.Encoder().encode
_decode_terms = msgspec.msgpack.Decoder(tuple[str, Terms]).decode


class Misfit(Exception):
    """Something is not of the form that packs well."""


class Packer:
    """Packs the entries of one near tier, which share what names their origin."""

    def __init__(self) -> None:
        self._sources: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._began = 0.0
        """Proofs are counted from here, in whole milliseconds."""

    def pack(self, name: str, logical: str, stored: Stored, proven_at: float) -> bytes:
        """Raises Misfit for text that cannot be written at all (lone surrogates)."""
        try:
            return self._pack(name, logical, stored, proven_at)
        except (Misfit, OverflowError, ValueError, struct_error):
            pass
        try:
            terms = _encode_terms((logical, stored.terms))
        except UnicodeEncodeError as error:
            raise Misfit from error
        return _WHOLE.pack(_AS_IT_IS, proven_at, len(terms)) + terms + stored.payload

    def unpack(self, name: str, data: bytes) -> tuple[str, Held]:
        """(logical key, the copy) as they were given to `pack`."""
        if data[0] == _AS_IT_IS:
            _, proven_at, length = _WHOLE.unpack_from(data)
            at = _WHOLE.size + length
            logical, terms = _decode_terms(data[_WHOLE.size : at])
            return logical, Held(Stored(terms, data[at:]), proven_at)
        flags, n_stamps, n_tags, source, fresh, age_ms, proven_ms, cost_s, position = (
            _HEAD.unpack_from(data)
        )
        at = _HEAD.size
        stale = error = kept = fresh
        if flags & _STALE:
            (stale,) = _INSTANT.unpack_from(data, at)
            at += 8
        if flags & _ERROR:
            (error,) = _INSTANT.unpack_from(data, at)
            at += 8
        if flags & _KEPT:
            (kept,) = _INSTANT.unpack_from(data, at)
            at += 8
        stamps: list[Carried] = []
        for _ in range(n_stamps):
            form, slot, raw = _STAMP.unpack_from(data, at)
            at += _STAMP.size
            nonce = soft = _text(raw)
            if form & _SOFTENED:
                soft = _text(data[at : at + 16])
                at += 16
            stamps.append((_name(form, slot), nonce, soft))
        tags = []
        for _ in range(n_tags):
            end = at + 1 + data[at]
            tags.append(data[at + 1 : end].decode("utf-8", "surrogatepass"))
            at = end
        if flags & _LOGICAL:
            end = at + 2 + _WORD.unpack_from(data, at)[0]
            logical = data[at + 2 : end].decode("utf-8", "surrogatepass")
            at = end
        else:
            logical = logical_of(name)
        epoch, filler = self._sources[source]
        terms = Terms(
            fresh - age_ms / 1000,
            fresh,
            stale,
            error,
            kept,
            cost_s,
            epoch,
            position,
            tuple(stamps),
            tuple(tags),
            filler,
            not flags & _UNFENCED,
            position,
        )
        proven_at = -math.inf if proven_ms == _NEVER_MS else self._began + proven_ms / 1000
        return logical, Held(Stored(terms, data[at:]), proven_at)

    def _pack(self, name: str, logical: str, stored: Stored, proven_at: float) -> bytes:
        terms = stored.terms
        if terms.keys or terms.own_position != terms.position:
            raise Misfit
        flags = 0 if terms.is_fenced else _UNFENCED
        fresh = terms.fresh_until
        parts = [b""]
        for which, instant in enumerate((terms.stale_until, terms.error_until, terms.kept_until)):
            if instant != fresh:
                flags |= 1 << which
                parts.append(_INSTANT.pack(instant))
        parts.extend(map(_packed_stamp, terms.stamps))
        for tag in terms.tags:
            text = tag.encode("utf-8", "surrogatepass")
            parts += (bytes((len(text),)), text)
        if logical != logical_of(name):
            flags |= _LOGICAL
            text = logical.encode("utf-8", "surrogatepass")
            parts += (_WORD.pack(len(text)), text)
        parts[0] = _HEAD.pack(
            flags,
            len(terms.stamps),
            len(terms.tags),
            self._source(terms.epoch, terms.filler),
            fresh,
            round((fresh - terms.filled_at) * 1000),
            self._ms(proven_at),
            terms.cost_s,
            terms.position,
        )
        parts.append(stored.payload)
        return b"".join(parts)

    def _source(self, epoch: str, filler: str) -> int:
        number = self._numbers.get((epoch, filler))
        if number is None:
            number = len(self._sources)
            if number == _MOST_SOURCES:
                raise Misfit
            self._sources.append((epoch, filler))
            self._numbers[epoch, filler] = number
        return number

    def _ms(self, proven_at: float) -> int:
        """Rounded down: a copy must not be trusted for longer than it was proven."""
        if proven_at == -math.inf:
            return _NEVER_MS
        if not self._began:
            self._began = float(math.floor(proven_at))
        found = math.floor((proven_at - self._began) * 1000)
        if self._began + found / 1000 > proven_at:
            found -= 1  # the difference itself was rounded, and up
        if not 0 <= found <= _MOST_MS:
            raise Misfit
        return found


def filled_at(data: bytes) -> float:
    """When a packed copy was filled, to the millisecond."""
    if data[0] == _AS_IT_IS:
        return _as_it_is(data)[1].filled_at
    fresh, age_ms = _FRESH_AGE.unpack_from(data, 5)
    return float(fresh - age_ms / 1000)


def instants(data: bytes) -> tuple[float, float]:
    """(fresh until, kept until) of a packed copy."""
    if data[0] == _AS_IT_IS:
        _, terms = _as_it_is(data)
        return terms.fresh_until, terms.kept_until
    (fresh,) = _INSTANT.unpack_from(data, 5)
    flags = data[0]
    if not flags & _KEPT:
        return fresh, fresh
    before = 8 * ((flags & _STALE) + ((flags & _ERROR) >> 1))
    return fresh, _INSTANT.unpack_from(data, _HEAD.size + before)[0]


def count_stamps(data: bytes) -> int:
    """How many stamps a packed copy carries."""
    return len(_as_it_is(data)[1].stamps) if data[0] == _AS_IT_IS else data[1]


def stamps_in(data: bytes) -> tuple[str, ...]:
    """The names of the stamps that a packed copy carries."""
    if data[0] == _AS_IT_IS:
        return names_of(_as_it_is(data)[1])
    at, found = _after_instants(data), []
    for _ in range(data[1]):
        form, slot, _raw = _STAMP.unpack_from(data, at)
        at += _STAMP.size + (16 if form & _SOFTENED else 0)
        found.append(_name(form, slot))
    return tuple(found)


def logical_in(name: str, data: bytes) -> str:
    """The logical key of a packed copy."""
    if data[0] == _AS_IT_IS:
        return _as_it_is(data)[0]
    if not data[0] & _LOGICAL:
        return logical_of(name)
    at = _after_instants(data)
    for _ in range(data[1]):
        at += _STAMP.size + (16 if data[at] & _SOFTENED else 0)
    for _ in range(data[2]):
        at += 1 + data[at]
    end = at + 2 + _WORD.unpack_from(data, at)[0]
    return data[at + 2 : end].decode("utf-8", "surrogatepass")


def _as_it_is(data: bytes) -> tuple[str, Terms]:
    _, _, length = _WHOLE.unpack_from(data)
    return _decode_terms(data[_WHOLE.size : _WHOLE.size + length])


def _after_instants(data: bytes) -> int:
    flags = data[0]
    return _HEAD.size + 8 * ((flags & _STALE) + ((flags & _ERROR) >> 1) + ((flags & _KEPT) >> 2))


def _name(form: int, slot: int) -> str:
    return f"{'plain' if form & _PLAIN else 'slot'}:{slot:04x}"


def logical_of(name: str) -> str:
    """The logical key in a physical name, if it stands there as it is: see `core.keys`."""
    return name[name.find(":") + 1 : name.rfind("@")]


def _packed_stamp(stamp: Carried) -> bytes:
    name, nonce, soft = stamp
    group, _, slot = name.partition(":")
    if len(slot) != 4 or group not in ("slot", "plain") or slot != slot.lower():
        raise Misfit
    form = (group == "plain") | (_SOFTENED if soft != nonce else 0)
    packed = _STAMP.pack(form, int(slot, 16), _raw(nonce))
    return packed + _raw(soft) if soft != nonce else packed


def _raw(nonce: str) -> bytes:
    """The 128 bits that `nonce` writes out."""
    raw = a2b_base64(nonce.encode("ascii").translate(_STANDARD) + b"==")
    if len(raw) != 16 or _text(raw) != nonce:
        raise Misfit
    return raw


def _text(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).translate(_URL_SAFE)[:22].decode("ascii")
