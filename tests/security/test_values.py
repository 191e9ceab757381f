"""Values: whoever can write to the store can cause misses, and nothing else."""

import ast
import asyncio
import itertools
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

import keepwarm
from keepwarm import Cache, Reason, escape
from keepwarm.core.entry import Terms
from keepwarm.stores.envelope import open_, seal
from keepwarm.stores.sealing import Sealing

from .conftest import POLICIES

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Open = Callable[..., Cache]
security = pytest.mark.security

SECRETS = [os.urandom(32), "the old secret of this cache"]


@dataclass
class Card:
    id: int
    name: str
    likes: list[int] = field(default_factory=list)


@dataclass
class Origin:
    """A cached function whose calls are counted."""

    cache: Cache
    calls: int = 0

    def __post_init__(self) -> None:
        @self.cache("p", key="card:{card_id}", tags=["card:{card_id}"])
        async def card(card_id: int) -> Card:
            self.calls += 1
            return Card(card_id, "name " * 300, [1, 2, 3])

        self.card = card

    async def is_right(self, card_id: int = 5) -> bool:
        return await self.card(card_id) == Card(card_id, "name " * 300, [1, 2, 3])


def entry_name(intruder: redis.Redis, key: str) -> str:
    """The physical name of the one entry of a logical key."""
    (name,) = intruder.scan_iter(match=f"keepwarm:{key}@*")
    found: str = name.decode()
    return found


async def is_a_miss(open_cache: Open, intruder: redis.Redis, data: bytes, **settings: Any) -> None:
    """`data` in place of an entry: counted, filled anew, and well from then on."""
    async with open_cache(**settings) as cache:
        origin = Origin(cache)
        await origin.card(5)
        intruder.set(entry_name(intruder, "card:5"), data)
        before = unusable(cache)
        assert await origin.is_right()
        assert origin.calls == 2, "the planted bytes were served"
        assert unusable(cache) == before + 1
        assert await origin.is_right()
        assert origin.calls == 2, "the fill did not replace them"
        assert cache.stats().errors == 0


def unusable(cache: Cache) -> int:
    """How many stored values the cache says it could not use."""
    stats = cache.stats()
    return stats.foreign + stats.reasons.get(Reason.UNDECODABLE, 0)


async def stored(open_cache: Open, intruder: redis.Redis, **settings: Any) -> tuple[str, bytes]:
    """The name and bytes of a good entry."""
    async with open_cache(**settings) as cache:
        await Origin(cache).card(5)
    name = entry_name(intruder, "card:5")
    data = intruder.get(name)
    assert isinstance(data, bytes)
    return name, data


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


FOREIGN: dict[str, tuple[str, bytes]] = {
    "empty": ("truncated and foreign bytes are misses", b""),
    "text": ("truncated and foreign bytes are misses", b'{"id": 5, "name": "forged"}'),
    "random": ("truncated and foreign bytes are misses", os.urandom(500)),
    "msgpack": ("declared type only", msgspec.msgpack.encode(Card(5, "forged"))),
    "pickle": ("no pickle", pickle.dumps(Card(5, "forged"))),
    "pickled code": ("no pickle", b"cos\nsystem\n(S'exit 1'\ntR."),
    "bomb": ("decompression is bounded", zstd.compress(bytes(100_000_000))),
    "deep": ("nesting is bounded", nested(100_000)),
    "long": ("lengths are bounded", b"\xdd\xff\xff\xff\xff" * 10),
}


@security("Values: misses are counted")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(data, id=name, marks=security(f"Values: {clause}"))
        for name, (clause, data) in FOREIGN.items()
    ],
)
async def test_foreign_bytes_are_a_counted_miss(
    open_cache: Open, intruder: redis.Redis, data: bytes
) -> None:
    await is_a_miss(open_cache, intruder, data)


# Somebody who knows the format and the name, where no secret is configured: the envelope
# is right, what it holds is not.


