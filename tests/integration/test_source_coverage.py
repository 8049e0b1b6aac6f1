"""Whether a source is whole: kept in the store over restarts, by several workers at a time, and shown as metrics."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from agents.coverage import GAP_SECONDS, Coverage
from agents.metrics import Metrics
from agents.retry import Hold
from alerts.store.database import Database, NotPossible
from alerts.store.sources import DAY_RECORDS_MIN, DAYS_KEPT, Arrived, SourceStore
from enrichment.mapping.outcome import Mapped, Outcome, Refused, Skipped
from enrichment.mapping.sequence import Gap
from stream.settings import Settings
from stream.topics import raw_topic
from tests.support.console import accesswatch
from tests.support.raw_sources import a_folder, opened
from tests.support.worker import a_worker, eventually, publish

#: A Tuesday noon in New Zealand.
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC) - timedelta(hours=13)
TODAY = date(2026, 11, 24)


@pytest.fixture
def store(url: str) -> Iterator[SourceStore]:
    """An empty store, once for each kind of database."""
    database = Database.open(url, create=True)
    yield SourceStore(database)
    database.close()


def came(*numbers: int, at: datetime = NOW) -> Arrived:
    """Return what came: these numbers, today."""
    return Arrived(at, numbers={TODAY: list(numbers)})


def test_what_came_twice_counts_once(store: SourceStore) -> None:
    """A batch is noted again after a crash: neither the runs nor the day's count change."""
    for _ in range(2):
        store.note({"cms": came(1, 2, 5)}, NOW)
    (one,) = store.coverage()
    assert one.gaps() == [Gap(3, 4, int(NOW.timestamp() * 1000))]
    assert [(day.day, day.records) for day in one.days] == [(TODAY, 3)]
    assert one.newest == NOW


