"""Selecting: JMESPath expressions, parsed once and turned into functions of a record.

``jmespath`` parses. What most mappings are made of (names, comparisons, and, or, not) becomes plain Python functions,
which take a quarter of the time; whatever else JMESPath has, its own interpreter carries out. Functions are limited to
those that tell something of a value or choose one: a mapping selects, it does not compute.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jmespath.exceptions import EmptyExpressionError, JMESPathError, ParseError
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter

from enrichment.mapping.outcome import FieldRefused

#: Characters of one expression.
EXPRESSION_CHARACTERS_MAX: Final = 1_000
#: What may be called in an expression.
FUNCTIONS: Final = frozenset(
    {"contains", "ends_with", "join", "keys", "length", "not_null", "starts_with", "to_number", "to_string", "type"}
)
#: Functions that tell of a value without handing on what it says.
_TELL_OF: Final = frozenset({"contains", "ends_with", "keys", "length", "starts_with", "type"})

Select = Callable[[Any], Any]
_Node = Any  # a node of jmespath's own tree: type, children and value by name
_Chain = tuple[str, ...]
#: What goes from one thing to what is inside it.
_WALKED: Final = frozenset(
    {"subexpression", "index_expression", "pipe", "projection", "value_projection", "filter_projection"}
)
_UNQUOTED_HYPHEN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*-")


class ExpressionMistake(Exception):  # noqa: N818 a mistake of the file's, said as a sentence
    """The text is no expression that a mapping may hold; ``at`` counts its characters from 0."""

    def __init__(self, sentence: str, at: int = 0) -> None:
        super().__init__(sentence)
        self.at = at


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression, ready to be used."""

    text: str
    #: Return what it selects from a record, None where that is not there.
    select: Select
    #: The names that lead to what it hands on: ``a.b`` is ("a", "b").
    handed_on: tuple[_Chain, ...]
    #: The same, with those that it only looks at.
    named: tuple[_Chain, ...]
    #: The text that it always is, where it is one.
    constant: str | None

    @classmethod
    def parse(cls, text: str) -> "Expression":
        """Read an expression.

        Raises:
            ExpressionMistake: it is none, or calls what a mapping may not call.
        """
        if len(text) > EXPRESSION_CHARACTERS_MAX:
            raise ExpressionMistake(f"is longer than {EXPRESSION_CHARACTERS_MAX} characters")
        try:
            node = Parser().parse(text).parsed
        except EmptyExpressionError:
            raise ExpressionMistake("is empty: it must name what is taken") from None
        except ParseError as error:  # a LexerError is one, too
            hint = "; a name with a hyphen stands in double quotes" if _UNQUOTED_HYPHEN.search(text) else ""
            raise ExpressionMistake(f"is no JMESPath expression, from its character {error.lex_position + 1} on{hint}",
                                    error.lex_position) from None  # fmt: skip
        for name in _functions(node):
            if name not in FUNCTIONS:
                raise ExpressionMistake(
                    f"calls {name}(), which no mapping may; it may call {', '.join(sorted(FUNCTIONS))}",
                    max(text.find(name), 0),
                )
        constant = node["value"] if node["type"] == "literal" and isinstance(node["value"], str) else None
        return cls(
            text, _guarded(_compiled(node)), tuple(_chains(node, with_filters=False)), tuple(_chains(node)), constant
        )


def truthy(value: Any) -> bool:
    """Return whether JMESPath takes a value for true: 0 is, what is empty is not."""
    return value is not None and value is not False and (value == 0 or bool(value))


# -- turned into functions ----------------------------------------------------------------------------------------


def _compiled(node: _Node) -> Select:
    make = _MAKERS.get(node["type"])
    return _interpreted(node) if make is None else make(node)


def _field(node: _Node) -> Select:
    name = node["value"]

    def field(record: Any) -> Any:
        return record.get(name) if type(record) is dict else None

    return field


def _subexpression(node: _Node) -> Select:
    chain = _plain_chain(node)
    if chain is not None and len(chain) == 2:  # noqa: PLR2004 by far the most common
        first, second = chain

        def two(record: Any) -> Any:
            inner = record.get(first) if type(record) is dict else None
            return inner.get(second) if type(inner) is dict else None

        return two
    if chain is not None:

        def many(record: Any) -> Any:
            for name in chain:
                if type(record) is not dict:
                    return None
                record = record.get(name)
            return record

        return many
    steps = [_compiled(child) for child in node["children"]]

    def one_after_another(record: Any) -> Any:
        for step in steps:
            record = step(record)
        return record

    return one_after_another


def _index(node: _Node) -> Select:
    number = node["value"]

    def index(record: Any) -> Any:
        return record[number] if type(record) is list and -len(record) <= number < len(record) else None

    return index


def _literal(node: _Node) -> Select:
    value = node["value"]
    return lambda _record: value


