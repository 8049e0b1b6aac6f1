"""What docs/operations.md says of topics is what they are made with."""

from pathlib import Path

import pytest

from stream.topics import CATALOGUE, Topic

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")


@pytest.mark.parametrize("topic", CATALOGUE, ids=lambda topic: topic.name)
def test_each_topic_stands_there_with_its_reason(topic: Topic) -> None:
    """How it is cleaned up, for how long it is kept, and why."""
    kept = "newest value" if topic.retention_days is None else f"{topic.retention_days} days"
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{topic.name}` | {topic.cleanup} |")]
    assert kept in line
    assert topic.reason in line
