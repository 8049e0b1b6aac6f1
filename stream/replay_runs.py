"""How often each offset of a partition was put back, in few words: ``0-99,120*2`` is 0 to 99 once and 120 twice."""

import re
from bisect import bisect_right
from collections.abc import Iterable

_RUN = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?(?:\*([0-9]{1,9}))?")

#: First and last offset, and how often each of them was put back.
Run = tuple[int, int, int]


class Runs:
    """How often each offset of one partition was put back, neighbours with the same number together."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs = list(runs)

    @classmethod
    def parse(cls, text: str) -> "Runs":
        """Read what ``str`` gives; raises ValueError for anything else."""
        runs = []
        for part in text.split(",") if text else []:
            if not (found := _RUN.fullmatch(part)):
                raise ValueError("not a list of offsets")
            first = int(found[1])
            runs.append((first, int(found[2] or first), int(found[3] or 1)))
        return cls(runs)

    def __str__(self) -> str:
        return ",".join(
            f"{first}{'' if first == last else f'-{last}'}{'' if times == 1 else f'*{times}'}"
            for first, last, times in self._runs
        )

    def times(self, offset: int) -> int:
        """Say how often this one was put back."""
        place = self._place(offset)
        return self._runs[place][2] if place >= 0 and offset <= self._runs[place][1] else 0

    def add(self, offset: int) -> None:
        """Count one more."""
        place = self._place(offset)
        if place >= 0 and offset <= self._runs[place][1]:
            first, last, times = self._runs[place]
            pieces = [(first, offset - 1, times), (offset, offset, times + 1), (offset + 1, last, times)]
            self._runs[place : place + 1] = [piece for piece in pieces if piece[0] <= piece[1]]
        else:
            self._runs.insert(place + 1, (offset, offset, 1))
        self._join(max(0, place - 1), place + 4)

    def forget_before(self, offset: int) -> None:
        """Forget what Kafka no longer keeps."""
        self._runs = [(max(first, offset), last, times) for first, last, times in self._runs if last >= offset]

    def first_missing(self, offset: int) -> int:
        """Give the first offset from this one on that was never put back."""
        for first, last, _ in self._runs:
            if first > offset:
                break
            offset = max(offset, last + 1)
        return offset

    def _place(self, offset: int) -> int:
        """Give the index of the last run that begins at or before *offset*; -1 where none does."""
        return bisect_right(self._runs, offset, key=lambda run: run[0]) - 1

    def _join(self, start: int, end: int) -> None:
        joined: list[Run] = []
        for run in self._runs[start:end]:
            if joined and joined[-1][1] + 1 == run[0] and joined[-1][2] == run[2]:
                joined[-1] = (joined[-1][0], run[1], run[2])
            else:
                joined.append(run)
        self._runs[start:end] = joined
