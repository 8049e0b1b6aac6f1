"""The history agent: every assessment, into the table, once. One worker of all writes; the others stand by.

It reads ``integrity.assessment.v1`` from where the table says, not from where a group has committed: what Kafka knows
is only how far it is behind. Where records are gone before they were read, that partition stands still until a person
has accepted the gap; the others go on.
"""

import asyncio
import base64
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection

from agents.connection_errors import why
from agents.metrics import Metrics
from agents.retry import Backoff, pause
from alerts.store.database import StoreError, insert_into
from enrichment.log import events
from history import compaction
from history.state import gap_was_noted, gaps_open, give_lease_up, note_gap, put_state, state_of, take_lease
from history.table import HistoryTable
from history.tables import UNREAD
from history.writer import HistoryRecord, HistoryWriter, SeizedError

#: Seconds between renewals of the lease, and looks at what was asked for.
LOOK_SECONDS: Final = 1.0
#: Seconds between looks whether this worker may write.
STAND_BY_SECONDS: Final = 2.0
#: Seconds between looks at how complete it is, and at where the topic begins.
COMPLETE_SECONDS: Final = 5.0
#: Seconds between looks whether a month is to be compacted.
COMPACTION_SECONDS: Final = 600.0
#: Seconds that a compaction may take.
COMPACTION_SECONDS_MAX: Final = 3 * 3600.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")

_log = events(__name__)


