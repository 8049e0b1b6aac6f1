"""The page about rights lists what is asked for, no more and no less."""

from pathlib import Path

from stream.acls import ANY_SOURCE, as_commands, as_page, needed, roles
from stream.settings import load
from stream.specs import AGENTS
from stream.topics import CATALOGUE

PAGE = Path(__file__).parents[3] / "docs" / "security.md"


def test_the_page_has_the_table_of_the_code() -> None:
    """Whoever changes a right changes the page."""
    assert as_page(needed(load({}), roles(), ANY_SOURCE)) in PAGE.read_text("utf-8")


def test_every_agent_has_its_rights_and_every_topic_somebody_who_uses_it() -> None:
    """An agent or a topic that is new is not forgotten."""
    used = {right.name for right in needed(load({}), AGENTS) if right.resource == "topic"}
    assert used == {topic.name for topic in CATALOGUE}


def test_names_are_those_of_the_installation() -> None:
    """With its prefix and its group, as lines for Kafka's own tool."""
    settings = load({"ACCESSWATCH_TOPIC_PREFIX": "p.", "ACCESSWATCH_GROUP": "g"})
    lines = as_commands(needed(settings, ["alert"]), "User:aw")
    assert any("--operation Read --topic 'p.integrity.hit.v1'" in line for line in lines)
    assert any("--operation Read --group 'g-p.hindsight'" in line for line in lines)
    assert all("--allow-principal 'User:aw'" in line for line in lines)
