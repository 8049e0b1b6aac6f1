"""A look at the dead letters: the newest of them, and how many there are of each kind."""

from collections import Counter
from dataclasses import dataclass, field
from heapq import heappush, heapreplace

from stream.dead_letters import DeadLetter
from stream.replay_plan import Selection

#: Kinds that are counted apart; more would be somebody's playing with the headers.
KINDS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One dead letter, and how often it was itself put back."""

    letter: DeadLetter
    times: int

    @property
    def replays(self) -> int:
        """How often its record was put back in all."""
        return self.letter.replays + self.times


@dataclass(frozen=True, slots=True)
class Found:
    """What fits: the newest, and all of them counted by source topic, stage and error."""

    newest: list[Listed]
    kinds: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    put_back: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def listed(selection: Selection, limit: int) -> Found:
    """Look at all that fit, and keep the newest *limit*."""
    found = Found([])
    # The oldest of those kept stands first; places differ, so that letters themselves are never compared.
    newest: list[tuple[object, str, int, int, Listed]] = []
    for chunk in selection.chunks():
        for record, letter, _ in chunk:
            times = selection.memory.times_of(record)
            kind = (letter.source_topic, letter.stage, letter.error)
            if kind not in found.kinds and len(found.kinds) >= KINDS_MAX:
                kind = ("other", "", "")
            found.kinds[kind] += 1
            found.put_back[kind] += bool(times)
            entry = (letter.parked_at, letter.topic, letter.partition, letter.offset, Listed(letter, times))
            if len(newest) < limit:
                heappush(newest, entry)
            elif entry[:4] > newest[0][:4]:
                heapreplace(newest, entry)
    found.newest.extend(entry[4] for entry in sorted(newest, key=lambda entry: entry[:4], reverse=True))
    return found
