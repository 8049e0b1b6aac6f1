"""Canaries through a real worker: by command, by the schedule, and refused where somebody else uses an id."""

import json
import subprocess
from pathlib import Path

import pytest

from alerts.canaries import NOT_BY_ACCESS
from alerts.detection.registry import RULES
from stream.settings import Settings
from tests.support.console import accesswatch
from tests.support.worker import RunningWorker, a_worker, eventually, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

STAFF = ",".join(f"K-{number}" for number in range(6))
CLIENTS = ",".join(f"L-{number}" for number in range(41))
LIVE = set(RULES) - NOT_BY_ACCESS


@pytest.fixture
def reserved(environment: dict[str, str]) -> dict[str, str]:
    """An environment with reserved ids, enough for every rule; runs are begun by the test."""
    return environment | {
        "ACCESSWATCH_CANARY_STAFF": STAFF,
        "ACCESSWATCH_CANARY_CLIENTS": CLIENTS,
        "ACCESSWATCH_CANARY_HOURS": "0",
    }


def canary(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What the command ends with."""
    return accesswatch("canary", *arguments, environment=environment)


async def test_every_live_rule_finds_its_canary_and_nobody_is_asked(
    settings: Settings, reserved: dict[str, str], tmp_path: Path
) -> None:
    """Twice on a day; alerts are closed as canary, and neither listed nor counted."""
    with a_worker(reserved, tmp_path) as worker:
        for _ in range(2):
            ended = canary(reserved, "run", "--json")
            assert ended.stdout, ended.stderr
            findings = json.loads(ended.stdout)
            assert {one["rule"]: (one["result"], one["because"]) for one in findings} == dict.fromkeys(
                LIVE, ("found", None)
            ), ended.stderr
            assert ended.returncode == 0
        listed = accesswatch("alerts", "list", "--json", environment=reserved)
        assert json.loads(listed.stdout) == []
        assert worker.metric("accesswatch_alerts_total") == 0
        assert {one["outcome"] for one in await values(settings, "integrity.alert.v1")} == {"canary"}
        removed = canary(reserved, "remove")
        assert (removed.returncode, "are deleted" in removed.stdout) == (0, True)
        eventually(lambda: worker.metric("accesswatch_reference_records", kind="staff") == 0)
        assert worker.stop() == 0


def test_a_rule_that_does_not_find_its_canary_is_named(reserved: dict[str, str], tmp_path: Path) -> None:
    """The worker has other limits than the command: one rule is off there."""
    limits = tmp_path / "limits.yaml"
    limits.write_text("rules:\n  own-record:\n    stage: shadow\n", "utf-8")
    with a_worker(reserved | {"ACCESSWATCH_LIMITS": str(limits)}, tmp_path):
        ended = canary(reserved, "run", "--seconds", "15")
    assert ended.returncode == 1
    assert "1 rule has not found the access made for them" in ended.stderr
    assert [line for line in ended.stdout.splitlines() if "missed" in line and "own-record" in line], ended.stdout


async def test_an_id_that_somebody_else_uses_stops_them(
    settings: Settings, reserved: dict[str, str], tmp_path: Path
) -> None:
    """A record that is no canary's, then an access of somebody else; nothing is published."""
    somebody = {"staff_id": "K-0", "kind": "employee", "status": "active", "org_unit": "u"}
    await publish(settings, "ref.staff.v1", [("K-0", somebody)])
    with a_worker(reserved, tmp_path) as worker:
        ended = canary(reserved, "run")
        assert ended.returncode == 1
        said = "The staff id K-0 is reserved for canaries, and a staff record that is no canary's has it."
        assert said in ended.stderr
        assert await values(settings, "cms.access.v1") == []
        await publish(settings, "ref.staff.v1", [("K-0", None)])
        access = {"event_id": "e-1", "occurred_at": "2026-11-20T12:00:00+13:00", "staff_id": "s-1", "client_id": "L-3"}
        await publish(settings, "cms.access.v1", [("s-1", access | {"action": "view"})])
        eventually(lambda: "L-3" in canary(reserved, "run", "--seconds", "5").stderr)
        ended = canary(reserved, "run", "--seconds", "5")
        assert "The client id L-3 is reserved for canaries, and accesses with ids that are not" in ended.stderr
        assert "L-3" not in worker.log()
        assert len(await values(settings, "cms.access.v1")) >= 1


def test_without_ids_or_a_worker_it_says_so(reserved: dict[str, str], tmp_path: Path) -> None:
    """One sentence each."""
    without = {name: value for name, value in reserved.items() if "CANARY" not in name}
    with a_worker(reserved, tmp_path):
        assert "No ids are reserved for canaries" in canary(without, "run").stderr
    ended = canary(reserved, "run", "--seconds", "3")
    assert ended.returncode == 1
    assert "is a worker running?" in ended.stderr


@pytest.mark.long
def test_a_worker_runs_them_by_itself(reserved: dict[str, str], tmp_path: Path) -> None:
    """Every few hours, one worker of all; what it finds is counted."""
    environment = reserved | {"ACCESSWATCH_CANARY_HOURS": "1"}
    with a_worker(environment, tmp_path) as worker:
        eventually(lambda: found(worker) == len(LIVE))
        assert worker.metric("accesswatch_canary_seconds_count") == len(LIVE)
        assert worker.metric("accesswatch_canary_found_total", result="missed") == 0


def found(worker: RunningWorker) -> float:
    """How many canaries were found."""
    return worker.metric("accesswatch_canary_found_total", result="found")
