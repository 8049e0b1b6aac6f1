"""docs/alerts.md shows each message as it arrives."""

from tests.support.arrived import PAGE, page


def test_the_examples_are_what_arrives() -> None:
    """Written again whenever a message changes."""
    assert PAGE.read_text("utf-8") == page(), "docs/alerts.md is not what arrives: write it with `make docs`"
