"""How many alerts with the same questions people have decided about, and scoring alerts by it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from alerts.alert import Alert
from alerts.grouping import AlertDigest
from alerts.scores import Decided, score
from alerts.store.revisions import questions_of
from alerts.store.tables import ALERTS, chunks

#: Outcomes that say whether the question was rightly asked.
DECIDED = ("confirmed", "explained", "self_reported")
_NONE = Decided()


@dataclass(frozen=True, slots=True)
class Scored:
    """Puts the score on an alert."""

    decided: Decided

    def __call__(self, alert: Alert) -> Alert:
        """Return the alert with its score."""
        return replace(alert, score=score(self.decided, alert.severity))


@dataclass(frozen=True, slots=True)
class Scores:
    """Of some sets of questions, what people have decided."""

    found: Mapping[str, Decided]

    def __call__(self, gathered: AlertDigest) -> Scored:
        """Return what scores an alert with these reasons."""
        return Scored(self.found.get(questions_of(gathered.reasons), _NONE))


def scores_of(connection: Connection, digests: Iterable[AlertDigest]) -> Scores:
    """Read what was decided about alerts with the same questions as these. Notices and canaries do not count."""
    found: dict[str, Decided] = {}
    for some in chunks(sorted({questions_of(one.reasons) for one in digests})):
        query = (
            select(ALERTS.c.questions, ALERTS.c.outcome, func.count().label("number"))
            .where(
                ALERTS.c.questions.in_(some),
                ALERTS.c.outcome.in_(DECIDED),
                ALERTS.c.asked_at.is_not(None),
                ALERTS.c.status == "closed",
            )
            .group_by(ALERTS.c.questions, ALERTS.c.outcome)
        )
        for row in connection.execute(query):
            before = found.get(row.questions, _NONE)
            confirmed = before.confirmed + (row.number if row.outcome == "confirmed" else 0)
            found[row.questions] = Decided(before.decided + row.number, confirmed)
    return Scores(found)
