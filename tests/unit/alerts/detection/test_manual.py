"""The rules' manual is what the rules say."""

from pathlib import Path

import pytest

from alerts.detection.manual import example, manual
from alerts.detection.registry import RULES

MANUAL = Path(__file__).parents[4] / "docs" / "rules.md"


def test_the_manual_is_up_to_date() -> None:
    """Written again whenever a rule changes."""
    assert MANUAL.read_text("utf-8") == manual(), "docs/rules.md is not what the rules say: write it with `make docs`"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_an_example(rule: str) -> None:
    """A sentence that says when, in New Zealand time."""
    sentence = example(rule)
    assert "Fri 20 Nov 2026, 13:14:00 NZDT" in sentence
    assert sentence.endswith(".")
