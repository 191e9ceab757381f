"""Words of a prompt to traits of a portrait: a table, colours before nouns, and negation."""

import re
import unicodedata
from dataclasses import fields
from hashlib import blake2b
from typing import Any, cast

from gallery.pictures.dice import Dice
from gallery.pictures.traits import Hue, Traits

MAX_PROMPT = 2000  # characters that are looked at

# Trait, value: the words (or pairs of words) that ask for it.
WORDS: dict[tuple[str, object], str] = {
    ("species", "human"): "human,man,woman,boy,girl,person",
    ("species", "elf"): "elf,elven,elvish,elves,drow",
    ("species", "dwarf"): "dwarf,dwarven,dwarves,gnome",
    ("species", "orc"): "orc,orcish,half-orc,ogre,troll,goblin",
    ("species", "tiefling"): "tiefling,demon,demonic,devil,infernal,imp",
    ("species", "fey"): "fey,fae,fairy,faerie,pixie,dryad,nymph,sprite,faun",
    ("species", "catfolk"): "catfolk,cat,feline,tabaxi,khajiit,neko,tiger,lion",
    ("species", "merfolk"): "merfolk,mermaid,merman,siren,triton,fishfolk",
    ("species", "dragonkin"): "dragonkin,dragonborn,dragon,draconic,lizard,serpent",
    ("species", "undead"): "undead,vampire,zombie,lich,ghost,ghoul,skeletal",
    ("archetype", "ruler"): "ruler,king,queen,emperor,empress,monarch,prince,princess,sovereign",
    (
        "archetype",
        "mage",
    ): "mage,wizard,witch,sorcerer,sorceress,warlock,enchanter,necromancer,magician",
    (
        "archetype",
        "warrior",
    ): "warrior,knight,paladin,soldier,fighter,barbarian,guard,berserker,viking",
    ("archetype", "rogue"): "rogue,thief,assassin,bandit,spy,burglar,outlaw",
    ("archetype", "ranger"): "ranger,hunter,archer,scout,druid,huntress",
    ("archetype", "noble"): "noble,lord,lady,duke,duchess,count,countess,baron,aristocrat,courtier",
    ("archetype", "priest"): "priest,priestess,cleric,monk,nun,oracle,prophet,healer",
    ("archetype", "bard"): "bard,minstrel,singer,musician,poet,dancer",
    ("archetype", "pirate"): "pirate,corsair,captain,sailor,buccaneer",
    ("archetype", "scholar"): "scholar,alchemist,scribe,sage,librarian,teacher,inventor",
    ("build", "feminine"): "woman,girl,female,feminine,queen,empress,princess,sorceress,witch,lady,"
    "duchess,countess,priestess,nun,mermaid,huntress,she,her,grandmother,mother",
    ("build", "masculine"): "man,boy,male,masculine,king,emperor,prince,lord,duke,baron,merman,he,"
    "his,him,grandfather,father",
    ("build", "androgynous"): "androgynous,nonbinary",
    ("age", "young"): "young,youthful,boy,girl,teen,youth",
    ("age", "adult"): "adult,grown,mature",
    ("age", "old"): "old,elderly,aged,ancient,elder,grandmother,grandfather,wrinkled",
    ("mood", "serene"): "serene,calm,peaceful,gentle,quiet",
    ("mood", "smiling"): "smiling,smile,happy,cheerful,laughing,joyful,merry,friendly",
    ("mood", "stern"): "stern,serious,grim,determined,proud,cold",
    ("mood", "sad"): "sad,melancholy,sorrowful,mourning,lonely,weeping",
    ("mood", "angry"): "angry,furious,wrathful,fierce,raging",
    ("mood", "sly"): "sly,cunning,smirking,mischievous,wicked,smug",
    ("mood", "surprised"): "surprised,shocked,astonished,frightened,scared",
    ("time", "dawn"): "dawn,sunrise,morning",
    ("time", "day"): "day,daylight,noon,sunny,afternoon,midday",
    ("time", "dusk"): "dusk,sunset,evening,twilight",
    ("time", "night"): "night,midnight,moonlit,starry,stars,moonlight",
    ("setting", "mountains"): "mountain,mountains,peak,peaks,highlands,alpine,cliffs",
    ("setting", "forest"): "forest,woods,woodland,jungle,trees,grove",
    ("setting", "moon"): "moon,moonlit,moonlight",
    ("setting", "city"): "city,town,castle,palace,towers,streets,village,kingdom",
    ("setting", "sea"): "sea,ocean,ship,beach,coast,harbour,harbor,island,waves",
    ("setting", "aurora"): "aurora,northern lights",
    ("setting", "dungeon"): "dungeon,cave,prison,crypt,catacombs,torchlight,underground",
    ("setting", "desert"): "desert,dunes,sand,sands,oasis",
    ("setting", "library"): "library,books,study,tavern,bookshelves",
    ("setting", "snow"): "snow,snowy,winter,ice,icy,frozen,frost,tundra",
    ("setting", "crystals"): "crystal,crystals,cavern,gems,amethyst",
    ("setting", "halo"): "halo,holy,icon,ornament,ornamental,divine,saint,poster",
    ("hair", "curtain"): "long hair,straight hair",
    ("hair", "wavy"): "wavy,wavy hair",
    ("hair", "bob"): "bob",
    ("hair", "fringe"): "fringe,bangs",
    ("hair", "short"): "short hair",
    ("hair", "tousled"): "tousled,messy,messy hair,unkempt",
    ("hair", "slick"): "slick,slicked",
    ("hair", "undercut"): "undercut",
    ("hair", "mohawk"): "mohawk",
    ("hair", "curls"): "curls,curly,curly hair,afro",
    ("hair", "braids"): "braids,braid,braided hair,pigtails",
    ("hair", "topknot"): "topknot,bun",
    ("hair", "ponytail"): "ponytail",
    ("hair", "spiky"): "spiky,spiky hair,spikes",
    ("hair", "mane"): "mane,wild hair",
    ("hair", "locs"): "locs,dreadlocks,dreads",
    ("hair", "buzz"): "buzzcut,cropped",
    ("hair", "bald"): "bald,hairless,shaved",
    ("hair_hue", "red"): "redhead,ginger,redheaded",
    ("hair_hue", "blond"): "blond,blonde",
    ("hair_hue", "brown"): "brunette",
    ("headwear", "crown"): "crown,crowned",
    ("headwear", "tiara"): "tiara,diadem",
    ("headwear", "circlet"): "circlet",
    ("headwear", "hood"): "hood,hooded,cowl",
    ("headwear", "hat"): "hat,pointed hat",
    ("headwear", "helm"): "helm,helmet,helmeted",
    ("headwear", "wreath"): "wreath,laurel,flowers,garland",
    ("headwear", "headband"): "headband,bandana",
    ("headwear", "turban"): "turban",
    ("headwear", "tricorn"): "tricorn",
    ("beard", "full"): "beard,bearded",
    ("beard", "long"): "long beard",
    ("beard", "braided"): "braided beard",
    ("beard", "goatee"): "goatee",
    ("beard", "moustache"): "moustache,mustache",
    ("beard", "stubble"): "stubble,unshaven",
    ("beard", "none"): "beardless,clean-shaven,shaven",
    ("garment", "robe"): "robe,robes,robed",
    ("garment", "plate"): "armour,armor,armoured,armored,plate,breastplate",
    ("garment", "leather"): "leather",
    ("garment", "coat"): "coat,uniform,jacket",
    ("garment", "fur"): "fur,furs",
    ("garment", "tunic"): "tunic,shirt",
    ("garment", "gown"): "gown,dress",
    ("garment", "cloak"): "cloak,cloaked,cape",
    ("horns", True): "horns,horned,antlers",
    ("glasses", True): "glasses,spectacles",
    ("scar", True): "scar,scarred,scars",
    ("jewels", True): "jewels,jewellery,jewelry,earrings,necklace",
    ("eyepatch", True): "eyepatch,one-eyed",
    ("markings", True): "tattoo,tattooed,freckles,freckled,warpaint,runes,painted",
}

