"""``accesswatch rules list`` and ``show``, and ``explain`` with what rests on today's facts."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from alerts.detection.registry import RULES
from stream.settings import Settings
from tests.support.console import accesswatch
from tests.support.worker import a_worker, eventually, publish

STAFF = {"staff_id": "s1", "kind": "employee", "status": "active", "org_unit": "u1"}
ACCESS: dict[str, Any] = {
    "occurred_at": "2026-11-20T12:00:00+13:00", "staff_id": "s1", "client_id": "c1", "action": "view",
}  # fmt: skip
OTHERS_WORK = {
    "work_id": "w1", "client_id": "c2", "kind": "call", "staff_id": "s1", "opened_at": "2026-11-20T00:00:00Z",
}  # fmt: skip


def test_rules_are_listed_and_shown_without_kafka(environment: dict[str, str]) -> None:
    """Stage, limits, and each rule's page."""
    listed = accesswatch("rules", "list", "--quick", environment=environment)
    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.splitlines() if " live " in line] == list(RULES)
    shown = accesswatch("rules", "show", "volume", environment=environment)
    assert "clients_max 40" in shown.stdout
    assert "Innocent when" in shown.stdout
    unknown = accesswatch("rules", "show", "nonsense", environment=environment)
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)


@pytest.mark.services
@pytest.mark.usefixtures("topics")
async def test_explain_says_what_was_looked_at_and_every_rule(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """By today's facts, and it says so; a claimed work item of another client does not hold."""
    await publish(settings, "ref.staff.v1", [("s1", STAFF)])
    await publish(settings, "ref.client.v1", [("c1", {"client_id": "c1", "status": "active", "restricted": True})])
    await publish(settings, "ref.work.v1", [("w1", OTHERS_WORK)])
    with a_worker(environment, tmp_path) as worker:
        accesses = [("s1", ACCESS | {"event_id": f"e{number}", "work_id": "w1"}) for number in range(2)]
        await publish(settings, "cms.access.v1", list(accesses))
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 2)
        eventually(lambda: worker.metric("accesswatch_access_to_alert_seconds_count") >= 1)
        explained = accesswatch("explain", "e1", environment=environment).stdout
        assert "Looked at for work, by the facts of today:" in explained
        assert "No work item for this client is known." in explained
        assert "The access carries work_id w1, which does not hold: it is for another client (c2)." in explained
        everything = accesswatch("explain", "e1", "--all", environment=environment).stdout
        assert "Every rule, by the facts of today" in everything
        assert all(f"  {rule} (" in everything for rule in RULES)
        assert "  own-record (quiet): the client record is none of the actor's own." in everything
        own = OTHERS_WORK | {"work_id": "w2", "client_id": "c1", "staff_id": "s1"}
        await publish(settings, "ref.work.v1", [("w2", own)])
        eventually(lambda: 'kind="work"} 2' in worker.page("/metrics")[1])
        await publish(settings, "cms.access.v1", [("s1", ACCESS | {"event_id": "e2", "work_id": "w1"})])
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 3)
        by_another = accesswatch("explain", "e2", environment=environment).stdout
        assert "Outcome: explained" in by_another
        assert "The access carries work_id w1, which does not hold: it is for another client (c2)." in by_another
        listed = accesswatch("rules", "list", environment=environment).stdout
        assert next(line for line in listed.splitlines() if line.startswith("restricted-record")).split()[-1] == "2"


@pytest.mark.services
@pytest.mark.usefixtures("topics")
@pytest.mark.long
async def test_other_limits_are_tried_on_past_accesses(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """From a file and from Kafka: what would appear and go, per rule, with examples; nothing is raised or noted."""
    await publish(settings, "ref.staff.v1", [("s1", STAFF)])
    await publish(settings, "ref.client.v1", [(f"c{n}", {"client_id": f"c{n}", "status": "active"}) for n in range(5)])
    accesses = [ACCESS | {"event_id": f"e{n}", "client_id": f"c{n}"} for n in range(5)]
    file, limits, packed = tmp_path / "accesses.jsonl", tmp_path / "new.yaml", tmp_path / "accesses.jsonl.gz"
    file.write_text("".join(json.dumps(one) + "\n" for one in [*accesses, {"no": "access"}]))
    packed.write_bytes(gzip.compress(file.read_bytes()))
    limits.write_text("rules: {volume: {clients_max: 2}}")
    with a_worker(environment, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [("s1", one) for one in accesses])
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 5)
        for source in (["--from-file", str(file)], ["--from-file", str(packed)], ["--since", "1h"]):
            tried = accesswatch("rules", "try", "--limits", str(limits), *source, environment=environment)
            assert tried.returncode == 0, tried.stderr
            assert "5 accesses, limits " in tried.stdout
            assert "facts are those of today" in tried.stdout
            assert "Alerts a day, over 1 day: 0.0 now, 1.0 new." in tried.stdout
            assert "volume: 0 hits now, 3 new; 3 appear, 0 go." in tried.stdout
            assert "  appears e2: Client record c2 was viewed" in tried.stdout
        assert worker.metric("accesswatch_accesses_total") == 5
        assert worker.metric("accesswatch_alerts_total") == 0
    wrong = accesswatch("rules", "try", "--limits", str(limits), "--since", "soon", environment=environment)
    assert wrong.returncode == 2
