"""Work that becomes known after an access, through a real worker: its assessment is renewed, once, either way round."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stream.settings import Settings
from tests.support.console import accesswatch
from tests.support.mail_and_hooks import Mailbox, smtp_server
from tests.support.own_valkey import OwnValkey
from tests.support.topics import read_at_least
from tests.support.worker import a_worker, eventually, eventually_async, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
ASSESSMENT = "integrity.assessment.v1"


def a_staff_member(staff_id: str = "s1", **more: object) -> tuple[str, dict[str, Any]]:
    """A case manager of u1."""
    staff = {"staff_id": staff_id, "kind": "employee", "status": "active", "org_unit": "u1", "roles": ["case_manager"]}
    return staff_id, staff | more


def a_client(client_id: str, **more: object) -> tuple[str, dict[str, Any]]:
    """An active client."""
    return client_id, {"client_id": client_id, "status": "active"} | more


def an_access(event_id: str, client_id: str, **more: object) -> tuple[str, dict[str, Any]]:
    """S1 views a client's record now."""
    access = {"event_id": event_id, "occurred_at": NOW.isoformat(), "staff_id": "s1", "client_id": client_id}
    return "s1", access | {"action": "view"} | more


def work(work_id: str, client_id: str, **more: object) -> tuple[str, dict[str, Any]]:
    """An application of a client that is u1's."""
    item = {"work_id": work_id, "client_id": client_id, "kind": "application", "org_unit": "u1"}
    return work_id, item | {"opened_at": (NOW - HOUR).isoformat()} | more


async def said_of(settings: Settings, event_id: str, times: int) -> list[dict[str, Any]]:
    """Wait until an access was assessed so often; give each."""

    async def there() -> list[dict[str, Any]] | None:
        found = [one for one in await values(settings, ASSESSMENT) if one["event_id"] == event_id]
        return found if len(found) >= times else None

    return await eventually_async(there)


