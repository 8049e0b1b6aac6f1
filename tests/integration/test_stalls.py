"""No stall is silent: whatever hangs, ``/livez`` turns red, the stacks are logged, and the worker ends with 70."""

from pathlib import Path

import pytest

from stream.settings import Settings
from stream.watchdog import EXIT_STUCK
from tests.integration.test_worker import NOW, assessed
from tests.support.worker import AWAITED_SECONDS_MAX, a_worker, eventually, publish

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

#: What hangs -> where its stack must be seen to stand.
FAULTS = {
    "agent": "_hang",
    "loop": "block",
    "produce": "_hang",
    "redis": "_hang",
    "commit": "_hang",
    "fetcher": "_hang",
}


#: The others are left to ``make test-long``: each takes the time that a stall is given, and then some.
QUICK = {"agent"}


@pytest.mark.parametrize(
    "fault", [fault if fault in QUICK else pytest.param(fault, marks=pytest.mark.long) for fault in FAULTS]
)
async def test_whatever_hangs_ends_the_worker_and_the_next_one_finishes_the_work(
    settings: Settings, environment: dict[str, str], tmp_path: Path, fault: str
) -> None:
    """A hanging agent, event loop, produce, Redis call, commit or fetcher: red, stacks, 70; then nothing is missing."""
    quick = environment | {"ACCESSWATCH_STUCK_SECONDS": "5"}
    with a_worker(quick, tmp_path, fault=fault) as worker:
        published = 0
        while "FAULT INJECTED" not in worker.log():
            await publish(settings, "cms.access.v1", [("s1", an_access(published))])
            published += 1
            assert published < 1_000, "the fault was not injected"
        if fault != "loop":  # a standing event loop answers no web request, which is red as well
            eventually(lambda: worker.page("/livez")[0] in {503, 0}, worker.log())
        assert worker.process.wait(AWAITED_SECONDS_MAX) == EXIT_STUCK
        assert "no-progress" in worker.log()
        assert FAULTS[fault] in worker.log()
    with a_worker(environment, tmp_path):
        assert set(await assessed(settings, published)) == {f"e{number}" for number in range(published)}


async def test_a_join_that_is_answered_with_an_unknown_error_is_tried_again(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """As brokers do while groups move from one to the other: the member must not stay outside for good."""
    with a_worker(environment, tmp_path, fault="join") as worker:
        worker.wait_ready()
        assert worker.log().count("FAULT INJECTED") > 1, "no join was refused"
        await publish(settings, "cms.access.v1", [("s1", an_access(0))])
        assert set(await assessed(settings, 1)) == {"e0"}


def an_access(number: int) -> dict[str, str]:
    """An access of somebody unknown to nothing."""
    return {"event_id": f"e{number}", "occurred_at": NOW.isoformat(), "staff_id": "s1", "action": "search"}
