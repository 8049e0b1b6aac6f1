"""Windows in Redis: one call of ``windows.lua`` for a batch notes each access and answers it, in order.

The keys, behind the namespace:

    w:seen:<day>:<part>       set     digests of the event ids noted on this day (UTC, Redis's clock): each counts once
    w:x:<staff>:<6 hours>     zset    explained accesses
    w:n:<staff>:<6 hours>     zset    accesses without a client
    w:q:<staff>:<6 hours>     zset    by-field searches that opened a record
    w:p:<staff>:<6 hours>     zset    by-field searches that opened nothing
    w:s:<staff>:<6 hours>     zset    sites, each with its newest access
    w:u:<staff>:<24 hours>    zset    unexplained accesses
    w:r:<staff>:<24 hours>    zset    prints and exports
    w:c:<client>:<24 hours>   zset    unexplained accesses to this client
    w:v:<staff>:<30 dates>    hash    client -> the dates of unexplained accesses, one bit each

A zset's score is ``occurred_at`` in microseconds; a member begins with the eight bytes of the event id's digest, so
noting again changes nothing. Every key is forgotten ``LATENESS_DAYS_MAX`` and ``MARGIN_DAYS`` after the longest window
that it answers has passed. Which worker asks makes no difference: partitions may move, workers may be restarted.

Memory, measured by ``benchmarks/window_memory.py`` (Valkey 9.1; 8,044 staff, a million accesses in a day, 90 % of them
explained, 5 % without a client): 60 MB for the day, of which 27 explained accesses, 8 event ids, 6 clients, 3
unexplained accesses. Kept for as long as lateness asks, a million accesses a day are estimated at 1.8 GB; five sixths
of it is there so that an access recorded 31 days late is answered with the accesses of then.

When Redis loses its data the windows begin anew: until their length has passed they hold only what came since, so a
rule that counts may stay quiet that long (an hour, a day, 30 dates); what was judged before is not judged again.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import redis.asyncio
from redis.exceptions import NoScriptError

from enrichment.redis_shelf import answer
from enrichment.windows import (
    LATENESS_DAYS_MAX,
    LOOKED_THROUGH_MAX,
    MARGIN_DAYS,
    NAMED_MAX,
    RECORDS_COUNTED_MAX,
    VISIT_DATES,
    Distinct,
    Earlier,
    Noted,
    Windows,
    instant,
    length_in_microseconds,
    microseconds,
)

#: Accesses noted in one script call; Redis answers nobody else meanwhile. A batch is not larger in practice.
ACCESSES_PER_CALL_MAX = 1_000
#: Few people who did thousands of things make a call long. One longer than this is followed by calls of half as many
#: accesses, one shorter than a quarter of it by calls of twice as many: held and asked as it was, a batch whose call
#: takes longer than Redis may would be held for ever.
CALL_SECONDS = 0.4
#: Parts that a day's event ids are spread over, so that each stays small enough for Redis's compact form.
SEEN_PARTS = 4_096

_DIGEST_BYTES = 8
_DAY_SECONDS = 86_400
_KEPT_DAYS = LATENESS_DAYS_MAX + MARGIN_DAYS
_NOTHING = Windows()
_STANDINGS = {"explained": "x", "unexplained": "u", "no_subject": "n"}
_SEARCHES = {"no": "", "opened": "q", "nothing": "p"}

_NOTE = Path(__file__).with_name("windows.lua").read_text("utf-8")
#: The script's numbers, in its order: how much is looked through and named, and for how many seconds keys are kept.
_NUMBERS = (
    LOOKED_THROUGH_MAX,
    NAMED_MAX,
    VISIT_DATES,
    2 * _DAY_SECONDS,
    (_KEPT_DAYS + 1) * _DAY_SECONDS,
    (_KEPT_DAYS + 2) * _DAY_SECONDS,
    (_KEPT_DAYS + 2 * VISIT_DATES) * _DAY_SECONDS,
)


class RedisWindows:
    """Windows under one namespace; see the module's docstring."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str) -> None:
        self._redis = client
        self._namespace = namespace
        self._at_once = ACCESSES_PER_CALL_MAX
        self._script = hashlib.sha1(_NOTE.encode(), usedforsecurity=False).hexdigest()

    async def note(self, accesses: Sequence[Noted]) -> list[Windows]:
        """Note accesses and answer them: one round trip for a batch, more where Redis takes long for it.

        The outage policy: nothing is guessed and nothing is skipped. Where Redis does not answer this raises, the
        batch is held and noted again; what had been noted of it counts once.

        Raises:
            NotReadable: Redis does not answer.
        """
        return await self._ask(accesses, noting=True)

    async def look(self, accesses: Sequence[Noted]) -> list[Windows]:
        """Answer as ``note`` does, over what is noted now, and note nothing: to look at what is past."""
        return await self._ask(accesses, noting=False)

    async def _ask(self, accesses: Sequence[Noted], *, noting: bool) -> list[Windows]:
        answered: list[Windows] = []
        while len(answered) < len(accesses):
            part = accesses[len(answered) : len(answered) + self._at_once]
            digests = [_digest(access.event_id) for access in part]
            said = orjson.dumps([_said(access, digest) for access, digest in zip(part, digests, strict=True)])
            arguments = (self._namespace, *_NUMBERS, int(noting), b"".join(digests), said)
            replies = await self._measured(arguments, len(part))
            answered += [
                _NOTHING if reply == 0 else _answered(access, reply)
                for access, reply in zip(part, replies, strict=True)
            ]
        return answered

    async def _measured(self, arguments: tuple[Any, ...], number: int) -> Any:
        began = monotonic()
        try:
            return await answer(self._call(arguments))
        finally:
            took = monotonic() - began
            if took > CALL_SECONDS:
                self._at_once = max(1, min(self._at_once, number // 2))
            elif took < CALL_SECONDS / 4 and number == self._at_once:
                self._at_once = min(ACCESSES_PER_CALL_MAX, 2 * self._at_once)

    async def _call(self, arguments: tuple[Any, ...]) -> Any:
        try:
            return await self._redis.evalsha(self._script, 0, *arguments)
        except NoScriptError:
            return await self._redis.eval(_NOTE, 0, *arguments)


def _digest(event_id: str) -> bytes:
    return hashlib.blake2b(event_id.encode(), digest_size=_DIGEST_BYTES).digest()


def _said(access: Noted, digest: bytes) -> tuple[Any, ...]:
    """Say what the script takes of one access; two arguments carry a batch, since redis-py takes its time for each."""
    number = int.from_bytes(digest, "big", signed=True)
    asked = ""
    if access.colleagues:
        asked = "\n".join((str(length_in_microseconds(access.colleagues_back)), *access.colleagues))
    sites_back = 0
    if access.sites_back is not None and access.site is not None:
        sites_back = length_in_microseconds(access.sites_back)
    return (
        str(number),  # a number in Lua has fewer digits
        number % SEEN_PARTS,
        access.staff_id,
        access.client_id or "",
        microseconds(access.at),
        access.date,
        _STANDINGS[access.standing],
        _SEARCHES[access.searched],
        1 * access.lookup + 2 * access.dormant,
        min(access.records, RECORDS_COUNTED_MAX),
        access.site or "",
        sites_back,
        asked,
    )


def _answered(access: Noted, reply: Any) -> Windows:
    clients, dates, surge, lookup, dormant, searches, explained, records, elsewhere, colleagues = reply
    return Windows(
        clients_hour=clients,
        visit_dates=tuple(dates) if dates else (),
        surge_actors=_distinct(surge),
        lookup_clients=_distinct(lookup) if access.lookup else Distinct(),
        dormant_clients=_distinct(dormant) if access.dormant else Distinct(),
        searches_hour=searches,
        explained_hour=explained,
        records_day=int(records),
        elsewhere=Earlier(elsewhere[0].decode(), instant(int(float(elsewhere[1])))) if elsewhere else None,
        colleague_searches=_earlier(colleagues) if colleagues else (),
    )


def _distinct(said: Any) -> Distinct:
    return Distinct(said[0], _earlier(said[1:])) if said else Distinct()


def _earlier(said: Sequence[bytes]) -> tuple[Earlier, ...]:
    pairs = zip(said[::2], said[1::2], strict=True)
    return tuple(Earlier(value.decode(), instant(int(float(score)))) for value, score in pairs)
