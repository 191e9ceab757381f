"""Packed copies come back as they were."""

import math
from base64 import urlsafe_b64encode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keepwarm.core.entry import Stored, Terms, names_of
from keepwarm.core.stamps import stamp_of_key, stamp_of_tag
from keepwarm.stores.packing import Packer, count_stamps, instants, logical_in, stamps_in

NONCES = st.binary(min_size=16, max_size=16).map(
    lambda raw: urlsafe_b64encode(raw).rstrip(b"=").decode()
)
WORDS = st.text(max_size=300)
NAMES = st.one_of(
    WORDS.map(stamp_of_key), WORDS.map(stamp_of_tag), WORDS, st.just("slot:00AB"), st.just("slot:")
)
INSTANTS = st.one_of(
    st.integers(0, 4_000_000_000).map(float), st.floats(-1e6, 5e9, allow_nan=False)
)
CARRIED = st.tuples(
    NAMES, NONCES, NONCES
) | st.tuples(NAMES, st.one_of(NONCES, WORDS), WORDS)  # fmt: skip
TERMS = st.builds(
    Terms,
    INSTANTS, INSTANTS, INSTANTS, INSTANTS, INSTANTS,
    cost_s=st.floats(0, 1e6), epoch=st.one_of(NONCES, WORDS),
    position=st.integers(0, 2**53), stamps=st.lists(CARRIED, max_size=5).map(tuple),
    tags=st.lists(WORDS, max_size=5).map(tuple), filler=WORDS, is_fenced=st.booleans(),
    own_position=st.integers(0, 2**53),
    keys=st.lists(st.tuples(WORDS, st.integers(0, 2**53)), max_size=3).map(tuple),
)  # fmt: skip
USUAL = st.builds(
    lambda at, ttl, later, nonces, tags, position, payload: Stored(
        Terms(
            at, at + ttl, at + ttl + later[0], at + ttl + later[1], at + ttl + max(later),
            0.084, nonces[0], position,
            tuple((stamp_of_tag(tag), nonces[1], nonces[n % 2]) for n, tag in enumerate(tags)),
            tuple(tags), "web-3", True, position,
        ),
        payload,
    ),
    st.floats(1.7e9, 1.8e9), st.floats(0, 86_400),
    st.tuples(st.sampled_from([0.0, 60.0]), st.sampled_from([0.0, 3600.0])),
    st.tuples(NONCES, NONCES), st.lists(st.text(max_size=40), max_size=6),
    st.integers(0, 2**31), st.binary(max_size=100),
)  # fmt: skip


@settings(deadline=None)
@given(TERMS, st.binary(max_size=200), WORDS, WORDS, st.floats(-1, 1e7) | st.just(-math.inf))
@example(
    Terms(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "A" * 22, 0, (), ()), b"", "", "", -2.606168436838819e-278
)
def test_any_terms_come_back(
    terms: Terms, payload: bytes, name: str, logical: str, proven_at: float
) -> None:
    packer = Packer()
    packed = packer.pack(name, logical, Stored(terms, payload), proven_at)

    found, held = packer.unpack(name, packed)

    assert found == logical
    assert held.stored.payload == payload
    again = held.stored.terms
    assert again.filled_at == pytest.approx(terms.filled_at, abs=0.001)
    assert again.cost_s == pytest.approx(terms.cost_s, rel=1e-6, abs=1e-30)
    for part in terms.__struct_fields__:
        if part not in ("filled_at", "cost_s"):
            assert getattr(again, part) == getattr(terms, part), part
    assert held.proven_at <= proven_at
    assert held.proven_at == proven_at or proven_at - held.proven_at < 0.0011
    assert instants(packed) == (terms.fresh_until, terms.kept_until)
    assert stamps_in(packed) == names_of(terms)
    assert count_stamps(packed) == len(terms.stamps)
    assert logical_in(name, packed) == logical


@settings(deadline=None)
@given(USUAL)
def test_what_fills_make_takes_few_bytes(stored: Stored) -> None:
    """30 bytes, 19 to 35 for a stamp, 8 for each window beyond the ttl, and the tags' text."""
    name = "gallery:characters:detail:5@1f2e3d4c"
    packed = Packer().pack(name, "characters:detail:5", stored, 7.0)

    text = sum(1 + len(tag.encode()) for tag in stored.terms.tags)
    most = 30 + 3 * 8 + 35 * len(stored.terms.stamps) + text
    assert len(packed) - len(stored.payload) <= most


def test_a_proof_is_never_prolonged() -> None:
    """A copy proven at 1.9999 may not be trusted as if it had been at 2."""
    packer, stored = Packer(), Stored(Terms(0, 9, 9, 9, 9, 0, "e", 1, (), (), own_position=1), b"")
    packer.pack("n:k@f", "k", stored, 1.0)

    _, held = packer.unpack("n:k@f", packer.pack("n:k@f", "k", stored, 1.9999))

    assert held.proven_at <= 1.9999
