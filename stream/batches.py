"""The batched Kafka transport: one Faust event for each poll. The owner of what may be lost: nothing.

It promises
  1. records of a partition are handed over in order, each once per assignment;
  2. an event carries everything that was waiting, over all partitions, bounded by ``broker_max_poll_records``;
  3. at most ``IN_FLIGHT_MAX`` events are unacknowledged, one where polls bring few records; meanwhile nothing is
     fetched and the group is not left;
  4. only the longest acknowledged prefix of a partition is committed: the commit never passes an unfinished record;
  5. a failed commit is tried again at the next interval, not remembered as done;
  6. partitions taken away are forgotten at once: a late acknowledgement of theirs changes nothing;
  7. what was fetched before a rebalance is not handed over after it.

Faust's own consumer acknowledges and commits per message and loses events on errors, signals and rebalances
(``docs/decisions/batched-transport.md``). This one replaces the parts of it named in ``tests/contracts/test_faust.py``.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic, time
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.futures import notify

from agents.batch import Batch, Chunk
from agents.turns import AT_ONCE_MAX
from enrichment.events import events

#: Events handed over and not yet acknowledged: as many as are carried at once (``agents/turns.py``), and one waiting.
IN_FLIGHT_MAX = AT_ONCE_MAX + 1
#: The same where the last poll brought few records: what comes meanwhile becomes one batch, which costs less than
#: several small ones, and so is sooner done.
IN_FLIGHT_SMALL_MAX = 1
#: Records of a poll that are no longer few.
MANY_RECORDS = 250
#: Seconds between signs of life to the group while events are held.
SIGN_OF_LIFE_SECONDS = 5.0
#: Seconds until a consumer that may not read asks again whether it may.
HELD_BACK_SECONDS = 0.1
#: Seconds between looks whether what is in hand is done.
DRAIN_LOOK_SECONDS = 0.02
#: Seconds that one commit may take before it counts as failed.
COMMIT_SECONDS_MAX = 10.0
#: Seconds in which the consumer's thread must say what its group has answered.
TAKE_ERROR_SECONDS_MAX = 10.0
#: Seconds in which a group is left.
LEAVE_SECONDS_MAX = 3.0
#: Seconds that a rebalance waits for the batch in hand; past it the batch is left to whoever gets the partition.
REBALANCE_WAIT_SECONDS_MAX = 8.0
#: What asking again does not help against.
_REFUSED = (GroupAuthorizationFailedError, TopicAuthorizationFailedError)
#: Seconds that one poll waits for records.
POLL_SECONDS = 1.0

_log = events(__name__)


class Prefix:
    """What of one partition is in flight, acknowledged and committed, since it was assigned."""

    def __init__(self) -> None:
        self._open: deque[tuple[Any, int, int]] = deque()  # message, its next offset, its first record's timestamp
        self._acknowledged: int | None = None
        self.committed: int | None = None

    def hand_over(self, message: Any, next_offset: int, timestamp_ms: int) -> None:
        """Note that a message's records up to *next_offset* are on their way."""
        self._open.append((message, next_offset, timestamp_ms))

    def acknowledged(self) -> int | None:
        """Give the offset after the longest acknowledged prefix, or None."""
        while self._open and self._open[0][0].acked:
            self._acknowledged = self._open.popleft()[1]
        return self._acknowledged

    def to_commit(self) -> int | None:
        """Give the offset to commit, or None where nothing is new."""
        acknowledged = self.acknowledged()
        return None if acknowledged == self.committed else acknowledged

    def oldest_timestamp_ms(self) -> int | None:
        """Give the timestamp of the oldest record in flight."""
        self.acknowledged()
        return self._open[0][2] if self._open else None

    @property
    def in_flight(self) -> bool:
        """Say whether anything is handed over and not acknowledged."""
        self.acknowledged()
        return bool(self._open)