def _itself(_node: _Node) -> Select:
    return lambda record: record


def _or(node: _Node) -> Select:
    left, right = map(_compiled, node["children"])

    def either(record: Any) -> Any:
        value = left(record)
        return value if truthy(value) else right(record)

    return either


def _and(node: _Node) -> Select:
    left, right = map(_compiled, node["children"])

    def both(record: Any) -> Any:
        value = left(record)
        return right(record) if truthy(value) else value

    return both


def _not(node: _Node) -> Select:
    inner = _compiled(node["children"][0])
    return lambda record: not truthy(inner(record))


def _comparator(node: _Node) -> Select:
    if node["value"] not in {"eq", "ne"}:
        return _interpreted(node)
    left, right = map(_compiled, node["children"])
    wanted = node["value"] == "eq"

    def compare(record: Any) -> bool:
        one, other = left(record), right(record)
        # True is no 1: JSON knows them apart, Python does not.
        same = one == other and (type(one) is bool) == (type(other) is bool)
        return same is wanted

    return compare


def _function(node: _Node) -> Select:
    """Turn the functions that mappings call most into Python; others, and wrong calls, are interpreted."""
    name, arguments = node["value"], [_compiled(child) for child in node["children"]]
    if name in {"starts_with", "ends_with"} and len(arguments) == 2:  # noqa: PLR2004 the text and its beginning
        first, second = arguments
        tells = str.startswith if name == "starts_with" else str.endswith

        def tell(record: Any) -> bool:
            # Of anything but text Python raises TypeError, as JMESPath does its own.
            return tells(first(record), second(record))

        return tell
    if name == "to_string" and len(arguments) == 1:
        (inner,), slowly = arguments, _interpreted(node)

        def to_string(record: Any) -> Any:
            value = inner(record)
            if type(value) is str:
                return value
            return str(value) if type(value) is int else slowly(record)

        return to_string
    if name == "not_null" and arguments:

        def not_null(record: Any) -> Any:
            # All are asked, since one that does not fit is a mistake wherever it stands.
            values = [argument(record) for argument in arguments]
            return next((value for value in values if value is not None), None)

        return not_null
    return _interpreted(node)


def _interpreted(node: _Node) -> Select:
    interpreter = TreeInterpreter()
    return lambda record: interpreter.visit(node, record)


def _guarded(select: Select) -> Select:
    def guarded(record: Any) -> Any:
        try:
            return select(record)
        except (JMESPathError, TypeError, ValueError, RecursionError):
            raise FieldRefused("what the mapping selects by does not fit what the record holds") from None

    # Names alone cannot fail.
    return select if select.__name__ in {"field", "two", "many"} else guarded


_MAKERS: Final[Mapping[str, Callable[[_Node], Select]]] = {
    "field": _field,
    "subexpression": _subexpression,
    "index_expression": _subexpression,
    "pipe": _subexpression,
    "index": _index,
    "literal": _literal,
    "current": _itself,
    "identity": _itself,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "comparator": _comparator,
    "function_expression": _function,
}


# -- what an expression names -------------------------------------------------------------------------------------


def _functions(node: _Node) -> Iterator[str]:
    if node["type"] == "function_expression":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _functions(child)


def _plain_chain(node: _Node) -> _Chain | None:
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return None
    parts = [_plain_chain(child) for child in node["children"]]
    return None if None in parts else tuple(name for part in parts if part is not None for name in part)


def _chains(node: _Node, *, with_filters: bool = True, before: _Chain = ()) -> Iterator[_Chain]:
    """Yield the names that an expression goes through, each chain as far as it reaches.

    Args:
        node: the expression.
        with_filters: whether those count, too, of which it hands on no more than what it tells of them.
        before: the names that led to what it is asked of.
    """
    kind, children = node["type"], node["children"]
    if kind == "field":
        yield (*before, node["value"])
    elif kind in _WALKED:
        starts = [before]
        for child in children[:2]:
            starts = [
                chain for one in starts for chain in _chains(child, with_filters=with_filters, before=one)
            ] or starts
        if kind == "filter_projection" and with_filters:
            of = list(_chains(children[0], before=before)) or [before]
            yield from (chain for one in of for chain in _chains(children[2], before=one))
        yield from starts if starts != [before] else ()
    else:
        for child in children if with_filters else _handing_on(node):
            if isinstance(child, dict):
                yield from _chains(child, with_filters=with_filters, before=before)


def _handing_on(node: _Node) -> Sequence[Any]:
    """Return those parts of which something may be handed on as it is."""
    kind, children = node["type"], node["children"]
    if kind in {"comparator", "not_expression"} or (kind == "function_expression" and node["value"] in _TELL_OF):
        return ()
    handed_on: Sequence[Any] = children[1:] if kind == "and_expression" else children
    return handed_on
