"""What windows promise, of both stores: in memory, and in a real Redis."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enrichment.directory import NotReadable
from enrichment.memory_windows import MemoryWindows
from enrichment.newzealand import nz_date
from enrichment.redis_windows import CALL_SECONDS, RedisWindows
from enrichment.windows import Noted, Windows, WindowStore
from stream.redis_link import connect
from stream.settings import Settings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[WindowStore]:
    """An empty store."""
    if request.param == "memory":
        yield MemoryWindows()
        return
    settings: Settings = request.getfixturevalue("settings")
    client = connect(settings)
    yield RedisWindows(client, f"{settings.group}:")
    await client.aclose()


def noted(event_id: str, ago: timedelta = timedelta(), **fields: Any) -> Noted:
    """An unexplained access of S-1 to C-1, so long before noon."""
    at = NOON - ago
    least: dict[str, Any] = {"staff_id": "S-1", "client_id": "C-1", "standing": "unexplained"}
    return Noted(event_id=event_id, at=at, date=nz_date(at).toordinal(), **(least | fields))


async def last(store: WindowStore, *accesses: Noted) -> Windows:
    """Note accesses in one batch and give the answer to the last."""
    return (await store.note(accesses))[-1]


async def test_a_window_includes_both_its_ends(store: WindowStore) -> None:
    """Exactly an hour before counts, a microsecond more does not."""
    answer = await last(
        store,
        noted("a", HOUR, client_id="C-2"),
        noted("b", HOUR + MICROSECOND, client_id="C-3"),
        noted("c", client_id="C-4", staff_id="S-2"),
        noted("d"),
    )
    assert answer.clients_hour == 2


async def test_an_access_counts_once_however_often_it_comes(store: WindowStore) -> None:
    """Again in the same batch, in another, and with another content."""
    again = noted("a", client_id="C-2", records=7, searched="nothing")
    await store.note([again, again])
    await store.note([again, noted("a", client_id="C-3", records=9, searched="opened")])
    other = await last(store, noted("a", client_id="C-3", site="WLG", sites_back=HOUR))
    assert other.clients_hour == 1
    answer = await last(store, noted("b", records=1, searched="nothing"))
    assert answer.clients_hour == 2
    assert answer.records_day == 8
    assert answer.searches_hour == 2


async def test_a_late_access_counts_where_it_belongs(store: WindowStore) -> None:
    """It does not see what happened after it, and is seen by what is judged later."""
    await store.note([noted("now", client_id="C-2")])
    late = await last(store, noted("late", 30 * MINUTE, client_id="C-3"))
    assert late.clients_hour == 1
    assert (await last(store, noted("then"))).clients_hour == 3


async def test_an_access_of_a_month_ago_is_answered_with_the_accesses_of_then(store: WindowStore) -> None:
    """Lateness up to 31 days counts."""
    month = timedelta(days=31)
    await store.note([noted("then", month + MINUTE, client_id="C-2")])
    assert (await last(store, noted("late", month))).clients_hour == 2


async def test_what_an_access_was_is_as_judged_first(store: WindowStore) -> None:
    """Judged again with other facts it still counts itself, and others see what it was at first."""
    await store.note([noted("a", client_id="C-2", standing="explained")])
    again = await last(store, noted("a", client_id="C-2"))
    assert again.clients_hour == 1
    assert (await last(store, noted("b"))).clients_hour == 1


async def test_distinct_actors_of_a_client(store: WindowStore) -> None:
    """The explained do not count, nor those of yesterday; the others are named with their newest time."""
    await store.note(
        [
            noted("a", timedelta(hours=24), staff_id="S-2"),
            noted("b", timedelta(hours=24) + MICROSECOND, staff_id="S-3"),
            noted("c", HOUR, staff_id="S-4", standing="explained"),
            noted("d", HOUR, staff_id="S-2"),
            noted("e", HOUR, staff_id="S-5", client_id="C-2"),
        ]
    )
    answer = await last(store, noted("f"))
    assert answer.surge_actors.count == 2
    assert [(one.value, one.at) for one in answer.surge_actors.others] == [("S-2", NOON - HOUR)]


async def test_dates_of_visits(store: WindowStore) -> None:
    """The own date and the 29 before, each once, of this pair alone."""
    days = [timedelta(days=number) for number in (0, 1, 1, 29, 30, 31)]
    earlier = [noted(f"v{number}", ago) for number, ago in enumerate(days)]
    others = [noted("o1", timedelta(days=2), staff_id="S-2"), noted("o2", timedelta(days=3), client_id="C-2")]
    answer = await last(store, *earlier, *others, noted("after", -timedelta(days=1)), noted("now"))
    today = nz_date(NOON).toordinal()
    assert answer.visit_dates == (today - 29, today - 1, today)


async def test_marked_accesses(store: WindowStore) -> None:
    """Lookups and dormant records are counted apart, and an access may be both."""
    await store.note(
        [
            noted("a", HOUR, client_id="C-2", lookup=True),
            noted("b", HOUR, client_id="C-3", dormant=True),
            noted("c", HOUR, client_id="C-4", lookup=True, dormant=True),
            noted("d", HOUR, client_id="C-5"),
        ]
    )
    answer = await last(store, noted("e", lookup=True, dormant=True))
    assert answer.lookup_clients.count == 3
    assert [one.value for one in answer.lookup_clients.others] == ["C-2", "C-4"]
    assert [one.value for one in answer.dormant_clients.others] == ["C-3", "C-4"]


async def test_searches_and_explained_accesses(store: WindowStore) -> None:
    """Within the hour, whether they opened something or not."""
    none: dict[str, Any] = {"client_id": None, "standing": "no_subject"}
    await store.note(
        [
            noted("a", HOUR, searched="nothing", **none),
            noted("b", MINUTE, searched="opened", standing="explained"),
            noted("c", MINUTE, standing="explained"),
            noted("d", HOUR + MICROSECOND, searched="nothing", **none),
            noted("e", HOUR + MICROSECOND, standing="explained"),
        ]
    )
    answer = await last(store, noted("f", searched="nothing", **none))
    assert (answer.searches_hour, answer.explained_hour) == (3, 2)


async def test_another_site(store: WindowStore) -> None:
    """The newest from another site within the time, of whatever standing; one without a site says nothing."""
    back = 10 * MINUTE
    await store.note(
        [
            noted("a", back, site="AKL", standing="explained"),
            noted("b", back + MICROSECOND, site="CHC"),
            noted("c", 5 * MINUTE, site=None),
            noted("d", 4 * MINUTE, site="WLG", client_id=None, standing="no_subject"),
        ]
    )
    answer = await last(store, noted("e", site="WLG", sites_back=back))
    assert answer.elsewhere is not None
    assert (answer.elsewhere.value, answer.elsewhere.at) == ("AKL", NOON - back)
    assert (await last(store, noted("f", MICROSECOND, site="DUD", sites_back=back, standing="explained"))).elsewhere
    assert (await last(store, noted("g", site="WLG", staff_id="S-2", sites_back=back))).elsewhere is None


async def test_a_colleagues_searches(store: WindowStore) -> None:
    """Those that opened nothing, within the time, by the colleagues who were asked for."""
    none: dict[str, Any] = {"client_id": None, "standing": "no_subject", "searched": "nothing"}
    await store.note(
        [
            noted("a", HOUR, staff_id="S-2", **none),
            noted("b", 2 * HOUR, staff_id="S-3", **none),
            noted("c", MINUTE, staff_id="S-4", searched="opened"),
            noted("d", MINUTE, staff_id="S-5", **none),
            noted("e", 2 * MINUTE, staff_id="S-5", **none),
        ]
    )
    answer = await last(store, noted("f", colleagues=("S-2", "S-3", "S-4", "S-5"), colleagues_back=HOUR))
    assert [(one.value, one.at) for one in answer.colleague_searches] == [("S-2", NOON - HOUR), ("S-5", NOON - MINUTE)]


async def test_the_calendars_ends_are_no_failure(store: WindowStore) -> None:
    """Any valid time may come."""
    for number, year in enumerate((1, 9999)):
        at = datetime(year, 6, 1, tzinfo=UTC)
        first = Noted(f"x{number}", "S-1", "C-1", at, at.toordinal(), "unexplained", lookup=True, site="AKL")
        assert (await last(store, first)).clients_hour == 1


async def test_both_stores_say_the_same_of_a_random_day(settings: Settings) -> None:
    """Disorder, duplicates, few people who meet often; batches cut anywhere."""
    client = connect(settings)
    redis, memory = RedisWindows(client, f"{settings.group}:"), MemoryWindows()
    chance = random.Random(6)  # noqa: S311 a seeded day
    accesses = [_anything(chance, number) for number in range(3_000)]
    accesses += chance.sample(accesses, 300)
    chance.shuffle(accesses)
    start = 0
    while start < len(accesses):
        batch = accesses[start : start + chance.randint(1, 200)]
        assert await redis.note(batch) == await memory.note(batch)
        start += len(batch)
    await client.aclose()


def _anything(chance: random.Random, number: int) -> Noted:
    standing = chance.choice(["explained", "unexplained", "unexplained", "no_subject"])
    unexplained = standing == "unexplained"
    opened = standing != "no_subject"
    return noted(
        f"e{number}",
        timedelta(seconds=chance.randint(0, 86_400 * 3), microseconds=chance.randint(0, 3)),
        staff_id=f"S-{chance.randint(1, 12)}",
        client_id=f"C-{chance.randint(1, 40)}" if opened else None,
        standing=standing,
        searched=chance.choice(["no", "no", "opened" if opened else "nothing"]),
        lookup=unexplained and chance.random() < 0.5,
        dormant=unexplained and chance.random() < 0.3,
        records=chance.choice([0, 0, 0, 5]),
        site=chance.choice([None, "AKL", "WLG"]),
        sites_back=chance.choice([None, 10 * MINUTE]),
        colleagues=tuple({f"S-{chance.randint(1, 12)}" for _ in range(chance.choice([0, 2]))}) if unexplained else (),
    )


async def test_where_redis_does_not_answer_nothing_is_said() -> None:
    """The batch is held: the store raises what the hold waits for."""
    from redis.asyncio import Redis  # noqa: PLC0415 only this test makes a connection that leads nowhere

    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        with pytest.raises(NotReadable, match="Redis does not answer"):
            await RedisWindows(nowhere, "x:").note([noted("a")])


async def test_a_call_that_took_long_is_followed_by_calls_of_fewer_accesses(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a batch whose call takes longer than Redis may is held and asked again for ever."""
    client = connect(settings)
    calls: list[int] = []
    send = client.evalsha

    def counted(script: str, keys: int, *arguments: Any) -> Any:
        calls.append(len(arguments[-2]))
        return send(script, keys, *arguments)

    monkeypatch.setattr(client, "evalsha", counted)
    store = RedisWindows(client, f"{settings.group}:")
    accesses = [noted(f"e{number}", client_id=f"C-{number}") for number in range(64)]
    # The first call brings the script.
    await store.note(accesses[:1])
    await client.client_pause(int(2000 * CALL_SECONDS))
    await store.note(accesses[:32])
    await store.note(accesses)
    assert calls[2] <= calls[1] // 2
    assert (await last(store, noted("last"))).clients_hour == len(accesses)
    await client.aclose()
