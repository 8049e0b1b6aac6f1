"""What windows promise, of both stores: in memory, and in a real Redis."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enrichment.lookup import NotReadable
from enrichment.nz_time import nz_date
from enrichment.windows.memory import MemoryWindows
from enrichment.windows.redis import CALL_SECONDS, RedisWindows
from enrichment.windows.spec import (
    DAY,
    OPENED,
    OTHERWISE,
    SEARCHED,
    Distinct,
    Earlier,
    Observation,
    Plan,
    Window,
    Windows,
    WindowStore,
)
from stream.redis_connection import connect
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


#: Each way of counting once, and the distinct clients over an hour and over a day.
PLAN: Plan = {
    "u": Window("distinct", "staff", "client", HOUR),
    "l": Window("distinct", "staff", "client", DAY),
    "c": Window("distinct", "client", "staff", DAY),
    "v": Window("dates", "staff", "client"),
    "f": Window("number", "staff", "nothing", HOUR),
    "r": Window("sum", "staff", "records", DAY),
    "t": Window("latest_other", "staff", "site", 10 * MINUTE),
    "h": Window("same", "staff", "date", DAY),
    "k": Window("entries", "staff", "trail", HOUR),
    "n": Window("number", "staff", "step", HOUR),
    "b": Window("unled", "staff", "step", HOUR, 2 * MINUTE, "n"),
    "q": Window("latest_unled_of", "staff", "step", HOUR, 2 * MINUTE, "n"),
}


def an_observation(event_id: str, ago: timedelta = timedelta(), stands_in: str = "u", **fields: Any) -> Observation:
    """An access of S-1 to C-1, so long before noon, that asks the windows which it stands in."""
    at = NOON - ago
    least: dict[str, Any] = {"staff_id": "S-1", "client_id": "C-1", "stands_in": stands_in, "asks": stands_in}
    return Observation(event_id=event_id, at=at, date=nz_date(at).toordinal(), **(least | fields))


async def last(store: WindowStore, *accesses: Observation) -> Windows:
    """Observe accesses in one batch and return the answer to the last."""
    return (await store.observe(accesses, PLAN))[-1]


async def clients(store: WindowStore, *accesses: Observation) -> int:
    """Observe accesses and return how many distinct clients the last finds in its hour."""
    found: Distinct = (await last(store, *accesses))["u"]
    return found.count


async def test_a_window_includes_both_its_ends(store: WindowStore) -> None:
    """Exactly an hour before counts, a microsecond more does not."""
    found = await clients(
        store,
        an_observation("a", HOUR, client_id="C-2"),
        an_observation("b", HOUR + MICROSECOND, client_id="C-3"),
        an_observation("c", client_id="C-4", staff_id="S-2"),
        an_observation("d"),
    )
    assert found == 2


async def test_an_access_counts_once_however_often_it_comes(store: WindowStore) -> None:
    """Again in the same batch, in another, and with another content."""
    again = an_observation("a", stands_in="ufr", client_id="C-2", records=7)
    await store.observe([again, again], PLAN)
    await store.observe([again, an_observation("a", stands_in="ufr", client_id="C-3", records=9)], PLAN)
    assert await clients(store, an_observation("a", client_id="C-3", site="WLG")) == 1
    answer = await last(store, an_observation("b", stands_in="ufr", records=1))
    assert (answer["u"].count, answer["r"], answer["f"]) == (2, 8, 2)


async def test_a_late_access_counts_where_it_belongs(store: WindowStore) -> None:
    """It does not see what happened after it, and is seen by what is judged later."""
    await store.observe([an_observation("now", client_id="C-2")], PLAN)
    assert await clients(store, an_observation("late", 30 * MINUTE, client_id="C-3")) == 1
    assert await clients(store, an_observation("then")) == 3


async def test_an_access_of_a_month_ago_is_answered_with_the_accesses_of_then(store: WindowStore) -> None:
    """Lateness up to 31 days counts."""
    month = timedelta(days=31)
    await store.observe([an_observation("then", month + MINUTE, client_id="C-2")], PLAN)
    assert await clients(store, an_observation("late", month)) == 2


async def test_what_an_access_was_is_as_judged_first(store: WindowStore) -> None:
    """Judged again with other facts it still counts itself, and others see what it was at first."""
    await store.observe([an_observation("a", client_id="C-2", stands_in="f")], PLAN)
    assert await clients(store, an_observation("a", client_id="C-2")) == 1
    assert await clients(store, an_observation("b")) == 1


async def test_what_asks_need_not_stand_in_the_window_nor_what_stands_in_it_ask(store: WindowStore) -> None:
    """And what asks nothing, or finds nothing, is answered nothing."""
    await store.observe([an_observation("a", MINUTE, stands_in="f", asks="")], PLAN)
    answers = await store.observe(
        [an_observation("b", stands_in="", asks="f"), an_observation("c", asks=""), an_observation("d", asks="t")],
        PLAN,
    )
    assert [dict(one) for one in answers] == [{"f": 1}, {}, {}]


async def test_distinct_staff_of_a_client(store: WindowStore) -> None:
    """Those of yesterday do not count, nor those of another window; the others are named with their newest time."""
    await store.observe(
        [
            an_observation("a", DAY, "c", staff_id="S-2"),
            an_observation("b", DAY + MICROSECOND, "c", staff_id="S-3"),
            an_observation("c", HOUR, "u", staff_id="S-4"),
            an_observation("d", HOUR, "c", staff_id="S-2"),
            an_observation("e", HOUR, "c", staff_id="S-5", client_id="C-2"),
        ],
        PLAN,
    )
    found: Distinct = (await last(store, an_observation("f", stands_in="c")))["c"]
    assert found.count == 2
    assert [(one.value, one.at) for one in found.others] == [("S-2", NOON - HOUR)]


async def test_dates_of_visits(store: WindowStore) -> None:
    """The own date and the 29 before, each once, of this pair alone."""
    days = [timedelta(days=number) for number in (0, 1, 1, 29, 30, 31)]
    earlier = [an_observation(f"v{number}", ago, "v") for number, ago in enumerate(days)]
    others = [
        an_observation("o1", timedelta(days=2), "v", staff_id="S-2"),
        an_observation("o2", timedelta(days=3), "v", client_id="C-2"),
    ]
    after, now = an_observation("after", -timedelta(days=1), "v"), an_observation("now", stands_in="v")
    today = nz_date(NOON).toordinal()
    assert (await last(store, *earlier, *others, after, now))["v"] == (today - 29, today - 1, today)


async def test_an_access_may_stand_in_several_windows(store: WindowStore) -> None:
    """Each counts its own."""
    await store.observe(
        [
            an_observation("a", HOUR, "l", client_id="C-2"),
            an_observation("b", HOUR, "u", client_id="C-3"),
            an_observation("c", HOUR, "ul", client_id="C-4"),
        ],
        PLAN,
    )
    answer = await last(store, an_observation("e", stands_in="ul"))
    assert [one.value for one in answer["l"].others] == ["C-2", "C-4"]
    assert [one.value for one in answer["u"].others] == ["C-3", "C-4"]


async def test_the_number_of_accesses(store: WindowStore) -> None:
    """Within the hour, with and without a client; the own one too."""
    none: dict[str, Any] = {"client_id": None}
    await store.observe(
        [
            an_observation("a", HOUR, "f", **none),
            an_observation("b", MINUTE, "f"),
            an_observation("c", MINUTE, "u"),
            an_observation("d", HOUR + MICROSECOND, "f", **none),
        ],
        PLAN,
    )
    assert (await last(store, an_observation("f", stands_in="f", **none)))["f"] == 3


async def test_another_site(store: WindowStore) -> None:
    """The newest from another site within the time; the own site says nothing, nor somebody else's."""
    back = 10 * MINUTE
    await store.observe(
        [
            an_observation("a", back, "t", site="AKL"),
            an_observation("b", back + MICROSECOND, "t", site="CHC"),
            an_observation("d", 4 * MINUTE, "t", site="WLG", client_id=None),
        ],
        PLAN,
    )
    answer = await last(store, an_observation("e", stands_in="t", site="WLG"))
    assert answer["t"] == Earlier("AKL", NOON - back)
    assert "t" in await last(store, an_observation("f", MICROSECOND, "t", site="DUD"))
    assert "t" not in await last(store, an_observation("g", stands_in="t", site="WLG", staff_id="S-2"))


