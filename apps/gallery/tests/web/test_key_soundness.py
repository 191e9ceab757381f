"""Every input that changes an answer changes its key: cached answers equal uncached ones.

Each question differs from another in one input at least, and all of them are asked of
one cache in turn: an input that a key forgot makes a later question get an earlier
one's answer, which is then not what the app says with its cache turned off.
"""

import itertools
import random

import pytest

READERS = (None, "u1", "u2")

# What each parameter may be; the first is what a question has when it is not varied.
INPUTS = {
    "mode": ["all", "featured", "discover", "newest", "trending"],
    "page": [0, 1, 2],
    "page_size": [5, 6, 60, 61],
    "species": [None, "elf", "orc", "ELF", "none such"],
    "tag": [None, "magic", "music", "magic music"],
    "creator": [None, "u1", "u2"],
    "q": [None, "the", "of", "of the", "magic", "a:b", "~none", "*"],
}

# Questions that differ only in where a value stands, or in what a careless key joins.
LOOKALIKES = [
    {"species": "magic"},
    {"tag": "elf"},
    {"creator": "elf"},
    {"q": "elf"},
    {"species": "elf", "tag": "magic"},
    {"species": "elf:magic"},
    {"tag": "elf", "q": "magic"},
    {"page": 1, "page_size": 15},
    {"page": 11, "page_size": 5},
]


def one_varied():
    """Questions that differ from the plain one in one parameter, in each mode."""
    for mode in INPUTS["mode"]:
        yield {"mode": mode}
        for name, values in INPUTS.items():
            if name != "mode":
                yield from ({"mode": mode, name: value} for value in values[1:])


def at_random(count, seed):
    dice = random.Random(seed)
    for _ in range(count):
        chosen = {name: dice.choice(values) for name, values in INPUTS.items()}
        yield {name: value for name, value in chosen.items() if value is not None}


async def answers_of(site, questions):
    """The answers of every reader to every question, in one order."""
    visitors = [await site.visitor(name) for name in READERS]
    found = {}
    for (at, question), visitor in itertools.product(enumerate(questions), visitors):
        who = visitor.user["username"] if visitor.user else None
        found[at, who] = await visitor.read("/api/characters", **question)
    return found


async def compare(site, questions):
    await answers_of(site, questions)
    cached = await answers_of(site, reversed(questions))
    site.cache.enabled = False
    uncached = await answers_of(site, reversed(questions))
    for which, answer in uncached.items():
        assert cached[which] == answer, (which, questions[-1 - which[0]])
    return uncached


@pytest.mark.more
async def test_lists_by_each_input(site):
    """One input varied at a time, for strangers and two users."""
    questions = list(one_varied())
    answers = await compare(site, questions)
    # The table must be able to catch a forgotten input: each one changes some answer.
    last = len(questions) - 1
    told = {tuple(q.items()): answers[last - at, "u1"] for at, q in enumerate(questions)}
    for name, values in list(INPUTS.items())[1:]:
        changes = [
            (told[("mode", mode),], told[("mode", mode), (name, value)])
            for mode in INPUTS["mode"]
            for value in values[1:]
        ]
        assert any(plain != varied for plain, varied in changes), name


@pytest.mark.more
@pytest.mark.parametrize("seed", [1, 2])
async def test_lists_by_several_inputs(site, seed):
    await compare(site, list(at_random(40, seed)))


async def test_lists_that_look_alike(site):
    await compare(site, [{"mode": "newest", **each} for each in LOOKALIKES])


async def test_paths_by_each_part(site):
    visitor = await site.visitor("u1")
    paths = [
        *(f"/api/characters/{id}" for id in (1, 2, 11)),
        *(f"/api/characters/{id}/similar" for id in (1, 2, 11)),
        *(f"/api/characters/{id}/images" for id in (1, 2, 11)),
        *(f"/api/users/{name}/images" for name in ("u1", "u2", "u11")),
        *(f"/api/users/u1/images?character_id={id}" for id in (1, 2, 11)),
        "/api/featured",
        "/api/preferences",
    ]
    for path in paths:
        await visitor.read(path)
    cached = [await visitor.read(path) for path in reversed(paths)]
    site.cache.enabled = False
    assert cached == [await visitor.read(path) for path in reversed(paths)]


async def test_pictures_by_each_part(site):
    visitor = await site.visitor()
    digests = {id: (await visitor.read(f"/api/characters/{id}"))["picture"] for id in (1, 2)}
    paths = [
        f"/media/{digests[id]}/portrait-{id}-{width}.{format}"
        for id in (1, 2)
        for width in (160, 320)
        for format in ("webp", "avif")
    ]
    bodies = [(await visitor.get(path)).content for path in paths]
    assert len(set(bodies)) == len(paths)
    assert bodies == [(await visitor.get(path)).content for path in paths]


async def test_equal_questions_share_an_answer(site):
    """Case, order and repetition of words do not make another entry."""
    visitor = await site.visitor()
    await visitor.read("/api/characters", mode="newest", q="Magic  the")
    for alike in ("the magic", "MAGIC THE", "the magic the", " the\tmagic "):
        assert await visitor.cached("/api/characters", mode="newest", q=alike) == "HIT"
    assert await visitor.cached("/api/characters", mode="newest", species="Elf") == "MISS"
    assert await visitor.cached("/api/characters", mode="newest", species=" elf ") == "HIT"
    assert await visitor.cached("/api/characters", mode="newest", page_size=60) == "MISS"
    assert await visitor.cached("/api/characters", mode="newest", page_size=600) == "HIT"
