"""The words that names, descriptions and tags are made of."""

# Tables of phrases read better whole:
# ruff: noqa: E501
# fmt: off

# What there is of each, and how common. The painter knows the same words.
SPECIES = {
    "human": 34, "elf": 17, "dwarf": 8, "orc": 6, "tiefling": 9, "fey": 7, "catfolk": 6,
    "merfolk": 5, "dragonkin": 4, "undead": 4,
}
ARCHETYPES = {
    "ruler": 8, "mage": 14, "warrior": 15, "rogue": 13, "ranger": 13, "noble": 9, "priest": 7,
    "bard": 9, "pirate": 6, "scholar": 6,
}
MOODS = {
    "serene": 28, "smiling": 22, "stern": 18, "sly": 15, "sad": 7, "angry": 6, "surprised": 4,
}
BUILDS = {"feminine": 46, "masculine": 46, "androgynous": 8}
AGES = {"young": 40, "adult": 44, "old": 16}
ELEMENTS = {
    "fire": 16, "water": 16, "earth": 15, "air": 15, "light": 12, "shadow": 14, "frost": 12,
}
PLACES = {  # (time of day, setting)
    ("dawn", "mountains"): 8, ("dawn", "forest"): 7, ("dawn", "sea"): 7, ("dawn", "snow"): 5,
    ("day", "forest"): 9, ("day", "sea"): 7, ("day", "desert"): 7, ("day", "mountains"): 6,
    ("day", "library"): 4, ("dusk", "city"): 9, ("dusk", "desert"): 4, ("dusk", "library"): 5,
    ("dusk", "sea"): 5, ("night", "moon"): 9, ("night", "aurora"): 7, ("night", "city"): 6,
    ("night", "crystals"): 6, ("night", "dungeon"): 6, ("night", "forest"): 4, ("night", "snow"): 4,
}

# How the names of a people sound: beginnings, middles, endings (feminine, masculine).
SOUNDS = {
    "human": (
        "Al Ber Cor Da El Fen Gar Hal Is Jo Kat Lor Mar Ned Ol Per Quin Ros Sel Tam Ul Ver Wil Yor",
        "a e i o an ar el en il in or am al ed is und",
        "a ia ine eth elle wyn ora isa anna ery", "d ric mund ten o ard win ley as mon"),
    "elf": (
        "Ael Cae Eil Fae Gal Ia Il Lae Lia Mae Nae Ori Rhi Sae Sil Thae Vae Yll Ari Ely",
        "la lo ri ra na ni the thi va ve lia ssa rie sha mi dri",
        "riel wen thiel nya lith wyn saera viel", "dir rion las thor nil lan driel myr"),
    "dwarf": (
        "Bal Bra Dur Gim Gor Hil Kaz Kol Mor Nor Og Rag Stur Thra Thor Ulf Vond Brun Dag Grun",
        "a i o u da ga ra gri dri ki mu ri ro",
        "dis hild a gra nna dra bera run", "din grim rik bor nar dun li gar"),
    "orc": (
        "Az Bru Dra Gash Gru Hru Kra Kur Lug Mog Nar Rok Shag Thok Ug Vra Yaz Zug Gor Mur",
        "a u o ga gu ra ru za ka ba sha",
        "gra sha zha ka rra mka ga tha", "g nak rok dush gash mog bak thar"),
    "tiefling": (
        "Ama Cal Da Exi Kal Le Mala Ne Or Phe Ri Sca Tha Val Xa Zar Mor Ash Ven Ky",
        "li na ra si the ri xi va za mi do lo",
        "thea mis xis ra lia sara nis vyre", "kos mon ros thus rai xar vius dan"),
    "fey": (
        "Bri Clo Dew Fen Glim Hy Ivy Lark Moth Ny Pe Quil Ru Sor Thi Tansy Wil Zeph Lu Fern",
        "a e i el il li lo mi ni ri si wy ta",
        "belle drop wing lyn thistle mere lia whin", "wick thorn fel bramble low kin reed wisp"),
    "catfolk": (
        "Ash Ba Chi Fa Ja Ka Kit Me Mi Na Paw Ra Sha Ta Tig Um Ve Ya Zi Su",
        "sha ri ni ra mi ju zi ko la ti ba",
        "ra sha mi ni rri ya lah zi", "r jo kesh zar tor rro dar sh"),
    "merfolk": (
        "Aqu Cor De Eri Ga Ha Ky Lir Ma Ne Oce Pel Rho Sa Thal Und Va Wa Xan Mer",
        "a e la li ma na ne ra ri ssa lo ia",
        "dine ra lina sea phyra la nia ssa", "don lor rus thys mar keth ron lus"),
    "dragonkin": (
        "Ar Bal Cryx Drak Er Ghe Hex Ign Kria Kez Nax Orv Pyr Rha Sar Tor Vex Vor Xer Zhu",
        "a i o ra ri tha xi va go zu sha",
        "thra xia syra vesh lyx rith zara nyx", "gar xes thrax dros vash rion kar zul"),
    "undead": (
        "Ash Bane Cas Dol Ere Fell Gri Hol Iv Lach Mor Nec Obs Pal Quie Rev Sep Thren Ves Wen",
        "a e i o la mi ri ne ra sa ve tho",
        "ra lena nith sorrow wen via lia mora", "us gast ric thal mourn ven dred or"),
}

