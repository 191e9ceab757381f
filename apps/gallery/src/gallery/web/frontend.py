"""The built front end: its one script, its one sheet, and their compressed copies.

`npm run build` in web/gallery puts them into `gallery/built` under names that hold a hash of
their content, with a manifest that says which is which. A wheel carries them. Where they are
missing, pages are what the server writes by itself: they can be read, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

BUILT = Path(__file__).parent.parent / "built"
ADDRESS = "/assets/"

#: Starts the script of a page whose first screen is written already: once its first row is
#: there, or somebody stirs, or two seconds have passed. Before, it would only hold up pictures,
#: for it shares their line and, when it runs, the thread that paints them.
_STARTER = """
const row = [...document.querySelectorAll("img[fetchpriority=high]")];
const there = row.map((image) => image.complete || new Promise((done) => {
  image.onload = image.onerror = done;
}));
const stirs = ["pointermove", "pointerdown", "keydown"].map((name) => new Promise((done) => {
  addEventListener(name, done, { once: true, passive: true });
}));
const late = new Promise((done) => setTimeout(done, 2000));
await Promise.race([Promise.all(there), ...stirs, late]);
requestAnimationFrame(() => setTimeout(() => import("%s")));
"""

_TYPES = {".js": "text/javascript", ".css": "text/css"}
#: The best first.
_CODINGS = (("br", ".br"), ("gzip", ".gz"))


class _Chunk(msgspec.Struct, frozen=True):
    """What Vite's manifest says of one file."""

    file: str
    is_entry: bool = msgspec.field(name="isEntry", default=False)
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """One file's bytes, as it is and compressed."""

    media_type: str
    plain: bytes
    compressed: Mapping[str, bytes]

    def for_client(self, accepted: str) -> tuple[str | None, bytes]:
        """The smallest form that `accepted` (Accept-Encoding) allows, and its coding."""
        taken = {part.partition(";")[0].strip() for part in accepted.lower().split(",")}
        for coding, data in self.compressed.items():
            if coding in taken:
                return coding, data
        return None, self.plain


@dataclass(frozen=True, slots=True)
class Frontend:
    """What a page needs of the built front end; both are empty where it is not built."""

    script: str | None
    sheet: str
    assets: Mapping[str, Asset]
    chunks: Mapping[str, _Chunk]

    @property
    def sheet_hash(self) -> str:
        """The sheet as a Content-Security-Policy names it."""
        return _hash(self.sheet)

    @property
    def starter(self) -> str:
        """A script for inside a page that needs the front end only a little later."""
        return _STARTER % self.script if self.script else ""

    @property
    def starter_hash(self) -> str:
        return _hash(self.starter)

    def needed(self, source: str) -> list[str]:
        """The scripts that the page in `source` needs besides the first one."""
        if source not in self.chunks:
            return []
        chunk = self.chunks[source]
        found = [ADDRESS + chunk.file]
        for each in chunk.imports:
            if not self.chunks[each].is_entry:
                found += self.needed(each)
        return found

    @classmethod
    def load(cls, folder: Path = BUILT) -> Frontend:
        """Everything in `folder`, read once: it is a few hundred kB and never changes."""
        try:
            manifest = (folder / "manifest.json").read_bytes()
        except FileNotFoundError:
            return cls(None, "", {}, {})
        chunks = msgspec.json.decode(manifest, type=dict[str, _Chunk])
        script = next(chunk.file for chunk in chunks.values() if chunk.is_entry)
        assets = {
            path.name: Asset(
                _TYPES[path.suffix],
                path.read_bytes(),
                {
                    coding: path.with_name(path.name + ending).read_bytes()
                    for coding, ending in _CODINGS
                    if path.with_name(path.name + ending).is_file()
                },
            )
            for path in folder.iterdir()
            if path.suffix in _TYPES
        }
        sheets = [asset for asset in assets.values() if asset.media_type == "text/css"]
        sheet = b"".join(asset.plain for asset in sheets).decode()
        return cls(ADDRESS + script, sheet, assets, chunks)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
