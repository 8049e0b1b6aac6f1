"""The parts of ``accesswatch explain`` that rest on today's facts, which may not be those of the judgement.

``accesswatch explain``: why an access got the outcome that it got.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from agents.dead_letter import PREFIX
from alerts.assessment import ASSESSMENT, Answer, Assessment
from alerts.detection.config import load as load_limits
from alerts.detection.engine import RuleEngine
from alerts.detection.rule import Hit, Indeterminate, NoMatch, RuleResult
from alerts.detection.work_reasons import looked_at, unheld
from console.connected import connected
from enrichment.decode import Refused, decode
from enrichment.errors import CommandError
from enrichment.lookup import NotReadable
from enrichment.nz_time import nz_text
from enrichment.schemas import Access
from enrichment.windows.redis import RedisWindows, Today
from stream import RELEASE
from stream.connections import aiokafka_options, why_not
from stream.printing import Console, Line, say, say_json
from stream.reading import backwards
from stream.redis_connection import check_reachable, connect, namespace
from stream.settings import Settings, load
from stream.topics import ACCESS, dead_letter_topic
from stream.topics import ASSESSMENT as ASSESSMENT_TOPIC

if TYPE_CHECKING:
    from history.answers import Row


@dataclass(frozen=True, slots=True)
class SeenToday:
    """What today's facts say of an access."""

    work: tuple[str, ...]
    rules: tuple[tuple[str, str, RuleResult], ...]
    limits: str


def lines(access: Access | None, settings: Settings, *, every_rule: bool) -> Iterator[str]:
    """Return what was looked at for work, and what each rule says where that is asked for; with today's facts."""
    if access is None:
        yield "What was looked at is not known: the access itself is no longer kept."
        return
    try:
        today = asyncio.run(_look(access, connected(settings, needs=("redis",))))
    except (NotReadable, CommandError) as error:
        yield f"What was looked at cannot be said now: {str(error).rstrip('.')}."
        return
    if today.work:
        yield "Looked at for work, by the facts of today:"
        yield from (f"  {sentence}" for sentence in today.work)
    if every_rule:
        yield f"Every rule, by the facts of today and limits {today.limits}:"
        yield from (_answer_line(rule, stage, answered) for rule, stage, answered in today.rules)


async def _look(access: Access, settings: Settings) -> SeenToday:
    rule_engine = RuleEngine(load_limits(settings.limits), RELEASE)
    client = connect(settings)
    try:
        await check_reachable(client, settings)
        today = Today(client, namespace(settings))
        (facts,) = await today.facts_for([access], rule_engine.limits.hops_max)
        case = rule_engine.case(access, facts)
        windows = RedisWindows(client, namespace(settings))
        (answered,) = await windows.look([rule_engine.observe(case)], rule_engine.plan)
        claimed = await today.client_of_work(access.work_id)
        say = unheld if case.work_reasons else looked_at
        work = tuple(say(access, facts, rule_engine.limits.policy, claimed))
    finally:
        await client.aclose()
    asked = {rule.id: answer for rule, answer in rule_engine.asked(case.with_windows(answered))}
    rules = tuple(
        (rule, limits.stage, asked.get(rule, NoMatch("the rule is off")))
        for rule, limits in rule_engine.limits.rules.items()
    )
    return SeenToday(work, rules, rule_engine.limits.hash)


def _answer_line(rule: str, stage: str, answered: RuleResult) -> str:
    shown = "" if stage == "live" else f", {stage}"
    match answered:
        case Hit(severity, sentence, _):
            return f"  {rule} (hit, {severity}{shown}): {sentence}"
        case Indeterminate(missing):
            return f"  {rule} (abstain{shown}): {missing} is not known."
        case NoMatch(because):
            return f"  {rule} (quiet{shown}): {because}."


