"""Compressed values: bounded, by configured dictionaries only, and back as they were."""

import itertools
import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwarm.errors import ConfigurationError
from keepwarm.stores import compression
from keepwarm.stores.compression import (
    Compression,
    NotDecompressible,
    StandardReader,
    ZstandardReader,
    train,
)
from keepwarm.stores.envelope import Foreign, Sealing, open_, seal
from stores.frames import MOST_BYTES, REFUSED, frame_of_a_window

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

WORDS = ["owl", "fox", "harbour", "lantern", "night", "river", "crown", "keeper", "winter", "raven"]
ROOM = 1 << 20


def page(dice: random.Random) -> bytes:
    rows = [
        {"id": dice.randrange(10**6), "name": dice.choice(WORDS), "tags": dice.sample(WORDS, 3)}
    ]
    return json.dumps(rows * dice.randrange(1, 4)).encode()


def dictionary(seed: int) -> bytes:
    dice = random.Random(seed)
    return train([page(dice) for _ in range(500)], 2048)


FIRST, SECOND = dictionary(1), dictionary(2)
BY = [
    (Compression(reader=reader), Compression([SECOND, FIRST], reader=reader))
    for reader in (StandardReader, ZstandardReader)
]
"""Each reader without dictionaries and with both."""
BOTH = BY[0][1]
PAGE = page(random.Random(3))
every_reader = pytest.mark.parametrize("reader", [StandardReader, ZstandardReader])


def test_the_quickest_reader_that_is_installed_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = Compression().compress(PAGE)
    monkeypatch.setattr(ZstandardReader, "content", lambda *_: b"!" * len(PAGE))

    assert Compression().decompress(frame, ROOM) == b"!" * len(PAGE)
    monkeypatch.setattr(compression, "HAS_ZSTANDARD", False)
    assert Compression().decompress(frame, ROOM) == PAGE


OLD = """
class ZstdDecompressor:
    def decompress(self, data, max_output_size=0):
        raise AssertionError("is not to be used")
"""


@pytest.mark.parametrize("zstandard", ["raise ImportError", "raise OSError", "", OLD])
def test_without_a_zstandard_that_can_do_it_pythons_own_codec_reads(
    tmp_path: Path, zstandard: str
) -> None:
    (tmp_path / "zstandard.py").write_text(zstandard)
    program = (
        "from keepwarm.stores.compression import HAS_ZSTANDARD, Compression\n"
        "each = Compression()\n"
        "assert each.decompress(each.compress(b'read'), 99) == b'read'\n"
        "assert not HAS_ZSTANDARD\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True
    )


@settings(deadline=None)
@given(st.binary(max_size=5_000))
def test_bytes_come_back(payload: bytes) -> None:
    for each in itertools.chain(*BY):
        assert each.decompress(each.compress(payload), ROOM) == payload


@every_reader
@pytest.mark.parametrize(("frame", "why"), REFUSED)
def test_what_is_no_single_whole_frame_is_refused(reader: type, frame: bytes, why: str) -> None:
    with pytest.raises(NotDecompressible) as caught:
        Compression(reader=reader).decompress(frame, MOST_BYTES)
    assert caught.value.reason == why


def test_no_frame_chooses_how_large_a_window_is_kept() -> None:
    """`zstandard` keeps none, nor does Python's codec for what comes out in one go."""
    payload = PAGE * 2_000
    bits = len(payload).bit_length()
    (standard, _), (other, _) = BY
    with pytest.raises(NotDecompressible):
        standard.decompress(frame_of_a_window(payload, 27), ROOM)
    assert other.decompress(frame_of_a_window(payload, 27), ROOM) == payload
    for each in (standard, other):
        assert each.decompress(frame_of_a_window(payload, bits), ROOM) == payload


