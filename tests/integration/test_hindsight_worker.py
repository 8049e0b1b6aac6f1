"""Work and self reports that arrive after the access, through a real worker on a real Kafka and Valkey."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.settings import Settings
from tests.support.worker import a_worker, eventually_async, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
RESTRICTED = {"client_id": "c1", "status": "active", "restricted": True}
ACTOR = {"staff_id": "s1", "kind": "employee", "status": "active", "org_unit": "u1", "roles": ["case_manager"]}


def an_access(event_id: str, at: datetime = NOW, **more: object) -> tuple[str, dict[str, Any]]:
    """S1 views c1."""
    access = {"event_id": event_id, "occurred_at": at.isoformat(), "staff_id": "s1", "client_id": "c1"}
    return "s1", access | {"action": "view"} | more


def work(work_id: str, **more: object) -> tuple[str, dict[str, Any]]:
    """An application of c1 that is u1's."""
    opened = (NOW - HOUR).isoformat()
    item = {"work_id": work_id, "client_id": "c1", "kind": "application", "org_unit": "u1", "opened_at": opened}
    return work_id, item | more


def a_report(report_id: str, until: datetime) -> tuple[str, dict[str, Any]]:
    """S1 reports what they opened of c1 today until then."""
    times = {"accessed_from": NOW - HOUR, "accessed_to": until, "reported_at": NOW + HOUR / 60}
    times_as_text = {name: at.isoformat() for name, at in times.items()}
    return report_id, {"report_id": report_id, "staff_id": "s1", "client_id": "c1", **times_as_text}


async def newest(settings: Settings, revision: int) -> dict[str, Any]:
    """Wait for so many revisions of the one alert; give the last."""

    async def there() -> dict[str, Any] | None:
        found = await values(settings, "integrity.alert.v1")
        assert len({alert["alert_id"] for alert in found}) <= 1
        return found[-1] if found and found[-1]["revision"] >= revision else None

    return await eventually_async(there)


async def published_at(settings: Settings, at: datetime, key: str, value: dict[str, Any]) -> None:
    """Publish a work item as one that Kafka was given at another time."""
    async with Publisher(aiokafka_options(settings)) as publisher:
        topic, content = settings.topic("ref.work.v1"), json.dumps(value).encode()
        await publisher.send(topic, key.encode(), content, timestamp_ms=int(at.timestamp() * 1000))
        await publisher.flush()


def marks(alert: dict[str, Any]) -> dict[str, bool]:
    """The alert's rules, and which of them are explained later."""
    return {reason["rule"]: reason["explained_later"] for reason in alert["reasons"]}


async def test_work_that_becomes_known_later_explains_and_closes(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """The unit's work, by the roles that the actor had; published too late by a minute it changes nothing."""
    await publish(settings, "ref.staff.v1", [("s1", ACTOR)])
    await publish(settings, "ref.client.v1", [("c1", RESTRICTED)])
    yesterday = NOW - 30 * HOUR
    with a_worker(environment, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [an_access("e1", yesterday)])
        raised = await newest(settings, 1)
        assert (raised["status"], marks(raised)) == ("pending", {"restricted-record": False})
        opened = (yesterday + HOUR).isoformat()
        await published_at(settings, yesterday + timedelta(hours=24, minutes=1), *work("w0", opened_at=opened))
        await published_at(settings, yesterday + 2 * HOUR, *work("w1", opened_at=opened))
        explained = await newest(settings, 2)
        assert (explained["revision"], explained["status"], explained["outcome"]) == (2, "closed", "explained")
        assert marks(explained) == {"restricted-record": True}
        for same in ("severity", "rules", "policy", "access_count", "event_ids", "raised_at"):
            assert raised[same] == explained[same]
        assert worker.stop() == 0


async def test_a_self_report_covers_until_another_access_takes_it_back(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Reported before the hit is taken, uncovered by a later access, covered by a wider report, and withdrawn."""
    await publish(settings, "ref.staff.v1", [("s1", ACTOR | {"client_ids": ["c1"]})])
    await publish(settings, "ref.self_report.v1", [a_report("p1", NOW)])
    with a_worker(environment, tmp_path) as worker:
        # The report may be taken before the hit or after it: in the end it covers.
        await publish(settings, "cms.access.v1", [an_access("e1")])

        async def covered() -> bool:
            return (await newest(settings, 1))["self_reported"] is True

        await eventually_async(covered)
        first = await newest(settings, 1)
        assert (first["severity"], first["self_reported"]) == ("medium", True)
        await publish(settings, "cms.access.v1", [an_access("e2", NOW + timedelta(seconds=1))])
        second = await newest(settings, first["revision"] + 1)
        assert (second["severity"], second["self_reported"], second["access_count"]) == ("high", False, 2)
        await publish(settings, "ref.self_report.v1", [a_report("p2", NOW + HOUR / 60)])
        third = await newest(settings, second["revision"] + 1)
        assert (third["severity"], third["self_reported"]) == ("medium", True)
        await publish(settings, "ref.self_report.v1", [("p2", None)])
        fourth = await newest(settings, third["revision"] + 1)
        assert (fourth["severity"], fourth["self_reported"], fourth["status"]) == ("high", False, "new")
        assert worker.stop() == 0
