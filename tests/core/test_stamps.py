"""Stamps: what is written is read back, and doubt is always a miss."""

from hypothesis import given
from hypothesis import strategies as st

from keepwarm.core.stamps import (
    SLOTS,
    Epoch,
    Stamp,
    carried,
    merge,
    parse_epoch,
    parse_position,
    parse_stamp,
    stamp_of_key,
    stamp_of_tag,
    stamps_of,
)

COUNTS = st.integers(0, 10**15 - 1)
NONCES = st.text("abcXYZ019_-", min_size=1, max_size=22)


@given(NONCES, NONCES, COUNTS, COUNTS, st.sampled_from(["-", "w:9"]))
def test_a_stamp_is_read_as_it_was_written(
    nonce: str, soft: str, born: int, until: int, writers: str
) -> None:
    stamp = Stamp(nonce, soft, born, until, writers)

    assert parse_stamp(stamp.format()) == stamp
    assert stamp.is_dirty == (writers != "-")


@given(st.text(max_size=60))
def test_foreign_text_is_no_stamp_or_a_whole_one(text: str) -> None:
    stamp = parse_stamp(text)

    assert stamp is None or stamp.format().split()[0] == text.split(" ")[0]


@given(st.text(max_size=60))
def test_foreign_text_never_raises(text: str) -> None:
    epoch = parse_epoch(text)
    parse_position(text, epoch or Epoch("n"))


def test_a_position_of_another_epoch_is_no_position() -> None:
    epoch = Epoch("new")

    assert parse_position("new 7 0", epoch) == 7
    assert parse_position("old 7 0", epoch) is None
    assert parse_position("new 7", None) is None
    assert parse_position(None, epoch) is None


def test_a_missing_or_dirty_stamp_carries_nothing() -> None:
    good, dirty = Stamp("n", "s", 1), Stamp("n", "s", 1, 0, "w:9")

    assert carried(["a"], {"a": good}) == (("a", "n", "s"),)
    assert carried(["a", "b"], {"a": good}) is None
    assert carried(["a", "b"], {"a": good, "b": None}) is None
    assert carried(["a", "b"], {"a": good, "b": dirty}) is None


def test_one_name_with_two_nonces_does_not_merge() -> None:
    one, two = (("a", "1", "1"),), (("a", "2", "2"), ("b", "1", "1"))

    assert merge(one, one, (("b", "1", "1"),)) == (("a", "1", "1"), ("b", "1", "1"))
    assert merge(one, two) is None


@given(st.text(min_size=1, max_size=200))
def test_stamp_names_are_bounded_plain_and_say_nothing_else(tag: str) -> None:
    for name in (stamp_of_tag(tag), stamp_of_key(tag)):
        assert name.isascii()
        assert name.isprintable()
        assert len(name) < 400
        assert " " not in name


def test_collections_and_ones_of_many_take_slots_of_two_ranges() -> None:
    assert stamp_of_tag("characters").startswith("plain:")
    assert stamp_of_tag("character:5").startswith("slot:")
    assert len({stamp_of_tag(f"character:{n}") for n in range(50_000)}) > SLOTS // 2


def test_a_key_and_a_tag_of_the_same_text_differ() -> None:
    assert stamp_of_key("character:5") != stamp_of_tag("character:5")


def test_every_entry_depends_on_its_own_key_first_and_on_no_name_twice() -> None:
    names = stamps_of("k", ["t", "t", "u"])

    assert names == (stamp_of_key("k"), stamp_of_tag("t"), stamp_of_tag("u"))
