"""The consumer of one agent: polls on aiokafka's public interface, one batch for each poll, into a Faust channel.

The owner of what may be lost: nothing. It promises

  1. records of a partition are handed over in order, each once per assignment;
  2. a batch carries everything that was waiting, over all partitions, at most ``BATCH_RECORDS_MAX`` records;
  3. at most ``IN_HAND_MAX`` batches are unacknowledged, one where polls bring few records; meanwhile nothing is
     handed over and the group is not left;
  4. only the longest acknowledged prefix of a partition is committed: the commit never passes an unfinished record;
  5. a failed commit is tried again at the next interval, not remembered as done;
  6. partitions taken away are forgotten at once: a late acknowledgement of theirs changes nothing;
  7. what was fetched before a rebalance is not handed over after it;
  8. a worker that the group has gone on without commits nothing: what another has done since is not taken back.

Only committed records are read. Where a partition goes on after transaction markers or a gap of compaction, and nothing
of it is in hand, the offset behind them is committed: an offset is not a record, and lag comes to 0. A record that
the client library cannot unpack is handed over as an ``UnreadableRecord``, and what follows it is read.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, time
from typing import Any, Protocol

import mode
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    InconsistentGroupProtocolError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from agents.batch import Batch, Chunk, UnreadableRecord, partition_key
from agents.connection_errors import why
from agents.pipelining import AT_ONCE_MAX
from enrichment.log import events
from stream.merge import TimestampMerge
from stream.offsets import PartitionOffsets
from stream.unreadable import NOT_UNPACKED, read_past

#: Records that one batch holds at most, over all partitions.
BATCH_RECORDS_MAX = 1_000
#: Batches handed over and not yet acknowledged: as many as are carried at once (``agents/pipelining.py``), one waiting.
IN_HAND_MAX = AT_ONCE_MAX + 1
#: The same where the last poll brought few records: what comes meanwhile becomes one batch, which costs less than
#: several small ones, and so is sooner done.
IN_HAND_SMALL_MAX = 1
#: Records of a poll that are no longer few.
MANY_RECORDS = 250
#: Bytes fetched of one partition at a time; a larger single record comes alone.
FETCH_BYTES_MAX = 1024 * 1024
#: Seconds between signs of life to the group while batches are held.
SIGN_OF_LIFE_SECONDS = 5.0
#: Seconds until a consumer that may not read asks again whether it may.
HELD_BACK_SECONDS = 0.1
#: Seconds between looks whether what is in hand is done.
DRAIN_LOOK_SECONDS = 0.02
#: Seconds between commits, which bound what is read again after a crash.
COMMIT_SECONDS = 1.0
#: Seconds that one commit may take before it counts as failed.
COMMIT_SECONDS_MAX = 10.0
#: Seconds that a rebalance waits for the batch in hand; past it the batch is left to whoever gets the partition.
REBALANCE_WAIT_SECONDS_MAX = 8.0
#: Seconds in which Kafka must say whether the group still has members; past them nothing is committed.
MEMBERS_SECONDS_MAX = 2.0
#: Seconds that one poll waits for records, and while some are held back to be merged.
POLL_SECONDS = 1.0
POLL_MERGING_SECONDS = 0.05
#: Seconds between looks at how far partitions with nothing in hand are read.
PASS_SECONDS = 1.0
#: Seconds before asking again after Kafka refused a poll.
RETRY_SECONDS = 0.5
#: Seconds after which a consumer asks anew who leads the partitions. aiokafka does not ask when the broker that it
#: takes for the leader refuses to say where a partition begins: it asks that one again and again, by default for 300 s.
METADATA_SECONDS_MAX = 15
#: Seconds without a heartbeat after which the group goes on without this member, and between heartbeats.
SESSION_SECONDS_MAX = 15.0
HEARTBEAT_SECONDS = 3.0
#: Seconds without a poll after which aiokafka leaves the group.
POLL_INTERVAL_SECONDS_MAX = 300.0
#: Seconds in which a member must answer a rebalance, or the group goes on without it. A worker needs up to 23: it
#: hears of it at its next heartbeat (3), waits for the batch in hand (8), asks (2), and commits (10).
REBALANCE_SECONDS_MAX = 25.0
#: Seconds in which a broker must answer. Longer than a rebalance may last, since joining is one request.
REQUEST_SECONDS_MAX = 40.0
#: No partition: polling it fetches nothing, takes what the group has answered, and counts as a sign of life.
_NOWHERE = TopicPartition("", 0)

_log = events(__name__)


class AccesswatchAssignor(RoundRobinPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """Round robin under a name of our own: a stranger that joins our group by a common protocol is refused by Kafka."""

    name = "accesswatch"


class Channel(Protocol):
    """Where batches go: a Faust channel."""

    @property
    def subscriber_count(self) -> int:
        """How many agents listen."""

    async def put(self, value: Any) -> None:
        """Hand a batch over."""


class Positions(Protocol):
    """Where reading goes on from, if something other than Kafka's commits knows: the place where the data went."""

    async def starts(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the offset to read on from for each of these; may wait for as long as that cannot be known."""

    async def read_up_to(self, positions: Mapping[TopicPartition, int], epoch: str) -> None:
        """Take note that there is nothing before these offsets that was not handed over, and acknowledged."""

    def reading_for(self) -> str:
        """Return what is being read for; batches carry it."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one consumer reads, as which member of which group."""

    topics: tuple[str, ...]
    group: str
    client_id: str
    #: Static membership: the name under which Kafka knows this member over a restart.
    instance_id: str | None = None


class BatchConsumer(mode.Service):
    """Reads the topics of one agent and hands their records over in batches."""

    def __init__(
        self,
        options: Mapping[str, Any],
        subscription: Subscription,
        channel: Channel,
        *,
        merge: TimestampMerge | None = None,
        positions: Positions | None = None,
        may_read: Callable[[], bool] = lambda: True,
        has_members: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        """Describe the consumer; nothing is opened before it is started.

        Args:
            options: how to reach Kafka, as ``connections.aiokafka_options`` has them.
            subscription: what it reads.
            channel: where batches go.
            merge: brings the records of all partitions into the order of their time.
            positions: knows where to read on; Kafka's commits where None.
            may_read: asked before each poll whether what the agent needs is there.
            has_members: asks Kafka whether anybody belongs to a group; None: nobody is asked.
        """
        super().__init__()
        self.subscription = subscription
        self._options = dict(options)
        self._channel = channel
        self._merge = merge
        self._positions = positions
        self._may_read = may_read
        self._has_members = has_members
        self._consumer: Any = None
        #: By partition, once it is known where each begins; None before, and in a rebalance.
        self._offsets: dict[TopicPartition, PartitionOffsets] | None = None
        #: Counts rebalances and seeks: what was fetched in an earlier one is not handed over.
        self._generation = 0
        self._in_hand: deque[Batch] = deque()
        self._in_hand_max = IN_HAND_SMALL_MAX
        self._room = asyncio.Event()
        self._passed_at = monotonic()
        self._committing = asyncio.Lock()
        self._joined = False
        #: Set to stop handing over, for a stop that finishes what is in hand.
        self.draining = False
        #: Why polls fail, while they do.
        self.trouble: str | None = None
        #: What ended reading or committing for good.
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: Offsets that Kafka did not have any more when they were to be read, by topic.
        self.passed_over: defaultdict[str, int] = defaultdict(int)
        #: Records that the client library could not unpack, by topic.
        self.unreadable: defaultdict[str, int] = defaultdict(int)
        #: Wall-clock seconds of the last commit that Kafka took, by topic.
        self.last_commit: dict[str, float] = {}

    # -- the service --------------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Connect, and ask the group for partitions; does not wait until it answers."""
        self._consumer = AIOKafkaConsumer(
            **self._options,
            group_id=self.subscription.group,
            group_instance_id=self.subscription.instance_id,
            client_id=self.subscription.client_id,
            enable_auto_commit=False,
            # Where a partition has nothing at our offset any more we are told, and decide.
            auto_offset_reset="none",
            isolation_level="read_committed",
            partition_assignment_strategy=(AccesswatchAssignor,),
            max_poll_records=BATCH_RECORDS_MAX,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            metadata_max_age_ms=METADATA_SECONDS_MAX * 1_000,
            session_timeout_ms=int(SESSION_SECONDS_MAX * 1_000),
            heartbeat_interval_ms=int(HEARTBEAT_SECONDS * 1_000),
            max_poll_interval_ms=int(POLL_INTERVAL_SECONDS_MAX * 1_000),
            rebalance_timeout_ms=int(REBALANCE_SECONDS_MAX * 1_000),
            request_timeout_ms=int(REQUEST_SECONDS_MAX * 1_000),
        )
        await self._consumer.start()
        self._consumer.subscribe(list(self.subscription.topics), listener=_Listener(self))

    async def on_stop(self) -> None:
        """Leave the group, so that others need not wait until the session ends; a named member stays in it."""
        if self._consumer is not None:
            await self._consumer.stop()

    @mode.Service.task
    async def _reading(self) -> None:
        await self._until_stopped(self._read)

    @mode.Service.task
    async def _commits(self) -> None:
        await self._until_stopped(self._commit_now_and_then)

    async def _until_stopped(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except ConsumerStoppedError:
            if not self.should_stop:
                raise
        except Exception as error:  # noqa: BLE001 whatever it is, the worker hears of it and ends
            if not self.failed.done():
                self.failed.set_exception(error)

    # -- reading ------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while not self.should_stop:
            if self._offsets is None and not self.draining:
                await self._find_starts()
                continue
            if not await self._has_room():
                continue
            generation = self._generation
            fetched = await self._poll()
            if fetched is None:
                continue
            if generation != self._generation or self._offsets is None:
                self._give_back()
                continue
            if fetched:
                await self._hand_over(self._offsets, fetched)
            await self._pass_markers()

    async def _has_room(self) -> bool:
        """Return whether a poll may be made now; wait a little where not, and stay in the group."""
        while self._in_hand and self._in_hand[0].acknowledged:
            self._in_hand.popleft()
        held_back = self.draining or not self._may_read() or not self._channel.subscriber_count
        if len(self._in_hand) < self._in_hand_max and not held_back:
            return True
        self._room.clear()
        try:
            async with asyncio.timeout(HELD_BACK_SECONDS if held_back else SIGN_OF_LIFE_SECONDS):
                await self._room.wait()
        except TimeoutError:
            await self._show_life()
        return False

    async def _show_life(self) -> None:
        """Take what the group has answered, as an empty poll does: a batch may be held for longer than a poll may."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
                await self._asked(self._consumer.getmany(_NOWHERE))

    async def _poll(self) -> dict[TopicPartition, list[Any]] | None:
        """Return what may be handed over next; None where Kafka refused, or something had to be mended first."""
        merge = self._merge
        if merge is None:
            return await self._fetch((), POLL_SECONDS)
        generation = self._generation
        if merge.waiting:
            taken = merge.take(await self._behind())
            if taken or generation != self._generation:
                return taken
        full = merge.full()
        wanted = set(self._consumer.assignment()) - full if full else set()
        if full and not wanted:
            await asyncio.sleep(POLL_MERGING_SECONDS)
            return {}
        fetched = await self._fetch(tuple(wanted), POLL_MERGING_SECONDS if merge.waiting else POLL_SECONDS)
        if fetched is None or generation != self._generation:
            return fetched
        merge.add(fetched)
        return merge.take(await self._behind()) if merge.waiting else {}

    async def _fetch(
        self, partitions: tuple[TopicPartition, ...], seconds: float
    ) -> dict[TopicPartition, list[Any]] | None:
        return await self._asked(
            self._consumer.getmany(*partitions, timeout_ms=int(seconds * 1_000), max_records=BATCH_RECORDS_MAX)
        )

    async def _asked(self, poll: Awaitable[dict[TopicPartition, list[Any]]]) -> dict[TopicPartition, list[Any]] | None:
        """Await a poll; what it raises is dealt with here, and None returned."""
        generation = self._generation
        try:
            fetched = await poll
        except ConsumerStoppedError:
            raise
        except OffsetOutOfRangeError:
            await self._skip_lost()
        except NoOffsetForPartitionError:
            return None  # aiokafka looked for a start by itself; ours is found or sought already
        except NOT_UNPACKED:
            await self._isolate(generation)
        except KafkaError as error:
            self._say_trouble(error)
        except (OSError, TimeoutError):
            raise
        except Exception:  # noqa: BLE001 unpacking raises whatever the bytes make it raise
            await self._isolate(generation)
        else:
            self.trouble = None
            return fetched
        # A poll that fails may have passed over what it had fetched of other partitions.
        self._give_back()
        await asyncio.sleep(RETRY_SECONDS)
        return None

    def _say_trouble(self, error: KafkaError) -> None:
        group = self.subscription.group
        if isinstance(error, InconsistentGroupProtocolError):
            said = f"another program is in the consumer group {group}, an older release or a stranger: it must leave"
        else:
            said = f"the consumer group {group} cannot be read for: {why(error)}"
        if said != self.trouble:
            _log.warning("poll-refused", why=said)
        self.trouble = said

    def _give_back(self) -> None:
        """Read on from what was handed over last: what was fetched since is fetched again."""
        if self._merge is not None:
            self._merge.clear()
        assigned = self._consumer.assignment()
        for tp, offsets in (self._offsets or {}).items():
            if tp in assigned:
                self._consumer.seek(tp, offsets.next)

    async def _hand_over(
        self, offsets: Mapping[TopicPartition, PartitionOffsets], fetched: Mapping[TopicPartition, list[Any]]
    ) -> None:
        chunks = []
        for tp, records in fetched.items():
            begin = offsets[tp].next
            fresh = records if records[0].offset >= begin else [one for one in records if one.offset >= begin]
            if fresh:
                chunks.append(Chunk(tp.topic, tp.partition, fresh))
        if not chunks:
            return
        batch = Batch(chunks, self._positions.reading_for() if self._positions else "", self._room.set)
        for chunk in chunks:
            one = offsets[TopicPartition(chunk.topic, chunk.partition)]
            one.hand_over(batch, chunk.records[-1].offset + 1, chunk.records[0].timestamp)
        self._in_hand_max = IN_HAND_MAX if len(batch) >= MANY_RECORDS else IN_HAND_SMALL_MAX
        self._in_hand.append(batch)
        await self._channel.put(batch)

    async def _behind(self) -> list[TopicPartition]:
        """Return the partitions that are known to have more than what was fetched."""
        behind = []
        for tp in self._offsets or ():
            try:
                end = self._fetched_end(tp)
                if end is None or await self._consumer.position(tp) < end:
                    behind.append(tp)
            except IllegalStateError:
                continue  # taken away meanwhile
        return behind

    async def _pass_markers(self) -> None:
        """Note how far partitions are read of which nothing is in hand: their last offsets may carry no record."""
        if monotonic() - self._passed_at < PASS_SECONDS or (self._merge is not None and self._merge.waiting):
            return
        self._passed_at = monotonic()
        generation, reading_for = self._generation, self._positions.reading_for() if self._positions else ""
        passed: dict[TopicPartition, int] = {}
        for tp, offsets in list((self._offsets or {}).items()):
            if offsets.in_hand:
                continue
            try:
                position = await self._consumer.position(tp)
            except IllegalStateError:
                return  # a partition was taken away: whoever has it now says how far it is read
            if generation != self._generation:
                return
            offsets.pass_to(position)
            passed[tp] = offsets.next
        if self._positions is not None and passed:
            await self._positions.read_up_to(passed, reading_for)

    # -- where to read on ---------------------------------------------------------------------------------------

    async def _find_starts(self) -> None:
        """Find out where the assigned partitions begin, and seek there; stay in the group meanwhile."""
        generation, assigned = self._generation, frozenset(self._consumer.assignment())
        if not assigned:
            # Nothing is assigned: in a rebalance this waits for its end, else for the next.
            await self._show_life()
            await asyncio.sleep(HELD_BACK_SECONDS)
            return
        finding = asyncio.create_task(self._starts(assigned))
        try:
            while not finding.done() and generation == self._generation and not self.should_stop:
                await asyncio.wait({finding}, timeout=HELD_BACK_SECONDS)
                await self._show_life()
        finally:
            if not finding.done():
                finding.cancel()
        await asyncio.wait({finding})
        if finding.cancelled() or generation != self._generation:
            return
        error = finding.exception()
        if isinstance(error, KafkaError):
            self._say_trouble(error)
            await asyncio.sleep(RETRY_SECONDS)
            return
        offsets = finding.result()
        for tp, one in offsets.items():
            self._consumer.seek(tp, one.next)
        self._offsets = offsets

    async def _starts(self, assigned: Collection[TopicPartition]) -> dict[TopicPartition, PartitionOffsets]:
        if self._positions is not None:
            starts = await self._positions.starts(assigned)
            return {tp: PartitionOffsets(starts[tp], committed=False) for tp in assigned}
        committed = dict(
            zip(assigned, await asyncio.gather(*(self._consumer.committed(tp) for tp in assigned)), strict=True)
        )
        beginnings = await self._consumer.beginning_offsets(list(assigned))
        found = {}
        for tp, offset in committed.items():
            begin = beginnings[tp]
            if offset is not None and offset < begin:
                self._lost(tp, begin - offset)
            start = begin if offset is None else max(begin, offset)
            found[tp] = PartitionOffsets(start, committed=start == offset)
        return found

    async def _skip_lost(self) -> None:
        """Go on where a partition begins now: retention took what we were to read, or the topic was made anew."""
        offsets = dict(self._offsets or {})
        if not offsets:
            return
        try:
            beginnings = await self._consumer.beginning_offsets(list(offsets))
            ends = await self._consumer.end_offsets(list(offsets))
        except KafkaError as error:
            self._say_trouble(error)
            return
        for tp, one in offsets.items():
            begin = beginnings[tp]
            if one.next < begin:
                self._lost(tp, begin - one.next)
                one.skip_to(begin)
            elif one.next > ends[tp]:
                _log.error("partition-shorter", topic=tp.topic, partition=tp.partition, offset=one.next, end=ends[tp])
                one.skip_to(begin)

    def _lost(self, tp: TopicPartition, number: int) -> None:
        _log.error("records-gone", topic=tp.topic, partition=tp.partition, number=number)
        self.passed_over[tp.topic] += number

    def read_again(self) -> None:
        """Read again from where ``positions`` say; what is in hand was of before."""
        self._forget()

    async def _isolate(self, generation: int) -> None:
        """Find the records that the client library cannot unpack, hand them over as unreadable, and read on."""
        if self._offsets is None or generation != self._generation:
            return
        self._give_back()
        for tp in list(self._offsets):
            try:
                records = await read_past(self._consumer, self._options, tp)
            except (KafkaError, OSError) as error:
                _log.warning("record-not-looked-at", topic=tp.topic, why=why(error))
                return
            if generation != self._generation or self._offsets is None:
                return
            if unreadable := [one for one in records if isinstance(one, UnreadableRecord)]:
                self._say_unreadable(tp, unreadable)
                await self._hand_over(self._offsets, {tp: records})
                return

    def _say_unreadable(self, tp: TopicPartition, found: Sequence[UnreadableRecord]) -> None:
        self.unreadable[tp.topic] += len(found)
        _log.error(
            "record-not-unpacked",
            topic=tp.topic,
            partition=tp.partition,
            offset=found[0].offset,
            number=len(found),
            why=found[0].why,
        )

    # -- committing ---------------------------------------------------------------------------------------------

    async def _commit_now_and_then(self) -> None:
        while not self.should_stop:
            await asyncio.sleep(COMMIT_SECONDS)
            await self.commit()

    async def commit(self) -> bool:
        """Commit the acknowledged prefix of each partition that is still ours; return whether anything was taken.

        What Kafka does not take is tried again at the next interval.
        """
        async with self._committing:
            if not (offsets := self._offsets):
                return False
            assigned = self._consumer.assignment()
            wanted = {
                tp: offset for tp, one in offsets.items() if tp in assigned and (offset := one.to_commit()) is not None
            }
            if not wanted or not await self._commit(wanted):
                return False
            for tp, offset in wanted.items():
                offsets[tp].taken(offset)
                self.last_commit[tp.topic] = time()
            return True

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        try:
            async with asyncio.timeout(COMMIT_SECONDS_MAX):
                await self._consumer.commit(dict(offsets))
        except (CommitFailedError, IllegalStateError) as error:
            _log.info("commit-not-taken", why=why(error))
        except (KafkaError, TimeoutError) as error:
            _log.warning("commit-failed", why=why(error))
        else:
            return True
        return False

    # -- rebalancing and stopping -------------------------------------------------------------------------------

    async def partitions_revoked(self) -> None:
        """Finish and commit what agents have begun, as far as time allows, then forget the partitions."""
        for batch in self._in_hand:
            batch.withdrawn = not batch.taken
        deadline = monotonic() + (0.0 if self.draining else REBALANCE_WAIT_SECONDS_MAX)
        while (left := deadline - monotonic()) > 0 and any(one.taken and not one.acknowledged for one in self._in_hand):
            self._room.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._room.wait()
        try:
            if await self._is_member():
                await self.commit()
        finally:
            self._joined = False
            self._forget()

    async def _is_member(self) -> bool:
        """Return whether the group may still count on us.

        aiokafka commits for nobody in particular once the group has gone on without us. Kafka takes that from a group
        without members, as one is whose other workers were killed: it would take back what they have committed.
        """
        if self._has_members is None or not any(one.to_commit() is not None for one in (self._offsets or {}).values()):
            return True
        try:
            async with asyncio.timeout(MEMBERS_SECONDS_MAX):
                found = await self._has_members(self.subscription.group)
        except (KafkaError, OSError, TimeoutError) as error:
            _log.warning("commit-failed", why=why(error))
            return False
        if not found:
            _log.warning("commit-not-taken", why="the group has gone on without this worker")
        return found

    def partitions_assigned(self) -> None:
        """Begin anew with these partitions: where to read on is found by the reading task."""
        self._joined = True
        self._forget()

    def _forget(self) -> None:
        self._generation += 1
        self._offsets = None
        for batch in self._in_hand:
            batch.withdrawn = not batch.taken
        self._in_hand.clear()
        if self._merge is not None:
            self._merge.clear()
        self._room.set()

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
            finished = not any(one.in_hand for one in (self._offsets or {}).values())
            await self.commit()
            if finished and not any(one.to_commit() is not None for one in (self._offsets or {}).values()):
                return True
            await asyncio.sleep(DRAIN_LOOK_SECONDS)
        return False

    # -- being looked at ----------------------------------------------------------------------------------------

    @property
    def joined(self) -> bool:
        """Whether the group has answered with partitions, none perhaps, and it is known where to read them."""
        return self._joined and (self._offsets is not None or not self._consumer.assignment())

    @property
    def assigned(self) -> bool:
        """Whether partitions are being read."""
        return bool(self._offsets)

    def committed(self) -> dict[TopicPartition, int]:
        """Return, for each assigned partition, the offset that Kafka has last taken, or that reading began at."""
        return {tp: one.committed for tp, one in (self._offsets or {}).items()}

    def lag(self, ends: Mapping[str, int]) -> dict[TopicPartition, int]:
        """Return, for each assigned partition, how many offsets are not yet acknowledged.

        Args:
            ends: where each ``<topic>:<partition>`` ends, asked of Kafka apart from this consumer: one that fetches
                nothing does not know that there is something to fetch; 0 where nothing is left before the end.
        """
        lags = {}
        for tp, one in (self._offsets or {}).items():
            asked = ends.get(partition_key(*tp))
            # Where the partition was empty when it was asked nothing is left, whatever had been there before.
            end = 0 if asked == 0 else max(asked or 0, self._fetched_end(tp) or 0)
            lags[tp] = max(0, end - one.done)
        return lags

    def _fetched_end(self, tp: TopicPartition) -> int | None:
        """Return where a partition ended when it was last fetched; None before that."""
        end: int | None = self._consumer.last_stable_offset(tp) if tp in self._consumer.assignment() else None
        return end

    def oldest_in_hand_ms(self) -> dict[str, int]:
        """Return, for each topic, the timestamp of the oldest record that is handed over and not acknowledged."""
        oldest: dict[str, int] = {}
        for tp, one in (self._offsets or {}).items():
            timestamp = one.oldest_timestamp_ms()
            if timestamp is not None:
                oldest[tp.topic] = min(timestamp, oldest.get(tp.topic, timestamp))
        return oldest


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Passes on what the group decides."""

    def __init__(self, consumer: BatchConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: object) -> None:
        """All partitions are taken away, to be given out anew."""
        if revoked:
            await self._consumer.partitions_revoked()

    def on_partitions_assigned(self, assigned: object) -> None:
        """These are ours from now on."""
        _ = assigned
        self._consumer.partitions_assigned()