class BatchConsumer(driver.Consumer):
    """Faust's aiokafka consumer, with batches instead of messages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prefixes: defaultdict[TP, Prefix] = defaultdict(Prefix)
        self._handed_over: deque[Any] = deque()
        self._room = asyncio.Event()
        self._in_flight_max = IN_FLIGHT_SMALL_MAX
        #: Set to stop handing over, for a stop that finishes what is in hand.
        self.draining = False
        #: Asked before each poll: whether what judging needs is there.
        self.may_read: Callable[[], bool] = lambda: True
        #: Gives what is being read for; batches carry it.
        self.reading_for: Callable[[], str] = str
        self._seeks = 0
        #: Seeks under way: until they are done the position is still the one of before.
        self._seeking = 0

        #: Offsets that Kafka did not have any more when they were to be read, by topic.
        self.passed_over: defaultdict[str, int] = defaultdict(int)
        #: Wall-clock seconds of the last commit that Kafka took, by topic.
        self.last_commit: dict[str, float] = {}

    # -- handing over -------------------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        """Faust's fetch loop: poll, hand over, and wait for room."""
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):  # noqa: SLF001 as in Faust's own
                if not await self._has_room():
                    continue
                reading = (self.app.consumer_generation_id, self._seeks)
                records, _ = await self._wait_next_records(POLL_SECONDS)
                if not self.flow_active or reading != (self.app.consumer_generation_id, self._seeks):
                    await self._give_back()
                elif records:
                    await self._hand_over(self._chunks(records))
                else:
                    await self.on_idle()
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise

    async def _has_room(self) -> bool:
        while self._handed_over and self._handed_over[0].acked:
            self._handed_over.popleft()
        held_back = self.draining or self._seeking > 0 or not self.may_read()
        if len(self._handed_over) < self._in_flight_max and not held_back:
            return True
        self._room.clear()
        try:
            async with asyncio.timeout(HELD_BACK_SECONDS if held_back else SIGN_OF_LIFE_SECONDS):
                await self._room.wait()
        except TimeoutError:
            await self._thread.call_thread(self._show_life)
        return False

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Leave out Faust's own look at progress: ``stream/progress.py`` looks, and ends the worker with a reason.

        Faust's only logs, and raises where a partition has been sought and its position is not known yet.
        """

    async def on_idle(self) -> None:
        """Take the chance of a poll that brought nothing."""

    async def _show_life(self) -> None:
        """Tell aiokafka that we are there, as an empty poll would: a batch may be held for longer than a poll may."""
        with self._thread._ensure_consumer()._subscription.fetch_context():  # noqa: SLF001 there is no public way
            pass

    async def _give_back(self) -> None:
        """Records of before a rebalance: read on from what is committed."""
        try:
            await self.perform_seek()
        except Exception as error:  # noqa: BLE001 the assignment that follows seeks again
            _log.warning("seek-failed", why=type(error).__name__)

    def _chunks(self, records: Mapping[Any, list[Any]]) -> list[Chunk]:
        chunks = []
        for partition, fetched in records.items():
            tp = TP(partition.topic, partition.partition)
            read = self._read_offset[tp]
            fresh = fetched if read is None or fetched[0].offset >= read else [r for r in fetched if r.offset >= read]
            if fresh:
                if read is not None:
                    self.passed_over[tp.topic] += fresh[0].offset - read
                chunks.append(Chunk(tp.topic, tp.partition, fresh))
        return chunks

    async def _hand_over(self, chunks: list[Chunk]) -> None:
        if not chunks:
            return
        first = chunks[0]
        message = self._to_message(TP(first.topic, first.partition), first.records[-1])
        message.value = Batch(chunks, self.reading_for())  # type: ignore[assignment]  # the raw codec hands it through
        for chunk in chunks:
            tp = TP(chunk.topic, chunk.partition)
            following = chunk.records[-1].offset + 1
            self._prefixes[tp].hand_over(message, following, chunk.records[0].timestamp)
            self._read_offset[tp] = following
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        many = sum(len(chunk.records) for chunk in chunks) >= MANY_RECORDS
        self._in_flight_max = IN_FLIGHT_MAX if many else IN_FLIGHT_SMALL_MAX
        self._handed_over.append(message)
        await self.wait_first(self.callback(message), self.suspend_flow.wait())

    def ack(self, message: Any) -> bool:
        """Mark an event as finished. Called by Faust when its last reference is acknowledged."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        self._room.set()
        return True

    # -- committing ---------------------------------------------------------------------------------------------

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Commit the acknowledged prefix of each partition that is still ours."""
        assigned = self.assignment()
        waiting = {tp: (prefix, prefix.to_commit()) for tp, prefix in self._prefixes.items() if tp in assigned}
        offsets = {tp: offset for tp, (_, offset) in waiting.items() if offset is not None}
        if not offsets or not await self._commit(offsets):
            return False
        for tp, offset in offsets.items():
            waiting[tp][0].committed = offset
            self._committed_offset[tp] = offset
            self.last_commit[tp.topic] = time()
        return True

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit; False where Kafka did not take it. What is still ours is tried again at the next interval."""
        try:
            async with asyncio.timeout(COMMIT_SECONDS_MAX):
                return bool(await self._thread.call_thread(self._commit_in_thread, offsets))
        except (CommitFailedError, IllegalStateError) as error:
            _log.info("commit-not-taken", why=type(error).__name__)
        except (KafkaError, TimeoutError) as error:
            _log.warning("commit-failed", why=type(error).__name__)
        return False

    async def _commit_in_thread(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 as Faust's own commit
        await consumer.commit(
            {TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
        )
        return True

    # -- rebalancing and stopping -------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        """Start again from what is committed; what is in flight was of before."""
        self._seeks += 1
        self._forget()
        self._seeking += 1
        try:
            await super().perform_seek()
        finally:
            self._seeking -= 1

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek all assigned partitions to what is committed, or to their beginning where nothing is.

        aiokafka leaves a partition of which nothing is committed where it has been read up to: what was fetched of it
        and given back would be passed over, and the next commit would hide it.
        """
        committed: Mapping[TP, int] = await self._thread.call_thread(self._seek_in_thread)
        return committed

    async def _seek_in_thread(self) -> Mapping[Any, int]:
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 as Faust's own
        committed: Mapping[Any, int] = await consumer.seek_to_committed()
        anew = [partition for partition, offset in committed.items() if not offset]
        if anew:
            await consumer.seek_to_beginning(*anew)
        return committed

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish and commit what is in hand as far as time allows, then forget the partitions."""
        try:
            await super().on_partitions_revoked(revoked)
        finally:
            self._forget()

    async def wait_empty(self) -> None:
        """Wait, bounded, until what agents have started is acknowledged, and commit it.

        After ``drain`` there is nothing left to wait for: it has waited already.
        """
        deadline = monotonic() + (0.0 if self.draining else REBALANCE_WAIT_SECONDS_MAX)
        while monotonic() < deadline and any(prefix.in_flight for prefix in self._in_hand()):
            await self._wait_for_ack(timeout=1)
        await self.commit()

    def _in_hand(self) -> list[Prefix]:
        # Faust puts a message among the unacked ones when an agent takes it; its queue was cleared before this.
        return list(self._prefixes.values()) if any(not m.acked for m in self._unacked_messages) else []

    async def drain(self, seconds_max: float, hurry: asyncio.Event) -> bool:
        """Hand over nothing more, wait for what is in hand, and commit it.

        Args:
            seconds_max: how long to wait at most.
            hurry: set when there is no time even for that; what is acknowledged is still committed.

        Returns:
            whether everything in hand was finished and committed in time.
        """
        self.draining = True
        deadline = monotonic() + seconds_max
        while monotonic() < deadline and not hurry.is_set():
            finished = not any(prefix.in_flight for prefix in self._prefixes.values())
            await self.commit()
            if finished and not any(prefix.to_commit() is not None for prefix in self._prefixes.values()):
                return True
            await asyncio.sleep(DRAIN_LOOK_SECONDS)
        return False

    def _forget(self) -> None:
        self._prefixes.clear()
        self._handed_over.clear()
        self._room.set()

    async def join_again(self) -> None:
        """Take what its group has answered instead of partitions, so that it asks for them again.

        aiokafka hands an answer to a join that it does not know, such as a broker's "unknown server error" while groups
        move to it, to whoever polls next, and asks nothing more until then; Faust does not poll while it has no
        partitions. The group would have lost this member for good.

        Raises:
            GroupAuthorizationFailedError, TopicAuthorizationFailedError: asking again would not help.
            KafkaError: the coordination itself has ended.
        """
        try:
            async with asyncio.timeout(TAKE_ERROR_SECONDS_MAX):
                await self._thread.call_thread(self._take_error_in_thread)
        except TimeoutError:
            return  # its thread hangs, which is seen elsewhere

    async def _take_error_in_thread(self) -> None:
        coordinator = self._thread._ensure_consumer()._coordinator  # noqa: SLF001 there is no public way
        try:
            coordinator.check_errors()
        except _REFUSED:
            raise
        except KafkaError as error:
            if coordinator._coordination_task.done():  # noqa: SLF001
                raise
            _log.warning("join-not-taken", why=type(error).__name__)

    async def leave(self) -> None:
        """Leave the group for good, so that others need not wait until the session ends; a named member stays in it."""
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS_MAX):
                await self._thread.call_thread(self._leave_in_thread)

    async def _leave_in_thread(self) -> None:
        coordinator = self._thread._ensure_consumer()._coordinator  # noqa: SLF001 there is no public way
        if coordinator is not None:
            await coordinator.close()

    # -- being looked at ----------------------------------------------------------------------------------------

    def subscribed(self) -> frozenset[str]:
        """Give the topics that it reads, assigned or not."""
        return frozenset(self._thread._ensure_consumer().subscription())  # noqa: SLF001 there is no public way

    @property
    def joined(self) -> bool:
        """Say whether its group has answered with partitions, none perhaps; while it joins they may be another's."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 there is no public way
        subscription = consumer._subscription.subscription  # noqa: SLF001
        return subscription is not None and not consumer._coordinator.need_rejoin(subscription)  # noqa: SLF001

    @property
    def connected(self) -> bool:
        """Say whether its thread has begun: before, it knows nothing of partitions."""
        return self._thread._consumer is not None  # noqa: SLF001 there is no public way

    def committed(self) -> dict[TP, int]:
        """Give, for each assigned partition, the offset that Kafka has last taken, or that reading began at."""
        return {tp: self._committed_offset[tp] or 0 for tp in self.assignment()}

    def lag(self) -> dict[TP, int]:
        """Give, for each assigned partition, how many records are not yet acknowledged."""
        lags = {}
        for tp in self.assignment():
            end = self.highwater(tp)
            done = self._prefixes[tp].acknowledged() if tp in self._prefixes else None
            done = self._committed_offset[tp] if done is None else done
            if end is not None:
                lags[tp] = max(0, end - (done or 0))
        return lags

    def oldest_in_flight_ms(self) -> dict[str, int]:
        """Give, for each topic, the timestamp of the oldest record that is handed over and not acknowledged."""
        oldest: dict[str, int] = {}
        for tp, prefix in self._prefixes.items():
            timestamp = prefix.oldest_timestamp_ms()
            if timestamp is not None:
                oldest[tp.topic] = min(timestamp, oldest.get(tp.topic, timestamp))
        return oldest


class PositionedConsumer(BatchConsumer):
    """Reads on from where something other than Kafka's commits says: the place where the data went, which knows."""

    #: Gives the offset to read on from, for each of these partitions.
    positions: Callable[[set[TP]], Awaitable[Mapping[TP, int]]]
    #: Told how far the partitions are read where nothing is in flight, past records that carry no data, and for what.
    read_up_to: Callable[[Mapping[TP, int], str], Awaitable[None]]

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek all assigned partitions to where their data say."""
        positions = await self.positions(self.assignment())
        await self._thread.seek_wait(positions)
        return positions

    async def on_idle(self) -> None:
        """Say how far everything is read, and for what that holds: a seek may begin meanwhile."""
        reading_for = self.reading_for()
        if self._seeking or any(prefix.in_flight for prefix in self._prefixes.values()):
            return
        try:
            positions = {tp: position for tp in self.assignment() if (position := await self.position(tp))}
        except IllegalStateError:
            return  # a partition was taken away between the two: whoever has it now says how far it is read
        await self.read_up_to(positions, reading_for)


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer
