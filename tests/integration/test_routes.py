"""Routes over a real store and a real endpoint: storms, digests, reminders, silences, conflicts, two workers, purging.

SQLite files always; PostgreSQL too where ``TEST_POSTGRESQL`` is set (see ``test_alert_store.py``).
"""

import asyncio
import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from aiohttp import web

from agents.notify import Deliverer
from alerts.alert import alert_id
from alerts.detection.registry import RULES as CATALOGUE
from alerts.detection.work_reasons import Actor, Owner
from alerts.notify.attempts import Attempt
from alerts.notify.config import load, open_senders
from alerts.store.notifications import KEPT
from alerts.store.queries import Filters
from alerts.store.staff import StaffChange
from alerts.store.store import Store
from enrichment.nz_time import nz_date
from enrichment.schemas import Staff
from tests.support.alert_builders import NOON, NOW, RULES, a_hit, an_answer
from tests.support.console import accesswatch
from tests.support.databases import an_empty_database, kinds
from tests.support.mail_and_hooks import Hook, http_server, until
from tests.support.worker import without_ours

DAY = nz_date(NOON)
PAIR = alert_id("S-1", "C-1", DAY)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
#: What these tests give to ``a_deliverer`` of a route.
Fields = dict[str, Any]


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Any:
        """Return what time the test says."""
        return self.now


class UserError:
    """An endpoint of two channels, and the agent that tells it; ``all`` goes by ``hook``, ``others`` by ``chief``."""

    def __init__(self, store: Store, directory: Path, url: str, routes: dict[str, Fields], silences: Any = ()) -> None:
        (directory / "secret").write_text("whsec_" + base64.b64encode(b"k" * 32).decode())
        channel = {"kind": "webhook", "url": url, "secret_file": "secret"}
        all_, others = routes.get("all", {}), routes.get("others", {})
        given = [
            {"name": "all", "channels": ["hook"], "conflict_route": "others"} | all_,
            {"name": "others", "channels": ["chief"], "conflict_route": "all", "independent": True}
            | {"only_when_named": True}
            | others,
        ]
        path = directory / "delivery.yaml"
        path.write_text(
            yaml.safe_dump(
                {"channels": {"hook": channel, "chief": channel}, "routes": given, "silences": list(silences)}
            )
        )
        delivery = load(path, {})
        self.clock, self.counts = Clock(), Counter[tuple[str, str]]()
        self.senders = open_senders(delivery, _no_findings)
        self.deliverer = Deliverer(store, lambda: delivery, RULES, self._count, self.clock, "one", _no_findings)

    def _count(self, channel: str, result: str) -> None:
        self.counts[channel, result] += 1

    async def now(self, after: timedelta = timedelta()) -> None:
        """Let time pass, then do all that is due."""
        self.clock.now += after
        while await self.deliverer.route_once():
            pass
        for name, sender in self.senders.items():
            while await self.deliverer.send_once(name, sender):
                pass


async def _no_findings(_key: bytes, _value: bytes) -> Attempt:
    raise AssertionError


@pytest.fixture(params=kinds())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with an_empty_database(request.param, tmp_path) as url:
        opened = Store.open(url, RULES)
        yield opened
        opened.close()


@pytest.fixture
def hook() -> Hook:
    """Takes everything."""
    return Hook([web.Response(status=200)])


def keys(hook: Hook) -> list[str]:
    """The ids of what arrived, in order."""
    return [headers["webhook-id"] for headers, _ in hook.requests]


def events(hook: Hook) -> list[dict[str, Any]]:
    """What arrived."""
    return [orjson.loads(body) for _, body in hook.requests]


def staff(staff_id: str, org_unit: str, *roles: str) -> StaffChange:
    """One record of the staff register."""
    record = {"staff_id": staff_id, "kind": "employee", "status": "active", "org_unit": org_unit, "roles": list(roles)}
    return StaffChange(staff_id, Staff.model_validate_json(orjson.dumps(record)))


# A day's storm

#: The storm's minute is taken in so many batches.
STEPS = 12
STORMS = [
    pytest.param(600, id="600 hits"),
    pytest.param(10_000, id="10,000 hits", marks=[pytest.mark.long, pytest.mark.timeout(900)]),
]


