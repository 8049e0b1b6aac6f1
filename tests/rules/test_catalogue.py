"""All rules keep the same promises: named, limited, documented, tested, and plainly worded."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

from alerts.detection.config import shipped_path
from alerts.detection.registry import RULES, page
from alerts.detection.rule import About, AnyRule, Limits
from alerts.detection.work_reasons import explain
from tests.support.cases import SHIPPED, a_case
from tests.support.records import staff, work

ROOT = Path(__file__).parents[2]

#: ``docs/policy.md``: the clauses, and the rules in its order with whom each is about.
CLAUSES = {
    "never.kaimahi", "never.close", "purpose", "like.media", "like.whanau", "like.business", "dont.lookup", "share",
    "leak", "mistake", "control",
}  # fmt: skip
RULE_ENGINE = [
    ("own-record", "pair", "never.kaimahi"),
    ("staff-record", "pair", "never.kaimahi"),
    ("relative-record", "pair", "never.close, like.whanau"),
    ("acquaintance-record", "pair", "never.close"),
    ("business-record", "pair", "like.business"),
    ("shared-contact", "pair", "never.close"),
    ("colleague-circle", "pair", "like.whanau, purpose"),
    ("proxy-lookup", "pair", "like.whanau, dont.lookup"),
    ("media-watchlist", "pair", "like.media"),
    ("media-surge", "pair", "like.media"),
    ("repeat-visits", "pair", "purpose"),
    ("restricted-record", "pair", "purpose"),
    ("contact-lookup", "actor", "dont.lookup"),
    ("search-browsing", "actor", "purpose, dont.lookup"),
    ("volume", "actor", "purpose"),
    ("dormant-record", "actor", "purpose"),
    ("bulk-extract", "actor", "leak, share"),
    ("off-duty", "actor", "purpose"),
    ("scope", "actor", "share"),
    ("two-places", "actor", "control"),
    ("service-account", "actor", "control"),
    ("unknown-staff", "actor", "control"),
    ("unanswered-notice", "actor", "mistake, purpose"),
]
HEADINGS = ["Looks for", "Cannot see", "Innocent when", "Then"]

#: Words that nothing which a person reads may hold: an alert is a question.
FORBIDDEN = re.compile(r"suspect|offend|guilt|violat|culprit|perpetrat|illegal|fraudster", re.IGNORECASE)
#: What people tune has a unit in its name, or is a count, a share or a weight.
UNITS = re.compile(r"_(max|min|hours|minutes|days|day_max|critical|medium)$")

#: What every rule has.
SHARED = {"stage", "settle_minutes", "audience"}

EVERY = [pytest.param(rule, id=rule.id) for rule in RULES.values()]


def module_of(rule: AnyRule) -> str:
    """The name of the rule's own module."""
    return str(rule.evaluate.__module__)


def test_the_catalogue_is_in_the_rulebooks_order() -> None:
    """Every rule is one of ``docs/policy.md``, about whom it says, with its clauses, in its order."""
    found = [(rule.id, rule.about, ", ".join(rule.clauses)) for rule in RULES.values()]
    assert [row for row in RULE_ENGINE if row[0] in RULES] == found


def test_the_catalogue_holds_every_module_with_a_rule() -> None:
    """A rule that is written is listed."""
    written = set()
    for path in (ROOT / "alerts" / "detection" / "rules").glob("[!_]*.py"):
        module = importlib.import_module(f"alerts.detection.rules.{path.stem}")
        if hasattr(module, "RULE"):
            written.add(module.RULE.id)
    assert set(RULES) == written


