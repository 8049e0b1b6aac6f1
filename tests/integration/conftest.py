"""What tests of the alert store share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import an_empty_database, kinds


@pytest.fixture(params=kinds())
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database that only this test has; once for each kind of database that can be had here."""
    with an_empty_database(request.param, tmp_path) as empty:
        yield empty
