"""Checking a mapping file: every mistake at once, each a sentence that names its line and column.

What a mapping does wrong is not seen later: an event id that two records share loses one of them, a path that reaches
nothing leaves a field empty for ever, and the text of a search that slips through is stored for years. So a file does
not load until it shows by its own samples that every path is reached and that something is refused.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

import orjson
from pydantic import ValidationError

from enrichment.errors import UserError
from enrichment.mapping.convert import PatternMistake, converter
from enrichment.mapping.decoders import SchemaSource
from enrichment.mapping.mapping import ITEM, Mapping
from enrichment.mapping.mapping_file import FILE_BYTES_MAX, UNSAID, FieldSpec, MappingFile
from enrichment.mapping.outcome import FieldRefused, Mapped, Outcome
from enrichment.mapping.samples import reaches, run_sample, seen_by, unlike
from enrichment.mapping.search_text import looks_like_search_text
from enrichment.mapping.select import Expression, ExpressionMistake
from enrichment.mapping.targets import ACCESS, TARGETS, Target, TargetField
from enrichment.mapping.times import TimeMistake, clock, date_reader, reader
from enrichment.placed_yaml import Path, PlacedYaml, YamlMistake

#: Mistakes that are named; whoever has more begins with these.
MISTAKES_MAX: Final = 50
#: The secret that contact details are made opaque with in a mapping's own samples.
SAMPLE_TOKEN_KEY: Final = b"samples only"
_ONLY_DIGITS: Final = re.compile(r"[\d\s._:-]+", re.ASCII)
#: What pydantic says in a programmer's words.
_WORDS: Final = {
    "extra_forbidden": "there is no such name here",
    "missing": "is missing",
    "model_type": "must hold names and values",
    "dict_type": "must hold names and values",
    "list_type": "must be a list",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "string_pattern_mismatch": "holds characters that are not taken here",
}
#: What stands in for a part that is wrong itself, so that the rest can be looked at.
_STAND_INS: Final = {"mapping": "unnamed", "version": 1, "source": {"decode": "json"}}


class MappingError(UserError):
    """A mapping file holds mistakes; ``sentences`` has one for each, naming the file, the line and the column."""


@dataclass(slots=True)
class Checked:
    """What was found in a file: its mistakes, and the mapping where there are none."""

    sentences: list[str] = field(default_factory=list)
    mapping: Mapping | None = None


def load(path: FilePath, *, schemas: SchemaSource | None = None, token_key: bytes | None = None) -> Mapping:
    """Read a mapping file.

    Raises:
        MappingError: with a sentence for each mistake.
    """
    checked = check(path, schemas=schemas, token_key=token_key)
    if checked.mapping is None:
        raise MappingError(checked.sentences)
    return checked.mapping


def check(path: FilePath, *, schemas: SchemaSource | None = None, token_key: bytes | None = None) -> Checked:
    """Look for every mistake in a mapping file."""
    try:
        content = path.read_bytes()
        if len(content) > FILE_BYTES_MAX:
            return Checked([f"{path}: is larger than {FILE_BYTES_MAX} bytes."])
        return check_text(content.decode(), str(path), schemas=schemas, token_key=token_key)
    except OSError as error:
        return Checked([f"{path}: cannot be read ({error.strerror})."])
    except UnicodeDecodeError:
        return Checked([f"{path}: is not UTF-8 text."])


def check_text(text: str, name: str, *, schemas: SchemaSource | None = None, token_key: bytes | None = None) -> Checked:
    """Look for every mistake in the text of a mapping file.

    Args:
        text: the file.
        name: what sentences call it.
        schemas: the schema registry, where there is one.
        token_key: the secret of this installation.
    """
    try:
        placed = PlacedYaml.parse(text)
    except YamlMistake as error:
        mistake = str(error)
        return Checked([f"{name}{', ' if mistake.startswith('line') else ': '}{mistake}"])
    look = _Look(placed, name)
    file = look.form()
    if file is not None:
        look.whole(file)
    if file is None or look.sentences:
        return Checked(look.most_important())
    look.samples(file, Mapping.compile(file, text, token_key=SAMPLE_TOKEN_KEY))
    if look.sentences:
        return Checked(look.most_important())
    return Checked([], Mapping.compile(file, text, schemas=schemas, token_key=token_key))


@dataclass(slots=True)
class _Look:
    """Goes through one file and notes what is wrong."""

    placed: PlacedYaml
    name: str
    sentences: list[str] = field(default_factory=list)
    #: Each expression that takes something, with its place: what is not reached by a sample is a mistake.
    taken: list[tuple[Path, Expression]] = field(default_factory=list)
    #: Fields that are written wrongly, of which nothing more is said.
    broken: set[str | int] = field(default_factory=set)

    def say(self, path: Path, message: str, *, at: int = 0, of_name: bool = False) -> None:
        place = self.placed.place(path, of_name=of_name)
        quote = int(at > 0 and self.placed.quoted(path))
        where = f", line {place.line}, column {place.column + at + quote}" if place else ""
        what = ".".join(str(part) for part in path)
        self.sentences.append(f"{self.name}{where}: {what + ': ' if what else ''}{message}.")

    def most_important(self) -> list[str]:
        if len(self.sentences) <= MISTAKES_MAX:
            return self.sentences
        return [*self.sentences[:MISTAKES_MAX], f"{self.name}: and {len(self.sentences) - MISTAKES_MAX} more mistakes."]

    # -- the form -----------------------------------------------------------------------------------------------

    def form(self) -> MappingFile | None:
        if not isinstance(self.placed.value, dict):
            self.say((), "must hold names and values at its top level")
            return None
        try:
            return MappingFile.model_validate(self.placed.value)
        except ValidationError as error:
            rest = dict(self.placed.value)
            for item in error.errors(include_url=False, include_input=False):
                message = _WORDS.get(item["type"], item["msg"].removeprefix("Value error, "))
                path = tuple(part for part in item["loc"] if not str(part).startswith(("dict[", "list[", "str", "is-")))
                self.say(path, message[0].lower() + message[1:], of_name=item["type"] == "extra_forbidden")
                self._leave_out(rest, path)
        try:
            return MappingFile.model_validate(rest)
        except ValidationError:
            return None

    def _leave_out(self, rest: dict[str, Any], path: Path) -> None:
        """Leave out the part that is wrong, so that the rest can be looked at, too."""
        first = str(path[0]) if path else ""
        if first == "fields" and len(path) > 1 and isinstance(rest["fields"], dict):
            self.broken.add(path[1])
            rest["fields"] = {name: spec for name, spec in rest["fields"].items() if name != path[1]}
        elif first in _STAND_INS:
            rest[first] = _STAND_INS[first]
        else:
            rest.pop(first, None)

    # -- what it means ------------------------------------------------------------------------------------------

    def whole(self, file: MappingFile) -> None:
        target = TARGETS[file.to]
        dropped = {tuple(name.split(".")) for name in file.drop}
        dropped |= {tuple(name.split(".")) for name, spec in file.fields.items() if spec.drop}
        self._rules(file)
        if file.to == ACCESS and file.delete is not None:
            self.say(("delete",), "is for reference data: an access that happened cannot be undone", of_name=True)
        for name, spec in file.fields.items():
            if spec.drop:
                continue
            if name not in target.fields:
                self._no_such_field(name, target)
                continue
            self._field(name, spec, target, dropped)
        for name, about in target.fields.items():
            if about.required and name not in self.broken and (name not in file.fields or file.fields[name].drop):
                self.say(("fields",), f"has no {name}, without which there is no record of this kind")
        of_id = file.fields.get(target.id_field)
        if of_id is not None and not of_id.drop:
            self._id(file, target, of_id)
        if file.tests or not self.placed.value.get("tests"):
            self._shows_enough(file)

    def _rules(self, file: MappingFile) -> None:
        single: list[tuple[Path, str | None]] = [
            (("source", "each"), file.source.each),
            (("when",), file.when),
            (("delete",), file.delete),
            (("for_each",), file.for_each),
            (("sequence",), file.sequence),
            *(((("skip", number, "if"), skip.when)) for number, skip in enumerate(file.skip)),
        ]
        for path, text in single:
            if text is not None:
                self._expression(path, text)

    def _expression(self, path: Path, text: str) -> Expression | None:
        try:
            return Expression.parse(text)
        except ExpressionMistake as mistake:
            self.say(path, str(mistake), at=mistake.at)
            return None

    def _no_such_field(self, name: str, target: Target) -> None:
        if looks_like_search_text(name.split(".")):
            message = "is the text of a search by its name, which is never taken: write drop here"
        else:
            message = f"there is no such field; there are {', '.join(target.fields)}"
        self.say(("fields", name), message, of_name=True)

    def _field(self, name: str, spec: FieldSpec, target: Target, dropped: set[tuple[str, ...]]) -> None:
        path: Path = ("fields", name)
        about = target.fields[name]
        mistakes = len(self.sentences)
        for part, text in _expressions(spec):
            here = (*path, *part) if self.placed.stands((*path, *part)) else path
            expression = self._expression(here, text)
            if expression is not None and expression.constant is None:
                self.taken.append((here, expression))
                self._not_search_text(here, expression, spec, dropped)
        if len(self.sentences) == mistakes:
            self._conversion(path, spec, about)
        if name.startswith("links.") and spec.token is None:
            self.say(path, "is a contact detail, which never enters as it is: make it opaque (token: text or digits)")
        for part, value in _written(spec):
            mistake_of = about.mistake(value)
            if mistake_of is not None:
                self.say((*path, *part), f"{name} cannot hold this: {mistake_of}")

    def _conversion(self, path: Path, spec: FieldSpec, about: TargetField) -> None:
        try:
            if spec.time is not None:
                reader(spec.time, clock(spec.zone, spec.repeated_hour, spec.missing_hour))
            if spec.date is not None:
                date_reader(spec.date)
            converter(spec, "", SAMPLE_TOKEN_KEY, of_list=about.is_list)
        except TimeMistake as mistake:
            word = "zone" if "zone" in str(mistake).split(":")[0] and spec.zone else "time" if spec.time else "date"
            self.say((*path, word), str(mistake))
        except PatternMistake as mistake:
            self.say((*path, "regex"), str(mistake))

    def _not_search_text(
        self, path: Path, expression: Expression, spec: FieldSpec, dropped: set[tuple[str, ...]]
    ) -> None:
        # A table and a number hand on none of the text; only what may pass as it is, is looked at.
        closed = spec.int or spec.number or (spec.table is not None and "unknown" not in spec.model_fields_set)
        for chain in expression.handed_on:
            if any(chain[-len(one) :] == one for one in dropped):
                self.say(path, "takes what the mapping says it drops")
            elif looks_like_search_text(chain) and not closed:
                self.say(
                    path,
                    "is the text of a search by its name, which is never taken; name what was searched by through a "
                    "table, or drop it",
                )

    def _id(self, file: MappingFile, target: Target, spec: FieldSpec) -> None:
        """See that the same record always gets the same id, and no other one does."""
        path: Path = ("fields", target.id_field)
        expressions = [text for _, text in _expressions(spec)]
        parsed = [Expression.parse(text) for text in expressions if not self.sentences]
        if "const" in spec.model_fields_set or (parsed and all(one.constant is not None for one in parsed)):
            self.say(path, "is the same for every record: it must come from the source's own key, or be a hash")
        for word in ("default", "else", "table"):
            value = {"default": spec.default, "else": spec.otherwise, "table": spec.table or UNSAID}[word]
            if value is not UNSAID and value not in ("refuse", None):
                self.say((*path, word), "would let different records share one id")
        if file.for_each is not None and not any(chain[0] == ITEM for one in parsed for chain in one.named):
            self.say(path, f"must take something of {ITEM}: all records made of one would share one id")
        if file.to != ACCESS or spec.hash is None:
            return
        for needed in ("occurred_at", "staff_id"):
            other = file.fields.get(needed)
            if other is not None and other.take is not None and other.take not in spec.hash:
                self.say(
                    path, f"the hash must take in {other.take}, which {needed} comes from: else two accesses become one"
                )

    # -- its own samples ----------------------------------------------------------------------------------------

    def samples(self, file: MappingFile, mapping: Mapping) -> None:
        ids: dict[str, tuple[int, bytes]] = {}
        reached: set[int] = set()
        for number, sample in enumerate(file.tests):
            path: Path = ("tests", number)
            try:
                documents, outcomes = run_sample(mapping, sample)
            except FieldRefused as refused:
                self.say((*path, "in"), f"is no record of this source: {refused}")
                continue
            for document in documents:
                self._drops(file, (*path, "in"), document.record, ())
            for record in seen_by(mapping, documents):
                reached |= {index for index, (_, one) in enumerate(self.taken) if reaches(one, record)}
            for message in unlike(sample, outcomes):
                self.say(path, message)
            self._ids(file, path, number, outcomes, ids)
        for index, (path, expression) in enumerate(self.taken):
            if index not in reached and file.tests:
                self.say(path, f"no sample reaches {expression.text}: either it is never there, or a sample is missing")

    def _shows_enough(self, file: MappingFile) -> None:
        if not any(sample.out is not None for sample in file.tests):
            self.say(("tests",), "no sample shows what comes out")
        if not any(sample.refused is not None for sample in file.tests):
            self.say(("tests",), "no sample shows a refusal: a mapping that refuses nothing takes anything")

    def _drops(self, file: MappingFile, path: Path, value: Any, names: tuple[str, ...]) -> None:
        """See that what looks like search text is dropped knowingly."""
        if isinstance(value, list):
            for one in value:
                self._drops(file, path, one, names)
        if not isinstance(value, dict):
            return
        dropped = {*file.drop, *(name for name, spec in file.fields.items() if spec.drop)}
        for name, inner in value.items():
            here = (*names, name)
            if any(".".join(here[at:]) in dropped for at in range(len(here))):
                continue
            if isinstance(inner, str) and inner and looks_like_search_text(here) and not self._named_closed(here):
                self.say(path, f"{'.'.join(here)} is the text of a search by its name: name it under drop")
            self._drops(file, path, inner, here)

    def _named_closed(self, names: tuple[str, ...]) -> bool:
        """Return whether an expression takes it all the same, which was looked at there."""
        return any(names[-len(chain) :] == chain for _, one in self.taken for chain in one.named)

    def _ids(
        self,
        file: MappingFile,
        path: Path,
        number: int,
        outcomes: Sequence[Outcome],
        ids: dict[str, tuple[int, bytes]],
    ) -> None:
        """See that no event id stands for two different accesses."""
        made = [one for one in outcomes if isinstance(one, Mapped)] if file.to == ACCESS else []
        here: set[str] = set()
        for one in made:
            found = orjson.loads(one.value)["event_id"]
            if _ONLY_DIGITS.fullmatch(found):
                self.say(
                    ("fields", "event_id"),
                    "is only a number, which another source has too: put a word before it (concat)",
                )
            other, value = ids.setdefault(found, (number, one.value))
            if value != one.value or found in here:
                twins = f"has the event_id of tests.{other}, which is another access"
                several = "makes several accesses with one event_id, of which one would count"
                self.say(path, several if other == number else twins)
                return
            here.add(found)


def _expressions(spec: FieldSpec) -> Iterator[tuple[Path, str]]:
    if spec.take is not None:
        yield ("from",), spec.take
    for word, parts in (("concat", spec.concat), ("hash", spec.hash)):
        for number, text in enumerate(parts or ()):
            yield (word, number), text


def _written(spec: FieldSpec) -> Iterator[tuple[Path, Any]]:
    """Yield what the mapping itself writes into a field: nothing is turned into something else behind these."""
    if spec.table is not None and spec.prefix is None:
        yield from ((("table", name), value) for name, value in spec.table.items() if value is not None)
        if spec.unknown is not UNSAID and spec.unknown not in (None, "refuse", "drop"):
            yield ("unknown",), spec.unknown
    for word, value in (("const", spec.const), ("default", spec.default), ("else", spec.otherwise)):
        if value is not UNSAID and value is not None and not (word == "else" and value == "refuse"):
            yield (word,), value