HUES: dict[Hue, str] = {
    "black": "black,dark,raven", "brown": "brown,chestnut", "auburn": "auburn,copper,rust",
    "red": "red,crimson,scarlet,ginger", "blond": "blond,blonde,golden,gold,yellow,amber",
    "white": "white,snow-white,silver,silvery", "grey": "grey,gray,ashen",
    "blue": "blue,azure,sapphire,indigo", "green": "green,emerald,olive",
    "purple": "purple,violet,lilac,lavender", "pink": "pink,rose,magenta",
    "teal": "teal,turquoise,cyan",
}  # fmt: skip
COLOURED: dict[str, str] = {
    "hair": "hair_hue", "haired": "hair_hue", "locks": "hair_hue", "braids": "hair_hue",
    "curls": "hair_hue", "beard": "hair_hue", "mane": "hair_hue", "ponytail": "hair_hue",
    "eyes": "eye_hue", "eyed": "eye_hue", "eye": "eye_hue",
    "cloak": "cloth_hue", "robe": "cloth_hue", "robes": "cloth_hue", "dress": "cloth_hue",
    "gown": "cloth_hue", "coat": "cloth_hue", "tunic": "cloth_hue", "hood": "cloth_hue",
    "cape": "cloth_hue", "clothes": "cloth_hue", "armour": "cloth_hue", "armor": "cloth_hue",
}  # fmt: skip
BETWEEN = frozenset(
    {
        "and",
        "long",
        "short",
        "curly",
        "wavy",
        "straight",
        "bright",
        "deep",
        "pale",
        "flowing",
        "silk",
        "leather",
    }
)
DENIALS = frozenset({"no", "without", "not"})
WITHOUT: dict[str, object] = {
    "headwear": "none", "beard": "none", "hair": "bald", "horns": False, "glasses": False,
    "scar": False, "jewels": False, "eyepatch": False, "markings": False,
}  # fmt: skip
NOISE = frozenset(
    [
        "a",
        "an",
        "and",
        "the",
        "of",
        "in",
        "on",
        "at",
        "with",
        "without",
        "no",
        "not",
        "portrait",
        "picture",
        "painting",
        "character",
        "fantasy",
        "who",
        "is",
        "has",
        "wearing",
        "wears",
        "hair",
        "eyes",
        "very",
        "from",
        "by",
        "to",
        "for",
        "some",
        "under",
        "over",
        "near",
        "before",
        "behind",
    ]
)

