"""Fixtures every test may use."""

import sys
from pathlib import Path

import pytest

# Tests import `databases` and each other's helpers by name.
sys.path.insert(0, str(Path(__file__).parent))

from databases import (
    blank_database_url,
    database,
    database_server,
    database_url,
    empty_database,
    empty_database_url,
    postgres_server,
    reading,
    sqlite_server,
)

__all__ = [
    "blank_database_url",
    "database",
    "database_server",
    "database_url",
    "empty_database",
    "empty_database_url",
    "postgres_server",
    "reading",
    "sqlite_server",
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
