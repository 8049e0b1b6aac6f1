"""Everything that a run has left behind, read back: the topics, the store, and what was seen on the way."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from stream.topics import ACCESS, ALERT, ASSESSMENT, HIT
from tests.faults import agency
from tests.faults.agency import Identity
from tests.faults.scene import Scene
from tests.faults.watch import Look
from tests.support.topics import read_all

#: A place in a topic: partition and offset.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Store:
    """The rows of the alert store that matter here."""

    #: alert_id -> the newest revision, as JSON has it.
    alerts: Mapping[str, dict[str, Any]]
    #: (alert_id, event_id, rule).
    hits: Sequence[tuple[str, str, str]]
    #: alert_id -> the revisions in its history.
    revisions: Mapping[str, Sequence[int]]
    unpublished: int
    pending: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the ledger checks."""

    inputs: Sequence[Any]
    #: The accesses that can be read, by their value.
    good: Mapping[bytes, dict[str, Any]]
    assessments: Sequence[tuple[Place, dict[str, Any]]]
    letters: Sequence[Any]
    hits: Sequence[dict[str, Any]]
    alerts: Sequence[dict[str, Any]]
    store: Store
    looks: Sequence[Look]
    topics: Mapping[str, str]
    accepted: Sequence[tuple[str, str]]

    def expected(self) -> dict[Identity, dict[str, set[str]]]:
        """Compute plainly, from what stands in the input topic: each alert, its accesses, and the rules of each."""
        found: dict[Identity, dict[str, set[str]]] = {}
        for access in self.accesses().values():
            for identity, rules in agency.identities(access).items():
                found.setdefault(identity, {})[access["event_id"]] = rules
        return found

    def accesses(self) -> dict[str, dict[str, Any]]:
        """Return each distinct access that stands in the input topic."""
        return {self.good[one.value]["event_id"]: self.good[one.value] for one in self.inputs if one.value in self.good}


async def read(scene: Scene) -> Evidence:
    """Read everything back."""
    topics = {name: scene.topic(name) for name in (ACCESS, ASSESSMENT, HIT, ALERT, f"{ACCESS}.dlq")}
    kafka = scene.stand.kafka.bootstrap
    records = {name: await read_all(kafka, topic) for name, topic in topics.items()}
    return Evidence(
        inputs=records[ACCESS],
        good=scene.feeder.workload.good,
        assessments=[((one.partition, one.offset), json.loads(one.value)) for one in records[ASSESSMENT]],
        letters=records[f"{ACCESS}.dlq"],
        hits=[json.loads(one.value) for one in records[HIT]],
        alerts=[json.loads(one.value) for one in records[ALERT]],
        store=read_store(scene),
        looks=scene.watch.looks,
        topics=topics,
        accepted=scene.receivers.accepted,
    )


def read_store(scene: Scene) -> Store:
    """Read the alert store."""
    revisions: dict[str, list[int]] = {}
    with closing(sqlite3.connect(scene.database, timeout=30)) as database:
        alerts = {row[0]: json.loads(row[1]) for row in database.execute("SELECT alert_id, payload FROM alerts")}
        hits = list(database.execute("SELECT alert_id, event_id, rule FROM alert_hits"))
        for alert_id, revision in database.execute("SELECT alert_id, revision FROM alert_history ORDER BY id"):
            revisions.setdefault(alert_id, []).append(revision)
        (unpublished,) = database.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
        (pending,) = database.execute("SELECT count(*) FROM notifications WHERE state = 'pending'").fetchone()
        (unrouted,) = database.execute("SELECT count(*) FROM outbox WHERE routed_at IS NULL").fetchone()
    return Store(alerts, hits, revisions, unpublished, pending + unrouted)