_ASKS: dict[str, list[tuple[str, object]]] = {}
for _ask, _words in WORDS.items():
    for _word in _words.split(","):
        _ASKS.setdefault(_word, []).append(_ask)
_KNOWN = {part for word in _ASKS for part in word.split()} | BETWEEN | COLOURED.keys()
_HUE_OF = {word: hue for hue, words in HUES.items() for word in words.split(",")}


def traits_from_prompt(prompt: str, seed: int) -> Traits:
    """The traits that a prompt's words ask for; where they contradict, the seed picks one.

    Words unknown here still count: together they become the variation.
    """
    tokens = _tokens(prompt)
    asked: dict[str, list[object]] = {}
    unknown: list[str] = []
    denied = False
    for at, token in enumerate(tokens):
        if token in DENIALS:
            denied = True
            continue
        found = _meanings(tokens, at)
        for trait, value in found:
            if not denied:
                asked.setdefault(trait, []).append(value)
            elif trait in WITHOUT:
                asked[trait] = [WITHOUT[trait]]
        if denied and token.startswith("hair"):
            asked["hair"] = ["bald"]
            denied = False
        if token not in NOISE:
            denied = False
            if not found and token not in _KNOWN:
                unknown.append(token)
    dice = Dice(seed, "prompt")
    chosen: dict[str, object] = {}
    for field in fields(Traits):
        if field.name in asked:
            chosen[field.name] = dice.pick(list(dict.fromkeys(asked[field.name])))
    if unknown:
        digest = blake2b(" ".join(sorted(unknown)).encode(), digest_size=4).digest()
        chosen["variation"] = int.from_bytes(digest, "big")
    return Traits(**cast("dict[str, Any]", chosen))


def _tokens(prompt: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", prompt[:MAX_PROMPT]).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z]+(?:-[a-z]+)*", plain.lower())


def _meanings(tokens: list[str], at: int) -> list[tuple[str, object]]:
    """What the word at `at` asks for, alone, as a pair, or as the colour of a noun after it."""
    token = tokens[at]
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    previous = tokens[at - 1] if at else ""
    found = list(_ASKS.get(f"{token} {following}", ()))
    if not found and f"{previous} {token}" not in _ASKS:
        found = list(_ASKS.get(token, ()))
    parts = token.split("-")
    hue = _HUE_OF.get(token) or _HUE_OF.get(parts[0])
    if hue is None:
        return found
    for later in [*parts[1:], *tokens[at + 1 : at + 4]]:
        if later in COLOURED:
            return [(COLOURED[later], hue)]
        if later not in BETWEEN and later not in _HUE_OF:
            break
    return found
