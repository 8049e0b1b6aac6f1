"""The store, as agents and commands use it: each method is one transaction, and none reads a clock.

The promises stand in the package's docstring. Every method blocks: call it in a thread. Every
method raises ``StoreError`` when the database does not answer; trying again is then right.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from alerts.alert import Alert, ClosedAs
from alerts.merging import HitRecord, Rules
from alerts.policy import Policy
from alerts.store import (
    deliveries,
    hindsight,
    learned,
    ledger,
    outbox,
    purging,
    reading,
    register,
    rounds,
    routing,
    schema,
    standing,
    taking,
    verifying,
    working,
)
from alerts.store.database import WRITES, name_of, open_engine, parse
from alerts.store.deliveries import Delivery, Which
from alerts.store.errors import StoreError
from alerts.store.learned import ReportChange, WorkChange
from alerts.store.ledger import Due
from alerts.store.outbox import Outgoing
from alerts.store.reading import Entry, Filters, Notification, Precision, StoredHit
from alerts.store.register import StaffChange
from alerts.store.routing import Plan, Routed
from alerts.store.standing import Standing
from alerts.store.taking import Taken
from alerts.store.verifying import Verified


class Store:
    """Alerts, their history, the outbox and the ledger of notifications, in one database."""

    def __init__(self, engine: Engine, rules: Rules, policy: Callable[[], Policy] | None, name: str) -> None:
        self._reads = engine
        self._writes = engine.execution_options(**{WRITES: True})
        self._rules = rules
        self._policy = policy
        self._name = name
        #: Who looks at the alerts, a staff id: those that they must not see are not there. None: not known.
        self.viewer: str | None = None

    @classmethod
    def open(cls, url: str, rules: Rules, policy: Callable[[], Policy] | None = None) -> Self:
        """Open the database for a worker: made if it is missing, brought to this release's schema.

        *policy* gives what is in force; without it nothing is explained by work that becomes known later.

        Raises:
            StoreError: one sentence, without a password.
        """
        return cls._opened(url, rules, policy, create=True)

    @classmethod
    def open_existing(cls, url: str, rules: Rules, viewer: str | None = None) -> Self:
        """Open the database for a command: it must be there and have this release's schema.

        *viewer* is the staff id of who looks: alerts that they must not see are then not there.

        Raises:
            NoStore: there is none yet.
            StoreError: one sentence, without a password.
        """
        store = cls._opened(url, rules, None, create=False)
        store.viewer = viewer
        return store

    @classmethod
    def _opened(cls, url: str, rules: Rules, policy: Callable[[], Policy] | None, *, create: bool) -> Self:
        parsed = parse(url)
        name = name_of(parsed)
        engine = open_engine(parsed, create=create)
        try:
            with _as_sentence(name):
                (schema.upgrade if create else schema.require_current)(engine, name)
        except StoreError:
            engine.dispose()
            raise
        return cls(engine, rules, policy, name)

    def close(self) -> None:
        """Close its connections."""
        self._reads.dispose()

    # Hits

    def take_hits(self, hits: Iterable[HitRecord], now: datetime) -> Taken:
        """Merge a batch of hits into their alerts, in one transaction.

        Taking the same hits again changes nothing. Each alert with new hits gets one revision: a new alert its first,
        a closed one is opened again with outcome None, an acknowledged one stays acknowledged.
        """
        with self._writing() as connection:
            return taking.take(connection, self._rules, self._policy() if self._policy else None, hits, now)

    # What becomes known after accesses

    def take_work(self, changes: Sequence[WorkChange], now: datetime) -> int:
        """Take published work items, in their order; give how many alerts that revised. Again, nothing changes."""
        if not changes or self._policy is None:
            return 0
        with self._writing() as connection:
            return hindsight.take_work(connection, self._rules, self._policy(), changes, now)

    def take_reports(self, changes: Sequence[ReportChange], now: datetime) -> int:
        """Take self reports, in their order; give how many alerts that revised. Again, nothing changes."""
        if not changes:
            return 0
        with self._writing() as connection:
            return hindsight.take_reports(connection, self._rules, changes, now)

    def take_staff(self, changes: Sequence[StaffChange]) -> None:
        """Take staff records, in their order."""
        if changes:
            with self._writing() as connection:
                register.take(connection, changes)

    def forget_old_work(self, now: datetime) -> None:
        """Forget work that no hit still to come can need."""
        with self._writing() as connection:
            learned.forget_old_work(connection, now)

    # Outbox

    def claim_unpublished(self, holder: str, now: datetime, limit: int) -> list[Outgoing]:
        """Claim up to *limit* revisions to publish, each alert's in order; the claim ends after ``outbox.LEASE``."""
        with self._reading() as connection:
            if not outbox.any_unpublished(connection):
                return []
        with self._writing() as connection:
            return outbox.claim(connection, holder, now, limit)

    def renew_claims(self, holder: str, now: datetime) -> None:
        """Keep the holder's claims for another lease, while Kafka has not answered yet."""
        with self._writing() as connection:
            outbox.renew(connection, holder, now)

    def mark_published(self, holder: str, ids: Sequence[int], now: datetime) -> int:
        """Record what Kafka has acknowledged; give how many rows another relay had taken over meanwhile."""
        with self._writing() as connection:
            return outbox.mark_published(connection, holder, ids, now)

    def purge(self, now: datetime, limit: int) -> int:
        """Remove what was done longer ago than ``purging.KEPT``, of up to *limit* alerts; give of how many."""
        with self._writing() as connection:
            return purging.purge(connection, now, limit)

    # Notifications

    def route(self, plan: Plan, now: datetime, limit: int) -> list[Routed]:
        """Decide about up to *limit* revisions that nobody has decided about yet, and write down who is to be told."""
        with self._reading() as connection:
            if not routing.any_unrouted(connection):
                return []
        with self._writing() as connection:
            return routing.route(connection, plan, now, limit)

    def follow_up(self, plan: Plan, follow: rounds.Follow, now: datetime, limit: int) -> list[Routed]:
        """Write down what falls due without a new revision: reminders, escalations, messages about several alerts."""
        with self._reading() as connection:
            if not rounds.any_due(connection, now):
                return []
        with self._writing() as connection:
            rounds.tell_several(connection, now)
            return rounds.remind(connection, plan, follow, now, limit)

    def claim_due(self, channel: str, *, holder: str, now: datetime, lease: timedelta, limit: int) -> list[Due]:
        """Claim up to *limit* notifications that a channel is to send now; the claim ends after *lease*."""
        with self._reading() as connection:
            if not ledger.any_due(connection, channel, now):
                return []
        with self._writing() as connection:
            return ledger.claim_due(connection, channel, holder=holder, now=now, lease=lease, limit=limit)

    def record_sent(self, due: Due, now: datetime) -> None:
        """Record that the channel accepted the message."""
        with self._writing() as connection:
            ledger.record(connection, due.key, {"state": "sent", "sent_at": now, "last_error": None})

    def record_failed(self, due: Due, why: str, retry_at: datetime | None) -> None:
        """Record that it did not: try again at *retry_at*, or park it when None. *why* is a class or a status."""
        state = {"state": "parked"} if retry_at is None else {"next_attempt_at": retry_at}
        with self._writing() as connection:
            ledger.record(connection, due.key, {**state, "last_error": why})

    def deliveries(self, which: Which, limit: int) -> list[Delivery]:
        """Give messages of the ledger, the newest first."""
        with self._reading() as connection:
            return deliveries.listed(connection, which, limit, self.viewer)

    def retry_deliveries(self, which: Which, by: str, now: datetime) -> list[Delivery]:
        """Let messages that are parked, or wait after a failure, be tried again now; give at most ``RETRIED_MAX``.

        Raises:
            NotPossible: a key names no such message.
        """
        with self._writing() as connection:
            return deliveries.retry(connection, which, by, now, self.viewer)

    # People

    def listed(self, filters: Filters, limit: int, offset: int = 0) -> list[Alert]:
        """Give alerts, newest raised first."""
        with self._reading() as connection:
            return reading.listed(connection, filters, limit, offset, self.viewer)

    def get(self, reference: str) -> Alert:
        """Give the alert with this id, or the only one whose id begins so.

        Raises:
            NotPossible: there is none, or more than one.
        """
        with self._reading() as connection:
            return reading.found(connection, reference, self.viewer)

    def history(self, alert_id: str) -> tuple[Entry, ...]:
        """Give what became of an alert, oldest first."""
        with self._reading() as connection:
            return reading.history(connection, alert_id)

    def notifications(self, alert_id: str) -> tuple[Notification, ...]:
        """Give who was told, is to be told or was kept from being told of an alert."""
        with self._reading() as connection:
            return reading.notifications(connection, alert_id)

    def hits_of_event(self, event_id: str) -> tuple[StoredHit, ...]:
        """Give the hits of one access, with the alerts that they are in."""
        with self._reading() as connection:
            return reading.hits_of_event(connection, event_id, self.viewer)

    def acknowledge(self, alert_id: str, by: str, now: datetime) -> tuple[Alert, bool]:
        """Say that somebody is looking at it; give the alert and whether that changed anything.

        Raises:
            NotPossible: there is no such alert, or it is closed.
        """
        with self._writing() as connection:
            return working.acknowledge(connection, alert_id, by, now)

    def close_alert(
        self, alert_id: str, outcome: ClosedAs, *, because: str | None, by: str, now: datetime
    ) -> tuple[Alert, bool]:
        """Close an alert; another outcome on a closed one corrects it. Give it and whether that changed anything.

        Raises:
            NotPossible: there is no such alert.
        """
        with self._writing() as connection:
            return working.close(connection, alert_id, outcome, because=because, by=by, now=now)

    def reopen(self, alert_id: str, *, because: str | None, by: str, now: datetime) -> tuple[Alert, bool]:
        """Open a closed alert again, as new; give it and whether that changed anything.

        Raises:
            NotPossible: there is no such alert.
        """
        with self._writing() as connection:
            return working.reopen(connection, alert_id, because=because, by=by, now=now)

    def assign(self, alert_id: str, to: str, by: str, now: datetime) -> bool:
        """Say who works on an alert; give whether that changed anything.

        Raises:
            NotPossible: there is no such alert.
        """
        with self._writing() as connection:
            return working.assign(connection, alert_id, to, by, now)

    def note(self, alert_id: str, text: str, by: str, now: datetime) -> None:
        """Write something down about an alert.

        Raises:
            NotPossible: there is no such alert.
        """
        with self._writing() as connection:
            working.note(connection, alert_id, text, by, now)

    def assignee(self, alert_id: str) -> str | None:
        """Give who works on an alert."""
        with self._reading() as connection:
            return reading.assignee(connection, alert_id)

    def related(self, alert: Alert) -> list[Alert]:
        """Give the other alerts about the same staff member in the days around this one."""
        with self._reading() as connection:
            return reading.related(connection, alert, self.viewer)

    def precision(self) -> list[Precision]:
        """Give, for each rule, what became of the closed alerts that it is a reason of."""
        with self._reading() as connection:
            return reading.precision(connection)

    def standing(self, now: datetime) -> Standing:
        """Give what waits: for somebody to look at it, to be published, to be told."""
        with self._reading() as connection:
            return standing.standing(connection, now)

    def verify(self, noted: tuple[int, str] | None = None) -> Verified:
        """Prove that nothing was changed or removed, since a head that was noted before too. Writers wait meanwhile."""
        with self._writing() as connection:
            return verifying.verify(connection, noted)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _as_sentence(self._name), self._reads.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _as_sentence(self._name), self._writes.begin() as connection:
            yield connection


@contextmanager
def _as_sentence(name: str) -> Iterator[None]:
    """Say a database's error without its text: that may quote values, and values are personal data."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        raise StoreError(f"The alert store {name} cannot be used ({type(cause).__name__}).") from None