def test_what_is_not_as_long_as_it_said_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a reader lets pass."""
    each = Compression()
    frame = each.compress(PAGE)
    monkeypatch.setattr(ZstandardReader, "content", lambda *_: PAGE[1:])
    with pytest.raises(NotDecompressible):
        each.decompress(frame, ROOM)
    assert each._mine.reader is None


def test_no_frame_takes_memory_for_good() -> None:
    """One that is cut makes a context take as much as it says, and keep it."""
    block = (128 * 1024 << 3) | 0b010  # as many times the same byte, and more to come
    size = 64 << 20
    cut = b"\x28\xb5\x2f\xfd\xa0" + size.to_bytes(4, "little")
    cut += (block.to_bytes(3, "little") + b"a") * (size // (128 * 1024))
    program = (
        "import sys\n"
        "from keepwarm.stores.compression import Compression, NotDecompressible\n"
        "def resident():\n"
        "    return int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "each, cut = Compression(), sys.stdin.buffer.read()\n"
        "good = each.compress(b'read')\n"
        "assert each.decompress(good, 99) == b'read'\n"
        "before = resident()\n"
        "for _ in range(3):\n"
        "    try:\n"
        "        each.decompress(cut, 1 << 30)\n"
        "        raise AssertionError\n"
        "    except NotDecompressible:\n"
        "        pass\n"
        "    assert resident() - before < 16 << 20\n"
        "assert each.decompress(good, 99) == b'read'\n"
    )
    subprocess.run([sys.executable, "-c", program], input=cut, check=True)


@every_reader
def test_a_dictionary_is_replaced_without_an_outage(reader: type) -> None:
    """Each configuration of the way reads what the one before and the one after it write.

    Save the first, to which values written with a dictionary are misses until it has one.
    """
    way = [
        Compression(dictionaries, reader)
        for dictionaries in ([], [FIRST], [FIRST, SECOND], [SECOND, FIRST], [SECOND])
    ]
    assert way[2].ids != way[3].ids
    for earlier, later in itertools.pairwise(way[1:]):
        assert later.decompress(earlier.compress(PAGE), ROOM) == PAGE
        assert earlier.decompress(later.compress(PAGE), ROOM) == PAGE
    assert way[1].decompress(way[0].compress(PAGE), ROOM) == PAGE


@every_reader
def test_a_frame_of_a_dictionary_that_is_not_configured_is_a_miss(reader: type) -> None:
    frame = Compression([FIRST]).compress(PAGE)

    for other in (Compression(reader=reader), Compression([SECOND], reader)):
        with pytest.raises(NotDecompressible, match="other-dictionary"):
            other.decompress(frame, ROOM)


@every_reader
def test_a_frame_that_denies_its_dictionary_is_a_miss_or_as_it_was(reader: type) -> None:
    """No number is no key: the bytes alone must not open by something else."""
    frame = zstd.compress(
        PAGE,
        options={zstd.CompressionParameter.dict_id_flag: 0},
        zstd_dict=zstd.ZstdDict(FIRST),
    )
    with pytest.raises(NotDecompressible):
        Compression([FIRST], reader).decompress(frame, ROOM)


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    for each in itertools.chain(*BY):
        with pytest.raises(NotDecompressible, match="bomb"):
            each.decompress(each.compress(bytes(ROOM + 1)), ROOM)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_frame_is_refused_or_whole(at: int, by: int) -> None:
    """And raises nothing else, whichever byte it is."""
    frame = bytearray(BOTH.compress(PAGE))
    frame[at % len(frame)] ^= by
    for _, each in BY:
        try:
            found = each.decompress(bytes(frame), ROOM)
        except NotDecompressible:
            continue
        assert len(found) <= ROOM


@every_reader
def test_threads_do_not_mix_frames(reader: type) -> None:
    both = Compression([SECOND, FIRST], reader)
    failures: list[object] = []

    def work(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(200):
            payload = page(dice)
            if both.decompress(both.compress(payload), ROOM) != payload:
                failures.append(payload)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_an_envelope_is_sealed_and_opened_with_it() -> None:
    """Also a short one, which without a dictionary would not be compressed at all."""
    with_it, without = Sealing(dictionaries=[FIRST]), Sealing()
    data = seal(b"header", PAGE, name="n", settings=with_it)

    assert len(data) < len(seal(b"header", PAGE, name="n", settings=without))
    assert open_(data, name="n", settings=with_it) == (b"header", PAGE)
    with pytest.raises(Foreign, match="other-dictionary"):
        open_(data, name="n", settings=without)


@pytest.mark.parametrize(
    "contents",
    [[b""], [b"text"], [FIRST[:100]], [FIRST, FIRST], [FIRST + bytes(1 << 20)], [b"\0" * 5000]],
    ids=["empty", "text", "cut", "twice", "too large", "zeros"],
)
def test_what_cannot_be_a_dictionary_is_refused_when_it_is_configured(
    contents: list[bytes],
) -> None:
    with pytest.raises(ConfigurationError, match="dictionar"):
        Compression(contents)


def test_what_teaches_nothing_is_said_to_be_too_little() -> None:
    with pytest.raises(ConfigurationError, match="samples"):
        train([b"x"] * 3, 16_384)
