"""The slice of the fault suite that ``make test`` runs: every plug pulled once; and a checker that can see."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fleet import STOCK_COMMAND
from tests.faults.kinds import FAULTS
from tests.faults.run import Report, run
from tests.faults.scene import Plan
from tests.faults.stand import Stand, a_stand

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(420)]

SEED = 2026
#: One after the other; what stands together is put in together.
ROUNDS = [
    ["first-minutes"],
    ["worker-kill"],
    ["worker-term"],
    ["redis-flushall"],
    ["redis-lost", "webhook-away"],
    ["broker-kill"],
    ["transactions", "worker-kill"],
    ["redis-freeze", "worker-kill"],
]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One broker and one Valkey of their own, to be killed."""
    with a_stand(tmp_path_factory.mktemp("stand"), 1) as stand:
        yield stand


async def test_whatever_is_pulled_nothing_is_lost_stuck_or_said_twice(stand: Stand, tmp_path: Path) -> None:
    """With poison, duplicates, disorder, clock skew and New Zealand's daylight-saving days in the stream all along."""
    rounds = [[FAULTS[kind] for kind in kinds] for kinds in ROUNDS]
    report = await run(Plan(SEED, named=True), stand, tmp_path, rounds, quick=True)
    _say(report)
    assert report.passed, report.text()
    assert [one.kind for one in report.struck] == [kind for kinds in ROUNDS for kind in kinds]


async def test_the_checker_sees_what_fausts_own_consumer_loses(stand: Stand, tmp_path: Path) -> None:
    """The same run over stock Faust: committed accesses without an outcome are found. A checker that is blind fails."""
    rounds = [[FAULTS["redis-freeze"], FAULTS["worker-term"]]]
    report = await run(Plan(SEED, command=STOCK_COMMAND), stand, tmp_path, rounds, quick=True)
    _say(report)
    committed = [sentence for sentence in report.findings["lost"] if "is committed and has no outcome" in sentence]
    assert committed, report.text()
    assert report.findings["early commits"], report.text()


def _say(report: Report) -> None:
    print(report.text())  # noqa: T201 the seed and what was injected, in the output of a failing test or of -s
