"""The limits file: typed, merged over the shipped one, refused with a sentence for each mistake.

``PlacedYaml`` is YAML that knows its lines, so that a mistake in a file can be named by its place.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from alerts.detection.registry import RULES
from alerts.detection.rule import Limits
from alerts.detection.rules.acquaintance_record import PARTNERS_FORMER
from alerts.detection.work_reasons import Policy
from enrichment.errors import UserError

#: Hops of the longest path that no limit shortens.
PARTNERS_FORMER_HOPS = len(PARTNERS_FORMER)
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
        """Return a sentence about a place: the file, its nearest line, the key, the message."""
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


#: The largest limits file that is read, in bytes.
FILE_BYTES_MAX = 1024 * 1024
_HASH_CHARACTERS = 12
#: Mistakes that pydantic would say in a programmer's words.
_WORDS = {
    "extra_forbidden": "there is no such limit",
    "missing": "this limit is missing",
    "model_type": "must hold the rule's limits, a name and a value in each line",
}


class LimitsError(UserError):
    """The limits file holds mistakes; ``sentences`` has one for each, naming the file and the line."""


@dataclass(frozen=True, slots=True)
class LoadedLimits:
    """What all rules are judged with, and the hash that names it."""

    policy: Policy
    rules: Mapping[str, Limits]
    hash: str

    @property
    def hops_max(self) -> int:
        """The longest path of relationships that any rule asks for, in hops."""
        return max(getattr(limits, "hops_max", PARTNERS_FORMER_HOPS) for limits in self.rules.values())


def shipped_path() -> Path:
    """Find the shipped limits: beside this package when installed, in ``deploy/`` in a checkout."""
    installed = Path(__file__).parents[1] / "shipped" / "limits.yaml"
    return installed if installed.exists() else Path(__file__).parents[2] / "deploy" / "limits.yaml"


def load(path: Path | None = None) -> LoadedLimits:
    """Read the limits: the shipped ones, with what *path* says differently.

    Raises:
        LimitsError: with a sentence for each mistake.
    """
    shipped = _read(shipped_path())
    own = _read(path) if path is not None else None
    merged = _merge(shipped.value, own.value) if own is not None else shipped.value
    return _typed(merged, own or shipped)


def _read(path: Path) -> PlacedYaml:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise LimitsError([f"{path}: is larger than {FILE_BYTES_MAX} bytes."])
        placed = PlacedYaml.parse(path.read_text("utf-8"), path)
    except OSError as error:
        raise LimitsError([f"{path}: cannot be read ({error.strerror})."]) from None
    except UnicodeDecodeError:
        raise LimitsError([f"{path}: is not UTF-8 text."]) from None
    except YamlMistake as error:
        raise LimitsError([str(error)]) from None
    if placed.value is None:
        placed.value = {}
    if not isinstance(placed.value, dict):
        raise LimitsError([f"{path}: must hold names and values at its top level."])
    return placed


def _merge(base: Any, over: Any) -> Any:
    """Merge key by key; whatever is not a mapping on both sides is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {
            key: _merge(base.get(key), over[key]) if key in over else base[key]
            for key in [*base, *(over.keys() - base.keys())]
        }
    return over


def _typed(merged: dict[str, Any], source: PlacedYaml) -> LoadedLimits:
    sentences: list[str] = []
    given = merged.get("rules")
    if not isinstance(given, dict):
        given = {}
        sentences.append(source.said(("rules",), "must hold a rule's name and its limits in each line"))
    sentences += [
        source.said(("rules", rule), f"there is no rule of this name; the rules are {', '.join(RULES)}")
        for rule in given
        if rule not in RULES
    ]
    policy = _validated(Policy, {key: merged[key] for key in merged if key != "rules"}, (), source, sentences)
    rules = {
        rule: _validated(RULES[rule].limits, values, ("rules", rule), source, sentences)
        for rule, values in given.items()
        if rule in RULES
    }
    if sentences:
        raise LimitsError(sentences)
    canonical = json.dumps(merged, sort_keys=True, separators=(",", ":"))
    return LoadedLimits(policy, rules, hashlib.sha256(canonical.encode()).hexdigest()[:_HASH_CHARACTERS])


def _validated(
    model: type[BaseModel], values: Any, place: tuple[str, ...], source: PlacedYaml, sentences: list[str]
) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        sentences.extend(_sentences(error, place, source))
        return None


def _sentences(error: ValidationError, place: tuple[str, ...], source: PlacedYaml) -> Iterable[str]:
    for item in error.errors(include_url=False, include_input=False):
        message = _WORDS.get(item["type"], item["msg"])
        yield source.said((*place, *item["loc"]), message[0].lower() + message[1:])
