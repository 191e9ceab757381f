"""Addresses: every input to the pixels moves the hash, nothing else does."""

import string

from gallery.pictures.addresses import picture_hash, wish_digest
from gallery.pictures.painter import PAINTER_VERSION
from gallery.pictures.traits import Traits


def test_a_new_painter_moves_portraits_and_leaves_uploads() -> None:
    assert picture_hash("portrait", 5) == picture_hash("portrait", 5, PAINTER_VERSION)
    assert picture_hash("portrait", 5) != picture_hash("portrait", 5, PAINTER_VERSION + 1)
    assert picture_hash("upload", "ab") == picture_hash("upload", "ab", PAINTER_VERSION + 1)


def test_kinds_seeds_and_digests_never_meet() -> None:
    names = {
        picture_hash("portrait", 5),
        picture_hash("portrait", "5"),
        picture_hash("portrait", 51),
        picture_hash("upload", "5"),
        picture_hash("portrait", wish_digest(5, Traits())),
        picture_hash("portrait", wish_digest(5, Traits(species="elf"))),
        picture_hash("portrait", wish_digest(5, Traits(variation=1))),
    }
    assert len(names) == 7
    assert all(len(name) == 24 and set(name) <= set(string.hexdigits) for name in names)


def test_hashes_are_the_same_in_every_process_and_release() -> None:
    assert picture_hash("upload", "0123456789abcdef") == "4a32f2555e10e4c6e09857b5"