def forged(name: str, data: bytes, payload: bytes | None = None, **terms: Any) -> bytes:
    """The entry `data` with another payload or other terms, sealed as we would."""
    header, own = open_(data, name=name, settings=Sealing())
    old = msgspec.msgpack.decode(header, type=Terms)
    header = msgspec.msgpack.encode(msgspec.structs.replace(old, **terms))
    return seal(header, own if payload is None else payload, name=name, settings=Sealing())


PAYLOADS: dict[str, tuple[str, bytes]] = {
    "another type": ("declared type only", msgspec.msgpack.encode("text")),
    "another shape": ("wrong schema is a miss", msgspec.msgpack.encode({"id": 5, "title": "x"})),
    "another field type": ("wrong schema is a miss", msgspec.msgpack.encode({"id": "5"})),
    "cut": ("undecodable is a miss", msgspec.msgpack.encode(Card(5, "forged"))[:-3]),
    "not MessagePack": ("undecodable is a miss", b"\xc1"),
    "nothing": ("undecodable is a miss", b""),
    "pickle": ("no pickle", pickle.dumps(Card(5, "forged"))),
    "deep": ("nesting is bounded", nested(100_000)),
    "deep in a field": (
        "nesting is bounded",
        b"\x83\xa2id\x05\xa4name\xa1x\xa5likes" + nested(100_000),
    ),
    "long array": (
        "lengths are bounded",
        b"\x83\xa2id\x05\xa4name\xa1x\xa5likes\xdd\xff\xff\xff\xff",
    ),
    "long text": ("lengths are bounded", b"\x82\xa2id\x05\xa4name\xdb\xff\xff\xff\xffx"),
    "long map": ("lengths are bounded", b"\xdf\xff\xff\xff\xff"),
}  # fmt: skip


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(data, id=name, marks=security(f"Values: {clause}"))
        for name, (clause, data) in PAYLOADS.items()
    ],
)
async def test_a_well_sealed_value_of_another_type_is_a_counted_miss(
    open_cache: Open, intruder: redis.Redis, payload: bytes
) -> None:
    name, data = await stored(open_cache, intruder)
    await is_a_miss_now(open_cache, intruder, name, forged(name, data, payload))


async def is_a_miss_now(
    open_cache: Open, intruder: redis.Redis, name: str, data: bytes, **settings: Any
) -> None:
    """As `is_a_miss`, for an entry that an earlier cache left behind."""
    intruder.set(name, data)
    async with open_cache(**settings) as cache:
        origin = Origin(cache)
        assert await origin.is_right()
        assert origin.calls == 1, "the planted bytes were served"
        assert unusable(cache) == 1
        assert await origin.is_right()
        assert origin.calls == 1, "the fill did not replace them"
        assert cache.stats().errors == 0, "they passed for a store that is away"


@security("Values: envelope")
async def test_the_forger_would_succeed_with_a_good_value(
    open_cache: Open, intruder: redis.Redis
) -> None:
    """Or the table above would prove nothing; it is why `secrets` exist."""
    name, data = await stored(open_cache, intruder)
    intruder.set(name, forged(name, data, msgspec.msgpack.encode(Card(5, "forged"))))
    async with open_cache() as cache:
        assert await Origin(cache).card(5) == Card(5, "forged")


@security("Values: envelope")
@pytest.mark.parametrize(
    ("at", "byte"), [(0, 0x00), (1, 0x00), (3, 2), (4, 0x80), (5, 0xFF), (8, 0xFF)]
)
async def test_magic_version_flags_and_length_are_checked(
    open_cache: Open, intruder: redis.Redis, at: int, byte: int
) -> None:
    """Each with a check value that fits, so that it is the field that is refused."""
    name, data = await stored(open_cache, intruder)
    changed = data[:at] + bytes([byte]) + data[at + 1 : -4]
    raw = name.encode()
    bound = len(raw).to_bytes(4, "big") + raw + changed
    await is_a_miss_now(open_cache, intruder, name, changed + Sealing().trailer(bound))