BYNAME_HEADS = ["Amber", "Ash", "Black", "Bright", "Briar", "Cinder", "Copper", "Crow", "Dawn", "Dusk", "Elder", "Ember", "Fair", "Fern", "Frost", "Gale", "Gold", "Grey", "Hart", "Hollow", "Iron", "Ivory", "Lark", "Moon", "Moss", "Night", "Oak", "Pale", "Raven", "Red", "River", "Rook", "Salt", "Shade", "Silver", "Star", "Stone", "Storm", "Summer", "Swift", "Thorn", "Tide", "Umber", "Vale", "White", "Wild", "Winter", "Wolf", "Wren", "Yarrow"]
BYNAME_TAILS = ["bane", "bark", "bell", "blade", "bloom", "born", "bough", "brand", "brook", "cloak", "crest", "dale", "fall", "feather", "field", "fire", "flame", "ford", "forge", "glass", "glen", "grove", "hand", "haven", "heart", "helm", "hollow", "keep", "lark", "light", "lock", "mantle", "mark", "mere", "moor", "quill", "reach", "ridge", "root", "shade", "shield", "singer", "song", "spire", "stride", "thorn", "vale", "veil", "walker", "water", "ward", "weaver", "whisper", "wick", "wind", "wing", "wood", "wright"]
EPITHETS = ["Unbowed", "Quiet", "Patient", "Ninth", "Untamed", "Merciful", "Twice-Crowned", "Wakeful", "Sleepless", "Gentle", "Unfinished", "Far-Sighted", "Moonlit", "Wandering", "Faithful", "Salt-Sworn", "Golden", "Crooked", "Soft-Spoken", "Ember-Eyed", "Honest", "Lucky", "Unlucky", "Ragged", "Radiant", "Unseen", "Tireless", "Sworn", "Last", "First", "Curious", "Bold", "Grim", "Merry", "Silver-Tongued", "Oathless", "Starless", "Kind", "Restless", "Younger", "Elder", "Hooded", "Barefoot", "Storm-Touched", "Well-Read"]
REALMS = ["Aldermere", "Ashfall", "Brackwater", "Brindlewood", "Calder", "Cinderholt", "Coldharbour", "Dunmarrow", "Eastmarch", "Eldergrove", "Emberfell", "Farrowdeep", "Fenwick", "Gallowmere", "Glasshaven", "Greymoor", "Halcyon", "Harrowgate", "Highspire", "Ironvale", "Kestrelmoor", "Lanternreach", "Lowenfell", "Marrowick", "Merrow", "Mistral", "Mournhold", "Nettlecombe", "Northwick", "Oakenshaw", "Pellmere", "Quillon", "Ravensfold", "Rimewatch", "Saltmarsh", "Sablewood", "Silverrun", "Starfall", "Stonebrook", "Thistledown", "Thornwall", "Tidewater", "Umberlee", "Valewind", "Vesper", "Westering", "Whitecliff", "Windmere", "Wyrmrest"]

# Tags, by what calls for them. Earlier ones are likelier.
ARCHETYPE_TAGS = {
    "ruler": "royalty politics throne legacy", "mage": "magic spells arcane ritual",
    "warrior": "blades battle honour duel", "rogue": "stealth heist shadows trickster",
    "ranger": "wilderness archery beasts tracker", "noble": "court intrigue royalty masquerade",
    "priest": "faith healing ritual oath", "bard": "music stories tavern romance",
    "pirate": "ships treasure voyage outlaw", "scholar": "books alchemy mystery ruins",
}
SETTING_TAGS = {
    "mountains": "mountains highlands", "forest": "forest druidic", "sea": "ocean voyage",
    "snow": "winter survival", "desert": "desert caravan", "library": "books cosy",
    "city": "city tavern", "moon": "moonlight dreams", "aurora": "stars dreams",
    "crystals": "gems underground", "dungeon": "underground ruins",
}
FREE_TAGS = ["adventure", "quest", "exile", "redemption", "found-family", "rivalry", "mentor", "prophecy", "curse", "dragons", "ghosts", "spirits", "humour", "slow-burn", "vengeance", "loyalty", "secrets", "festival", "cooking", "falconry", "clockwork", "masks", "gardens", "lanterns", "wolves", "ravens", "potions", "maps", "letters", "dance"]