class HistorySource(Protocol):
    """The topic, read without a group's help."""

    async def begin(self, positions: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on, and no others."""

    async def more(self) -> list[HistoryRecord]:
        """Return what has come, in order of each partition; waits a little for it."""

    def positions(self) -> Mapping[int, int]:
        """Return where each partition that is read goes on."""

    async def bounds(self) -> Mapping[int, tuple[int, int]]:
        """Return the first offset that is there, and the one behind the last, of every partition."""

    async def commit(self, following: Mapping[int, int]) -> None:
        """Let Kafka know how far the table is."""

    async def close(self) -> None:
        """Read no more."""


@dataclass(slots=True)
class HistoryAgent:
    """Writes the history while it is this worker's turn."""

    table: HistoryTable
    topic: str
    source: HistorySource
    metrics: Metrics
    holder: str
    url: str
    #: Why it does not go on, or None.
    reason: str | None = None
    #: Partitions that stand still, each with the first offset that is gone.
    _gaps: dict[int, int] = field(default_factory=dict)
    _last_at: dict[int, int] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Write until *stop*; what fails is tried again."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                if await self._in_database(lambda connection: take_lease(connection, self.holder, datetime.now(UTC))):
                    await self._write(stop)
                    backoff.reset()
                else:
                    self.metrics.history_complete_to.set(0)
                    await pause(STAND_BY_SECONDS, stop)
            except SeizedError:
                _log.warning("history-seized")
            except ValueError as error:
                raise ValueError(str(error)) from None
            except Exception as error:  # noqa: BLE001 whatever the disk, Kafka or the database does, nothing is lost
                self.reason = f"the history cannot be written: {why(error)}"
                _log.warning("history-waits", why=why(error))
                await pause(backoff.next_seconds(), stop)
        await self._give_up()

    async def _give_up(self) -> None:
        try:
            await self._in_database(lambda connection: give_lease_up(connection, self.holder))
        except StoreError as error:
            _log.warning("history-waits", why=str(error))
        await self.source.close()

    async def _write(self, stop: asyncio.Event) -> None:
        writer = HistoryWriter(self.table, self.topic)
        await asyncio.to_thread(writer.begin)
        await self._begin(writer)
        self.reason = None
        looked = completed = monotonic()
        compacting: asyncio.Task[None] | None = None
        compacted = 0.0
        try:
            while not stop.is_set():
                await self._take(writer, await self.source.more())
                now = monotonic()
                asked = None
                if now - looked >= LOOK_SECONDS:
                    looked = now
                    asked = await self._look()
                if writer.is_due or asked is not None:
                    await self._flush(writer, asked)
                if now - completed >= COMPLETE_SECONDS:
                    completed = now
                    await self._complete(writer)
                if now - compacted >= COMPACTION_SECONDS and (compacting is None or compacting.done()):
                    compacted = now
                    compacting = asyncio.create_task(self._compact())
            # What is in memory would be read again; it is soon added.
            await self._flush(writer, None)
        finally:
            if compacting is not None:
                compacting.cancel()
                await asyncio.gather(compacting, return_exceptions=True)

    async def _begin(self, writer: HistoryWriter) -> None:
        """Read every partition from where the table is; one of which records are gone stands still."""
        bounds = await self.source.bounds()
        now = datetime.now(UTC)
        self._gaps = {}
        for partition, (first, _) in bounds.items():
            following = writer.following.get(partition)
            if following is None:
                # Nothing of it was read yet: what is there is everything there ever was for this table.
                writer.following[partition] = first
            elif first > following:
                if not await self._gap_is_accepted(partition, following):
                    note = partial(note_gap, partition=partition, first=following, last=first - 1, now=now)
                    await self._in_database(note)
                    self._gaps[partition] = following
                    self.metrics.history_gap.inc(first - following)
                    _log.error("history-gap", partition=partition, number=first - following)
                else:
                    writer.following[partition] = first
        read = {partition: at for partition, at in writer.following.items() if partition not in self._gaps}
        await self.source.begin({partition: at for partition, at in read.items() if partition in bounds})
        self._say_gaps()

    async def _gap_is_accepted(self, partition: int, first: int) -> bool:
        opened = await self._in_database(gaps_open)
        noted = await self._in_database(lambda connection: gap_was_noted(connection, partition, first))
        return noted and all((one[0], one[1]) != (partition, first) for one in opened)

    def _say_gaps(self) -> None:
        self.reason = None
        if self._gaps:
            partitions = ", ".join(map(str, sorted(self._gaps)))
            self.reason = (
                f"assessments of partition {partitions} were gone before the history had read them: "
                "`accesswatch history gap accept`"
            )

    async def _take(self, writer: HistoryWriter, records: Sequence[HistoryRecord]) -> None:
        if records:
            unread = await asyncio.to_thread(writer.take, records)
            for record in records:
                self._last_at[record.partition] = record.timestamp_ms
            if unread:
                _log.error("history-unread", number=len(unread))
                await self._in_database(lambda connection: _keep_unread(connection, unread))
        writer.pass_to(self.source.positions())

    async def _look(self) -> str | None:
        """Stay the one writer; return what was asked for: a flush, by its token."""
        now = datetime.now(UTC)

        def looked(connection: Connection) -> tuple[bool, str | None, str | None, int]:
            mine = take_lease(connection, self.holder, now)
            asked, done = (state_of(connection, name) for name in ("flush_asked", "flush_done"))
            return mine, asked, done, len(gaps_open(connection))

        mine, asked, done, open_gaps = await self._in_database(looked)
        if not mine or open_gaps < len(self._gaps):
            # Another has taken over; or a gap was accepted, and its partition is read on.
            raise SeizedError
        return asked if asked != done else None

    async def _flush(self, writer: HistoryWriter, asked: str | None) -> None:
        if asked is not None:
            # What was published before it was asked for is read first.
            await self._catch_up(writer)
        with self.metrics.history_commit.time():
            rows = await asyncio.to_thread(writer.flush)
        self.metrics.history_rows.inc(rows)
        await self.source.commit(writer.following)
        await self._complete(writer)
        if asked is not None:
            await self._in_database(lambda connection: put_state(connection, "flush_done", asked))

    async def _catch_up(self, writer: HistoryWriter) -> None:
        bounds = await self.source.bounds()
        deadline = monotonic() + COMPLETE_SECONDS * 6
        while monotonic() < deadline:
            behind = [one for one, (_, end) in bounds.items() if writer.following.get(one, 0) < end]
            if not [one for one in behind if one not in self._gaps]:
                return
            await self._take(writer, await self.source.more())

    async def _complete(self, writer: HistoryWriter) -> None:
        """Write down to which time everything that was published is in the table."""
        if writer.waiting or self._gaps:
            return
        asked = datetime.now(UTC)
        bounds = await self.source.bounds()
        behind = [one for one, (_, end) in bounds.items() if writer.following.get(one, 0) < end]
        known = [_EPOCH + timedelta(milliseconds=self._last_at[one]) for one in behind if one in self._last_at]
        if len(known) < len(behind):
            return
        to = min(known, default=asked)
        await asyncio.to_thread(writer.say_complete, to)
        self.metrics.history_complete_to.set(to.timestamp())

    async def _compact(self) -> None:
        """Compact months that have become many small files, in a process of its own; then remove what is left over."""
        try:
            months = await asyncio.to_thread(compaction.due, self.table)
            if months:
                environment = {**os.environ, compaction.URL_VARIABLE: self.url}
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "history.compaction", str(self.table.warehouse), *months,
                    env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
                )  # fmt: skip
                try:
                    async with asyncio.timeout(COMPACTION_SECONDS_MAX):
                        code = await child.wait()
                finally:
                    if child.returncode is None:
                        child.kill()
                if code:
                    _log.warning("history-not-compacted", code=code)
            await asyncio.to_thread(self.table.sweep, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 it is tried again; nothing depends on it
            _log.warning("history-not-compacted", why=why(error))

    async def _in_database(self, work: Callable[[Connection], T]) -> T:
        def done() -> T:
            with self.table.database.writing() as connection:
                return work(connection)

        return await asyncio.to_thread(done)


def _keep_unread(connection: Connection, unread: Sequence[HistoryRecord]) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "partition": one.partition, "offset": one.offset, "at": now,
            "value": base64.b64encode(one.value).decode() if one.value is not None else None,
        }
        for one in unread
    ]  # fmt: skip
    connection.execute(insert_into(connection, UNREAD).on_conflict_do_nothing(), rows)