@security("Values: envelope")
@pytest.mark.parametrize(
    "header", [b"", b"\xc1", nested(100_000), b"\xdd\xff\xff\xff\xff", b"\x90", b"\x91\xa1x"]
)
async def test_a_header_that_is_not_ours_is_a_miss(
    open_cache: Open, intruder: redis.Redis, header: bytes
) -> None:
    name, data = await stored(open_cache, intruder)
    _, payload = open_(data, name=name, settings=Sealing())
    planted = seal(header, payload, name=name, settings=Sealing())
    await is_a_miss_now(open_cache, intruder, name, planted)


@security("Values: nesting is bounded")
async def test_a_header_with_something_deep_behind_it_is_a_miss(
    open_cache: Open, intruder: redis.Redis
) -> None:
    name, data = await stored(open_cache, intruder)
    header, payload = open_(data, name=name, settings=Sealing())
    assert 0x90 < header[0] < 0x9F, "an array of up to fifteen"
    longer = bytes([header[0] + 1]) + header[1:] + nested(100_000)
    planted = seal(longer, payload, name=name, settings=Sealing())
    await is_a_miss_now(open_cache, intruder, name, planted)


@security("Values: envelope")
async def test_created_and_stamps_are_inside(open_cache: Open, intruder: redis.Redis) -> None:
    name, data = await stored(open_cache, intruder)
    header, _ = open_(data, name=name, settings=Sealing())
    terms = msgspec.msgpack.decode(header, type=Terms)
    assert terms.tags == ("card:5",)
    assert len(terms.stamps) == 2
    assert terms.filled_at <= terms.fresh_until <= terms.kept_until
    odd: dict[str, Any] = {"epoch": "another"}
    intruder.set(name, forged(name, data, **odd))
    async with open_cache() as cache:
        origin = Origin(cache)
        assert await origin.is_right()
        assert origin.calls == 1


@security("Values: bit flips are misses")
@pytest.mark.parametrize("settings", [{}, {"secrets": SECRETS}], ids=["plain", "secrets"])
async def test_a_flipped_bit_anywhere_is_a_miss(
    open_cache: Open, intruder: redis.Redis, settings: dict[str, Any]
) -> None:
    async with open_cache(**settings) as cache:
        origin = Origin(cache)
        await origin.card(5)
        name = entry_name(intruder, "card:5")
        good = intruder.get(name)
        assert isinstance(good, bytes)
        for at in range(len(good)):
            flipped = bytearray(good)
            flipped[at] ^= 1 << (at % 8)
            intruder.set(name, bytes(flipped))
            assert await origin.is_right()
            assert origin.calls == at + 2, f"byte {at} flipped was served"


@security("Values: truncated and foreign bytes are misses")
async def test_a_value_cut_anywhere_is_a_miss(open_cache: Open, intruder: redis.Redis) -> None:
    async with open_cache() as cache:
        origin = Origin(cache)
        await origin.card(5)
        name = entry_name(intruder, "card:5")
        good = intruder.get(name)
        assert isinstance(good, bytes)
        for length in range(len(good)):
            intruder.set(name, good[:length])
            assert await origin.is_right()
            assert origin.calls == length + 2, f"{length} bytes were served"


@security("Values: wrong key is a miss")
@pytest.mark.parametrize("settings", [{}, {"secrets": SECRETS}, {"encryption_keys": [b"k" * 32]}])
async def test_value_a_under_key_b_is_a_miss(
    open_cache: Open, intruder: redis.Redis, settings: dict[str, Any]
) -> None:
    async with open_cache(**settings) as cache:
        origin = Origin(cache)
        await origin.card(5)
        await origin.card(6)
        intruder.copy(entry_name(intruder, "card:6"), entry_name(intruder, "card:5"), replace=True)
        assert await origin.is_right(5)
        assert await origin.is_right(6)
        assert origin.calls == 3
        assert cache.stats().foreign == 1


