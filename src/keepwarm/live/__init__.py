"""Invalidations to browsers: over WebSocket, server-sent events or long polls, and in fields."""
