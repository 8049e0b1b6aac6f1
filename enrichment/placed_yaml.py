"""YAML of which every name and value knows its line and column, and in which nothing is guessed.

Limits, delivery and mapping files are read by it. Plain words are text, as YAML 1.2's core schema has it: ``no``,
``17:00``, ``2026-01-01`` and ``01`` stay what they are. Names are always text, so that a table may hold the codes of a
source as the source writes them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

#: The deepest nesting; a sample record may be as deep as a record of a topic, and stands a few names deep itself.
DEPTH_MAX: Final = 72
#: Names and values of one file.
NODES_MAX: Final = 100_000

_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
#: What PyYAML takes a value for where the file says nothing of it; whatever the file says would be guessed at.
_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
)
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}

Path = tuple[str | int, ...]
#: Returns a sentence about a place of a file: ``PlacedYaml.said`` of one file.
Said = Callable[[Sequence[str | int], str], str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        """Return it as a sentence begins with it."""
        return f"line {self.line}, column {self.column}"


class YamlMistake(Exception):  # noqa: N818 a mistake of the file's, said as a sentence
    """The text is no YAML, or says something twice; the sentence names line and column."""

    def __init__(self, place: Place | None, said: str) -> None:
        """Take where it is, and what is said of it without a full stop."""
        super().__init__(f"{place}: {said}." if place is not None else f"{said}.")
        self.place = place
        self.said = said

    def in_file(self, file: FilePath) -> str:
        """Return it as a sentence that names the file and the line."""
        return f"{file}{f', line {self.place.line}' if self.place is not None else ''}: {self.said}."


@dataclass(slots=True)
class PlacedYaml:
    """A document, and where each of its values stands."""

    value: Any
    _values: dict[Path, Place] = field(default_factory=dict)
    _names: dict[Path, Place] = field(default_factory=dict)
    _quoted: set[Path] = field(default_factory=set)

    @classmethod
    def parse(cls, text: str) -> "PlacedYaml":
        """Read a document.

        Raises:
            YamlMistake: it is none.
        """
        placed = cls(None)
        try:
            loader = yaml.SafeLoader(text)
            try:
                node = loader.get_single_node()
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(mark.line + 1, mark.column + 1) if mark else None
            raise YamlMistake(place, f"is no YAML ({error.problem or error.context})") from None
        except yaml.YAMLError:
            raise YamlMistake(None, "is no YAML") from None
        if node is not None:
            placed.value = placed._read(node, (), [0])
        return placed

    def place(self, path: Sequence[str | int], *, of_name: bool = False) -> Place | None:
        """Return where a value stands, or its name; where it is missing, the nearest thing around it."""
        here = tuple(path)
        if of_name and here in self._names:
            return self._names[here]
        while here and here not in self._values:
            here = here[:-1]
        if here != tuple(path) and here in self._names:
            return self._names[here]
        return self._values.get(here)

    def said(self, file: FilePath, path: Sequence[str | int], message: str) -> str:
        """Return a sentence about a place: the file, its nearest line, the names that lead there, the message."""
        near = tuple(path)
        while near and near not in self._values:
            near = near[:-1]
        found = self._names.get(near) or self._values[near] if near else None
        name = ".".join(map(str, path))
        return f"{file}{f', line {found.line}' if found else ''}: {name + ': ' if name else ''}{message}."

    def stands(self, path: Sequence[str | int]) -> bool:
        """Return whether there is a value at this place."""
        return tuple(path) in self._values

    def quoted(self, path: Sequence[str | int]) -> bool:
        """Return whether a text stands in quotation marks."""
        return tuple(path) in self._quoted

    def _read(self, node: Any, path: Path, count: list[int]) -> Any:
        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        count[0] += 1
        if len(path) > DEPTH_MAX:
            raise YamlMistake(place, f"nests deeper than {DEPTH_MAX}")
        if count[0] > NODES_MAX:
            raise YamlMistake(place, f"the file holds more than {NODES_MAX:,} names and values")
        if node.tag not in _TAGS:
            raise YamlMistake(place, f"a tag ({node.tag}) is not taken")
        self._values[path] = place
        if isinstance(node, yaml.MappingNode):
            return self._read_mapping(node, path, count)
        if isinstance(node, yaml.SequenceNode):
            return [self._read(one, (*path, number), count) for number, one in enumerate(node.value)]
        if node.style:
            self._quoted.add(path)
            return node.value
        return _plain(node.value)

    def _read_mapping(self, node: Any, path: Path, count: list[int]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            place = Place(key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, yaml.ScalarNode):
                raise YamlMistake(place, "a name must be a plain word")
            here = (*path, key.value)
            if key.value in found:
                raise YamlMistake(place, f"{'.'.join(map(str, here))} stands here a second time")
            self._names[here] = place
            found[key.value] = self._read(value, here, count)
        return found


def _plain(word: str) -> Any:
    if word in _WORDS:
        return _WORDS[word]
    if _INT.fullmatch(word):
        return int(word)
    return float(word) if _FLOAT.fullmatch(word) else word
