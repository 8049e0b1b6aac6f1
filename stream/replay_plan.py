"""What a replay does with each dead letter, and why; nothing is done here."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from stream.dead_letters import DeadLetter, Filters, Reader, read
from stream.replay_memory import ReplayMemory

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
    """Say what a replay does with a dead letter.

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
        """Give them a few at a time, those of a chunk from one partition and in order.

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
