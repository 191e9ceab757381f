"""The painter: the same everywhere, never the same twice, and only ever harmless SVG."""

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import fields
from typing import Any, get_args, get_type_hints
from xml.etree import ElementTree

import pytest

from gallery.pictures.painter import PAINTER_VERSION, paint
from gallery.pictures.traits import Traits

# One digest for each version: a changed painter needs a new PAINTER_VERSION,
# because pictures are cached for ever under addresses that name it.
PINNED = {1: "d9a854067d940acd5268b24e4ca578ff4547c3152b2553f333439656da25520c"}
SAMPLE = (0, 1, 7, 42, 1234567, -5, 2**70)


def digest_of_samples() -> str:
    text = "".join(paint(seed) for seed in SAMPLE)
    text += paint(3, Traits(species="elf", setting="moon", variation=9))
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_changed_painter_has_a_new_version() -> None:
    """Raise PAINTER_VERSION and pin the new digest here; never change an old line."""
    assert PINNED[PAINTER_VERSION] == digest_of_samples()


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_other_processes_paint_the_same(hash_seed: str) -> None:
    script = (
        "import hashlib; from gallery.pictures.painter import paint;"
        "print(hashlib.sha256(''.join(paint(s) for s in (5, 6, 7)).encode()).hexdigest())"
    )
    said = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    here = hashlib.sha256("".join(paint(s) for s in (5, 6, 7)).encode()).hexdigest()
    assert here == said.stdout.strip()


def test_no_two_of_500_seeds_look_the_same() -> None:
    assert len({hashlib.sha256(paint(seed).encode()).digest() for seed in range(500)}) == 500


def wishes() -> list[Traits]:
    """Each value of each trait once, so that every style is painted."""
    found: list[Traits] = []
    for field in fields(Traits):
        hint = get_type_hints(Traits)[field.name]
        values: list[Any] = [
            value
            for option in get_args(hint)
            for value in (get_args(option) or ([True, False] if option is bool else []))
        ]
        found += [Traits(**{field.name: value}) for value in values if value is not None]
    return found


def wish(traits: Traits) -> str:
    """`name=value` of the one trait that is asked for."""
    names = (field.name for field in fields(Traits))
    return "+".join(
        f"{n}={getattr(traits, n)}" for n in names if getattr(traits, n) not in (None, 0)
    )


@pytest.mark.parametrize("traits", wishes(), ids=lambda traits: wish(traits))
def test_every_trait_paints_a_valid_picture_without_references(traits: Traits) -> None:
    svg = paint(11, traits)

    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox") == "0 0 640 640"
    tags = {element.tag.split("}")[1] for element in root.iter()}
    assert tags <= {
        "svg",
        "defs",
        "path",
        "g",
        "stop",
        "linearGradient",
        "radialGradient",
        "clipPath",
    }
    names = {element.get("id") for element in root.iter() if element.get("id")}
    assert set(re.findall(r"url\(#(\w+)\)", svg)) <= names
    assert svg.count("url(") == svg.count("url(#")
    assert "href" not in svg
    assert not re.search(r"\b(nan|inf)\b", svg)
    assert not any(element.text for element in root.iter())
    assert len(svg) < 180_000


def test_a_wish_is_kept_and_changes_the_picture() -> None:
    plain = paint(11)
    assert plain == paint(11, Traits())
    assert plain != paint(11, Traits(headwear="crown"))
    assert paint(11, Traits(variation=1)) != paint(11, Traits(variation=2))
