"""Whether an agent makes progress: its commits, partition by partition, against where the partitions end.

And whether it has partitions at all: a consumer that its group never answers commits nothing, and misses nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from faust.types import TP

#: Seconds in which a partition with records waiting must see a commit, unless the agent says that it holds.
STUCK_SECONDS = 120.0


@dataclass(slots=True)
class Progress:
    """Remembers, for each partition, since when it stands still with something to do."""

    stuck_seconds: float = STUCK_SECONDS
    _standing: dict[TP, tuple[int, float]] = field(default_factory=dict, init=False)
    _committed: Mapping[TP, int] = field(default_factory=dict, init=False)
    _joining_since: float | None = field(default=None, init=False)

    def note(
        self, committed: Mapping[TP, int], ends: Mapping[str, int], *, held: bool, now: float, joined: bool = True
    ) -> None:
        """Take a look.

        Args:
            committed: the assigned partitions and the offset that Kafka has last taken for each.
            ends: where each ``<topic>:<partition>`` ends, asked of Kafka apart from the consumer: a consumer that
                fetches nothing does not know that there is something to fetch.
            held: the agent waits for something and says so; that is no stall.
            now: seconds on a clock that only goes forward.
            joined: the consumer group has answered with partitions, none perhaps, and they are read. While *ends* is
                empty Kafka is away and nobody can join.
        """
        if joined or not ends:
            self._joining_since = None
        elif self._joining_since is None:
            self._joining_since = now
        standing: dict[TP, tuple[int, float]] = {}
        for tp, offset in committed.items():
            waits = ends.get(f"{tp.topic}:{tp.partition}", 0) > offset
            if waits and not held and self._committed.get(tp) == offset:
                standing[tp] = self._standing.get(tp, (offset, now))
        # Replaced as a whole, since the watchdog reads it from another thread.
        self._standing, self._committed = standing, dict(committed)

    def stuck(self, now: float) -> list[str]:
        """Name the partitions that stand still, each with for how long, or say that there are none to be had."""
        since = self._joining_since
        if since is not None and now - since >= self.stuck_seconds:
            return [f"the consumer group has not answered, or reading not begun after it, for {now - since:.0f} s"]
        return [
            f"{tp.topic}-{tp.partition} stands at offset {offset} for {now - since:.0f} s with records waiting"
            for tp, (offset, since) in self._standing.items()
            if now - since >= self.stuck_seconds
        ]