async def test_of_several_sites_at_one_time_the_first_in_order_is_named(store: WindowStore) -> None:
    """Whatever the event ids are."""
    sites = ("WLG", "AKL", "DUD", "CHC")
    await store.observe([an_observation(f"{n}", MINUTE, "t", site=site) for n, site in enumerate(sites)], PLAN)
    assert (await last(store, an_observation("x", stands_in="t", site="AKL")))["t"].value == "CHC"


def a_step(event_id: str, ago: timedelta, step: str = SEARCHED, staff_id: str = "S-1", asks: str = "") -> Observation:
    """A search, or what came after one."""
    return an_observation(event_id, ago, "n", staff_id=staff_id, step=step, asks=asks)


async def test_searches_that_led_nowhere_are_counted(store: WindowStore) -> None:
    """Not one whose next access opens a record within the time to follow, whatever came in between by arrival."""
    answer = await last(
        store,
        a_step("a", 50 * MINUTE),
        a_step("b", 40 * MINUTE),
        a_step("b2", 38 * MINUTE, OPENED),
        a_step("c", 30 * MINUTE),
        a_step("c2", 28 * MINUTE - MICROSECOND, OPENED),
        a_step("d", 20 * MINUTE),
        a_step("d2", 19 * MINUTE, OPENED),
        a_step("d1", 19 * MINUTE + SECOND, OTHERWISE),
        a_step("e", 10 * MINUTE),
        a_step("e2", 10 * MINUTE, OPENED),
        a_step("f", HOUR + MICROSECOND),
        a_step("g", timedelta(), asks="b"),
    )
    assert answer["b"] == len("acdeg")


