"""Putting dead letters back: what is done with each and why, and doing it; each is remembered once Kafka has taken it.

Read with kafka-python and published with our own publisher: kafka-python's producer takes no header without a value and
no record with neither key nor value, and a record that is put back shall be the one that came.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition

from agents.dead_letter import PREFIX, REPLAYS_HEADER
from console.dead_letters import DeadLetter, Filters, Reader, read
from console.replay_memory import ReplayMemory
from stream.producer import Publisher, RecordTooLargeError

#: How often a record may be put back; after that something else is wrong with it.
REPLAYS_MAX = 3

AT_CAP = f"put back {REPLAYS_MAX} times already (--again does it all the same)"
NO_VALUE = "only a trace of it is kept, since its value was too large; its headers say where the original is"
NOT_OURS = "its headers do not say where it belongs"
TOO_LARGE = "larger than its topic takes"


@dataclass(frozen=True, slots=True)
class Send:
    """To be put back, then so many times in all."""

    replays: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Was put back already."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Cannot or shall not be put back."""

    why: str


Verdict = Send | Skip | Refuse


def verdict(letter: DeadLetter, source: str, times: int, *, again: bool) -> Verdict:
    """Return what a replay does with a dead letter.

    Args:
        letter: the dead letter.
        source: the topic whose dead letters these are; one that names another is not put back anywhere.
        times: how often this very dead letter was put back.
        again: whether to repeat what was done, and beyond the cap.
    """
    if letter.source_topic != source or letter.source_partition is None:
        return Refuse(NOT_OURS)
    if times and not again:
        return Skip()
    if letter.left_out is not None:
        return Refuse(NO_VALUE)
    replays = letter.replays + times
    if replays >= REPLAYS_MAX and not again:
        return Refuse(AT_CAP)
    return Send(replays + 1)


@dataclass(slots=True)
class Tally:
    """What became of the dead letters that fit."""

    #: Topic and partition -> how many.
    sent: Counter[tuple[str, int]] = field(default_factory=Counter)
    skipped: int = 0
    #: Why -> how many.
    refused: Counter[str] = field(default_factory=Counter)
    #: Whether it was stopped before the end: by a signal, or because no more can be remembered.
    stopped: bool = False
    forgetful: bool = False

    def add(self, letter: DeadLetter, what: Verdict) -> None:
        """Count one."""
        match what:
            case Send():
                self.sent[letter.source_topic, letter.source_partition or 0] += 1
            case Skip():
                self.skipped += 1
            case Refuse(why):
                self.refused[why] += 1


Judged = tuple[Any, DeadLetter, Verdict]


@dataclass(frozen=True, slots=True)
class Selection:
    """The dead letters that are meant, of some topics, and what a replay does with each."""

    reader: Reader
    memory: ReplayMemory
    #: Topics, with their prefix, whose dead letters are meant.
    sources: list[str]
    filters: Filters
    again: bool
    #: How many to put back at most.
    limit: int | None = None

    def chunks(self) -> Iterator[list[Judged]]:
        """Yield them a few at a time, those of a chunk from one partition and in order.

        Each is judged by what is remembered when its chunk is asked for.
        """
        left = self.limit
        for source in self.sources:
            partitions = self.reader.partitions([source])
            self.memory.load({tp: begin for tp, (begin, _) in self.reader.bounds(partitions, None).items()})
            for tp, (begin, end) in self.reader.bounds(partitions, self.filters.since).items():
                for records in self.reader.records(tp, begin, end):
                    judged = list(self._judged(source, tp, records))
                    if left is not None:
                        judged, left = _limited(judged, left)
                    if judged:
                        yield judged
                    if left == 0:
                        return

    def _judged(self, source: str, tp: Any, records: list[Any]) -> Iterator[Judged]:
        for record in records:
            letter = read(record)
            if self.filters.fit(letter):
                times = self.memory.times(tp, record.offset)
                yield record, letter, verdict(letter, source, times, again=self.again)


def _limited(judged: list[Judged], left: int) -> tuple[list[Judged], int]:
    """Cut a chunk after so many that are to be put back; also give how many are left."""
    for place, (_, _, what) in enumerate(judged):
        if isinstance(what, Send):
            left -= 1
            if left == 0:
                return judged[: place + 1], 0
    return judged, left


def plan(selection: Selection, show: Callable[[DeadLetter, Verdict], None]) -> Tally:
    """Do nothing, but say of each what would be done."""
    tally = Tally()
    for chunk in selection.chunks():
        for _, letter, what in chunk:
            show(letter, what)
            tally.add(letter, what)
    return tally


