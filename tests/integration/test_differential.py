"""The real worker against the rules once more, slowly and obviously: a random day through Kafka, no difference."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from alerts.detection.registry import RULES
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.settings import Settings
from tests.support.plain_rules import PAIR, SEVERITIES, Doc, PlainRules, Verdict, World, nz_day, when
from tests.support.random_day import RandomDay
from tests.support.worker import a_worker, all_assessed, eventually_async, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

SEED = 20261120
IDS = {
    "staff": "staff_id", "client": "client_id", "relationship": "relationship_id", "work": "work_id",
    "watchlist": "entry_id", "agreement": "agreement_id",
}  # fmt: skip


async def test_the_worker_says_what_the_rules_say(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """The same outcome, hits, severities and abstentions of each access each time, and the same alerts."""
    day = RandomDay(SEED)
    expected: dict[str, list[Verdict]] = defaultdict(list)
    plain = PlainRules(day.world)
    for access in day.accesses:
        expected[access["event_id"]].append(plain.judge(access))
    assert not_asked(expected) == [], "the day does not ask every rule"
    for kind, field in IDS.items():
        records: list[Doc] = getattr(day.world, kind)
        await publish(settings, f"ref.{kind}.v1", [(one[field], one) for one in records])
    # All of it before the worker starts: what is sent in batches arrives partition by partition.
    await play(settings, day.accesses)
    with a_worker(environment, tmp_path) as worker:
        all_assessed(worker, len(day.accesses))
        found: dict[str, list[Verdict]] = defaultdict(list)
        for assessment in await values(settings, "integrity.assessment.v1"):
            found[assessment["event_id"]].append(verdict(assessment))
        assert differences(expected, found) == []
        wanted = alerts_of(day.world, day.accesses, expected)
        hits = sum(len(one["events"]) for one in wanted.values())

        async def newest() -> dict[str, Doc]:
            """The newest revision of each alert; empty while revisions are still on their way."""
            alerts = {alert["alert_id"]: alert for alert in await values(settings, "integrity.alert.v1")}
            return alerts if sum(alert["access_count"] for alert in alerts.values()) >= hits else {}

        found_alerts = await eventually_async(newest)
        assert compared(found_alerts) == {key: one | {"events": len(one["events"])} for key, one in wanted.items()}


async def play(settings: Settings, accesses: list[Doc]) -> None:
    """Publish in order, a millisecond apart, as the time of the records says too."""
    first = int(when(accesses[-1]["occurred_at"]).timestamp() * 1000)
    async with Publisher(aiokafka_options(settings)) as publisher:
        for number, access in enumerate(accesses):
            key, value = access["staff_id"].encode(), json.dumps(access).encode()
            await publisher.send(settings.topic("cms.access.v1"), key, value, timestamp_ms=first + number)
        await publisher.flush()


def verdict(assessment: Doc) -> Verdict:
    """What an assessment says, in the other's words."""
    answers = assessment["answers"]
    return Verdict(
        assessment["outcome"],
        {one["rule"]: one["severity"] for one in answers if one["answer"] == "hit"},
        {one["rule"] for one in answers if one["answer"] == "abstain"},
    )


def not_asked(expected: dict[str, list[Verdict]]) -> list[str]:
    """The rules that never hit on this day: comparing says nothing about them."""
    hits = Counter(rule for verdicts in expected.values() for one in verdicts for rule in one.hits)
    return [rule for rule in RULES if hits[rule] < 2 and rule != "unanswered-notice"]


def differences(expected: dict[str, list[Verdict]], found: dict[str, list[Verdict]]) -> list[tuple[str, Any, Any]]:
    """The first few events about which the two differ."""
    return [
        (event, expected.get(event), found.get(event))
        for event in sorted(expected.keys() | found.keys())
        if expected.get(event) != found.get(event)
    ][:5]


def alerts_of(world: World, accesses: list[Doc], expected: dict[str, list[Verdict]]) -> dict[Any, Doc]:
    """The alerts that the hits make: one for each staff member, client (or none) and New Zealand day."""
    alerts: dict[Any, Doc] = {}
    integrity = {one["staff_id"] for one in world.staff if "internal_integrity" in one["roles"]}
    for access in accesses:
        for one in expected[access["event_id"]]:
            for rule, severity in one.hits.items():
                client = access["client_id"] if rule in PAIR else None
                key = (access["staff_id"], client, nz_day(when(access["occurred_at"])).isoformat())
                alert = alerts.setdefault(key, {"rules": set(), "severity": "low", "events": set()})
                alert["rules"].add(rule)
                alert["severity"] = max(alert["severity"], severity, key=SEVERITIES.index)
                alert["events"].add(access["event_id"])
                alert["conflicted"] = access["staff_id"] in integrity
    return alerts


def compared(newest: dict[str, Doc]) -> dict[Any, Doc]:
    """The same of the alerts as they were published."""
    return {
        (one["staff_id"], one["client_id"], one["day"]): {
            "rules": set(one["rules"]),
            "severity": one["severity"],
            "events": one["access_count"],
            "conflicted": one["conflicted"],
        }
        for one in newest.values()
    }