async def test_the_newest_search_of_each_of_some_others_that_led_nowhere(store: WindowStore) -> None:
    """Within the time, of those who were asked for."""
    await store.observe(
        [
            a_step("a", HOUR, staff_id="S-2"),
            a_step("b", 2 * HOUR, staff_id="S-3"),
            a_step("c", MINUTE, OPENED, "S-4"),
            a_step("d", 5 * MINUTE, staff_id="S-5"),
            a_step("e", 9 * MINUTE, staff_id="S-5"),
            a_step("f", 4 * MINUTE, OPENED, "S-5"),
        ],
        PLAN,
    )
    answer = await last(store, an_observation("x", stands_in="", asks="q", others=("S-2", "S-3", "S-4", "S-5")))
    assert answer["q"] == (Earlier("S-2", NOON - HOUR), Earlier("S-5", NOON - 9 * MINUTE))


async def test_accesses_of_the_same_date_are_counted(store: WindowStore) -> None:
    """The own date, within the time, the access itself included where it stands in the window."""
    before = [an_observation(f"{n}", timedelta(hours=n), "h") for n in range(1, 14)]
    # Noon UTC is one o'clock at night in New Zealand.
    assert (await last(store, *before, an_observation("x", stands_in="h")))["h"] == 2


async def test_a_trail_gives_what_was_kept(store: WindowStore) -> None:
    """The newest first, each with its time."""
    kept = [an_observation(f"{n}", n * MINUTE, "k", asks="", trail=f"n{n}") for n in (3, 1, 2, 61)]
    answer = await last(store, *kept, an_observation("x", stands_in="", asks="k"))
    assert answer["k"] == tuple(Earlier(f"n{n}", NOON - n * MINUTE) for n in (1, 2, 3))


async def test_the_calendars_ends_are_no_failure(store: WindowStore) -> None:
    """Any valid time may come."""
    for number, year in enumerate((1, 9999)):
        at = datetime(year, 6, 1, tzinfo=UTC)
        first = Observation(f"x{number}", "S-1", "C-1", at, at.toordinal(), "AKL", 0, "ulcvt", "ulcvt")
        assert await clients(store, first) == 1


async def test_what_an_earlier_release_has_left_is_counted(settings: Settings) -> None:
    """A day of a rolling upgrade: it put what else it knew before the client."""
    client = connect(settings)
    store = RedisWindows(client, f"{settings.group}:")
    micros = int(NOON.timestamp() * 1_000_000)
    key = f"{settings.group}:w:u:S-1:{micros // 86_400_000_000}"
    await client.zadd(key, {b"12345678" + b"3AKL-1\nC-2": micros, b"abcdefgh" + b"0\nC-3": micros})
    found: Distinct = (await last(store, an_observation("e")))["u"]
    assert [one.value for one in found.others] == ["C-2", "C-3"]
    await client.aclose()


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
        assert await redis.observe(batch, PLAN) == await memory.observe(batch, PLAN)
        start += len(batch)
    await client.aclose()


def _anything(chance: random.Random, number: int) -> Observation:
    opened = chance.random() < 0.7
    site = chance.choice([None, "AKL", "WLG"])
    may = "frnhk" + ("ulcv" if opened else "") + ("t" if site else "")
    others = tuple({f"S-{chance.randint(1, 12)}" for _ in range(chance.choice([0, 2]))})
    asks = "".join(chance.sample(f"{may.replace('n', '')}b", chance.randint(0, 2))) + ("q" if others else "")
    return an_observation(
        f"e{number}",
        timedelta(seconds=chance.randint(0, 86_400 * 3), microseconds=chance.randint(0, 3)),
        "".join(chance.sample(may, chance.randint(0, len(may)))),
        staff_id=f"S-{chance.randint(1, 12)}",
        client_id=f"C-{chance.randint(1, 40)}" if opened else None,
        records=chance.choice([0, 5]),
        site=site,
        asks=asks,
        others=others,
        step=chance.choice([SEARCHED, OPENED, OTHERWISE]),
        trail=chance.choice(["nC-1", "uC-2"]),
    )


async def test_where_redis_does_not_answer_nothing_is_said() -> None:
    """The batch is held: the store raises what the hold waits for."""
    from redis.asyncio import Redis  # noqa: PLC0415 only this test makes a connection that leads nowhere

    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        with pytest.raises(NotReadable, match="Redis does not answer"):
            await RedisWindows(nowhere, "x:").observe([an_observation("a")], PLAN)


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
    accesses = [an_observation(f"e{number}", client_id=f"C-{number}") for number in range(64)]
    # The first call brings the script.
    await store.observe(accesses[:1], PLAN)
    await client.client_pause(int(2000 * CALL_SECONDS))
    await store.observe(accesses[:32], PLAN)
    await store.observe(accesses, PLAN)
    assert calls[2] <= calls[1] // 2
    assert await clients(store, an_observation("last", client_id="C-0")) == len(accesses)
    await client.aclose()
