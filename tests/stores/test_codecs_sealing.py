"""Envelopes: what was sealed opens under its own name and settings; all else is foreign."""

import copy
import os
import pickle
import struct
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keepwarm.errors import ConfigurationError
from keepwarm.stores.envelope import Foreign, open_, seal
from keepwarm.stores.sealing import Sealing
from stores.frames import MOST_BYTES, REFUSED, frame_of_another_size

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

OLD, NEW = "the old secret, 16+", os.urandom(32)
PLAIN = Sealing()
SIGNED = Sealing(secrets=[NEW, OLD])
HIDDEN = Sealing(encryption_keys=[NEW, OLD])
BOTH = Sealing(secrets=[NEW], encryption_keys=[NEW])
ALL = [PLAIN, SIGNED, HIDDEN, BOTH]

settings = st.sampled_from(ALL)
payloads = st.binary() | st.builds(lambda b, n: b * n, st.binary(min_size=1), st.integers(1, 500))


def reason(data: bytes, name: str = "ns:k@f", settings: Sealing = PLAIN) -> str:
    """Why `data` is foreign; opening it fails the test."""
    with pytest.raises(Foreign) as caught:
        open_(data, name=name, settings=settings)
    return caught.value.reason


@given(settings, st.binary(), payloads, st.text(st.characters()))
def test_what_was_sealed_opens(sealing: Sealing, header: bytes, payload: bytes, name: str) -> None:
    data = seal(header, payload, name=name, settings=sealing)
    assert (header, payload) == open_(data, name=name, settings=sealing)


@given(settings, payloads, st.text(st.characters()), st.text(st.characters()))
def test_it_opens_under_no_other_name(
    sealing: Sealing, payload: bytes, name: str, other: str
) -> None:
    assume(name != other)
    data = seal(b"header", payload, name=name, settings=sealing)
    assert reason(data, other, sealing) == "damaged-or-misplaced"


@given(settings, payloads, st.data())
def test_every_changed_byte_makes_it_foreign(
    sealing: Sealing, payload: bytes, draw: st.DataObject
) -> None:
    data = bytearray(seal(b"header", payload, name="ns:k@f", settings=sealing))
    at = draw.draw(st.integers(0, len(data) - 1))
    data[at] ^= draw.draw(st.integers(1, 255))
    reason(bytes(data), settings=sealing)


@given(settings, payloads, st.data())
def test_every_cut_or_added_byte_makes_it_foreign(
    sealing: Sealing, payload: bytes, draw: st.DataObject
) -> None:
    data = seal(b"header", payload, name="ns:k@f", settings=sealing)
    cut = draw.draw(st.integers(0, len(data) - 1))
    reason(data[:cut], settings=sealing)
    reason(data + draw.draw(st.binary(min_size=1)), settings=sealing)


@given(settings, st.binary())
def test_foreign_bytes_raise_nothing_else(sealing: Sealing, data: bytes) -> None:
    reason(data, settings=sealing)


@pytest.mark.parametrize("written", ALL, ids=repr)
@pytest.mark.parametrize("read", ALL, ids=repr)
def test_the_configuration_alone_says_how_values_are_protected(
    written: Sealing, read: Sealing
) -> None:
    data = seal(b"h", b"payload", name="k", settings=written)
    if written is read:
        assert open_(data, name="k", settings=read) == (b"h", b"payload")
    else:
        reason(data, "k", read)


def test_a_value_cannot_ask_for_less_protection() -> None:
    """Flags rewritten and a valid CRC added do not get past a configured secret."""
    data = seal(b"h", b"a forged value", name="k", settings=PLAIN)
    assert reason(data, "k", SIGNED) == "other-protection"
    flagged = bytes([*data[:4], data[4] | 2, *data[5:]])
    assert reason(flagged, "k", SIGNED) == "damaged-or-misplaced"


@pytest.mark.parametrize("option", ["secrets", "encryption_keys"])
def test_keys_are_rotated_without_an_outage(option: str) -> None:
    def sealing(*keys: str | bytes) -> Sealing:
        return Sealing(**{option: keys})  # type: ignore[arg-type]

    before, during, after = sealing(OLD), sealing(NEW, OLD), sealing(NEW)
    old = seal(b"h", b"old", name="k", settings=before)
    new = seal(b"h", b"new", name="k", settings=during)
    assert open_(old, name="k", settings=during) == (b"h", b"old")
    assert open_(new, name="k", settings=sealing(OLD, NEW)) == (b"h", b"new")
    assert open_(new, name="k", settings=after) == (b"h", b"new")
    reason(old, "k", after)
    reason(new, "k", before)


