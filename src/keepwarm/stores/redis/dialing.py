"""Opening a connection to wherever an address leads."""

import asyncio
import ssl
from collections.abc import Callable

from keepwarm.stores.redis.settings import Address
from keepwarm.stores.redis.wire import Wire


async def dial(address: Address, make: Callable[[], Wire]) -> Wire:
    """A connected Wire of `make`; nothing has been said on it. Raises OSError."""
    loop = asyncio.get_running_loop()
    if address.path:
        _, wire = await loop.create_unix_connection(make, address.path)
        return wire
    context = ssl.create_default_context() if address.tls else None
    _, wire = await loop.create_connection(make, address.host, address.port, ssl=context)
    return wire
