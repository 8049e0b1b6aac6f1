"""The limits file: typed, merged over the shipped one, refused with a sentence for each mistake."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from alerts.detection.registry import RULES
from alerts.detection.rule import Limits
from alerts.detection.rules.acquaintance_record import PARTNERS_FORMER
from alerts.detection.work_reasons import Policy
from enrichment.errors import UserError
from enrichment.placed_yaml import PlacedYaml, Said, YamlMistake

#: Hops of the longest path that no limit shortens.
PARTNERS_FORMER_HOPS = len(PARTNERS_FORMER)
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
    return _typed(merged, own or shipped, path or shipped_path())


def _read(path: Path) -> PlacedYaml:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise LimitsError([f"{path}: is larger than {FILE_BYTES_MAX} bytes."])
        placed = PlacedYaml.parse(path.read_text("utf-8"))
    except OSError as error:
        raise LimitsError([f"{path}: cannot be read ({error.strerror})."]) from None
    except UnicodeDecodeError:
        raise LimitsError([f"{path}: is not UTF-8 text."]) from None
    except YamlMistake as error:
        raise LimitsError([error.in_file(path)]) from None
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


def _typed(merged: dict[str, Any], source: PlacedYaml, path: Path) -> LoadedLimits:
    said = partial(source.said, path)
    sentences: list[str] = []
    given = merged.get("rules")
    if not isinstance(given, dict):
        given = {}
        sentences.append(said(("rules",), "must hold a rule's name and its limits in each line"))
    sentences += [
        said(("rules", rule), f"there is no rule of this name; the rules are {', '.join(RULES)}")
        for rule in given
        if rule not in RULES
    ]
    policy = _validated(Policy, {key: merged[key] for key in merged if key != "rules"}, (), said, sentences)
    rules = {
        rule: _validated(RULES[rule].limits, values, ("rules", rule), said, sentences)
        for rule, values in given.items()
        if rule in RULES
    }
    if sentences:
        raise LimitsError(sentences)
    canonical = json.dumps(merged, sort_keys=True, separators=(",", ":"))
    return LoadedLimits(policy, rules, hashlib.sha256(canonical.encode()).hexdigest()[:_HASH_CHARACTERS])


def _validated(model: type[BaseModel], values: Any, place: tuple[str, ...], said: Said, sentences: list[str]) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        sentences.extend(_sentences(error, place, said))
        return None


def _sentences(error: ValidationError, place: tuple[str, ...], said: Said) -> Iterable[str]:
    for item in error.errors(include_url=False, include_input=False):
        message = _WORDS.get(item["type"], item["msg"])
        yield said((*place, *item["loc"]), message[0].lower() + message[1:])
