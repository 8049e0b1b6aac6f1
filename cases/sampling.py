"""Asking by lot: about how many unexplained visits would a manager say that they were no work?

Rules find what they look for; what they miss, nobody asks about. So a few unexplained visits in a thousand are drawn,
each with the same chance, and their managers asked. The draw is a hash of the event id: whoever has the history can
repeat it, and nobody can steer it. The share is estimated with the interval of Wilson (E. B. Wilson, "Probable
inference, the law of succession, and statistical inference", Journal of the American Statistical Association 22,
1927), which holds for small samples and for shares near 0, where the usual one does not.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from math import sqrt
from typing import Final

from sqlalchemy import Connection, select

from cases.history_port import Row
from cases.investigations import SERVICE
from cases.nz_calendar import Period
from cases.record import Change, write
from cases.tables import ANSWERS, DRAWS, QUESTIONNAIRES, SAMPLES
from cases.visits import UNEXPLAINED, Visit, visits_of

#: Standard deviations on either side that hold 95 of 100 draws.
_Z: Final = 1.959963984540054
_BITS: Final = 64
#: Accesses of one day that are drawn at most: more means that the day is not what it should be.
DRAWN_PER_DAY_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of the unexplained visits of a period, how many were no work, as far as managers said."""

    unexplained: int
    drawn: int
    answered: int
    no_work: int

    @property
    def share(self) -> float | None:
        """Return the share of those answered that were no work; None where nobody answered."""
        return None if not self.answered else self.no_work / self.answered

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return between which shares the true one lies, for 95 of 100 draws."""
        if not self.answered:
            return None
        number, share = self.answered, self.no_work / self.answered
        middle = share + _Z**2 / (2 * number)
        half = _Z * sqrt(share * (1 - share) / number + _Z**2 / (4 * number**2))
        below = 1 + _Z**2 / number
        return max(0.0, (middle - half) / below), min(1.0, (middle + half) / below)

    @property
    def visits(self) -> tuple[int, int] | None:
        """Return between how many of all unexplained visits were no work."""
        found = self.interval
        return None if found is None else (int(found[0] * self.unexplained), round(found[1] * self.unexplained))


def is_drawn(event_id: str, per_thousand: int) -> bool:
    """Return whether an access is drawn: the same answer for the same id, for ever."""
    digest = hashlib.sha256(f"accesswatch sample|{event_id}".encode()).digest()
    return int.from_bytes(digest[: _BITS // 8], "big") < per_thousand * (1 << _BITS) // 1000


def drawn_from(rows: Iterable[Row], per_thousand: int) -> tuple[list[Visit], int]:
    """Return the unexplained visits that are drawn by their first access, and how many unexplained visits there are."""
    unexplained = [visit for visit in visits_of(rows) if visit.code == UNEXPLAINED]
    return [visit for visit in unexplained if is_drawn(visit.event_ids[0], per_thousand)], len(unexplained)


def draw(connection: Connection, day: date, rows: Iterable[Row], per_thousand: int, now: datetime) -> list[Visit]:
    """Write down what is drawn of one day, once; return the visits whose managers are then asked.

    A day that was drawn before gives nothing: who was asked is not asked again.
    """
    if connection.execute(select(DRAWS.c.day).where(DRAWS.c.day == day)).first() is not None:
        return []
    visits, unexplained = drawn_from(rows, per_thousand)
    visits = visits[:DRAWN_PER_DAY_MAX]
    samples = tuple(
        (SAMPLES, {"event_id": visit.event_ids[0], "day": day, "drawn_at": now, "per_thousand": per_thousand})
        for visit in visits
    )
    drawn = {"day": day, "unexplained": unexplained, "drawn": len(visits), "at": now}
    write(connection, SERVICE, now, Change(f"draw:{day}", "drawn", ((DRAWS, drawn), *samples)))
    return visits


def estimate(connection: Connection, period: Period) -> Estimate:
    """Return what managers said about the visits that were drawn in a period; a later answer counts in place of one."""
    days = select(DRAWS).where(DRAWS.c.day >= period.first, DRAWS.c.day <= period.last)
    draws = connection.execute(days).all()
    answers = (
        select(SAMPLES.c.event_id, ANSWERS.c.number, ANSWERS.c.was_work)
        .join(QUESTIONNAIRES, QUESTIONNAIRES.c.event_id == SAMPLES.c.event_id)
        .join(ANSWERS, ANSWERS.c.questionnaire == QUESTIONNAIRES.c.number)
        .where(SAMPLES.c.day >= period.first, SAMPLES.c.day <= period.last)
        .order_by(ANSWERS.c.number)
    )
    last = {row.event_id: row.was_work for row in connection.execute(answers)}
    said = [was_work for was_work in last.values() if was_work != "cannot_say"]
    return Estimate(
        unexplained=sum(row.unexplained for row in draws),
        drawn=sum(row.drawn for row in draws),
        answered=len(said),
        no_work=said.count("no"),
    )
