"""What a picture is called: a hash of everything that its pixels depend on."""

from dataclasses import fields
from hashlib import blake2b
from typing import Literal

from gallery.pictures.painter import PAINTER_VERSION
from gallery.pictures.traits import Traits

Kind = Literal["portrait", "upload"]


def picture_hash(
    kind: Kind, seed_or_digest: int | str, painter_version: int = PAINTER_VERSION
) -> str:
    """24 hexadecimal digits for an address that never has to change its content.

    A portrait without traits is named by its seed, one with traits by
    `wish_digest`, an upload by its digest. Uploads do not depend on the painter.
    """
    version = painter_version if kind == "portrait" else 0
    name = f"{kind}\n{type(seed_or_digest).__name__}\n{seed_or_digest}\n{version}"
    return blake2b(name.encode(), digest_size=12).hexdigest()


def wish_digest(seed: int, traits: Traits) -> str:
    """Names a seed together with the traits that were asked for."""
    wishes = "\n".join(f"{field.name}={getattr(traits, field.name)!r}" for field in fields(traits))
    return blake2b(f"{seed}\n{wishes}".encode(), digest_size=16).hexdigest()