def test_the_shipped_limits_name_every_rule_once_and_in_order() -> None:
    """All live, with each of their limits written out for people to find."""
    shipped = yaml.safe_load(shipped_path().read_text("utf-8"))["rules"]
    assert list(RULES) == list(shipped)
    for rule in RULES.values():
        assert set(rule.limits.model_fields) == set(shipped[rule.id])
        assert SHIPPED.rules[rule.id].stage == "live"


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_is_named_after_its_module(rule: AnyRule) -> None:
    """With dashes for underscores, and its key in the catalogue is its id."""
    assert f"alerts.detection.rules.{rule.id.replace('-', '_')}" == module_of(rule)
    assert RULES[rule.id] is rule


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_has_a_page_with_the_four_headings(rule: AnyRule) -> None:
    """One sentence of what happened, then the headings in their order, each with something behind it."""
    title, _, body = page(rule).partition("\n\n")
    assert title.endswith(".")
    paragraphs = re.findall(r"^(Looks for|Cannot see|Innocent when|Then)\s+(\S.*)$", body, re.MULTILINE)
    assert [heading for heading, _ in paragraphs] == HEADINGS


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_names_known_clauses(rule: AnyRule) -> None:
    """At least one, each once, each a clause of the policy."""
    assert rule.clauses
    assert len(set(rule.clauses)) == len(rule.clauses)
    assert set(rule.clauses) <= CLAUSES
    assert rule.about in get_args(About)


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_has_typed_limits_of_its_own(rule: AnyRule) -> None:
    """A class of its own that refuses strangers and whose names carry their units."""
    assert issubclass(rule.limits, Limits)
    assert module_of(rule) == rule.limits.__module__
    assert rule.limits.model_config.get("extra") == "forbid"
    assert rule.limits.model_config.get("strict") is True
    tuned = [name for name in rule.limits.model_fields if name not in SHARED and not name.endswith("_audience")]
    assert [name for name in tuned if not UNITS.search(name)] == []


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_has_a_table(rule: AnyRule) -> None:
    """In a file named after its module."""
    assert (Path(__file__).parent / f"test_{rule.id.replace('-', '_')}.py").is_file()


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_knows_no_other_rule(rule: AnyRule) -> None:
    """It imports no other module with a rule in it."""
    tree = ast.parse((ROOT / f"{module_of(rule).replace('.', '/')}.py").read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported & ({module_of(other) for other in RULES.values()} - {module_of(rule)}) == set()


# -- words ----------------------------------------------------------------------------------------------------------


def sentences(path: Path) -> Iterator[str]:
    """Every piece of text in a module, docstrings and comments left out where nobody but us reads them."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


SPEAKING = sorted(
    path
    for package in ("alerts", "agents", "enrichment", "stream")
    for path in (ROOT / package).rglob("*.py")
    if "versions" not in path.parts
)


def spoken(text: str) -> str:
    """A text without the contract's own names, such as that of a kind of work."""
    return text.replace("fraud_investigation", "")


def test_no_text_that_a_person_may_read_holds_a_forbidden_word() -> None:
    """In any string of the product: sentences, titles, pages, help, log lines."""
    found = [(path.name, text) for path in SPEAKING for text in sentences(path) if FORBIDDEN.search(spoken(text))]
    assert found == []


def test_no_shipped_file_holds_one_either() -> None:
    """Limits, routes, and whatever else is in deploy."""
    found = [path.name for path in (ROOT / "deploy").rglob("*.y*ml") if FORBIDDEN.search(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize("rule", EVERY)
def test_a_title_is_plain(rule: AnyRule) -> None:
    """Short, beginning with a capital letter, without a full stop, without a forbidden word."""
    assert 1 <= len(rule.title) <= 60
    assert rule.title[0].isupper()
    assert not rule.title.endswith(".")
    assert not FORBIDDEN.search(rule.title)


KINDS = [
    "case_management", "application", "review", "appointment", "call", "quality_check", "investigation",
    "staff_assistance",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_work_is_said_in_words(kind: str) -> None:
    """No underscore reaches a reader."""
    sentence = explain(a_case(staff(), work(kind=kind)).work_reasons[0]).sentence
    assert sentence.startswith(kind.replace("_", " ").capitalize())
    assert "_" not in sentence
