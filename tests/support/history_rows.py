"""The history for tests: builders that supply everything a test is not about, and a reader over rows in memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from alerts.assessment import AccessDetails, ActorDetails, Assessment, Explanation, Versions
from alerts.assessment import Answer as RuleAnswer
from cases.history_port import Answer, Counted, Gap, Purpose, Reading, ReadingRefused, Row, TooManyRows, Totals
from cases.nz_calendar import Period, quarter_ending
from enrichment.nz_time import nz_date

#: 09:14 on Friday 20 November 2026 in New Zealand.
MORNING = datetime(2026, 11, 19, 20, 14, tzinfo=UTC)
DAY = Period(date(2026, 11, 20), date(2026, 11, 20))
YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))
READS = Purpose("S-900", "privacy", "footprint", "the client asked", "FR-2026-0001")
VERSIONS = Versions("1", "abc", "ref-1")
#: A word that stands in everything that must never reach a client.
KEPT = "must-not-leave"


def a_row(
    event_id: str = "E-1",
    *,
    minutes: float = 0,
    at: datetime | None = None,
    staff: str = "S-1",
    client: str | None = "C-1",
    action: str = "view",
    work: str | None = "call",
    channel: str = "desktop",
    sections: tuple[str, ...] = ("identity",),
    unit: str = "U-1",
    kind: str = "employee",
    roles: tuple[str, ...] = ("contact_centre",),
    known: bool = True,
    hits: tuple[str, ...] = (),
    outcome: str | None = None,
    alert_ids: tuple[str, ...] = (),
    offset: int = 0,
    record_count: int = 1,
) -> Row:
    """One access, *minutes* after ``MORNING``; *work* is the kind of work that explains it, None where none does."""
    explanation = None if work is None else Explanation(work, f"W-{KEPT}", f"Work W-{KEPT} was open.")
    judged = outcome or ("hit" if hits else "explained" if work else "no_subject" if client is None else "unexplained")
    answers = tuple(RuleAnswer(rule, "hit", "live", "high", f"{KEPT}: {rule} asks.") for rule in hits)
    assessment = Assessment(
        event_id=event_id,
        occurred_at=at or MORNING + timedelta(minutes=minutes),
        staff_id=staff,
        client_id=client,
        action=action,
        outcome=judged,  # type: ignore[arg-type]  # a word of the closed list, by the test's hand
        explanation=explanation,
        answers=answers,
        alert_ids=alert_ids,
        versions=VERSIONS,
        access=AccessDetails(
            sections=sections,
            channel=channel,
            site="SITE-1",
            workstation="PC-1",
            work_id=f"W-{KEPT}",
            agreement_id=None,
            search_fields=(),
            result_count=None,
            record_count=record_count,
            recorded_at=None,
            partition=0,
            offset=offset,
        ),
        actor=ActorDetails(kind, unit, "SITE-1", roles) if known else None,
    )
    return Row(assessment, assessment.occurred_at + timedelta(seconds=1), 0, offset)


def an_answer(*rows: Row, gaps: tuple[Gap, ...] = (), begins: date | None = date(2024, 7, 1)) -> Answer:
    """An answer that is complete to noon of that day."""
    return Answer(rows, MORNING + timedelta(hours=3), gaps, begins)


@dataclass
class MemoryHistory:
    """The named queries over rows in memory; each is written into ``log`` before a row leaves."""

    rows: list[Row] = field(default_factory=list)
    complete_to: datetime | None = MORNING + timedelta(days=400)
    gaps: tuple[Gap, ...] = ()
    begins: date | None = date(2024, 7, 1)
    log: list[tuple[Purpose, int]] = field(default_factory=list)

    def of_clients(
        self, client_ids: Sequence[str], first: date, last: date, *, rows_max: int, purpose: Purpose
    ) -> Answer:
        """Return the accesses to these clients' records."""
        return self._answer(
            [row for row in self._within(first, last) if row.assessment.client_id in client_ids], rows_max, purpose
        )

    def of_staff(self, staff_id: str, first: date, last: date, *, rows_max: int, purpose: Purpose) -> Answer:
        """Return the accesses of a staff member."""
        return self._answer(
            [row for row in self._within(first, last) if row.assessment.staff_id == staff_id], rows_max, purpose
        )

    def of_event(
        self, event_id: str, first: date | None = None, last: date | None = None, *, purpose: Purpose
    ) -> Answer:
        """Return one access."""
        period = (first or date.min, last or date.max)
        return self._answer([row for row in self._within(*period) if row.assessment.event_id == event_id], 1, purpose)

    def totals(self, first: date, last: date, *, purpose: Purpose) -> Totals:
        """Return counts by quarter."""
        rows = self._within(first, last)
        self.log.append((purpose, 0))
        found = {}
        for quarter in Period(first, last).quarters():
            inside = [row.assessment for row in rows if quarter_ending(nz_date(row.assessment.occurred_at)) == quarter]
            live = [
                {one.rule for one in each.answers if one.answer == "hit" and one.stage == "live"} for each in inside
            ]
            rules = Counter(rule for each in live for rule in each)
            explained = sum(each.outcome == "explained" for each in inside)
            found[quarter] = Counted(len(inside), sum(bool(each) for each in live), explained, rules)
        return Totals(found, self.complete_to, self.gaps, self.begins)

    def exports_without_client(self, first: date, last: date, *, purpose: Purpose) -> int:
        """Return how many prints and exports name no client."""
        self.log.append((purpose, 0))
        return sum(
            row.assessment.client_id is None and row.assessment.action in {"print", "export"}
            for row in self._within(first, last)
        )

    def _within(self, first: date, last: date) -> list[Row]:
        return [row for row in self.rows if first <= nz_date(row.assessment.occurred_at) <= last]

    def _answer(self, rows: list[Row], rows_max: int, purpose: Purpose) -> Answer:
        if len(rows) > rows_max:
            raise TooManyRows(f"More than {rows_max:,} accesses: narrow the period.")
        self.log.append((purpose, len(rows)))
        rows.sort(key=lambda row: (row.assessment.occurred_at, row.assessment.event_id))
        return Answer(tuple(rows), self.complete_to, self.gaps, self.begins)


@dataclass
class MemoryReadingLog:
    """A reading log in memory, which may be broken."""

    entries: list[Reading] = field(default_factory=list)
    about: list[tuple[str, ...]] = field(default_factory=list)
    is_broken: bool = False

    def note(
        self,
        purpose: Purpose,
        query: str,
        about: Sequence[str],
        *,
        days: tuple[date | None, date | None],
        rows: int,
        now: datetime,
    ) -> None:
        """Write an entry."""
        if self.is_broken:
            raise ReadingRefused("The reading log cannot be written: nothing is shown.")
        assert query
        assert days[0] is None or days[1] is None or days[0] <= days[1]
        self.about.append(tuple(about))
        said = (purpose.who, purpose.role, purpose.kind, purpose.reason, purpose.case_or_request)
        self.entries.append(Reading(now, *said, rows))
