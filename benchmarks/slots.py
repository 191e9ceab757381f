"""`python -m benchmarks.slots TRACE…`: what sharing stamps costs in hits, on traces of requests.

Replays object ids in order against an unlimited cache: a hit is an entry whose stamps are
unchanged. Writes are mixed in, of objects drawn as the reads are, so that what is read
often is also written often. Each entry depends on its own key and on two tags of the
object and of its group; names share `slots` stamps, or have one each.
"""

import lzma
import random
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

SLOTS = (None, 65_536, 16_384, 4_096)
WRITES = (0.01, 0.05)  # of all requests
GROUP = 50  # objects that share a second tag, as pages of a list do


def ids(path: Path) -> list[int]:
    """The trace: big-endian uint32, xz."""
    raw = lzma.decompress(path.read_bytes())
    return [value for (value,) in struct.iter_unpack(">I", raw[: len(raw) // 4 * 4])]


def names(object_id: int) -> tuple[str, str, str]:
    group = f"tag\0group:{object_id // GROUP}"
    return (f"key\0object:{object_id}", f"tag\0object:{object_id}", group)


def hit_ratio(trace: Sequence[int], *, slots: int | None, writes: float, seed: int) -> float:
    """The share of reads that hit."""
    dice = random.Random(seed)
    stamps: dict[object, int] = {}
    entries: dict[int, tuple[int, ...]] = {}
    hits = reads = 0

    def of(name: str) -> object:
        return name if slots is None else zlib.crc32(name.encode()) % slots

    def current(object_id: int) -> tuple[int, ...]:
        return tuple(stamps.get(of(name), 0) for name in names(object_id))

    for object_id in trace:
        if dice.random() < writes:
            written = of(names(trace[dice.randrange(len(trace))])[1])
            stamps[written] = stamps.get(written, 0) + 1
        now = current(object_id)
        reads += 1
        hits += entries.get(object_id) == now
        entries[object_id] = now
    return hits / reads


def lines(paths: Sequence[Path]) -> Iterator[str]:
    yield (
        "| trace | objects | writes | one each | "
        + " | ".join(f"{slots:,} slots" for slots in SLOTS if slots)
        + " |"
    )
    yield "|---|---|---|---|" + "---|" * (len(SLOTS) - 1)
    for path in paths:
        trace = ids(path)[:200_000]
        for writes in WRITES:
            ratios = [hit_ratio(trace, slots=slots, writes=writes, seed=1) for slots in SLOTS]
            own, *shared = ratios
            losses = " | ".join(f"{(ratio - own) * 100:+.2f}" for ratio in shared)
            yield (
                f"| {path.name} | {len(set(trace)):,} | {writes:.0%} "
                f"| {own * 100:.1f} % | {losses} |"
            )


if __name__ == "__main__":
    print("\n".join(lines([Path(name) for name in sys.argv[1:]])))