# Descriptions are told in the past tense, which suits she, he and they alike.
ORIGINS = {
    "mountains": ("a watchtower above {realm}", "the high passes of {realm}", "a goat-herd's hut under {realm} Peak"),
    "forest": ("the deep woods of {realm}", "a house grown, not built, in {realm} Forest", "the green roads of {realm}"),
    "sea": ("the harbour of {realm}", "a lighthouse off {realm}", "the tide-caves below {realm}"),
    "snow": ("the last village before the ice of {realm}", "a winter camp near {realm}", "the frozen fords of {realm}"),
    "desert": ("a caravan on the {realm} road", "the glass dunes of {realm}", "an oasis that no map of {realm} shows"),
    "library": ("the sunken archive of {realm}", "the reading rooms of {realm}", "a bookbinder's attic in {realm}"),
    "city": ("the lamplit streets of {realm}", "a rooftop in {realm}", "the night market of {realm}"),
    "moon": ("a moonlit abbey in {realm}", "the pale hills of {realm}", "a house in {realm} where nobody slept"),
    "aurora": ("the northern edge of {realm}", "an observatory over {realm}", "the star-roads of {realm}"),
    "crystals": ("the singing caves of {realm}", "a mine that glowed under {realm}", "the crystal deeps of {realm}"),
    "dungeon": ("the cells under {realm}", "the forgotten vaults of {realm}", "a labyrinth that {realm} pretends not to have"),
}
CALLINGS = {
    "ruler": ("was crowned in secret", "inherited a throne and a war", "learned early how heavy a small crown can be"),
    "mage": ("taught the wind to answer questions", "bargained a year of sleep for one true spell", "could cast before speaking"),
    "warrior": ("won a first duel with a borrowed sword", "held a bridge for three days", "swore never to draw in anger again"),
    "rogue": ("stole the same key twice", "picked a lock that had no door", "sold three kings their own letters"),
    "ranger": ("tracked a white stag for a whole winter", "read the weather in the flight of rooks", "walked every border on foot"),
    "noble": ("danced through four poisonings", "gave away an estate on a wager", "kept a ledger of every favour owed"),
    "priest": ("tended a shrine to a god without a name", "heard confession from ghosts", "carried an old flame through the rain"),
    "bard": ("wrote a ballad that was banned before the last verse", "played for wolves and was paid in silence", "never told a story the same way twice"),
    "pirate": ("sank a flagship with a fishing boat", "buried treasure and lost only the map", "sailed by the scars on one hand"),
    "scholar": ("translated a book that had been written by the sea", "proved that the dead keep diaries", "catalogued every kind of silence"),
}
BELONGINGS = """
a lantern that never needs oil|half of a broken compass|a letter that must not be opened|a silver whistle|
a raven who knows too much|a map drawn on silk|two daggers named after saints|a jar of captured thunder|
a coat with forty pockets|an hourglass that runs upwards|a harp strung with moonlight|seeds from a drowned garden|
a key made of bone|an unpaid debt|a mirror that shows yesterday|the last page of somebody else's story
""".replace("\n", "").split("|")
AIMS = """
to find the sister whom the river took|to return a stolen name|to see the edge of the map|to be forgiven by a city|
to outlive a prophecy|to learn the end of a song|to repay a kindness from a stranger|to wake a sleeping dragon politely|
to prove a dead teacher right|to break a curse without breaking a heart|to hear the bells of home again|
to win back a wagered shadow|to build a house where no war can find it|to finish a duel begun in childhood
""".replace("\n", "").split("|")
ELEMENT_LINES = {
    "fire": ("Candles leaned closer when {they} spoke.", "Where {they} slept, the ashes stayed warm."),
    "water": ("Rain seemed to wait until {they} had found shelter.", "Wells ran clear wherever {they} drank."),
    "earth": ("Old stones shifted to let {them} pass.", "Moss grew in {their} footprints."),
    "air": ("The wind carried {their} secrets and dropped none.", "Weathervanes turned to follow {them}."),
    "light": ("Even at midnight {they} cast a faint shadow.", "Lamps burned longer in {their} company."),
    "shadow": ("Nobody remembered inviting {them}, and nobody asked {them} to leave.", "{Their} shadow arrived a moment early."),
    "frost": ("{Their} breath showed in the warmest rooms.", "Windows flowered with ice at {their} touch."),
}
MOOD_LINES = {
    "serene": ("Those who met {them} slept better for it.", "Nothing hurried {them}, not even the end of the world."),
    "smiling": ("{They} laughed easily and meant it.", "{Their} smile opened more gates than any key."),
    "stern": ("{They} asked few questions and forgave fewer answers.", "{Their} word was short, and it held."),
    "sly": ("{They} never lied when the truth would do more harm.", "Every favour from {them} had a twin that came due later."),
    "sad": ("Some evenings {they} set two places at the table.", "{They} still wrote letters to a house that had burned."),
    "angry": ("{They} counted to ten in a dead language and seldom reached four.", "There was one name nobody dared to say near {them}."),
    "surprised": ("{They} met each morning as if nobody had mentioned it before.", "The world kept its promises oddly, and {they} kept noticing."),
}
# fmt: on
