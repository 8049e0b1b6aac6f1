"""Putting dead letters back, each remembered once Kafka has acknowledged it.

Read with kafka-python and published with our own publisher: kafka-python's producer takes no header without a value and
no record with neither key nor value, and a record that is put back shall be the one that came.
"""

import asyncio
from collections.abc import Callable, Iterable

from kafka import TopicPartition

from agents.parking import PREFIX, REPLAYS_HEADER
from stream.dead_letters import DeadLetter
from stream.outgoing import RecordTooLargeError
from stream.publishing import Publisher
from stream.replay_plan import TOO_LARGE, Judged, Refuse, Selection, Send, Tally, Verdict

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
            stream.outgoing.PublishError, aiokafka.errors.KafkaError: Kafka did not take something; what it took is
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
    """Give the headers that the record came with, and how often it was put back."""
    own = [(name, content) for name, content in headers if not name.startswith(PREFIX) and name != REPLAYS_HEADER]
    return [*own, (REPLAYS_HEADER, str(replays).encode())]