#: Seconds of work that are put back once more, at most, when this process is killed.
KEEP_SECONDS = 1.0


class Replay:
    """Puts a selection back, remembering each once Kafka has acknowledged it."""

    def __init__(
        self,
        selection: Selection,
        publisher: Callable[[], Publisher],
        *,
        rate: float | None,
        stop: asyncio.Event,
        refused: Callable[[DeadLetter, str], None],
        moved: Callable[[Tally], None],
    ) -> None:
        """Describe what to do.

        Args:
            selection: what to put back.
            publisher: makes a publisher.
            rate: records a second; as fast as it goes when None.
            stop: set to end after what is under way.
            refused: told of each that is not put back, and why.
            moved: told now and then how far it is.
        """
        self._selection = selection
        self._make = publisher
        self._rate = rate
        self._stop = stop
        self._refused = refused
        self._moved = moved
        self._publisher: Publisher | None = None
        self._under_way: list[Judged] = []
        self._tally = Tally()
        self._kept_at = 0.0

    async def run(self) -> Tally:
        """Put everything back.

        Raises:
            stream.producer.PublishError, aiokafka.errors.KafkaError: Kafka did not take something; what it took is
                remembered but for the last second's, which the next replay may put back once more.
        """
        chunks = self._selection.chunks()
        begun, due = asyncio.get_running_loop().time(), 0
        try:
            while not self._ended() and (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                to_send = [record.offset for record, _, what in chunk if isinstance(what, Send)]
                if not self._selection.memory.has_room(_partition(chunk[0]), to_send):
                    self._tally.forgetful = True
                    break
                for judged in chunk:
                    if isinstance(judged[2], Send):
                        await self._paced(begun, due)
                        due += 1
                    if self._ended():
                        break
                    await self._take(judged)
                await self._settle()
        finally:
            await self._close()
        return self._tally

    def _ended(self) -> bool:
        self._tally.stopped = self._stop.is_set()
        return self._tally.stopped

    async def _paced(self, begun: float, due: int) -> None:
        """Wait for this one's turn, settling what is under way meanwhile."""
        loop = asyncio.get_running_loop()
        if self._under_way and loop.time() - self._kept_at >= KEEP_SECONDS:
            await self._settle()
        if self._rate is not None and (wait := begun + due / self._rate - loop.time()) > 0:
            try:
                async with asyncio.timeout(wait):
                    await self._stop.wait()
            except TimeoutError:
                return

    async def _take(self, judged: Judged) -> None:
        record, letter, what = judged
        if not isinstance(what, Send):
            self._count(letter, what)
            return
        if self._publisher is None:
            self._publisher = await self._make().__aenter__()
        headers = own_headers(record.headers, what.replays)
        try:
            await self._publisher.send(
                letter.source_topic, record.key, record.value, headers, partition=letter.source_partition
            )
        except RecordTooLargeError as error:
            await self._settle()
            self._count(letter, Refuse(TOO_LARGE))
            if error.refused:
                await self._close()
            return
        self._under_way.append(judged)

    async def _settle(self) -> None:
        """Return when what is under way is acknowledged and remembered."""
        self._kept_at = asyncio.get_running_loop().time()
        if self._under_way and self._publisher is not None:
            await self._publisher.flush()
            memory = self._selection.memory
            for _, letter, what in self._under_way:
                self._count(letter, what)
            partition = _partition(self._under_way[0])
            for record, _, _ in self._under_way:
                memory.note(partition, record.offset)
            self._under_way.clear()
            await asyncio.to_thread(memory.keep, partition)
        self._moved(self._tally)

    def _count(self, letter: DeadLetter, what: Verdict) -> None:
        self._tally.add(letter, what)
        if isinstance(what, Refuse):
            self._refused(letter, what.why)

    async def _close(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            # Everything that counts was flushed; what was not shall not be sent now.
            await publisher.__aexit__(InterruptedError, None, None)


def _partition(judged: Judged) -> TopicPartition:
    return TopicPartition(judged[0].topic, judged[0].partition)


def own_headers(headers: Iterable[tuple[str, bytes | None]], replays: int) -> list[tuple[str, bytes | None]]:
    """Return the headers that the record came with, and how often it was put back."""
    own = [(name, content) for name, content in headers if not name.startswith(PREFIX) and name != REPLAYS_HEADER]
    return [*own, (REPLAYS_HEADER, str(replays).encode())]
