"""The stamps of one read, asked for and told apart as one: as if each were on its own."""

import hiredis
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwarm import Cache, Policy
from keepwarm.core.entry import Seen
from keepwarm.core.mirror import told_apart
from keepwarm.core.stamps import Epoch, Stamp, parse_stamp
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.operations import Operations
from keepwarm.stores.redis.server import EmbeddedServer

TRIAL_MS = 10_000
NOW_MS = 1_000_000
counts = st.integers(0, 5) | st.integers(60, 70)
near_now = st.integers(NOW_MS - 12_000, NOW_MS + 12_000)
settled = st.builds(Stamp, st.sampled_from("abc"), st.sampled_from("abc"), st.integers(0, 9))
troubled = st.builds(
    Stamp,
    st.sampled_from("abc"),
    st.sampled_from("abc"),
    st.integers(0, 9),
    st.just(0) | near_now,
    st.just("-") | st.builds("w@{}".format, near_now),
)


def operations() -> Operations:
    made = Operations("space", Sealing())
    made.now_ms = lambda: NOW_MS
    return made


OURS = operations()


@settings(deadline=None)
@given(
    counts.flatmap(lambda n: st.lists(st.text(max_size=6), min_size=n, max_size=n, unique=True)),
    st.lists(st.text(max_size=6), max_size=3, unique=True),
)
def test_what_asks_for_them_is_what_hiredis_packs(stamps: list[str], names: list[str]) -> None:
    keys = ("{space}:epoch", "{space}:pos", *("{space}:" + stamp for stamp in stamps), *names)
    for _ in range(2):  # the second time from what is kept
        packed = OURS.read_packed(tuple(stamps), tuple(names))
        assert packed == hiredis.pack_command(("MGET", *keys))


@settings(deadline=None, max_examples=300)
@given(st.data(), counts, st.just(0) | near_now)
def test_what_they_say_is_what_each_says(data: st.DataObject, count: int, since_ms: int) -> None:
    """Those that are settled, those that are not, those that are none, before and after a trial."""
    stamps = data.draw(
        st.lists(settled | troubled | st.none(), min_size=count, max_size=count)
        if data.draw(st.booleans())
        else st.lists(settled, min_size=count, max_size=count)
    )
    names = tuple(f"slot:{n:04x}" for n in range(count))
    epoch = Epoch("e", 0, "", since_ms)
    raw = [None if stamp is None else stamp.format().encode() for stamp in stamps]
    expected = told_apart(Seen(epoch, 7, dict(zip(names, stamps, strict=True))), NOW_MS, TRIAL_MS)
    for _ in range(2):
        seen, rest = OURS.seen(names, [epoch.format().encode(), b"e 7 0", *raw, b"entry"])
        assert (seen, rest) == (expected, [b"entry"])


def test_bytes_that_are_no_stamp_are_none() -> None:
    names = ("slot:0000", "slot:0001")
    good = Stamp("n", "s", 1)
    seen, _ = OURS.seen(names, [b"e 0 - 0", b"e 7 0", b"\xff", good.format().encode()])
    assert seen.stamps == {"slot:0000": parse_stamp("?"), "slot:0001": good}


async def test_one_of_many_tags_that_was_ended_ends_the_entry(healthy: EmbeddedServer) -> None:
    """Whichever, and however many: forty are kept as one, a hundred are not."""
    policy = Policy(ttl="1h")
    async with Cache(healthy.url, namespace="many", near=0, policies={"p": policy}) as cache:
        for count in (40, 100):
            made = 0

            def make() -> int:
                nonlocal made
                made += 1
                return made

            tags = [f"t{n}" for n in range(count)]
            for tag in (None, tags[0], tags[count // 2], tags[-1]):
                if tag is not None:
                    await cache.invalidate(tag)
                before = made
                for _ in range(3):
                    await cache.get_or_set(f"k{count}", make, "p", tags=tags)
                assert made == before + 1, tag
