"""The ledger of alerts: topic, store and notifications against the plain re-computation."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.faults.agency import Identity
from tests.faults.evidence import Evidence
from tests.faults.receivers import HOOK, MAIL

#: Event ids that an alert names at most (``docs/contract.md`` section 3).
EVENT_IDS_MAX = 50


def alert_differences(evidence: Evidence) -> Iterator[str]:
    """One alert for each identity, none without; its newest revision says what it must."""
    newest = _newest(evidence)
    expected = evidence.expected()
    when = {event: datetime.fromisoformat(access["occurred_at"]) for event, access in evidence.accesses().items()}
    by_identity: dict[tuple[str, str | None, str], list[str]] = {}
    for alert_id, alert in newest.items():
        by_identity.setdefault((alert["staff_id"], alert["client_id"], alert["day"]), []).append(alert_id)
    for identity, events in expected.items():
        ids = by_identity.pop((identity.staff_id, identity.client_id, identity.day.isoformat()), [])
        if len(ids) != 1:
            yield f"{_of(identity)} has {len(ids)} alerts"
            continue
        alert = newest[ids[0]]
        first = sorted(events, key=lambda event: (when[event], event))[:EVENT_IDS_MAX]
        rules = sorted(set().union(*events.values()))
        found = (alert["access_count"], alert["event_ids"], sorted(alert["rules"]))
        if found != (len(events), first, rules):
            yield f"{_of(identity)} counts {found[0]} of {len(events)} accesses, rules {found[2]}, expected {rules}"
    yield from (f"{identity} has an alert and should have none" for identity in by_identity)


def revisions(evidence: Evidence) -> Iterator[str]:
    """Revisions leave none out, come in order, and the newest stands last; a repeat says the same."""
    said: dict[str, dict[int, dict[str, Any]]] = {}
    for alert in evidence.alerts:
        of_alert = said.setdefault(alert["alert_id"], {})
        number = alert["revision"]
        if number not in of_alert and number != len(of_alert) + 1:
            yield f"revision {number} of {alert['alert_id']} came after {sorted(of_alert)}"
        if of_alert.setdefault(number, alert) != alert:
            yield f"revision {number} of {alert['alert_id']} was published with two contents"
    for alert_id, alert in _newest(evidence).items():
        if alert["revision"] != len(said[alert_id]):
            yield f"the last record of {alert_id} is revision {alert['revision']} of {len(said[alert_id])}"


def store_differences(evidence: Evidence) -> Iterator[str]:
    """The store says what the topic says, each hit once, each revision in its history once."""
    store, newest = evidence.store, _newest(evidence)
    for alert_id in sorted(store.alerts.keys() | newest.keys()):
        if store.alerts.get(alert_id) != newest.get(alert_id):
            yield f"the store and the topic differ about {alert_id}"
    for alert_id, entries in store.revisions.items():
        # An entry without a revision says who was told of one.
        numbers = [number for number in entries if number is not None]
        if list(numbers) != list(range(1, len(numbers) + 1)):
            yield f"the history of {alert_id} has revisions {numbers}"
    wanted = {
        (event, rule) for events in evidence.expected().values() for event, rules in events.items() for rule in rules
    }
    found = Counter((event, rule) for _, event, rule in store.hits)
    yield from (f"the hit {hit} stands {found[hit]} times in the store" for hit in wanted if found[hit] != 1)
    yield from (f"the hit {hit} stands in the store and should not" for hit in found.keys() - wanted)
    if store.unpublished or store.pending:
        yield f"{store.unpublished} revisions wait to be published, {store.pending} notifications to be told"


def notifications(evidence: Evidence) -> Iterator[str]:
    """Each alert is told once through each channel, by the id that it must have."""
    wanted = {(channel, f"{alert_id}.1.{channel}") for alert_id in _newest(evidence) for channel in (HOOK, MAIL)}
    found = set(evidence.accepted)
    yield from (f"{channel} never got {key}" for channel, key in sorted(wanted - found))
    yield from (f"{channel} got {key}, which it should not" for channel, key in sorted(found - wanted))


def repeated(evidence: Evidence) -> int:
    """Count the messages that came once more; each carried the id of the first."""
    return sum(count - 1 for count in Counter(evidence.accepted).values())


def _newest(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Return the last record of each alert: what a compacted topic keeps."""
    return {alert["alert_id"]: alert for alert in evidence.alerts}


def _of(identity: Identity) -> str:
    return f"the alert of {identity.staff_id}, {identity.client_id}, {identity.day}"


CHECKS = {
    "alert differences": alert_differences,
    "revisions": revisions,
    "store differences": store_differences,
    "notifications": notifications,
}
