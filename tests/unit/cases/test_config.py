"""The files of a ministry's own: what its cases are called, who has which role."""

from datetime import date
from pathlib import Path

import pytest

from cases.config import ConfigError, kind_of, load
from cases.people import NotAllowed, Person, roles_of
from enrichment.errors import UserError

SHIPPED = load()
SMALL = """
er_types: [{id: own, labels: [{text: Own}]}]
er_outcomes: [{id: none, labels: [{text: None}]}]
"""


def test_the_shipped_file() -> None:
    """Seven types and eight outcomes; nobody is asked by lot until that is switched on."""
    assert len(SHIPPED.er_types) == 7
    assert len(SHIPPED.er_outcomes) == 8
    assert SHIPPED.sampling_per_thousand == 0


MISTAKES = [
    pytest.param("er_types: [", "line 1: this is no YAML", id="no YAML"),
    pytest.param(SMALL + "colour: red", "colour: Extra inputs", id="a stranger"),
    pytest.param(SMALL.replace("id: own", "id: Own record"), "er_types.0.id: String should match", id="an id"),
    pytest.param(SMALL.replace("[{id: own, labels: [{text: Own}]}]", "[]"), "er_types: ", id="no type"),
    pytest.param(
        "er_types: [{id: a, labels: [{text: A}]}, {id: a, labels: [{text: B}]}]\n" + SMALL.splitlines()[2],
        "names an id twice",
        id="an id twice",
    ),
    pytest.param(SMALL.replace("{text: Own}", "{text: A}, {text: B}"), "from which day it is used", id="two labels"),
    pytest.param("[]", "valid dictionary", id="a list"),
]


@pytest.mark.parametrize(("content", "expected"), MISTAKES)
def test_mistakes(tmp_path: Path, content: str, expected: str) -> None:
    """Each is a sentence that names the place."""
    file = tmp_path / "cases.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=expected):
        load(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is said which."""
    with pytest.raises(ConfigError, match=r"none\.yaml: the file cannot be read"):
        load(tmp_path / "none.yaml")


def test_a_type_that_was_renamed(tmp_path: Path) -> None:
    """It is called as on the day; one that ended may not be chosen any more; one that is lost is called by its id."""
    file = tmp_path / "cases.yaml"
    renamed = "{text: Old}, {text: New, from: 2026-07-01}"
    file.write_text(SMALL.replace("{text: Own}], ", "").replace("{text: Own}]", f"{renamed}], to: 2026-12-31"))
    (kind,) = load(file).er_types
    assert [kind.label(date(2026, 6, 30)), kind.label(date(2026, 7, 1))] == ["Old", "New"]
    assert kind.is_used(date(2026, 12, 31), date(2027, 3, 31))
    assert not kind.is_used(date(2027, 1, 1), date(2027, 3, 31))
    assert kind_of((kind,), "gone").label(date(2026, 1, 1)) == "gone"


def test_roles(tmp_path: Path) -> None:
    """By staff id; without a file everybody may, with one only who stands in it."""
    assert roles_of("S-1", None) is None
    file = tmp_path / "roles.yaml"
    file.write_text("roles: {lead: [S-1], privacy: [S-1, S-2]}")
    assert roles_of("S-1", file) == frozenset({"lead", "privacy"})
    assert roles_of("S-3", file) == frozenset()
    Person("S-9", "a").require("lead")
    Person("S-1", "a", roles_of("S-1", file)).require("lead", "er")
    with pytest.raises(NotAllowed, match="role lead or er"):
        Person("S-3", "a", roles_of("S-3", file)).require("lead", "er")


ROLE_MISTAKES = [
    pytest.param("roles: {boss: [S-1]}", "names boss", id="an unknown role"),
    pytest.param("roles: {lead: S-1}", "lead is a list", id="no list"),
    pytest.param("lead: [S-1]", "looks like", id="another form"),
    pytest.param("{", "no YAML", id="no YAML"),
]


@pytest.mark.parametrize(("content", "expected"), ROLE_MISTAKES)
def test_mistakes_in_the_file_of_roles(tmp_path: Path, content: str, expected: str) -> None:
    """Each is a sentence."""
    file = tmp_path / "roles.yaml"
    file.write_text(content)
    with pytest.raises(UserError, match=expected):
        roles_of("S-1", file)
