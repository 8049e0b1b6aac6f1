"""What a ministry decides about its cases and reports: one file, typed, refused with a sentence for each mistake."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from enrichment.errors import UserError
from enrichment.plain_text import plain

#: The largest file that is read, in bytes.
FILE_BYTES_MAX: Final = 1_048_576
#: Types or outcomes: more than that no table shows (``disclosure_audit.py``).
KINDS_MAX: Final = 40
_SHIPPED: Final = Path(__file__).with_name("shipped") / "cases.yaml"


class ConfigError(UserError):
    """The file holds mistakes; ``sentences`` has one for each."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)


class Label(_Strict):
    """What an entry is called from a day on; the first one has always been."""

    text: Annotated[str, Field(min_length=1, max_length=100)]
    first: date | None = Field(None, alias="from")


class Kind(_Strict):
    """A type or an outcome of ER cases. It is renamed or ended, never deleted."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]
    first: date | None = Field(None, alias="from")
    last: date | None = Field(None, alias="to")

    @model_validator(mode="after")
    def _labels_in_order(self) -> "Kind":
        later = [label.first for label in self.labels[1:]]
        if None in later or sorted(filter(None, later)) != later:
            raise ValueError("each label after the first says from which day it is used, in order")
        return self

    def label(self, day: date) -> str:
        """Return what it is called on a day."""
        return next(one.text for one in reversed(self.labels) if one.first is None or one.first <= day)

    def is_used(self, first: date, last: date) -> bool:
        """Return whether it may be chosen on one of these days."""
        return (self.first is None or self.first <= last) and (self.last is None or self.last >= first)


class Questionnaires(_Strict):
    """How long a manager has to answer, and when they are reminded."""

    working_days: Annotated[int, Field(ge=1, le=60)] = 10
    reminder_working_days: tuple[Annotated[int, Field(ge=1, le=60)], ...] = (3, 7)
    opted_out: tuple[str, ...] = ()


class CasesConfig(_Strict):
    """All of it."""

    er_types: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=KINDS_MAX)]
    er_outcomes: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=KINDS_MAX)]
    keep_from_unit: bool = True
    disclosure_units: tuple[str, ...] = ()
    questionnaires: Questionnaires = Questionnaires()
    sampling_per_thousand: Annotated[int, Field(ge=0, le=1000)] = 0
    small_numbers: Literal["suppress", "rr3"] = "suppress"
    notes_kept_years: Annotated[int, Field(ge=1, le=100)] = 7

    @model_validator(mode="after")
    def _ids_once(self) -> "CasesConfig":
        for name, kinds in (("er_types", self.er_types), ("er_outcomes", self.er_outcomes)):
            if len({kind.id for kind in kinds}) != len(kinds):
                raise ValueError(f"{name} names an id twice")
        return self


def kind_of(kinds: Sequence[Kind], id_: str) -> Kind:
    """Return the type or outcome with this id; one that the file has lost is called by its id."""
    return next((kind for kind in kinds if kind.id == id_), None) or Kind(id=id_, labels=(Label(text=id_),))


def load(path: Path | None = None) -> CasesConfig:
    """Read the file, or the shipped one.

    Raises:
        ConfigError: with a sentence for each mistake.
    """
    file = path or _SHIPPED
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{plain(file.name)}: the file cannot be read ({error.strerror}).") from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(f"{plain(file.name)}: the file is larger than any is.")
    try:
        read: Any = yaml.safe_load(content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigError(f"{plain(file.name)}{where}: this is no YAML.") from None
    try:
        return CasesConfig.model_validate(read)
    except ValidationError as error:
        raise ConfigError([_sentence(file, item) for item in error.errors(include_url=False)]) from None


def _sentence(file: Path, item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{plain(file.name)}{f', {plain(place)}' if place else ''}: {message}."
