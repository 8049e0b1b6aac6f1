"""Windows in Redis: one call of ``windows.lua`` for a batch observes each access and answers it, in order.

What stands in which window is declared by the rules (``alerts/detection/counting.py``), by a letter each. The keys,
behind the namespace:

    w:seen:<day>:<part>         set     digests of the event ids observed on this day (UTC, of Redis): each counts once
    w:<letter>:<whose>:<hours>  zset    accesses of a staff member, or to a client: in days, or in quarters of them
    w:<letter>:<staff>:<dates>  hash    client -> the dates of the accesses, one bit each, 30 dates in one

A zset's score is ``occurred_at`` in microseconds; a member begins with the eight bytes of the event id's digest, so
observing again changes nothing. Every key is forgotten ``LATENESS_DAYS_MAX`` and ``MARGIN_DAYS`` after the longest
window that it answers has passed. Which worker asks makes no difference: partitions may move, workers may be restarted.

Memory, measured by ``benchmarks/window_memory.py`` (Valkey 9.1; 8,044 staff, a million accesses in a day, 90 % of them
explained, 5 % without a client): 78 MB for the day. Kept for as long as lateness asks, a million accesses a day are
estimated at 2.4 GB; five sixths of it is there so that an access recorded 31 days late is answered with the accesses
of then.

When Redis loses its data, or has evicted some, the windows begin anew: until their length has passed they hold only
what came since, so a rule that counts may stay quiet that long (an hour, a day, 30 dates); what was judged before is
not judged again.

``Today`` is for looking back at what Redis holds now, never for judging.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import redis.asyncio
from redis.exceptions import NoScriptError

from enrichment.facts import Facts
from enrichment.lookup import Directory, NotReadable
from enrichment.reference.redis import RedisReferenceStore, answer, data_prefix
from enrichment.schemas import Access
from enrichment.windows.spec import (
    LATENESS_DAYS_MAX,
    LOOKED_THROUGH_MAX,
    MARGIN_DAYS,
    NAMED_MAX,
    NO_ANSWERS,
    RECORDS_COUNTED_MAX,
    VISIT_DATES,
    Distinct,
    Earlier,
    How,
    Observation,
    Plan,
    Window,
    Windows,
    instant,
    length_in_microseconds,
    microseconds,
)


class Today:
    """Today's facts under one namespace, complete or not."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str) -> None:
        self._redis = client
        self._namespace = namespace
        self._references = RedisReferenceStore(client, namespace)

    async def facts_for(self, accesses: Sequence[Access], hops_max: int) -> list[Facts]:
        """Return the facts about each access as they are now.

        Raises:
            NotReadable: Redis does not answer, or holds no reference data.
        """
        self._references.epoch = await self._references.current_epoch()
        if self._references.epoch is None:
            raise NotReadable("Redis holds no reference data")
        return await Directory(self._references).facts_for(accesses, hops_max)

    async def client_of_work(self, work_id: str | None) -> str | None:
        """Return the client that a work item is for, or None where there is no such work item.

        Raises:
            NotReadable: Redis does not answer.
        """
        epoch = await self._references.current_epoch()
        if work_id is None or epoch is None:
            return None
        places = await answer(self._redis.get(f"{data_prefix(self._namespace, epoch)}at:work:{work_id}"))
        if not places:
            return None
        node: str = places.decode().partition("\n")[0]
        return node.removeprefix("client:")


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

_SCRIPT = Path(__file__).with_name("windows.lua").read_text("utf-8")
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
        self._script = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

    async def observe(self, accesses: Sequence[Observation], plan: Plan) -> list[Windows]:
        """Observe accesses and answer them: one round trip for a batch, more where Redis takes long for it.

        The outage policy: nothing is guessed and nothing is skipped. Where Redis does not answer this raises, the
        batch is held and observed again; what had been observed of it counts once.

        Raises:
            NotReadable: Redis does not answer.
        """
        return await self._ask(accesses, plan, observing=True)

    async def look(self, accesses: Sequence[Observation], plan: Plan) -> list[Windows]:
        """Answer as ``observe`` does, over what was observed so far, and leave nothing: to look at what is past."""
        return await self._ask(accesses, plan, observing=False)

    async def _ask(self, accesses: Sequence[Observation], plan: Plan, *, observing: bool) -> list[Windows]:
        declared = orjson.dumps({key: _declared(one) for key, one in plan.items()})
        answered: list[Windows] = []
        while len(answered) < len(accesses):
            part = accesses[len(answered) : len(answered) + self._at_once]
            digests = [_digest(access.event_id) for access in part]
            lines = orjson.dumps([_line(access, digest) for access, digest in zip(part, digests, strict=True)])
            arguments = (self._namespace, *_NUMBERS, int(observing), declared, b"".join(digests), lines)
            replies = await self._measured(arguments, len(part))
            answered += [NO_ANSWERS if reply == 0 else _answers(reply, plan) for reply in replies]
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
            return await self._redis.eval(_SCRIPT, 0, *arguments)


def _digest(event_id: str) -> bytes:
    return hashlib.blake2b(event_id.encode(), digest_size=_DIGEST_BYTES).digest()


def _declared(window: Window) -> tuple[Any, ...]:
    """Return what the script takes of a declared window."""
    lengths = length_in_microseconds(window.within), length_in_microseconds(window.follow)
    return window.how, window.by, window.value, *lengths, window.lies_in


def _line(access: Observation, digest: bytes) -> tuple[Any, ...]:
    """Return what the script takes of one access; few arguments carry a batch: redis-py takes its time for each."""
    number = int.from_bytes(digest, "big", signed=True)
    return (
        str(number),  # a number in Lua has fewer digits
        number % SEEN_PARTS,
        access.staff_id,
        access.client_id or "",
        microseconds(access.at),
        access.date,
        access.site or "",
        min(access.records, RECORDS_COUNTED_MAX),
        access.stands_in,
        access.asks,
        access.others or 0,
        access.step,
        access.trail,
    )


def _answers(reply: Sequence[Any], plan: Plan) -> Windows:
    """Return what the script says of one access, by key."""
    keys = [key.decode() for key in reply[::2]]
    return {key: _answer(plan[key].how, found) for key, found in zip(keys, reply[1::2], strict=True)}


def _answer(how: How, found: Any) -> Any:
    match how:
        case "distinct":
            return Distinct(found[0], _earlier(found[1:]))
        case "dates":
            return tuple(found)
        case "latest_other":
            return _earlier(found)[0]
        case "entries" | "latest_unled_of":
            return _earlier(found)
        case _:
            return int(found)


def _earlier(found: Sequence[bytes]) -> tuple[Earlier, ...]:
    pairs = zip(found[::2], found[1::2], strict=True)
    return tuple(Earlier(value.decode(), instant(int(float(score)))) for value, score in pairs)
