"""The store, as agents and commands use it: each method is one transaction, and none reads a clock.

The promises stand in the package's docstring. Every method blocks: call it in a thread. Every
method raises ``StoreError`` when the database does not answer; trying again is then right.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Self

from alerts.alert import Alert, ClosedAs
from alerts.asking import Asking
from alerts.detection.config import LoadedLimits
from alerts.grouping import HitRecord, Rules
from alerts.notices import NoticeAnswer
from alerts.store import (
    audit,
    ingest,
    late_evidence,
    notices,
    notifications,
    outbox,
    queries,
    settling,
    staff,
    workflow,
)
from alerts.store.audit import Verified
from alerts.store.database import Database
from alerts.store.ingest import Taken
from alerts.store.late_evidence import ReportChange, WorkChange
from alerts.store.notices import Notice
from alerts.store.notifications import Delivery, Due, Plan, Routed, Which
from alerts.store.outbox import Outgoing
from alerts.store.queries import Combination, Entry, Filters, Notification, Precision, StoredHit
from alerts.store.settling import MayBeSlip, Settled, UnderInvestigation
from alerts.store.staff import StaffChange
from alerts.store.workflow import Backlog
from enrichment.errors import in_one_line

#: Of the reason why a message was not taken so much is kept.
REASON_CHARACTERS_MAX: Final = 400


class Store:
    """Alerts, their history, the outbox and the notification log, in one database."""

    def __init__(
        self,
        database: Database,
        rules: Rules,
        limits: Callable[[], LoadedLimits] | None = None,
        canaries: frozenset[str] = frozenset(),
        under_investigation: UnderInvestigation | None = None,
    ) -> None:
        self._database = database
        self._rules = rules
        self._limits = limits
        self._canaries = canaries
        self._under_investigation = under_investigation
        #: Who looks at the alerts, a staff id: those that they must not see are not there. None: not known.
        self.viewer: str | None = None

    @classmethod
    def open(
        cls,
        url: str,
        rules: Rules,
        limits: Callable[[], LoadedLimits] | None = None,
        canaries: frozenset[str] = frozenset(),
        under_investigation: UnderInvestigation | None = None,
    ) -> Self:
        """Open the database for a worker: made if it is missing, brought to this release's schema.

        *limits* gives what is in force; without it nothing is explained by work that becomes known later, and every
        alert is new at once and Internal Integrity's. *canaries* are the staff ids that are reserved for them.
        *under_investigation* says about whom an investigation is open: nothing is put to them.

        Raises:
            StoreError: one sentence, without a password.
        """
        return cls(Database.open(url, create=True), rules, limits, canaries, under_investigation)

    @classmethod
    def open_existing(cls, url: str, rules: Rules, viewer: str | None = None) -> Self:
        """Open the database for a command: it must be there and have this release's schema.

        *viewer* is the staff id of who looks: alerts that they must not see are then not there.

        Raises:
            NoStore: there is none yet.
            StoreError: one sentence, without a password.
        """
        store = cls(Database.open(url), rules)
        store.viewer = viewer
        return store

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    def _asking(self) -> Asking:
        return Asking(self._limits() if self._limits is not None else None, self._canaries)

    # Hits

    def take_hits(self, hits: Iterable[HitRecord], now: datetime) -> Taken:
        """Merge a batch of hits into their alerts, in one transaction.

        Taking the same hits again changes nothing. Each alert with new hits gets one revision: a new alert its first,
        a closed one is opened again with outcome None, an acknowledged one stays acknowledged.
        """
        with self._database.writing() as connection:
            return ingest.take(connection, self._rules, self._asking(), hits, now)

    # What becomes known after accesses

    def take_work(self, changes: Sequence[WorkChange], now: datetime) -> int:
        """Take published work items, in their order; give how many alerts that revised. Again, nothing changes."""
        if not changes or self._limits is None:
            return 0
        with self._database.writing() as connection:
            return late_evidence.take_work(connection, self._rules, self._asking(), changes, now)

    def take_reports(self, changes: Sequence[ReportChange], now: datetime) -> int:
        """Take self reports, in their order; give how many alerts that revised. Again, nothing changes."""
        if not changes:
            return 0
        with self._database.writing() as connection:
            return late_evidence.take_reports(connection, self._rules, self._asking(), changes, now)

    def take_staff(self, changes: Sequence[StaffChange]) -> None:
        """Take staff records, in their order."""
        if changes:
            with self._database.writing() as connection:
                staff.take(connection, changes)

    def forget_old_work(self, now: datetime) -> None:
        """Forget work that no hit still to come can need."""
        with self._database.writing() as connection:
            late_evidence.forget_old_work(connection, now)

    # From a hit to a question

    def anything_settles(self, now: datetime) -> bool:
        """Return whether an alert, a slip or a notice waits for a time that has come."""
        with self._database.reading() as connection:
            return settling.any_due(connection, self._asking(), now)

    def slips_due(self, now: datetime, limit: int) -> list[MayBeSlip]:
        """Return accesses that may be slips and of which it can be said by now."""
        with self._database.reading() as connection:
            return settling.slips_due(connection, self._asking(), now, limit)

    def decide_slips(self, decided: Sequence[tuple[MayBeSlip, bool]], now: datetime) -> Settled:
        """Write down which of them were slips, as far as an actor may have so many."""
        if not decided:
            return Settled()
        with self._database.writing() as connection:
            return settling.decide_slips(connection, self._rules, self._asking(), decided, now)

    def settle(self, now: datetime, read_to: datetime, limit: int) -> Settled:
        """Make alerts new that have settled: for Internal Integrity, or as notices for the staff member.

        *read_to* is the time to which published work is in the store: later times have not come yet.
        """
        with self._database.writing() as connection:
            return settling.settle(
                connection,
                self._rules,
                self._asking(),
                now=now,
                read_to=read_to,
                limit=limit,
                under_investigation=self._under_investigation,
            )

    def unanswered(self, now: datetime, limit: int) -> Settled:
        """Make notices Internal Integrity's whose time to answer has ended."""
        with self._database.writing() as connection:
            return settling.unanswered(connection, self._rules, self._asking(), now, limit)

    def notices(self, staff_id: str | None, limit: int, *, waiting: bool = False) -> list[Notice]:
        """Return notices, the newest first; *waiting*: only those that wait for an answer."""
        with self._database.reading() as connection:
            return notices.listed(connection, staff_id, limit, waiting=waiting)

    def notice(self, reference: str) -> Notice:
        """Return the notice with this id, or the only one whose id begins so.

        Raises:
            NotPossible: there is none, or more than one.
        """
        with self._database.reading() as connection:
            return notices.found(connection, reference)

    def clients_of(self, alert_id: str) -> set[str]:
        """Return the clients whose records the accesses of an alert opened."""
        with self._database.reading() as connection:
            return notices.clients_of(connection, alert_id)

    def answer(self, alert_id: str, answer: NoticeAnswer, *, because: str | None, by: str, now: datetime) -> Alert:
        """Take the staff member's answer to a notice; return the alert as it stands then.

        Raises:
            NotPossible: there is no such notice, or it does not wait for an answer.
        """
        with self._database.writing() as connection:
            return notices.answer(connection, alert_id, answer, because=because, by=by, now=now)

    # Outbox

    def claim_unpublished(self, holder: str, now: datetime, limit: int) -> list[Outgoing]:
        """Claim up to *limit* revisions to publish, each alert's in order; the claim ends after ``outbox.LEASE``."""
        with self._database.reading() as connection:
            if not outbox.any_unpublished(connection):
                return []
        with self._database.writing() as connection:
            return outbox.claim(connection, holder, now, limit)

    def renew_claims(self, holder: str, now: datetime) -> None:
        """Keep the holder's claims for another lease, while Kafka has not answered yet."""
        with self._database.writing() as connection:
            outbox.renew(connection, holder, now)

    def mark_published(self, holder: str, ids: Sequence[int], now: datetime) -> int:
        """Record what Kafka has acknowledged; give how many rows another relay had taken over meanwhile."""
        with self._database.writing() as connection:
            return outbox.mark_published(connection, holder, ids, now)

    def purge(self, now: datetime, limit: int) -> int:
        """Remove what was done longer ago than ``notifications.KEPT``, of up to *limit* alerts; give of how many."""
        with self._database.writing() as connection:
            return notifications.purge(connection, now, limit)

    # Notifications

    def route(self, plan: Plan, now: datetime, limit: int) -> list[Routed]:
        """Decide about up to *limit* revisions that nobody has decided about yet, and write down who is to be told."""
        with self._database.reading() as connection:
            if not notifications.any_unrouted(connection):
                return []
        with self._database.writing() as connection:
            return notifications.route(connection, plan, now, limit)

    def follow_up(self, plan: Plan, follow: notifications.Follow, now: datetime, limit: int) -> list[Routed]:
        """Write down what falls due without a new revision: reminders, escalations, messages about several alerts."""
        with self._database.reading() as connection:
            if not notifications.follow_up_due(connection, now):
                return []
        with self._database.writing() as connection:
            notifications.tell_several(connection, now)
            return notifications.remind(connection, plan, follow, now, limit)

    def claim_due(self, channel: str, *, holder: str, now: datetime, lease: timedelta, limit: int) -> list[Due]:
        """Claim up to *limit* notifications that a channel is to send now; the claim ends after *lease*."""
        with self._database.reading() as connection:
            if not notifications.any_due(connection, channel, now):
                return []
        with self._database.writing() as connection:
            return notifications.claim_due(connection, channel, holder=holder, now=now, lease=lease, limit=limit)

    def record_sent(self, due: Due, now: datetime) -> None:
        """Record that the channel accepted the message."""
        with self._database.writing() as connection:
            notifications.record(connection, due.key, {"state": "sent", "sent_at": now, "last_error": None})

    def record_failed(self, due: Due, reason: str, retry_at: datetime | None) -> None:
        """Record that it did not: try again at *retry_at*, or park it when None. *reason* names nobody."""
        state = {"state": "parked"} if retry_at is None else {"next_attempt_at": retry_at}
        with self._database.writing() as connection:
            notifications.record(
                connection, due.key, {**state, "last_error": in_one_line(reason, REASON_CHARACTERS_MAX)}
            )

    def deliveries(self, which: Which, limit: int) -> list[Delivery]:
        """Return messages of the notifications, the newest first."""
        with self._database.reading() as connection:
            return notifications.listed(connection, which, limit, self.viewer)

    def retry_deliveries(self, which: Which, by: str, now: datetime) -> list[Delivery]:
        """Let messages that are parked, or wait after a failure, be tried again now; give at most ``RETRIED_MAX``.

        Raises:
            NotPossible: a key names no such message.
        """
        with self._database.writing() as connection:
            return notifications.retry(connection, which, by, now, self.viewer)

    # People

    def listed(self, filters: Filters, limit: int, offset: int = 0) -> list[Alert]:
        """Return Internal Integrity's alerts: by score, then the newest raised first."""
        with self._database.reading() as connection:
            return queries.listed(connection, filters, limit, offset, self.viewer)

    def get(self, reference: str) -> Alert:
        """Return the alert with this id, or the only one whose id begins so.

        Raises:
            NotPossible: there is none, or more than one.
        """
        with self._database.reading() as connection:
            return queries.found(connection, reference, self.viewer)

    def history(self, alert_id: str) -> tuple[Entry, ...]:
        """Return what became of an alert, oldest first."""
        with self._database.reading() as connection:
            return queries.history(connection, alert_id)

    def notifications(self, alert_id: str) -> tuple[Notification, ...]:
        """Return who was told, is to be told or was kept from being told of an alert."""
        with self._database.reading() as connection:
            return queries.notifications(connection, alert_id)

    def hits_of_event(self, event_id: str) -> tuple[StoredHit, ...]:
        """Return the hits of one access, with the alerts that they are in."""
        with self._database.reading() as connection:
            return queries.hits_of_event(connection, event_id, self.viewer)

    def acknowledge(self, alert_id: str, by: str, now: datetime) -> tuple[Alert, bool]:
        """Write down that somebody is looking at it; return the alert and whether that changed anything.

        Raises:
            NotPossible: there is no such alert, or it is closed.
        """
        with self._database.writing() as connection:
            return workflow.acknowledge(connection, alert_id, by, now)

    def close_alert(
        self, alert_id: str, outcome: ClosedAs, *, because: str | None, by: str, now: datetime
    ) -> tuple[Alert, bool]:
        """Close an alert; another outcome on a closed one corrects it. Give it and whether that changed anything.

        Raises:
            NotPossible: there is no such alert.
        """
        with self._database.writing() as connection:
            return workflow.close(connection, alert_id, outcome, because=because, by=by, now=now)

    def reopen(self, alert_id: str, *, because: str | None, by: str, now: datetime) -> tuple[Alert, bool]:
        """Open a closed alert again, as new; give it and whether that changed anything.

        Raises:
            NotPossible: there is no such alert.
        """
        with self._database.writing() as connection:
            return workflow.reopen(connection, alert_id, because=because, by=by, now=now)

    def assign(self, alert_id: str, to: str, by: str, now: datetime) -> bool:
        """Return who works on an alert; give whether that changed anything.

        Raises:
            NotPossible: there is no such alert.
        """
        with self._database.writing() as connection:
            return workflow.assign(connection, alert_id, to, by, now)

    def note(self, alert_id: str, text: str, by: str, now: datetime) -> None:
        """Write something down about an alert.

        Raises:
            NotPossible: there is no such alert.
        """
        with self._database.writing() as connection:
            workflow.note(connection, alert_id, text, by, now)

    def assignee(self, alert_id: str) -> str | None:
        """Return who works on an alert."""
        with self._database.reading() as connection:
            return queries.assignee(connection, alert_id)

    def related(self, alert: Alert) -> list[Alert]:
        """Return the other alerts about the same staff member in the days around this one."""
        with self._database.reading() as connection:
            return queries.related(connection, alert, self.viewer)

    def precision(self) -> list[Precision]:
        """Return, for each rule, what became of the closed alerts that it is a reason of."""
        with self._database.reading() as connection:
            return queries.precision(connection)

    def combinations(self) -> list[Combination]:
        """Return, for each set of rules that closed alerts had, what became of them."""
        with self._database.reading() as connection:
            return queries.combinations(connection)

    def backlog(self, now: datetime) -> Backlog:
        """Return what waits: for somebody to look at it, to be published, to be told."""
        with self._database.reading() as connection:
            return workflow.backlog(connection, now)

    def verify(self, noted: tuple[int, str] | None = None) -> Verified:
        """Prove that nothing was changed or removed, since a head that was noted before too. Writers wait meanwhile."""
        with self._database.writing() as connection:
            return audit.verify(connection, noted)