def test_the_same_key_for_both_purposes_makes_two() -> None:
    """What encrypts and what signs are derived apart."""
    signed = seal(b"", b"payload", name="k", settings=Sealing(secrets=[NEW]))
    hidden = seal(b"", b"payload", name="k", settings=Sealing(encryption_keys=[NEW]))
    assert signed[-16:] != hidden[-16:]


@pytest.mark.parametrize("sealing", [HIDDEN, BOTH], ids=repr)
def test_encryption_hides_header_and_payload(sealing: Sealing) -> None:
    first, second = (
        seal(b"tag user:bob", b"private" * 9, name="k", settings=sealing) for _ in range(2)
    )
    assert b"bob" not in first
    assert b"private" not in first
    assert first != second


@pytest.mark.parametrize("sealing", ALL, ids=repr)
def test_only_large_values_that_shrink_are_compressed(sealing: Sealing) -> None:
    noise = os.urandom(5000)
    small = seal(b"", b"a" * 1024, name="k", settings=sealing)
    large = seal(b"", b"a" * 100_000, name="k", settings=sealing)
    assert len(small) > 1024
    assert len(large) < 200
    assert 5000 < len(seal(b"", noise, name="k", settings=sealing)) < 5100


# --- bombs ---------------------------------------------------------------------------


def forge(payload: bytes, *, header_length: int = 0, flags: int = 1, version: int = 1) -> bytes:
    """An envelope as somebody would make it who knows the format and no secret."""
    data = struct.pack(">3sBBI", b"\xffKW", version, flags, header_length) + payload
    bound = b"\x00\x00\x00\x01k" + data
    return data + PLAIN.trailer(bound)


LIMITED = Sealing(max_bytes=MOST_BYTES)


def test_the_forger_knows_the_format() -> None:
    """Or the tests below would prove nothing."""
    frame = zstd.compress(b"a" * 1000)
    assert open_(forge(frame), name="k", settings=LIMITED) == (b"", b"a" * 1000)
    honest = frame_of_another_size(b"a" * 1000, 1000)
    assert open_(forge(honest), name="k", settings=LIMITED) == (b"", b"a" * 1000)


@pytest.mark.parametrize(("frame", "why"), REFUSED)
def test_a_decompression_bomb_is_foreign(frame: bytes, why: str) -> None:
    assert reason(forge(frame), "k", LIMITED) == why


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated"),
        (b"\xffKW", "truncated"),
        (forge(b"abc", header_length=2**32 - 1, flags=0), "truncated"),
        (forge(b"abc", header_length=4, flags=0), "truncated"),
        (forge(b"abc", flags=0, version=2), "other-version"),
        (forge(b"abc", flags=0x80), "other-protection"),
        (b"\x80\x04" + b"." * 40, "not-ours"),
        (b'{"id": 1, "name": "somebody else\'s value"}', "not-ours"),
        (b"\xff" * 1_000_100, "too-large"),
    ],
    ids=lambda v: repr(v[:20]),
)
def test_what_is_not_ours_is_foreign_for_a_reason(data: bytes, why: str) -> None:
    assert reason(data, "k", LIMITED) == why


# --- settings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"secrets": ["short"]}, "shorter than 16 bytes"),
        ({"encryption_keys": [b"short"]}, "shorter than 16 bytes"),
        ({"secrets": "one string that is long enough"}, "must be a list"),
        ({"secrets": [OLD] * 9}, "at most 8"),
        ({"compress_above": -1}, "compress_above"),
        ({"max_bytes": 0}, "max_bytes"),
    ],
)
def test_settings_are_checked_when_made(arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        Sealing(**arguments)  # type: ignore[arg-type]
    assert "'short'" not in str(caught.value)
    assert OLD not in str(caught.value)


def test_settings_never_show_or_copy_a_key() -> None:
    assert OLD not in repr(SIGNED)
    assert repr(BOTH).startswith("Sealing(secrets=1 masked, encryption_keys=1 masked")
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            duplicate(SIGNED)
