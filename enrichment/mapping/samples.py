"""A mapping's own samples: what they are read as, what comes of them, and whether that is what they say."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from enrichment.mapping.decoders import Document, change_event
from enrichment.mapping.mapping import ITEM, Mapping
from enrichment.mapping.mapping_file import Sample
from enrichment.mapping.outcome import Deleted, FieldRefused, Mapped, Outcome, Refused, Skipped
from enrichment.mapping.select import Expression


def run_sample(mapping: Mapping, sample: Sample) -> tuple[list[Document], list[Outcome]]:
    """Return the records that a sample holds, and what the mapping makes of them.

    Raises:
        FieldRefused: the sample is no record of the source. Text is read as the source's bytes, and may be refused.
    """
    if isinstance(sample.record, str):
        value = sample.record.encode()
        try:
            documents = list(mapping.decode(value))
        except FieldRefused:
            documents = []
        return documents, list(mapping.run(value))
    decode = mapping.file.source.decode
    if decode in {"cef", "syslog"}:
        raise FieldRefused(f"{decode} is a line of text")
    if decode == "debezium" and isinstance(sample.record, dict):
        known = {"op", "__op", "payload"} & sample.record.keys()
        row = sample.record if known else {"op": "c", "after": sample.record}
        try:
            document = change_event(row, mapping.file.source.table)
        except FieldRefused as refused:
            return [], [Refused("record", str(refused))]
        return [document], list(mapping.run_document(document))
    records = sample.record if isinstance(sample.record, list) else [sample.record]
    documents = [Document(one, one) for one in records]
    return documents, [outcome for one in documents for outcome in mapping.run_document(one)]


def unlike(sample: Sample, outcomes: Sequence[Outcome]) -> list[str]:
    """Return in which ways what came of a sample is not what it says, without what the sample holds."""
    if sample.out is not None:
        return list(_other_records(sample.out, outcomes))
    if sample.refused is not None:
        refused = [one for one in outcomes if isinstance(one, Refused)]
        if not refused:
            return ["is not refused"]
        named = sample.refused in {one.field for one in refused}
        return [] if named else [f"is refused for another field: {refused[0].sentence}"]
    if sample.skipped is not None:
        skipped = any(isinstance(one, Skipped) and one.because == sample.skipped for one in outcomes)
        return [] if skipped else ["is not skipped for that reason"]
    deleted = any(isinstance(one, Deleted) and one.key == sample.deleted for one in outcomes)
    return [] if deleted else ["does not delete that"]


def _other_records(out: dict[str, Any] | list[dict[str, Any]], outcomes: Sequence[Outcome]) -> Iterator[str]:
    refused = next((one for one in outcomes if isinstance(one, Refused)), None)
    if refused is not None:
        yield f"is refused, and not mapped: {refused.sentence}"
        return
    wanted = out if isinstance(out, list) else [out]
    made = [orjson.loads(one.value) for one in outcomes if isinstance(one, Mapped)]
    if len(made) != len(wanted):
        yield f"makes {len(made)} records, and not {len(wanted)}"
        return
    for number, (one, want) in enumerate(zip(made, wanted, strict=True)):
        which = f"out.{number}." if isinstance(out, list) else "out."
        for name, value in want.items():
            if not _same(_at(one, name), value):
                yield f"{which}{name} is not what comes out; `accesswatch mapping try` shows what does"


def _at(record: Any, name: str) -> Any:
    if name in record:
        return record[name]
    outer, _, inner = name.partition(".")
    return (record.get(outer) or {}).get(inner) if inner else None


def _same(found: Any, wanted: Any) -> bool:
    if found == wanted:
        return True
    if not (isinstance(found, str) and isinstance(wanted, str)):
        return False
    try:
        one, other = datetime.fromisoformat(found), datetime.fromisoformat(wanted)
    except ValueError:
        return False
    return one.tzinfo is not None and other.tzinfo is not None and one == other


def seen_by(mapping: Mapping, documents: Sequence[Document]) -> Iterator[Any]:
    """Yield the records that fields are taken from, with each member that ``for_each`` shows."""
    each, members = mapping.file.source.each, mapping.file.for_each
    for document in documents:
        found = Expression.parse(each).select(document.record) if each else [document.record]
        for record in found if isinstance(found, list) else ():
            if members is None or not isinstance(record, dict):
                yield record
                continue
            try:
                items = Expression.parse(members).select(record)
            except FieldRefused:
                continue
            yield from ({**record, ITEM: item} for item in (items if isinstance(items, list) else [items]))


def reaches(expression: Expression, record: Any) -> bool:
    """Return whether an expression takes something from a record."""
    try:
        return expression.select(record) is not None
    except FieldRefused:
        return False