@security("Values: wrong Redis type is a miss")
@pytest.mark.parametrize(
    "command",
    [
        ("RPUSH", "x"),
        ("HSET", "f", "x"),
        ("SADD", "x"),
        ("ZADD", "1", "x"),
        ("XADD", "*", "f", "x"),
        ("PFADD", "x"),
    ],
    ids=lambda command: str(command[0]),
)
async def test_another_type_of_redis_in_place_of_anything_is_a_miss(
    open_cache: Open, intruder: redis.Redis, command: tuple[str, ...]
) -> None:
    """First in place of the entry, then of each piece of metadata in turn."""
    verb, *arguments = command
    async with open_cache() as cache:
        origin = Origin(cache)
        await origin.card(5)
        await cache.invalidate_pattern("other:*")
        for name in sorted(intruder.scan_iter(), key=lambda name: name.startswith(b"{")):
            await cache.invalidate_pattern("other:*")  # so that the list of patterns is needed
            assert await origin.is_right()
            calls = origin.calls
            intruder.delete(name)
            intruder.execute_command(verb, name, *arguments)
            if name.endswith(b":patterns"):  # this process has read it; one that has not, misses
                async with open_cache() as newcomer:
                    other = Origin(newcomer)
                    assert await other.is_right()
                    assert other.calls == 1
                continue
            assert await origin.is_right(), name
            # These prove nothing about an entry: it may go on being served. A heartbeat that
            # comes by finds the position lost, and begins an epoch.
            proves_nothing = name.endswith((b":pos", b":holders", b":marks"))
            assert origin.calls - calls in ((0, 1) if proves_nothing else (1,)), name
            calls = origin.calls
            await cache.invalidate("card:5")
            assert await origin.is_right(), name
            await cache.invalidate_pattern("card:*")
            assert await origin.is_right(), name
            assert origin.calls == calls + 2, name
        assert cache.stats().breaker == "closed"


METADATA = [
    b"", b" ", b"\0", b"\xff" * 40, b"x", b"a b c", b"a b c d e", b"a 0 -", b"0 0 0",
    b"a " + b"9" * 400 + b" -", b"a " + b"9" * 5000, b"n s " + b"9" * 5000 + b" 0 -",
    "a ١ -".encode(), b"[" * 100, b"x" * 1_000_000,
]  # fmt: skip


@security("Values: undecodable is a miss")
@pytest.mark.parametrize("data", METADATA, ids=lambda data: repr(data[:12]))
async def test_metadata_that_is_not_ours_raises_nothing_and_serves_nothing(
    open_cache: Open, intruder: redis.Redis, data: bytes
) -> None:
    async with open_cache() as cache:
        origin = Origin(cache)
        await origin.card(5)
        await cache.invalidate_pattern("other:*")
        assert await origin.is_right()
        for name in [n for n in intruder.scan_iter() if n.startswith(b"{")]:
            calls = origin.calls
            good = intruder.dump(name)
            if not isinstance(good, bytes):
                # A lease ends with its fill; the registry goes with an epoch that is not ours.
                assert b":lease" in name or name.endswith(b":holders")
                continue
            intruder.set(name, data)
            for _ in range(2):
                assert await origin.is_right(), name
            assert origin.calls <= calls + 2
            intruder.restore(name, 0, good, replace=True)
        assert cache.stats().errors == 0, "odd metadata passed for a store that is away"


@security("Values: undecodable is a miss")
@pytest.mark.parametrize(
    "lines", [["0", "1 zz"], ["0", "1 5b"], ["x"], ["0"], ["0", "5b"], ["-1", f"{'9' * 5000} 61"]]
)
async def test_a_list_of_patterns_that_is_not_ours_serves_nothing(
    open_cache: Open, intruder: redis.Redis, lines: list[str]
) -> None:
    async with open_cache() as cache:
        origin = Origin(cache)
        await origin.card(5)
        await cache.invalidate_pattern("card:*")
        epoch = intruder.get("{keepwarm}:epoch")
        assert isinstance(epoch, bytes)
        intruder.set("{keepwarm}:patterns", "\n".join([epoch.split()[0].decode(), *lines]))
        assert await origin.is_right()
        assert origin.calls == 2
        assert cache.stats().errors == 0, "odd metadata passed for a store that is away"


