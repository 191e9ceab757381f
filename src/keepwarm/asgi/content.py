"""A request's content, for those who take it after it was read, or who have none."""

import asyncio

from keepwarm.asgi.report import Message, Receive


async def buffered(receive: Receive, most: int) -> tuple[bytes | None, Receive]:
    """The content of a request, and a `receive` that gives it once more; None if it is too long."""
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            break
        size += len(message.get("body") or b"")
        if size > most or not message.get("more_body"):
            break
    left = iter(messages)

    async def again() -> Message:
        for message in left:
            return message
        return await receive()

    is_whole = size <= most and messages[-1]["type"] == "http.request"
    content = b"".join(message.get("body") or b"" for message in messages)
    return content if is_whole else None, again


def nothing() -> Receive:
    """The `receive` of a request without content whose client never goes away."""
    was_asked = False

    async def receive() -> Message:
        nonlocal was_asked
        if was_asked:
            await asyncio.Event().wait()
        was_asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def with_content(content: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a request's content, once more, and then what there is."""
    was_given = False

    async def again() -> Message:
        nonlocal was_given
        if was_given or not content:
            return await receive()
        was_given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return again
