"""Fixtures every test of a framework may use."""

from frameworks.desks import cache, desk, kind, postgres

__all__ = ["cache", "desk", "kind", "postgres"]
