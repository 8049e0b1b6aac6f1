"""``accesswatch explain``: why an access got the outcome that it got."""

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError
from rich.console import Console

from agents.parking import PREFIX
from alerts.assessment import ASSESSMENT, Answer, Assessment
from enrichment.decode import Refused, decode
from enrichment.newzealand import nz_text
from enrichment.wire import Access
from stream.commands import explain_today
from stream.commands.failure import CommandFailed
from stream.connections import aiokafka_options, connected
from stream.reading import backwards
from stream.settings import Settings, load
from stream.topics import ACCESS, dead_letter_topic
from stream.topics import ASSESSMENT as ASSESSMENT_TOPIC

_OUTCOMES = {
    "hit": "hit: at least one rule asks about it",
    "abstained": "abstained: no rule asks about it, and at least one could not look",
    "explained": "explained: work was found that is a reason for it",
    "no_subject": "no subject: no client record was opened",
    "unexplained": "unexplained: no rule asks about it, and no work was found that is a reason for it",
}


def explain(
    event_id: Annotated[str, typer.Argument(help="The event_id of the access.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the assessment as it stands in Kafka.")] = False,
    every_rule: Annotated[
        bool, typer.Option("--all", help="Also ask every rule again, by today's facts, and say why quiet ones are.")
    ] = False,
) -> None:
    """Say why an access got the outcome that it got.

    Looks through the kept assessments, the newest first, and through what was parked. By the facts of today it says
    what was looked at where no work reason was found, and why a work item that the access claimed does not hold.
    """
    settings = connected(load(), needs=("kafka",))
    try:
        found, looked_at = asyncio.run(_newest(settings, settings.topic(ASSESSMENT_TOPIC), event_id, _is_about))
        parked = None
        if found is None:
            parked, _ = asyncio.run(_newest(settings, settings.topic(dead_letter_topic(ACCESS)), event_id))
    except (KafkaError, OSError) as error:
        raise CommandFailed(f"Kafka does not answer at {settings.kafka} ({type(error).__name__}).") from None
    if found is not None:
        assessment = ASSESSMENT.validate_json(found.value)
        typer.echo(found.value.decode() if as_json else "\n".join(said(assessment)))
        if not as_json:
            access = _access(settings, event_id)
            unexplained = assessment.explanation is None and assessment.client_id is not None
            # A claimed work item may not hold though another is a reason.
            if every_rule or unexplained or (access is not None and access.work_id is not None):
                for line in explain_today.lines(access, settings, every_rule=every_rule):
                    typer.echo(line)
    elif parked is not None:
        raise CommandFailed(_parked(event_id, parked))
    else:
        raise CommandFailed(
            f"No assessment of {event_id} is kept ({looked_at} were looked at), and no parked record carries this id: "
            "it has not arrived, has not been assessed yet, or is older than what is kept."
        )


def _access(settings: Settings, event_id: str) -> Access | None:
    """Find the access itself, while it is kept."""
    try:
        record, _ = asyncio.run(_newest(settings, settings.topic(ACCESS), event_id, _is_access))
    except (KafkaError, OSError) as error:
        raise CommandFailed(f"Kafka does not answer at {settings.kafka} ({type(error).__name__}).") from None
    return None if record is None else decode(Access, record.value)


def _is_access(value: bytes, event_id: str) -> bool:
    try:
        return decode(Access, value).event_id == event_id
    except Refused:
        return False


async def _newest(
    settings: Settings, topic: str, event_id: str, fits: Callable[[bytes, str], bool] | None = None
) -> tuple[Any, int]:
    """Find the newest record about an event; also give how many were looked at.

    Without *fits* any record that has the id in it is taken: what was parked cannot always be read.
    """
    looked_at = 0
    # As JSON writes it, with and without escapes: looked for before anything is parsed, since there are millions.
    plain, escaped = (json.dumps(event_id, ensure_ascii=ascii_only).encode() for ascii_only in (False, True))
    with Console(stderr=True).status(f"looking for {event_id}") as status:
        async with backwards(aiokafka_options(settings), topic) as steps:
            async for records in steps:
                looked_at += len(records)
                status.update(f"looking for {event_id}: {looked_at} records")
                fitting = [
                    record
                    for record in records
                    if record.value
                    and (plain in record.value or escaped in record.value)
                    and (fits is None or fits(record.value, event_id))
                ]
                if fitting:
                    return max(fitting, key=lambda record: (record.timestamp, record.offset)), looked_at
    return None, looked_at


def _is_about(value: bytes, event_id: str) -> bool:
    try:
        return ASSESSMENT.validate_json(value).event_id == event_id
    except ValidationError:
        return False


def said(assessment: Assessment) -> list[str]:
    """Put an assessment into plain sentences, one a line."""
    client = f"client {assessment.client_id}" if assessment.client_id is not None else "no client record"
    who = f"staff {assessment.staff_id}, {client}"
    lines = [
        f"Access {assessment.event_id}: {assessment.action} by {who}, {nz_text(assessment.occurred_at)}.",
        f"Outcome: {_OUTCOMES[assessment.outcome]}.",
        f"Work: {assessment.explanation.sentence}" if assessment.explanation else "Work: no work reason was found.",
    ]
    for answer in assessment.answers:
        lines += _answer(answer)
    if assessment.alert_ids:
        lines.append(f"Alerts: {', '.join(assessment.alert_ids)} (accesswatch alerts show ID).")
    versions = assessment.versions
    lines.append(f"Judged with rules {versions.rules}, limits {versions.limits}, reference data {versions.reference}.")
    return lines


def _answer(answer: Answer) -> list[str]:
    stage = "" if answer.stage == "live" else f", {answer.stage}"
    severity = f", {answer.severity}" if answer.severity else ""
    lines = [f"Rule {answer.rule} ({answer.answer}{severity}{stage}): {answer.sentence}"]
    for fact in answer.evidence:
        as_of = f", as of {nz_text(fact.as_of)}" if fact.as_of is not None else ""
        lines.append(f"  {fact.fact} {fact.id}, from {fact.source}{as_of}")
    return lines


def _parked(event_id: str, record: Any) -> str:
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    stage, why = headers.get(f"{PREFIX}stage", "?"), headers.get(f"{PREFIX}exception.message", "?")
    return f"Access {event_id} was not assessed: it was parked at stage {stage} ({why})."