async def test_an_assessment_is_renewed_once_when_its_work_becomes_known(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Unexplained becomes explained, a hit stays one; work for another client or unit renews nothing."""
    await publish(settings, "ref.staff.v1", [a_staff_member()])
    await publish(settings, "ref.client.v1", [a_client("c1"), a_client("c2", restricted=True), a_client("c3")])
    with a_worker(environment, tmp_path) as worker:
        accesses = [an_access("e1", "c1"), an_access("e2", "c2"), an_access("e3", "c3")]
        await publish(settings, "cms.access.v1", list(accesses))
        (first,) = await said_of(settings, "e1", 1)
        assert (first["outcome"], first["explanation"], first["explained_later"]) == ("unexplained", None, False)
        await said_of(settings, "e3", 1)
        await publish(settings, "ref.work.v1", [work("w3", "c3", org_unit="u9")])
        await publish(settings, "ref.work.v1", [work("w1", "c1"), work("w2", "c2")])
        *_, renewed = await said_of(settings, "e1", 2)
        assert (renewed["outcome"], renewed["explanation"]["id"]) == ("explained", "w1")
        assert renewed["explained_later"] is True
        assert {**first, "outcome": "", "explanation": "", "explained_later": ""} == {
            **renewed, "outcome": "", "explanation": "", "explained_later": "",
        }  # fmt: skip
        *_, hit = await said_of(settings, "e2", 2)
        assert (hit["outcome"], hit["explanation"]["id"], hit["explained_later"]) == ("hit", "w2", True)
        eventually(lambda: worker.metric("accesswatch_renewed_total") == 2)
        # A changed item, and one more, renew nothing: what was renewed waits no longer.
        await publish(settings, "ref.work.v1", [work("w1", "c1", closed_at=NOW.isoformat()), work("w4", "c1")])
        await publish(settings, "cms.access.v1", [an_access("e4", "c1")])
        (last,) = await said_of(settings, "e4", 1)
        assert last["outcome"] == "explained"
        assert len(await said_of(settings, "e1", 2)) == 2
        assert len(await said_of(settings, "e3", 1)) == 1
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 4)
        assert worker.metric("accesswatch_renewed_total") == 2
        assert worker.stop() == 0


async def test_accesses_that_waited_in_a_lost_redis_wait_again(
    settings: Settings, on_it: dict[str, str], valkey: OwnValkey, tmp_path: Path
) -> None:
    """Read again from Kafka; those that were renewed before are not renewed again, whatever becomes known."""
    await publish(settings, "ref.staff.v1", [a_staff_member()])
    await publish(settings, "ref.client.v1", [a_client("c1"), a_client("c2"), a_client("c3")])
    with a_worker(on_it, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [an_access("e1", "c1"), an_access("e2", "c2"), an_access("e3", "c3")])
        await said_of(settings, "e3", 1)
        await publish(settings, "ref.work.v1", [work("w1", "c1")])
        await said_of(settings, "e1", 2)
        with valkey.connection() as connection:
            eventually(lambda: len(list(connection.scan_iter(match="*:late:c*"))) == 2)
            connection.flushall()
            await asyncio.to_thread(eventually, lambda: "late-work-refilled" in worker.log(), worker.log())
            assert len(list(connection.scan_iter(match="*:late:c*"))) == 2
        await publish(settings, "ref.work.v1", [work("w2", "c2"), work("w4", "c1")])
        _, renewed = await said_of(settings, "e2", 2)
        assert (renewed["outcome"], renewed["explanation"]["id"]) == ("explained", "w2")
        assert (len(await said_of(settings, "e1", 2)), len(await said_of(settings, "e3", 1))) == (2, 1)
        assert worker.stop() == 0


async def test_work_of_the_time_in_which_redis_was_lost_renews_too(
    settings: Settings, on_it: dict[str, str], valkey: OwnValkey, tmp_path: Path
) -> None:
    """Nobody waited when it came: what is put back is compared with what is known."""
    await publish(settings, "ref.staff.v1", [a_staff_member()])
    await publish(settings, "ref.client.v1", [a_client("c1")])
    with a_worker(on_it, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [an_access("e1", "c1")])
        await said_of(settings, "e1", 1)
        assert worker.stop() == 0
    with valkey.connection() as connection:
        connection.flushall()
    await publish(settings, "ref.work.v1", [work("w1", "c1")])
    with a_worker(on_it, tmp_path) as worker:
        _, renewed = await said_of(settings, "e1", 2)
        assert (renewed["outcome"], renewed["explained_later"]) == ("explained", True)
        assert worker.stop() == 0


NOTICE_LIMITS = """
rules:
  repeat-visits:
    days_min: 1
    days_medium: 30
    settle_minutes: 0.02
"""


async def test_a_notice_reaches_the_staff_member_and_says_nothing(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """An e-mail to the address made of the id, with where to answer; Internal Integrity's list is empty.

    Answered as a mistake, their manager and the Privacy Officer are told, of neither whose nor which record.
    """
    limits, delivery, mailbox = tmp_path / "limits.yaml", tmp_path / "delivery.yaml", Mailbox()
    limits.write_text(NOTICE_LIMITS, "utf-8")
    async with smtp_server(mailbox) as port:
        delivery.write_text(
            f"channels:\n  staff-mail:\n    kind: staff_email\n    host: 127.0.0.1\n    port: {port}\n"
            "    security: none\n    sender: accesswatch@agency.example\n"
            '    address: "{staff_id}@agency.example"\n'
            "notices:\n  channel: staff-mail\n  answer_url: https://questions.agency.example\n"
            "  privacy_officer: privacy@agency.example\nroutes: []\n",
            "utf-8",
        )
        given = environment | {"ACCESSWATCH_LIMITS": str(limits), "ACCESSWATCH_DELIVERY": str(delivery)}
        await publish(settings, "ref.staff.v1", [a_staff_member(manager_id="s7")])
        await publish(settings, "ref.client.v1", [a_client("c1")])
        with a_worker(given, tmp_path) as worker:
            await publish(settings, "cms.access.v1", [an_access("e1", "c1")])
            await asyncio.to_thread(eventually, lambda: mailbox.raw, worker.log())
            eventually(lambda: worker.metric("accesswatch_notices_total", rule="repeat-visits") == 1)
            assert worker.metric("accesswatch_alerts_total") == 0
            name = settings.topic("integrity.alert.v1")
            alerts = [json.loads(one.value) for one in await read_at_least(str(settings.kafka), name, 2)]
            assert [(one["status"], one["audience"]) for one in alerts] == [("pending", "actor"), ("new", "actor")]
            (raw,) = mailbox.raw
            assert b"To: s1@agency.example" in raw
            assert f"https://questions.agency.example/{alerts[0]['alert_id']}".encode() in raw
            for unsaid in (b"c1", b"repeat", b"Same client", b"medium"):
                assert unsaid not in raw
            alert_id = alerts[0]["alert_id"]
            answered = await asyncio.to_thread(
                accesswatch, "notices", "answer", alert_id, "--mistake", environment=given
            )
            assert answered.returncode == 0, answered.stderr
            await asyncio.to_thread(eventually, lambda: len(mailbox.raw) == 3, worker.log())
            told = {next(line for line in raw.splitlines() if line.startswith(b"To:")): raw for raw in mailbox.raw[1:]}
            assert told.keys() == {b"To: s7@agency.example", b"To: privacy@agency.example"}
            for raw in told.values():
                assert alert_id.encode() in raw
                for unsaid in (b"c1", b"s1", b"repeat"):
                    assert unsaid not in raw.replace(alert_id.encode(), b"")
            assert worker.stop() == 0
