"""Selecting: our functions of JMESPath's tree say the same as its own interpreter, and what is named is known."""

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.mapping.outcome import FieldRefused
from enrichment.mapping.search_text import looks_like_search_text
from enrichment.mapping.select import EXPRESSION_CHARACTERS_MAX, Expression, ExpressionMistake, truthy

EXPRESSIONS = [
    "a", "a.b", "a.b.c", "a[0]", "a[-1].b", "a[*].b", "a[].b", "*.b", "a || b", "a && b", "!a", "a == b", "a != b",
    "a == 'x'",
    "a == `0`", "a == `true`", "a == `null`", "a.b == `1` || b == 'y'", "(a || b).c", "a | [0]", "@", "[a, b]",
    "{x: a, y: b.c}", "a[?b == 'x'].c | [0]", "a[?b == `1`] | [0].c", "a > `1`", "a[0:2]", "'x'", "`5`",
    "type(a)", "not_null(a, b)", "a.b && !(a.c == b)", "a[?@ == `1`]", "a.b | type(@)",
    "starts_with(a, 'x')", "starts_with(a, b)", "ends_with(a.b, 'x')", "starts_with(a)", "to_string(a)",
    "to_string(a.b)",
    "not_null(a)", "not_null(a.b, b, c)", "not_null(a, length(b))", "to_string(a, b)", "!starts_with('xy', b)",
]  # fmt: skip
NAMES = ["a", "b", "c"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "y"]) | st.just(1.0),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=12,
)


@given(st.sampled_from(EXPRESSIONS), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_the_same_as_jmespath(text: str, record: dict[str, Any]) -> None:
    """Whatever the record: the same value, of the same type."""
    try:
        expected = jmespath.search(text, record)
    except jmespath.exceptions.JMESPathError:
        with pytest.raises(FieldRefused):
            Expression.parse(text).select(record)
        return
    found = Expression.parse(text).select(record)
    assert (type(expected), expected) == (type(found), found)


@given(JSON)
def test_truth_is_jmespaths(value: Any) -> None:
    """Zero is true, what is empty is not."""
    assert (not jmespath.search("!a", {"a": value})) is truthy(value)


def test_what_does_not_fit_is_refused_without_what_it_holds() -> None:
    """A function that is asked of what it cannot tell."""
    with pytest.raises(FieldRefused) as refused:
        Expression.parse("length(a)").select({"a": 4711})
    assert "4711" not in str(refused.value)


MISTAKES = [
    ("a ==", 4, "is no JMESPath expression, from its character 5 on"),
    ("a # b", 2, "is no JMESPath expression, from its character 3 on"),
    ("a-b", 1, "is no JMESPath expression, from its character 2 on; a name with a hyphen stands in double quotes"),
    ("'abc", 0, "is no JMESPath expression, from its character 1 on"),
    ("", 0, "is empty: it must name what is taken"),
    ("map(&a, b)", 0, "calls map(), which no mapping may; it may call contains"),
    ("a || sum(b)", 5, "calls sum(), which no mapping may"),
    ("a" * (EXPRESSION_CHARACTERS_MAX + 1), 0, "is longer than 1000 characters"),
]


@pytest.mark.parametrize(("text", "at", "sentence"), MISTAKES)
def test_a_mistake(text: str, at: int, sentence: str) -> None:
    """It says what is wrong, and at which character."""
    with pytest.raises(ExpressionMistake) as mistake:
        Expression.parse(text)
    assert str(mistake.value).startswith(sentence)
    assert at == mistake.value.at


NAMED = [
    ("a.b", {("a", "b")}, {("a", "b")}),
    ("a || b.c", {("a",), ("b", "c")}, {("a",), ("b", "c")}),
    ("a && b", {("b",)}, {("a",), ("b",)}),
    ("a == b", set(), {("a",), ("b",)}),
    ("!a", set(), {("a",)}),
    ("keys(a.b)", set(), {("a", "b")}),
    ("to_string(a.b)", {("a", "b")}, {("a", "b")}),
    ("a[?b.c == 'x'].d | [0]", {("a", "d")}, {("a", "d"), ("a", "b", "c")}),
    ("a[].b", {("a", "b")}, {("a", "b")}),
    ("[a, b]", {("a",), ("b",)}, {("a",), ("b",)}),
    ("{x: a}", {("a",)}, {("a",)}),
    ("'x'", set(), set()),
]


@pytest.mark.parametrize(("text", "handed_on", "named"), NAMED)
def test_what_is_named(text: str, handed_on: set[tuple[str, ...]], named: set[tuple[str, ...]]) -> None:
    """What an expression hands on, and what it only looks at."""
    expression = Expression.parse(text)
    assert handed_on == set(expression.handed_on)
    assert named == set(expression.named)


@pytest.mark.parametrize(
    "names",
    [
        "query",
        "searchText",
        "search_string",
        "SEARCH",
        "q",
        "keywords",
        "request.query.text",
        "search.value",
        "queryString",
        "filter_criteria",
        "url.query",
    ],
)
def test_names_of_search_text(names: str) -> None:
    """As systems call it."""
    assert looks_like_search_text(names.split("."))


@pytest.mark.parametrize(
    "names",
    [
        "search.result_count",
        "query_type",
        "searchId",
        "search_fields",
        "user",
        "determined",
        "research",
        "terminal",
        "search.total",
        "query.duration",
        "date",
        "",
    ],
)
def test_names_of_something_else(names: str) -> None:
    """About a search, or of another thing altogether."""
    assert not looks_like_search_text(names.split("."))
