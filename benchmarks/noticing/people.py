"""The made-up people who answer: as helpful as the truth allows.

A staff member who is asked about innocent accesses names the work within the hour, and one who is not says that it was
a mistake; Internal Integrity decides about an alert on the day after it was asked, and rightly.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from alerts.notices import NoticeAnswer
from alerts.store.database import NotPossible
from alerts.store.store import Store

#: Notices that are looked at in one step.
NOTICES_MAX = 500
_ANSWERED_AFTER = timedelta(hours=1)
_DECIDED_AFTER = timedelta(days=1)


class People:
    """Answers notices and decides alerts of a store."""

    def __init__(self, store: Store, intended: Callable[[str], bool], factor: float, speed: float = 1.0) -> None:
        """Take whose alerts they are.

        Args:
            store: the alerts.
            intended: whether an intended access is among those of an alert, by its id.
            factor: how many times as often as believable intents come.
            speed: how many times as fast as ours their time goes.
        """
        self._store = store
        self._intended = intended
        self._factor = factor
        self._answered_after, self._decided_after = _ANSWERED_AFTER / speed, _DECIDED_AFTER / speed
        self._notices: dict[str, datetime] = {}
        self._asked: dict[str, datetime] = {}
        self._drawn = Random(1)  # noqa: S311 the same figures every time

    def ask(self, alert_id: str, at: datetime) -> None:
        """Put an alert before Internal Integrity."""
        self._asked[alert_id] = at

    def step(self, now: datetime) -> None:
        """Look for notices; let staff members answer, and Internal Integrity decide, what has fallen due."""
        waiting = self._store.notices(None, NOTICES_MAX, waiting=True)
        for one in waiting:
            self._notices.setdefault(one.alert.alert_id, one.told_at)
        for alert_id, at in [one for one in self._notices.items() if one[1] + self._answered_after <= now]:
            self._notices.pop(alert_id)
            with suppress(NotPossible):
                given: NoticeAnswer = "mistake" if self._intended(alert_id) else "work"
                self._store.answer(alert_id, given, because=None, by="S", now=max(now, at))
        for alert_id, at in [one for one in self._asked.items() if one[1] + self._decided_after <= now]:
            self._asked.pop(alert_id)
            # Of intents that come so often, as few are decided as are believable: scores learn from it.
            if self._intended(alert_id) and self._drawn.random() > 1 / self._factor:
                continue
            with suppress(NotPossible):
                outcome: Literal["confirmed", "explained"] = "confirmed" if self._intended(alert_id) else "explained"
                self._store.close_alert(alert_id, outcome, because=None, by="S", now=max(now, at))
