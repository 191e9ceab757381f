"""`python -m benchmarks.codecs`: how small list pages of about 2 KB are stored, at what cost.

The pages are those of Gallery's lists, five cards on each, from worlds made of a seed; the
dictionary is trained on another world than the one measured. Values of which less repeats
(random identifiers, free text) become less small: measure your own, as
`keepwarm dictionary train` does.
"""

import argparse
import gzip
import json
import random
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from gallery.data import grammar
from gallery.data.characters import first_sentence
from gallery.data.values import Card
from gallery.data.world import SMALL, World
from keepwarm.stores.codecs import codec_for
from keepwarm.stores.compression import Compression, train

PAGES, TRAINING = 500, 1_500
CARDS = 5
REFERENCE = datetime(2026, 1, 1, tzinfo=UTC)
DICTIONARY_BYTES = 16 * 1024
SMALLER, SMALLER_WITH_DICTIONARY = 2.5, 4.0
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Page:
    """As a list endpoint answers it."""

    items: list[Card]
    page: int
    size: int
    total: int
    has_more: bool


def pages(count: int, seed: int) -> list[Page]:
    """Pages of Gallery's lists, from a world of its own."""
    size = replace(SMALL, characters=CARDS * count, interactions=60 * count)
    world = World(size, seed=seed, reference=REFERENCE)
    tags: dict[int, list[str]] = {}
    for character, tag in world.character_tags():
        tags.setdefault(int(character), []).append(grammar.TAGS[int(tag) - 1])
    cards = [
        Card(
            id=row[0], name=row[2], creator=f"user{row[1]}", blurb=first_sentence(row[3]),
            attributes=dict(sorted(json.loads(row[5]).items())), tags=tags.get(row[0], []),
            seed=row[6], version=row[8], like_count=row[9], view_count=row[10],
            created_at=datetime.fromtimestamp(row[11] / 1e6, UTC),
        )
        for row in world.characters()
    ]  # fmt: skip
    random.Random(seed).shuffle(cards)
    return [
        Page(cards[CARDS * n : CARDS * (n + 1)], n, CARDS, len(cards), n + 1 < count)
        for n in range(count)
    ]


def _cpu_us(work: Callable[[bytes], object], given: list[bytes]) -> float:
    """Microseconds of one, in the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.thread_time()
        for each in given:
            work(each)
        best = min(best, (time.thread_time() - began) / len(given))
    return round(best * 1e6, 2)


def measure(seed: int) -> dict[str, Any]:
    codec = codec_for(Page)
    measured, training = pages(PAGES, seed), pages(TRAINING, seed + 1)
    as_json = [msgspec.json.encode(page) for page in measured]
    packed = [codec.encode(page) for page in measured]
    dictionary = train([codec.encode(page) for page in training], DICTIONARY_BYTES)
    plain, trained = Compression(), Compression([dictionary])
    json_bytes = statistics.fmean(map(len, as_json))
    forms: dict[str, tuple[list[bytes], Callable[[bytes], bytes], Callable[[bytes], object]]] = {
        "json": (as_json, bytes, bytes),
        "json, gzip 6": (as_json, lambda data: gzip.compress(data, 6), gzip.decompress),
        "json, zlib 1": (as_json, lambda data: zlib.compress(data, 1), zlib.decompress),
        "msgpack": (packed, bytes, bytes),
        "msgpack, zstd": (packed, plain.compress, lambda f: plain.decompress(f, 1 << 20)),
        "msgpack, zstd, dictionary": (
            packed, trained.compress, lambda f: trained.decompress(f, 1 << 20)
        ),
    }  # fmt: skip
    found = {}
    for name, (given, smaller, back) in forms.items():
        made = [smaller(each) for each in given]
        size = statistics.fmean(map(len, made))
        found[name] = {
            "bytes": round(size),
            "times_smaller_than_json": round(json_bytes / size, 2),
            "write_us": _cpu_us(smaller, given),
            "read_us": _cpu_us(back, made),
        }
    us = {name: each["write_us"] + each["read_us"] for name, each in found.items()}
    best, gz = found["msgpack, zstd, dictionary"], us["json, gzip 6"]
    return {
        "seed": seed,
        "pages": PAGES,
        "dictionary_bytes": len(dictionary),
        "forms": found,
        "goals": {
            f"at least {SMALLER} times smaller than JSON": (
                found["msgpack, zstd"]["times_smaller_than_json"] >= SMALLER
            ),
            f"at least {SMALLER_WITH_DICTIONARY} times with a dictionary": (
                best["times_smaller_than_json"] >= SMALLER_WITH_DICTIONARY
            ),
            "less CPU than gzip": max(us["msgpack, zstd"], us["msgpack, zstd, dictionary"]) < gz,
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codecs", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the pages; else drawn")
    given = parser.parse_args().seed
    found = measure(random.SystemRandom().randrange(2**31) if given is None else given)
    print(json.dumps(found, indent=1))
    return 0 if all(found["goals"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