@security("Values: wrong schema is a miss")
async def test_another_releases_shape_is_a_miss(open_cache: Open, intruder: redis.Redis) -> None:
    """Its entries have other names, so that both releases are cached side by side."""

    def release(cache: Cache, shape: Any, calls: list[Any]) -> Any:
        async def card(card_id: int) -> shape:
            calls.append(shape)
            return shape(card_id)

        return cache("p", key="card:{card_id}")(card)

    old = msgspec.defstruct("Card", [("id", int)])
    new = msgspec.defstruct("Card", [("id", int), ("name", str, "new")])
    async with open_cache() as cache:
        calls: list[Any] = []
        first, second = release(cache, old, calls), release(cache, new, calls)
        for _ in range(3):
            assert isinstance(await first(5), old)
            assert isinstance(await second(5), new)
        assert calls == [old, new]
        await second.invalidate(5)
        await first(5)
        await second(5)
        assert calls == [old, new, old, new]


@security("Values: MAC", "Values: algorithm by configuration")
async def test_with_secrets_only_what_carries_their_hash_is_served(
    open_cache: Open, intruder: redis.Redis
) -> None:
    name, plain = await stored(open_cache, intruder)
    _, signed = await stored(open_cache, intruder, secrets=[os.urandom(32)])
    flagged = bytes([*plain[:4], plain[4] | 2, *plain[5:]])
    for planted in (plain, signed, flagged, plain[:-4] + os.urandom(16), signed[:-16]):
        await is_a_miss_now(open_cache, intruder, name, planted, secrets=SECRETS)


@security("Values: MAC")
def test_the_hash_has_128_bits_and_covers_name_and_contents() -> None:
    sealing = Sealing(secrets=SECRETS)
    made = [
        seal(b"h", payload, name=name, settings=sealing)[-16:]
        for name, payload in [("a", b"b"), ("a", b"c"), ("ab", b""), ("b", b"b")]
    ]
    assert sealing.trailer_bytes == 16
    assert len(set(made)) == 4


@security("Values: algorithm by configuration")
async def test_without_secrets_nothing_signed_or_encrypted_is_opened(
    open_cache: Open, intruder: redis.Redis
) -> None:
    for settings in ({"secrets": SECRETS}, {"encryption_keys": [b"k" * 32]}):
        name, data = await stored(open_cache, intruder, **settings)
        await is_a_miss_now(open_cache, intruder, name, data)
        intruder.flushall()


@security("Values: replay")
@pytest.mark.parametrize("settings", [{}, {"secrets": SECRETS}], ids=["plain", "secrets"])
async def test_an_old_value_put_back_after_an_invalidation_is_a_miss(
    open_cache: Open, intruder: redis.Redis, settings: dict[str, Any]
) -> None:
    async with open_cache(**settings) as cache:
        origin = Origin(cache)
        forgetting: list[Callable[[], Any]] = [
            lambda: cache.invalidate("card:5"),
            lambda: origin.card.invalidate(5),
            lambda: cache.invalidate_pattern(f"card:{escape(5)}"),
            lambda: cache.clear(),
        ]
        for count, forget in enumerate(forgetting, start=1):
            await origin.card(5)
            name = entry_name(intruder, "card:5")
            old = intruder.get(name)
            assert isinstance(old, bytes)
            await forget()
            intruder.set(name, old)
            assert await origin.is_right()
            assert origin.calls == count + 1, "the old value was served"


@security("Values: encryption")
async def test_encrypted_values_show_nothing_and_open_only_in_place(
    open_cache: Open, intruder: redis.Redis
) -> None:
    settings: dict[str, Any] = {"encryption_keys": [b"k" * 32]}
    name, data = await stored(open_cache, intruder, **settings)
    assert b"name" not in data
    assert b"card:5" not in data
    async with open_cache(**settings) as cache:
        origin = Origin(cache)
        assert await origin.is_right()
        assert origin.calls == 0
    _, others = await stored(open_cache, intruder, encryption_keys=[b"another key of the cache"])
    for planted in (others, data[:-1] + b"\0", data[:20] + b"\0" + data[21:]):
        await is_a_miss_now(open_cache, intruder, name, planted, **settings)


