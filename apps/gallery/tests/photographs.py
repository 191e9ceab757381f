"""Pictures to send, and the addresses of pictures to ask for."""

import io

from PIL import Image

IMMUTABLE = "public, max-age=31536000, immutable"


def photograph(format="PNG", size=(64, 48), colour="teal"):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, format)
    return {"file": ("holiday.txt", out.getvalue(), "text/plain")}


async def portrait_address(visitor, id=1, width=160, format="webp"):
    found = await visitor.read(f"/api/characters/{id}")
    return f"/media/{found['picture']}/portrait-{id}-{width}.{format}"
