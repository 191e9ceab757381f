"""How text is compared: one normal form for what is stored and what is searched."""

import unicodedata

MAX_QUERY = 100  # characters; longer patterns help nobody, and SQLite refuses very long ones


def storable(text: str) -> str:
    """`text` in NFC without what a database refuses: NUL, other controls, lone surrogates.

    Line breaks and tabs stay.
    """
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", "".join(kept))


def normalise(text: str) -> str:
    """`text` as it is compared: NFKC, casefolded, white space collapsed to single spaces."""
    folded = unicodedata.normalize("NFKC", storable(text)).casefold()
    # Casefolding can leave NFKC (U+0345 and friends), so it is normalised once more.
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def like_pattern(word: str) -> str:
    """The LIKE pattern (with ESCAPE '\\') that finds `word` anywhere, taken literally."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
