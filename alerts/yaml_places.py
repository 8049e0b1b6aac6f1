"""YAML that knows its lines: so that a mistake in a file can be named by its place."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

#: The deepest nesting of a file that people tune; an alias to itself would have no end.
DEPTH_MAX = 16


class YamlMistake(Exception):  # noqa: N818 a mistake of the file's, said as a sentence
    """The text is no YAML, or names a key twice."""


class _Loader(yaml.SafeLoader):
    """Safe, and with YAML 1.2's booleans: ``stage: off`` is a word, not False."""


_NOT_TAKEN = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] not in _NOT_TAKEN]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])


@dataclass(slots=True)
class PlacedYaml:
    """A YAML document, its file, and the line of each key."""

    value: Any
    path: Path
    lines: dict[tuple[Any, ...], int]

    @classmethod
    def parse(cls, text: str, path: Path) -> "PlacedYaml":
        """Read a document.

        Raises:
            YamlMistake: with the file and the line.
        """
        try:
            loader = _Loader(text)
            try:
                node = loader.get_single_node()
                lines: dict[tuple[Any, ...], int] = {}
                _walk(node, (), lines, path)
                value = None if node is None else loader.construct_document(node)
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise YamlMistake(f"{path}, line {line}: is no YAML ({error.problem}).") from None
        except yaml.YAMLError:
            raise YamlMistake(f"{path}: is no YAML.") from None
        return cls(value, path, lines)

    def said(self, place: tuple[Any, ...], message: str) -> str:
        """Say something about a place: the file, its nearest line, the key, the message."""
        near = place
        while near and near not in self.lines:
            near = near[:-1]
        line = f", line {self.lines[near]}" if near else ""
        name = ".".join(str(part) for part in place)
        return f"{self.path}{line}: {name + ': ' if name else ''}{message}."


def _walk(node: Any, place: tuple[Any, ...], lines: dict[tuple[Any, ...], int], path: Path) -> None:
    """Note the line of each key; refuse a key that stands twice, is no plain word, or nests without end."""
    if len(place) > DEPTH_MAX:
        raise YamlMistake(f"{path}, line {node.start_mark.line + 1}: nests deeper than {DEPTH_MAX}.")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise YamlMistake(f"{path}, line {line}: a name must be a plain word.")
            here = (*place, key.value)
            if here in lines:
                raise YamlMistake(f"{path}, line {line}: {'.'.join(map(str, here))} stands here a second time.")
            lines[here] = line
            _walk(value, here, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[*place, index] = value.start_mark.line + 1
            _walk(value, (*place, index), lines, path)
