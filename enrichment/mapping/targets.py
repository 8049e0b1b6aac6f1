"""What a mapping may make: an access, or one of the kinds of reference data; its fields, types and models."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, get_args

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from enrichment.decode import Invalid, Refused, decode, decode_access
from enrichment.reference.layout import KINDS
from enrichment.schemas import Access, Record


@dataclass(frozen=True)
class TargetField:
    """One field that a mapping may fill; ``search.fields`` is one, too."""

    name: str
    required: bool
    is_list: bool
    info: FieldInfo

    @cached_property
    def _adapter(self) -> "TypeAdapter[Any]":
        return TypeAdapter(self.info.rebuild_annotation())

    def mistake(self, value: Any) -> str | None:
        """Return why this field cannot hold a value that a mapping writes itself, None where it can."""
        try:
            self._adapter.validate_json(
                orjson.dumps([value] if self.is_list and not isinstance(value, list) else value)
            )
        except ValidationError as error:
            message = error.errors(include_url=False, include_input=False)[0]["msg"]
            return message[0].lower() + message[1:]
        return None


@dataclass(frozen=True)
class Target:
    """One kind of record that mappings make."""

    name: str
    model: type[Record]
    id_field: str
    #: What partitions its topic.
    key_field: str

    @cached_property
    def fields(self) -> Mapping[str, TargetField]:
        """Every field that may be filled, by its name; those inside another record by both names."""
        found: dict[str, TargetField] = {}
        for name, info in self.model.model_fields.items():
            inner = _record_in(info)
            if inner is not None and name not in self.model.lists:
                for part, part_info in inner.model_fields.items():
                    found[f"{name}.{part}"] = _field(f"{name}.{part}", part_info, inner.lists, part, required=False)
            else:
                found[name] = _field(name, info, self.model.lists, name, required=info.is_required())
        return found

    def check(self, value: bytes, timestamp_ms: int | None) -> str | None:
        """Return why a record is not what the contract names, None where it is.

        Args:
            value: the record as JSON.
            timestamp_ms: when it comes to us; an access that lies more than a day ahead of that is none.
        """
        try:
            if self.model is Access:
                decode_access(value, timestamp_ms)
            else:
                decode(self.model, value)
        except Refused as refused:
            return str(refused) if isinstance(refused, Invalid) else f"record: {refused}"
        return None


def _field(name: str, info: FieldInfo, lists: tuple[str, ...], part: str, *, required: bool) -> TargetField:
    is_list = part in lists or "tuple" in str(info.annotation)
    return TargetField(name, required, is_list, info)


def _record_in(info: FieldInfo) -> type[Record] | None:
    """Return the model of a field that holds one record of ours, None where it holds anything else."""
    for one in (info.annotation, *get_args(info.annotation)):
        if isinstance(one, type) and issubclass(one, Record):
            return one
    return None


ACCESS: Final = "access"
TARGETS: Final[Mapping[str, Target]] = {
    ACCESS: Target(ACCESS, Access, "event_id", "staff_id"),
    **{kind: Target(kind, model, id_field, id_field) for kind, (model, id_field) in KINDS.items()},
}