def test_workers_that_note_at_the_same_time_lose_nothing(store: SourceStore) -> None:
    """Each has its partitions of one sequence: what one adds the other does not take away."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda first: store.note({"cms": came(*range(first, 400, 4))}, NOW), range(4)))
        list(threads.map(lambda number: store.note({"cms": came(number)}, NOW), range(400, 440)))
    (one,) = store.coverage()
    assert [(first, last) for first, last, _ in one.runs] == [(0, 439)]
    assert one.days[0].records == 440


def test_a_gap_is_accepted_by_somebody_with_a_reason(store: SourceStore) -> None:
    """Once: what is not missing cannot be accepted."""
    store.note({"cms": came(1, 5)}, NOW)
    assert store.accept("cms", 2, 4, by="S-1", because="rolled back", now=NOW) == 3
    assert store.coverage()[0].gaps() == []
    for source, first in ("cms", 2), ("other", 1):
        with pytest.raises(NotPossible, match=f"of the source {source} is missing"):
            store.accept(source, first, first + 2, by="S-1", because="again", now=NOW)


def test_days_are_counted_compared_and_forgotten(store: SourceStore) -> None:
    """Against what the source counts, and against the same weekday of the weeks before."""
    usual = DAY_RECORDS_MIN * 2
    for week in range(1, 4):
        store.note({"cms": Arrived(NOW, {TODAY - timedelta(weeks=week, days=1): usual})}, NOW)
    store.note({"cms": Arrived(NOW, {TODAY - timedelta(days=1): usual // 4})}, NOW)
    (one,) = store.coverage(["cms"])
    assert one.share_of_usual(TODAY) == 0.25
    # Sunday, and a weekday without enough before it.
    assert one.share_of_usual(TODAY - timedelta(days=1)) == 1.0
    assert one.share_of_usual(TODAY + timedelta(days=1)) == 1.0
    assert one.missing_of_days() == 0
    store.counted("cms", TODAY - timedelta(days=1), usual)
    store.counted("cms", TODAY - timedelta(weeks=1, days=1), usual - 10)
    assert store.coverage(["cms"])[0].missing_of_days() == usual - usual // 4
    assert store.coverage(["other"]) == []
    later = NOW + timedelta(days=DAYS_KEPT + 30)
    store.note({"cms": Arrived(later)}, later)
    assert store.coverage()[0].days == ()


async def test_what_is_shown(store: SourceStore) -> None:
    """A refused or skipped record came, too; a number is missing once it is no longer only late."""
    metrics, now = Metrics(), NOW
    coverage = Coverage(store, Hold("adapt", metrics), metrics, ["cms", "silent"], lambda: now)
    await coverage.register()
    outcomes: list[list[Outcome]] = [
        [Mapped(b"{}", "k", 1)],
        [Refused("action", "is empty", sequence=2)],
        [Skipped("no", 3)],
        [Mapped(b"{}", "k", 6)],
        [Skipped("no number")],
    ]
    ahead_ms = int((NOW + timedelta(days=3)).timestamp() * 1000)
    await coverage.note([("cms", ahead_ms, one) for one in outcomes])

    async def shown(name: str, source: str) -> float | None:
        await coverage.show()
        return metrics.registry.get_sample_value(f"accesswatch_{name}", {"source": source})

    assert await shown("source_gap_records", "cms") == 0
    assert await shown("source_newest_timestamp_seconds", "cms") == NOW.timestamp()
    assert store.coverage(["cms"])[0].days[0].records == 5
    now += timedelta(seconds=GAP_SECONDS)
    assert await shown("source_gap_records", "cms") == 2
    now += timedelta(hours=2)
    assert await shown("source_quiet_working_seconds", "silent") == 7200 + GAP_SECONDS
    assert await shown("source_day_share", "cms") == 1.0


@pytest.mark.services
@pytest.mark.usefixtures("topics")
class TestOnAWorker:
    """The agent, the store that it shares with others, and the command that shows it."""

    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Settings:
        """Settings with a source that numbers its records."""
        return settings.model_copy(update={"mappings": a_folder(tmp_path / "mappings")})

    @pytest.fixture
    def environment(self, environment: dict[str, str], settings: Settings) -> dict[str, str]:
        """The same as a command reads them."""
        return environment | {"ACCESSWATCH_MAPPINGS": str(settings.mappings), "ACCESSWATCH_ACTOR": "S-7"}

    async def test_a_gap_is_seen_and_accepted(
        self, settings: Settings, environment: dict[str, str], tmp_path: Path
    ) -> None:
        """Over a restart, and what was only late fills its part of the gap."""
        raw = raw_topic("trial")
        await publish(settings, raw, [("k", opened(number)) for number in (1, 2, 7)])
        await publish(settings, raw, [("k", opened(8, what="shut"))])
        for more in [], [opened(4)]:
            await publish(settings, raw, [("k", one) for one in more])
            with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
                wanted = 1 if more else 4
                eventually(lambda: worker.metric("accesswatch_source_records_total") >= wanted, worker.log())  # noqa: B023 at once
                eventually(lambda: worker.metric("accesswatch_source_newest_timestamp_seconds") > 0, worker.log())
                assert worker.stop() == 0
        done = accesswatch("adapt", "coverage", "--json", environment=environment)
        (one,) = json.loads(done.stdout)
        assert (one["source"], one["missing"]) == ("trial", 3)
        assert [(gap["first"], gap["last"]) for gap in one["gaps"]] == [(3, 3), (5, 6)]
        shown = accesswatch("adapt", "coverage", environment=environment)
        # What is missing for a moment only is shown and no failure.
        assert (shown.returncode, "trial: 5 to 6 missing since" in shown.stdout) == (0, True), shown.stderr
        accept = ["adapt", "accept", "trial", "3", "6", "--because", "rolled back"]
        done = accesswatch(*accept, environment=environment)
        assert (done.returncode, done.stdout) == (0, "3 missing numbers of trial are accepted.\n"), done.stderr
        assert "missing since" not in accesswatch("adapt", "coverage", environment=environment).stdout
        again = accesswatch(*accept, environment=environment)
        assert (again.returncode, "is missing" in again.stderr) == (1, True)
