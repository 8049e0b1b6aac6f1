"""How far one partition is read, handed over, acknowledged and committed, since it was assigned."""

from collections import deque

from agents.batch import Batch


class PartitionOffsets:
    """Knows which offset may be committed: the end of the longest acknowledged prefix, never past an unfinished one.

    All offsets are those of the next record: 0 says that nothing is done yet.
    """

    def __init__(self, start: int, *, committed: bool = True) -> None:
        """Begin at *start*; *committed* says that Kafka has it as the group's offset."""
        #: Where reading goes on: the offset of the record to be handed over next.
        self.next = start
        #: What Kafka has last taken, or where reading began.
        self.committed = start
        self._known_to_kafka = committed
        self._done = start
        self._in_hand: deque[tuple[Batch, int, int]] = deque()  # batch, its next offset, its first record's timestamp

    def hand_over(self, batch: Batch, following: int, timestamp_ms: int) -> None:
        """Note that the records before *following* are in a batch; the first of them has this timestamp."""
        self._in_hand.append((batch, following, timestamp_ms))
        self.next = following

    def pass_to(self, position: int) -> None:
        """Note that there is no record before *position* (markers, gaps of compaction), where nothing is in hand."""
        if position > self.next and not self.in_hand:
            self.next = self._done = position

    def skip_to(self, offset: int) -> None:
        """Go on at *offset* because the records before it are gone, or the partition was made anew."""
        if offset < self.next:
            self._in_hand.clear()
        if not self._in_hand:
            self._done = offset
        self.next = offset

    @property
    def done(self) -> int:
        """The offset after the longest acknowledged prefix."""
        while self._in_hand and self._in_hand[0][0].acknowledged:
            self._done = self._in_hand.popleft()[1]
            if not self._in_hand:
                self._done = max(self._done, self.next)
        return self._done

    @property
    def in_hand(self) -> bool:
        """Whether anything is handed over and not acknowledged."""
        _ = self.done
        return bool(self._in_hand)

    def to_commit(self) -> int | None:
        """Return the offset to commit, or None where nothing is new."""
        done = self.done
        return None if self._known_to_kafka and done == self.committed else done

    def taken(self, offset: int) -> None:
        """Note that Kafka has taken *offset*."""
        self.committed = offset
        self._known_to_kafka = True

    def oldest_timestamp_ms(self) -> int | None:
        """Return the timestamp of the oldest record in hand."""
        return self._in_hand[0][2] if self.in_hand else None