@security("Values: key rotation")
@pytest.mark.parametrize("option", ["secrets", "encryption_keys"])
async def test_keys_are_rotated_without_a_miss(
    open_cache: Open, intruder: redis.Redis, option: str
) -> None:
    old, new = b"the old key of this cache", b"the new key of this cache"
    steps = [[old], [old, new], [new, old], [new]]
    await stored(open_cache, intruder, **{option: steps[0]})
    for before, after in itertools.pairwise(steps):
        # Two processes, one of them still with the keys of the step before.
        for keys in (before, after):
            async with open_cache(**{option: keys}) as cache:
                origin = Origin(cache)
                assert await origin.is_right()
                assert origin.calls == 0
                assert cache.stats().foreign == 0
                if len(keys) > 1 and keys is after:
                    await origin.card.refresh(5)
    async with open_cache(**{option: [old]}) as cache:
        assert await Origin(cache).is_right()
        assert cache.stats().foreign == 1


@security("Values: decompression is bounded")
@pytest.mark.parametrize("claimed", [None, 100_000_000])
async def test_a_bomb_in_a_right_envelope_is_a_miss(
    open_cache: Open, intruder: redis.Redis, claimed: int | None
) -> None:
    name, data = await stored(open_cache, intruder)
    header, _ = open_(data, name=name, settings=Sealing())
    if claimed is None:
        stream = zstd.ZstdCompressor()
        frame = stream.compress(bytes(100_000_000)) + stream.flush()
    else:
        frame = zstd.compress(bytes(claimed))
    prefix = data[:4] + bytes([data[4] | 1]) + len(header).to_bytes(4, "big")
    raw = name.encode()
    changed = prefix + header + frame
    bound = len(raw).to_bytes(4, "big") + raw + changed
    await is_a_miss_now(open_cache, intruder, name, changed + Sealing().trailer(bound))


@security("Values: copies")
@pytest.mark.parametrize("url", [None, "memory://"])
async def test_callers_cannot_change_what_others_get(open_cache: Open, url: str | None) -> None:
    """From the origin, from the near tier, from the shared tier, and what was put in."""
    cache = Cache(url, policies=POLICIES) if url else open_cache(near="1MiB")
    async with cache:
        kept: list[Card] = []

        @cache("p", key="kept:{card_id}")
        async def card(card_id: int) -> Card:
            kept.append(Card(card_id, "name", [1]))
            return kept[-1]

        for _ in range(3):
            mine = await card(5)
            mine.likes.append(666)
            mine.name = "changed"
        kept[-1].likes.append(667)
        assert await card(5) == Card(5, "name", [1])
        assert len(kept) == 1

        put = {"list": [1]}
        await cache.set("by hand", put, "p")
        put["list"].append(2)
        (await cache.get("by hand"))["list"].append(3)
        assert await cache.get("by hand") == {"list": [1]}


@security("Values: copies")
async def test_callers_of_one_flight_each_get_their_own(open_cache: Open) -> None:
    async with Cache("memory://", policies=POLICIES) as cache:
        gate = asyncio.Event()

        @cache("p", key="card:{card_id}")
        async def card(card_id: int) -> Card:
            await gate.wait()
            return Card(card_id, "name")

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(card(5)) for _ in range(3)]
            for _ in range(5):
                await asyncio.sleep(0)
            gate.set()
        first, *others = (task.result() for task in tasks)
        first.likes.append(666)
        assert others == [Card(5, "name")] * 2


DANGEROUS = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}


@security("Values: no pickle")
def test_no_module_imports_anything_that_runs_code_from_bytes() -> None:
    for path in Path(keepwarm.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").partition(".")[0]}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = {node.func.id} & {"eval", "exec"} and DANGEROUS
            else:
                continue
            assert not names & DANGEROUS, f"{path}:{node.lineno}"
