"""A changed limits file is taken by a running worker, and a bad one changes nothing."""

from pathlib import Path
from typing import Any

import pytest

from stream.settings import Settings
from tests.integration.test_worker import a_staff_member, an_access, assessed
from tests.support.worker import a_worker, eventually, publish

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


async def test_limits_change_under_a_running_worker(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Live, then shadow, then a mistake: each access is judged by the file in force, and its hash says which."""
    limits = tmp_path / "limits.yaml"
    limits.write_text("rules: {own-record: {stage: live}}\n", "utf-8")
    await publish(settings, "ref.staff.v1", [a_staff_member("s1", client_ids=["c1"])])
    await publish(settings, "ref.client.v1", [("c1", {"client_id": "c1", "status": "active"})])
    with a_worker(environment | {"ACCESSWATCH_LIMITS": str(limits)}, tmp_path) as worker:
        live = await judged(settings, 1)
        limits.write_text("rules: {own-record: {stage: shadow}}\n", "utf-8")
        eventually(lambda: live["versions"]["limits"] not in worker.page("/metrics")[1])
        shadow = await judged(settings, 2)
        limits.write_text("rules: {own-record: {stage: perhaps}}\n", "utf-8")
        eventually(lambda: worker.metric("accesswatch_limits_reload_failures_total") >= 1)
        kept = await judged(settings, 3)
        assert "own-record.stage" in worker.log()
    assert (live["outcome"], live["answers"][0]["stage"]) == ("hit", "live")
    assert (shadow["outcome"], shadow["answers"][0]["stage"]) == ("unexplained", "shadow")
    assert shadow["versions"]["limits"] == kept["versions"]["limits"] != live["versions"]["limits"]


async def judged(settings: Settings, number: int) -> dict[str, Any]:
    """Publish one more access of s1 to their own record, and give its assessment."""
    await publish(settings, "cms.access.v1", [("s1", an_access(f"e{number}", client_id="c1"))])
    return (await assessed(settings, number))[f"e{number}"]