@pytest.mark.parametrize("hits", STORMS)
async def test_a_storm_ends_in_one_message_per_route_and_interval(
    store: Store, tmp_path: Path, hook: Hook, hits: int
) -> None:
    """In a minute, over many alerts and one that grows: a message at once, then one count for each interval."""
    one = {"storm": {"at_most": 1, "per": "10m"}}
    grouped = one | {"mode": "grouped", "every": "10m", "only_when_named": False}
    async with http_server(hook) as url:
        told = UserError(store, tmp_path, url, {"all": one, "others": grouped})
        store.take_hits([a_hit("e-first")], told.clock())
        await told.now()
        for step in range(STEPS):
            numbers = range(step * hits // STEPS, (step + 1) * hits // STEPS)
            # Half of them are of one alert, the others of one each.
            records = [a_hit(f"e-{n}", client="C-1" if n % 2 == 0 else f"D-{n}") for n in numbers]
            store.take_hits(records, told.clock())
            await told.now(MINUTE / STEPS)
        assert sorted(keys(hook)) == sorted([f"{PAIR}.1.hook", f"{PAIR}.1.chief"])
        for _ in range(30):
            await told.now(MINUTE)
    # The one that grew waits too where growth is told.
    storms = {event["data"]["route"]: event["data"]["new"]["high"] for event in events(hook)[2:]}
    assert storms == {"all": hits // 2, "others": hits // 2 + 1}
    assert (len(hook.requests), len(set(keys(hook)))) == (4, 4)
    assert not any("S-1" in body.decode() or "C-1" in body.decode() for _, body in hook.requests)
    assert store.verify().problems == []


# Modes


async def test_growth_is_told_once_an_interval_as_it_then_stands(store: Store, tmp_path: Path, hook: Hook) -> None:
    """The first at once; of four more in the hour one update, which names the newest revision."""
    async with http_server(hook) as url:
        told = UserError(store, tmp_path, url, {"all": {"mode": "grouped", "every": "1h"}})
        for number in range(5):
            store.take_hits([a_hit(f"e-{number}")], told.clock())
            await told.now(MINUTE)
        assert keys(hook) == [f"{PAIR}.1.hook"]
        await told.now(HOUR)
        await told.now(2 * HOUR)
    assert keys(hook) == [f"{PAIR}.1.hook", f"{PAIR}.5.hook"]
    assert [n.state for n in store.notifications(PAIR)] == ["sent", *["superseded"] * 3, "sent"]
    assert store.verify().problems == []


async def test_a_digest_lists_the_days_alerts_once(store: Store, tmp_path: Path, hook: Hook) -> None:
    """At 17:00 in New Zealand; the next day there is nothing to say; what is explained later is in the next one."""
    async with http_server(hook) as url:
        told = UserError(store, tmp_path, url, {"all": {"mode": "digest", "at": "17:00"}})
        store.take_hits([a_hit(), a_hit("e-2", client="C-2", answers=[an_answer(severity="low")])], NOW)
        store.take_hits([a_hit("e-3")], NOW)
        await told.now()
        store.close_alert(alert_id("S-1", "C-2", DAY), "confirmed", because=None, by="S-9", now=NOW)
        await told.now(7 * HOUR)
        assert hook.requests == []
        await told.now(HOUR)
        await told.now(24 * HOUR)
    (digest,) = events(hook)
    assert digest["id"] == "digest.all.20261120T040000Z.hook"
    assert (digest["data"]["new"], digest["data"]["settled"]) == ({"high": 1}, 1)
    first = digest["data"]["alerts"][0]
    assert (first["alert_id"], first["access_count"]) == (PAIR, 2)
    assert {n.state for n in store.notifications(PAIR)} == {"summed"}
    assert store.verify().problems == []


async def test_reminders_until_somebody_acknowledges_then_the_next_route(
    store: Store, tmp_path: Path, hook: Hook
) -> None:
    """Two reminders and an escalation for the one; none for the one that was acknowledged in time."""
    async with http_server(hook) as url:
        reminding = {"reminders": {"every": "1h", "at_most": 2}, "escalate_to": "others"}
        told = UserError(store, tmp_path, url, {"all": reminding})
        other = alert_id("S-1", "C-2", DAY)
        store.take_hits([a_hit(), a_hit("e-2", client="C-2")], NOW)
        await told.now()
        store.acknowledge(other, "S-9", NOW)
        for _ in range(6):
            await told.now(HOUR)
    assert [key for key in keys(hook) if key.startswith(other)] == [f"{other}.1.hook"]
    assert [key for key in keys(hook) if key.startswith(PAIR)] == [
        f"{PAIR}.1.hook", f"{PAIR}.1.hook.reminder-1", f"{PAIR}.1.hook.reminder-2", f"{PAIR}.1.chief.escalated",
    ]  # fmt: skip
    assert [entry.because for entry in store.history(PAIR) if entry.what == "routed"] == [
        "revision 1 (first), to hook",
        "revision 1 (reminder 1), to hook",
        "revision 1 (reminder 2), to hook",
        "revision 1 (escalated), to chief",
    ]
    assert store.verify().problems == []


async def test_what_is_silenced_is_recorded(store: Store, tmp_path: Path, hook: Hook) -> None:
    """Nothing leaves; the ledger says who was not told and why; afterwards the next hit tells."""
    silence = {"name": "quiet", "owner": "S-9", "reason": "A test.", "rules": ["own-record"]}
    async with http_server(hook) as url:
        told = UserError(store, tmp_path, url, {}, [silence | {"end": (NOW + HOUR).isoformat()}])
        store.take_hits([a_hit()], NOW)
        await told.now()
        assert (hook.requests, told.counts) == ([], {("hook", "silenced"): 1})
        assert [(n.channel, n.state, n.silence) for n in store.notifications(PAIR)] == [("hook", "silenced", "quiet")]
        store.take_hits([a_hit("e-2")], NOW + HOUR)
        await told.now(HOUR)
    assert keys(hook) == [f"{PAIR}.2.hook"]


# Whom not to tell

ACTOR = Actor("employee", "U-1", ())
CONCERNED = [
    pytest.param({"staff": ["S-1", "S-8"]}, a_hit(actor=ACTOR), {"S-1"}, id="about a recipient"),
    pytest.param({"staff": ["S-7", "S-8"]}, a_hit(actor=ACTOR), {"S-1", "S-7"}, id="about a recipient's colleague"),
    pytest.param({"staff": ["S-6"]}, a_hit(owners=(Owner("S-6", "U-6"),)), {"S-1", "S-6"}, id="a recipient's record"),
    pytest.param(
        {"staff": ["S-8"]}, a_hit(actor_conflicted=True), {"S-1", "S-8", "S-5"}, id="Internal Integrity's own"
    ),
]


@pytest.mark.parametrize(("route", "hit", "unseen_by"), CONCERNED)
async def test_those_whom_it_concerns_are_not_told(  # noqa: PLR0917 fixtures and a row
    store: Store, tmp_path: Path, hook: Hook, route: Fields, hit: Any, unseen_by: set[str]
) -> None:
    """It goes another way, is marked, and is in no list of theirs; everybody else finds it."""
    units = [staff("S-5", "U-5", "internal_integrity"), staff("S-6", "U-6"), staff("S-7", "U-1"), staff("S-8", "U-8")]
    store.take_staff(units)
    async with http_server(hook) as url:
        told = UserError(store, tmp_path, url, {"all": route})
        store.take_hits([hit], NOW)
        await told.now()
    assert keys(hook) == [f"{PAIR}.1.chief"]
    (noted,) = store.notifications(PAIR)
    assert (noted.conflicted, noted.instead_of, noted.route) == (True, "all", "others")
    found = {}
    for viewer in ("S-1", "S-5", "S-6", "S-7", "S-8", None):
        store.viewer = viewer
        found[viewer] = [alert.alert_id for alert in store.listed(Filters(), 10)]
    store.viewer = None
    assert {viewer for viewer, seen in found.items() if viewer is not None and not seen} == unseen_by
    assert found[None] == [PAIR]


async def test_what_waits_for_a_route_is_dropped_when_it_turns_out_to_concern_its_people(
    store: Store, tmp_path: Path, hook: Hook
) -> None:
    """The day's digest does not name it."""
    async with http_server(hook) as url:
        told = UserError(store, tmp_path, url, {"all": {"mode": "digest", "at": "17:00"}})
        store.take_hits([a_hit()], NOW)
        await told.now()
        store.take_hits([a_hit("e-2", actor_conflicted=True)], NOW)
        await told.now(12 * HOUR)
    assert keys(hook) == [f"{PAIR}.2.chief"]
    assert [n.state for n in store.notifications(PAIR)] == ["superseded", "sent"]


def test_the_commands_show_nobody_what_is_about_themselves(tmp_path: Path) -> None:
    """Neither in the list nor by its id, nor may they close it."""
    database = f"sqlite:///{tmp_path / 'alerts.sqlite3'}"
    store = Store.open(database, CATALOGUE)
    store.take_hits([a_hit()], NOW)
    store.close()
    commands = (["alerts", "list"], ["alerts", "show", PAIR], ["alerts", "close", PAIR, "--outcome", "explained"])
    answers = {}
    for actor in ("S-1", "S-2"):
        environment = without_ours() | {"ACCESSWATCH_DATABASE": database, "ACCESSWATCH_ACTOR": actor}
        answers[actor] = [accesswatch(*command, environment=environment) for command in commands]
    assert [(answer.returncode, PAIR in answer.stdout) for answer in answers["S-2"]] == [(0, True)] * 3
    assert [(answer.returncode, PAIR in answer.stdout) for answer in answers["S-1"]] == [(0, False)] + [(1, False)] * 2
    assert answers["S-1"][1].stderr.strip().endswith(f"There is no alert {PAIR}.")


# A changed delivery file


async def test_a_changed_file_is_taken_while_the_agent_runs(store: Store, tmp_path: Path, hook: Hook) -> None:
    """A channel more, then one less; what the others have in hand goes on."""
    async with http_server(hook) as url:
        first = UserError(store, tmp_path, url, {"all": {"channels": ["hook"]}}).deliverer.delivery
        second = UserError(store, tmp_path, url, {"all": {"channels": ["hook", "chief"]}}).deliverer.delivery
        force = [first]
        deliverer = Deliverer(
            store, lambda: force[0], RULES, lambda _channel, _result: None, lambda: datetime.now(UTC), "x", _no_findings
        )
        stop, woken = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(deliverer.run(woken, stop))
        for number, delivery in enumerate((first, second, first)):
            force[0] = delivery
            await asyncio.sleep(0)
            store.take_hits([a_hit(f"e-{number}", client=f"C-{number}")], NOW)
            await until(lambda seen=number: f"C-{seen}" in _told_clients(hook))  # type: ignore[misc]
        await until(lambda: len(hook.requests) == 4)
        stop.set()
        await running
    assert Counter(keys(hook)) == Counter(
        [f"{alert_id('S-1', f'C-{n}', DAY)}.1.hook" for n in range(3)] + [f"{alert_id('S-1', 'C-1', DAY)}.1.chief"]
    )


def _told_clients(hook: Hook) -> set[str]:
    known = {alert_id("S-1", f"C-{n}", DAY): f"C-{n}" for n in range(3)}
    return {known[key.partition(".")[0]] for key in keys(hook)}


# Several workers, and what is old


async def test_two_workers_send_each_message_once(store: Store, tmp_path: Path, hook: Hook) -> None:
    """Both route and send at the same time, over and over."""
    async with http_server(hook) as url:
        storm = {"storm": {"at_most": 1000, "per": "1s"}}
        told = [UserError(store, tmp_path, url, {"all": storm}).deliverer for _ in range(2)]
        told[1] = replace(told[1], holder="two")
        for number in range(40):
            store.take_hits([a_hit(f"e-{number}", client=f"C-{number}")], NOW)

        async def work(deliverer: Deliverer) -> None:
            sender = open_senders(deliverer.delivery, _no_findings)["hook"]
            for _ in range(20):
                await deliverer.route_once()
                await deliverer.send_once("hook", sender)

        await asyncio.gather(*(work(deliverer) for deliverer in told))
    assert Counter(keys(hook)) == Counter({f"{alert_id('S-1', f'C-{n}', DAY)}.1.hook": 1 for n in range(40)})


async def test_what_was_told_long_ago_is_removed_and_the_record_still_proves_itself(
    store: Store, tmp_path: Path, hook: Hook
) -> None:
    """The alert and its history stay; what was not published, or was told of lately, does too."""
    async with http_server(hook) as url:
        told = UserError(store, tmp_path, url, {})
        store.take_hits([a_hit(), a_hit("e-2", client="C-2")], NOW)
        await told.now()
        assert store.purge(NOW + KEPT + HOUR, 10) == 0
        rows = store.claim_unpublished("relay", NOW, 10)
        store.mark_published("relay", [row.id for row in rows], NOW)
        store.take_hits([a_hit("e-3", client="C-2")], NOW + KEPT)
        await told.now(KEPT)
        assert [store.purge(NOW + KEPT + HOUR, 10) for _ in range(2)] == [1, 0]
        assert (store.notifications(PAIR), store.history(PAIR)[-1].what) == ((), "purged")
        assert len(store.notifications(alert_id("S-1", "C-2", DAY))) == 1
        assert store.verify().problems == []
        store.take_hits([a_hit("e-4")], NOW + KEPT + HOUR)
        await told.now(HOUR)
    assert store.get(PAIR).access_count == 2
    assert keys(hook)[-1] == f"{PAIR}.2.hook"
    assert store.verify().problems == []
