"""The parts of ``accesswatch explain`` that rest on today's facts, which may not be those of the judgement."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from alerts.judging import Rulebook
from alerts.limits import load as load_limits
from alerts.looked_at import looked_at, unheld
from alerts.rules.form import Abstain, Answered, Hit, Quiet
from enrichment.directory import NotReadable
from enrichment.redis_today import Today
from enrichment.redis_windows import RedisWindows
from enrichment.wire import Access
from stream import RELEASE
from stream.commands.failure import CommandFailed
from stream.connections import connected
from stream.redis_link import connect, namespace
from stream.settings import Settings


@dataclass(frozen=True, slots=True)
class SeenToday:
    """What today's facts say of an access."""

    work: tuple[str, ...]
    rules: tuple[tuple[str, str, Answered], ...]
    limits: str


def lines(access: Access | None, settings: Settings, *, every_rule: bool) -> Iterator[str]:
    """Say what was looked at for work, and what each rule says where that is asked for; always that it is today's."""
    if access is None:
        yield "What was looked at is not known: the access itself is no longer kept."
        return
    try:
        today = asyncio.run(_look(access, connected(settings, needs=("redis",))))
    except (NotReadable, CommandFailed) as error:
        yield f"What was looked at cannot be said now: {str(error).rstrip('.')}."
        return
    if today.work:
        yield "Looked at for work, by the facts of today:"
        yield from (f"  {sentence}" for sentence in today.work)
    if every_rule:
        yield f"Every rule, by the facts of today and limits {today.limits}:"
        yield from (_said(rule, stage, answered) for rule, stage, answered in today.rules)


async def _look(access: Access, settings: Settings) -> SeenToday:
    rulebook = Rulebook(load_limits(settings.limits), RELEASE)
    client = connect(settings)
    try:
        today = Today(client, namespace(settings))
        (facts,) = await today.facts_for([access], rulebook.limits.hops_max)
        case = rulebook.case(access, facts)
        windows = RedisWindows(client, namespace(settings))
        (answered,) = await windows.look([rulebook.noted(case)])
        claimed = await today.client_of_work(access.work_id)
        say = unheld if case.work_reasons else looked_at
        work = tuple(say(access, facts, rulebook.limits.policy, claimed))
    finally:
        await client.aclose()
    asked = {rule.id: answer for rule, answer in rulebook.asked(case.with_windows(answered))}
    rules = tuple(
        (rule, limits.stage, asked.get(rule, Quiet("the rule is off")))
        for rule, limits in rulebook.limits.rules.items()
    )
    return SeenToday(work, rules, rulebook.limits.hash)


def _said(rule: str, stage: str, answered: Answered) -> str:
    shown = "" if stage == "live" else f", {stage}"
    match answered:
        case Hit(severity, sentence, _):
            return f"  {rule} (hit, {severity}{shown}): {sentence}"
        case Abstain(missing):
            return f"  {rule} (abstain{shown}): {missing} is not known."
        case Quiet(because):
            return f"  {rule} (quiet{shown}): {because}."