_OUTCOMES = {
    "hit": "hit: at least one rule asks about it",
    "abstained": "abstained: no rule asks about it, and at least one could not look",
    "explained": "explained: work was found that is a reason for it",
    "no_subject": "no subject: no client record was opened",
    "unexplained": "unexplained: no rule asks about it, and no work was found that is a reason for it",
}


def explain(
    event_id: Annotated[str, typer.Argument(help="The event_id of the access.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the assessment as it was published.")] = False,
    every_rule: Annotated[
        bool, typer.Option("--all", help="Also ask every rule again, by today's facts, and say why quiet ones are.")
    ] = False,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Its New Zealand date: the history finds it sooner."),
    ] = None,
) -> None:
    """Explain why an access got the outcome that it got.

    Looks into the history, and where that has it not yet, or there is none, through the kept assessments, the newest
    first, and through what was parked. By the facts of today it says what was looked at where no work reason was found,
    and why a work item that the access claimed does not hold.
    """
    settings = load()
    row = _from_history(settings, event_id, day.date() if day is not None else None)
    if row is not None:
        text = orjson.dumps(row.assessment)
        _explain(settings, row.assessment, text, as_json=as_json, every_rule=every_rule)
        return
    settings = connected(settings, needs=("kafka",))
    try:
        found, looked_at = asyncio.run(_newest(settings, settings.topic(ASSESSMENT_TOPIC), event_id, _is_about))
        parked = None
        if found is None:
            parked, _ = asyncio.run(_newest(settings, settings.topic(dead_letter_topic(ACCESS)), event_id))
    except (KafkaError, OSError) as error:
        raise CommandError(why_not(settings, error)) from None
    if found is not None:
        assessment = ASSESSMENT.validate_json(found.value)
        _explain(settings, assessment, found.value, as_json=as_json, every_rule=every_rule)
    elif parked is not None:
        raise CommandError(_parked(event_id, parked))
    else:
        raise CommandError(
            f"No assessment of {event_id} is kept ({looked_at} were looked at), and no parked record carries this id: "
            "it has not arrived, has not been assessed yet, or is older than what is kept."
        )


def _from_history(settings: Settings, event_id: str, day: date | None) -> "Row | None":
    """Return what the history has of an access; None where there is no history, or it has it not yet."""
    folder = settings.history_folder
    if folder is None or not folder.is_dir():
        return None
    from console.history import opened, purpose  # noqa: PLC0415 its libraries are slow to import
    from history.reading import HistoryReading  # noqa: PLC0415

    with opened(settings) as history:
        why_read = purpose("explain", "asked by command")
        found = HistoryReading(history.table).of_event(event_id, day, day, purpose=why_read)
    return found.rows[0] if found.rows else None


def _explain(settings: Settings, assessment: Assessment, text: bytes, *, as_json: bool, every_rule: bool) -> None:
    if as_json:
        say_json(text)
        return
    say(*said(assessment))
    unexplained = assessment.explanation is None and assessment.client_id is not None
    claimed = assessment.access is not None and assessment.access.work_id is not None
    # A claimed work item may not hold though another is a reason.
    if every_rule or unexplained or claimed or assessment.access is None:
        settings = connected(settings, needs=("kafka",))
        access = _access(settings, assessment.event_id)
        if every_rule or unexplained or (access is not None and access.work_id is not None):
            for line in lines(access, settings, every_rule=every_rule):
                say(line)


def _access(settings: Settings, event_id: str) -> Access | None:
    """Find the access itself, while it is kept."""
    try:
        record, _ = asyncio.run(_newest(settings, settings.topic(ACCESS), event_id, _is_access))
    except (KafkaError, OSError) as error:
        raise CommandError(why_not(settings, error)) from None
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
    with Console(stderr=True).status(Line(f"looking for {event_id}")) as status:
        async with backwards(aiokafka_options(settings), topic) as steps:
            async for records in steps:
                looked_at += len(records)
                status.update(Line(f"looking for {event_id}: {looked_at} records"))
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
