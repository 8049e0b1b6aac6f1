"""What the tests of cases share: an empty store in a file of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.store.database import Database
from tests.support.case_store import case_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    """An empty store on SQLite."""
    with case_store(tmp_path) as opened:
        yield opened
