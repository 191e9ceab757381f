"""What an ASGI app tells of its cache on each response."""
