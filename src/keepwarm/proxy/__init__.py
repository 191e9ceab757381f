"""The HTTP cache before any origin: a pass-through to one upstream, as a server."""
