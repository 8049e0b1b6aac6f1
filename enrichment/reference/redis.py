"""The reference store in Redis: nodes as hashes, written by the ``reference`` agent, read by every worker.

Redis holds only what can be rebuilt from Kafka. An *epoch* lives with the data, ``<generation>.<nonce>``: whoever finds
it missing or changed knows that Redis was emptied or went back, and nobody judges until the data are complete again.
Keys, each behind the namespace; those marked * behind ``d<generation>:`` too, so that a discarded generation is out of
sight at once and removed at leisure (``RedisUpkeep``):

  * client:<id>, staff:<id>   hash    the node's fields, see ``enrichment/reference/layout.py``
  * link:<digest>             hash    "h:<client id>" for each client record that holds a contact detail
  * at:<kind>:<id>            string  the nodes and fields that a record fills, to clear them when it moves
  * ids:<kind>                set     the ids of all records of the kinds in ``COUNTED``
  * applied                   hash    "<topic>:<partition>" -> the next offset to apply
  * records                   hash    kind -> how many records there are
  * changed                   hash    kind -> when one was last applied, in seconds since 1970
  * counted                   string  there where a release loaded the data that lists the ids of every kind above
    epoch                     string  set when loading begins
    changes                   string  counts applied steps; with the epoch it names the state
    evicted                   string  "<run of the server> <keys it had evicted>" when the data were begun
    rebuilds                  string  counts how often data were given a new epoch or discarded
    discarded                 set     prefixes of discarded generations whose keys are not all removed yet

``RedisUpkeep`` is for data that can no longer be trusted: it puts another epoch over them, or discards them.

A discarded generation is out of sight in one step, since no key of the next one begins like its keys do. Removing
them takes a minute for millions; whoever begins after a crash in the middle goes on with it.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import orjson
import redis.asyncio
from redis.exceptions import RedisError

from enrichment.lookup import NotReadable
from enrichment.reference.layout import EntityRecord, IndexEntry, ReferenceKind
from enrichment.reference.redis_errors import why

#: Seconds that one answer of Redis may take. A hung server is an unreadable one.
ANSWER_SECONDS_MAX = 2.0
#: Nodes read in one round trip; more are read in several.
NODES_PER_READ_MAX = 2_000

#: Kinds that are read ahead, of which each worker keeps all.
LISTED: Final[tuple[ReferenceKind, ...]] = ("staff", "watchlist")
#: Kinds whose ids are listed: those, clients and agreements, so that one that has gone is told from one that never was.
COUNTED: Final[tuple[ReferenceKind, ...]] = (*LISTED, "client", "agreement")

#: What redis-py and the network raise while Redis is away, slow or failing over.
UNREADABLE = (RedisError, OSError, asyncio.TimeoutError)

_APPLY = Path(__file__).with_name("apply.lua").read_text("utf-8")
#: Whether as many ids of a kind are listed as were counted when its records were applied.
ALL_THERE: Final = """
local function all_there(data, kind)
    if kind == 'client' and redis.call('EXISTS', data .. 'counted') == 0 then return true end
    local number = redis.call('HGET', data .. 'records', kind) or '0'
    return redis.call('SCARD', data .. 'ids:' .. kind) == tonumber(number)
end
"""
#: Asks one command of many nodes, then for the epoch, the number of applied steps, how many keys the server has ever
#: evicted, and whether a person's record is missing that was applied: all at one instant.
_LOOK_UP = f"""{ALL_THERE}
local ns, data, command, found, call, lost = ARGV[1], ARGV[2], ARGV[3], {{}}, redis.call, false
local without = {{}}
local function has_record(fields)
    for one = 1, #fields, 2 do
        if fields[one] == 'r' then return true end
    end
    return false
end
for n = 5, #ARGV do
    local fields = call(command, data .. ARGV[n])
    found[n - 4] = fields
    if command == 'HGETALL' and not has_record(fields) then
        local kind, id = string.match(ARGV[n], '^(%l+):(.+)$')
        without[kind] = true
        lost = lost or call('EXISTS', data .. 'at:' .. kind .. ':' .. id) == 1
        lost = lost or call('SISMEMBER', data .. 'ids:' .. kind, id) == 1
    end
end
for kind in pairs(without) do lost = lost or not all_there(data, kind) end
found[#found + 1] = call('GET', ns .. 'epoch')
found[#found + 1] = call('GET', ns .. 'changes')
found[#found + 1] = ARGV[4] == '1' and string.match(call('INFO', 'stats'), 'evicted_keys:(%d+)')
found[#found + 1] = lost and 1 or 0
return found
"""
#: Begins an epoch where there is none; what the server has evicted until now was nothing of it.
_BEGIN = """
local ns, epoch, call = ARGV[1], ARGV[2], redis.call
local before = call('GET', ns .. 'epoch')
if before then return before end
call('SET', ns .. 'epoch', epoch)
call('SET', ns .. 'd' .. string.match(epoch, '^[^.]*') .. ':counted', 1)
local stats, server = redis.pcall('INFO', 'stats'), redis.pcall('INFO', 'server')
if type(stats) == 'string' and type(server) == 'string' then
    local run = string.match(server, 'run_id:(%w+)') or ''
    call('SET', ns .. 'evicted', run .. ' ' .. (string.match(stats, 'evicted_keys:(%d+)') or '0'))
end
return epoch
"""
#: What the first script answers where the epoch is another one, where less is applied than the writer was told, and
#: where a record that it was told of is not there.
_ANOTHER_EPOCH, _WENT_BACK, _MISSING = -1, -2, -3

RECORDS_MISSING: Final = "records that were loaded are missing from Redis: everything is loaded again from Kafka"
EVICTED: Final = "Redis has evicted keys: everything is loaded again from Kafka"


@dataclass(frozen=True, slots=True)
class Change:
    """A record to be put (``places``), or deleted (``places`` None), and the offset that it was read at.

    Where there is no record with this id to be deleted, the one with the id ``instead`` is, if that is given.
    """

    offset: int
    kind: ReferenceKind
    id: str
    places: tuple[IndexEntry, ...] | None
    instead: str | None = None


class Applied(NamedTuple):
    """How many changes were taken, and how many of them were deletions that found no record."""

    taken: int
    unmatched: int


class EpochChanged(Exception):  # noqa: N818 it names what happened, and is answered by reading anew
    """What was to be written is of data that are no longer there: Redis was emptied, went back, or is another."""


class RedisReferenceStore:
    """Nodes in Redis, under one namespace."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str) -> None:
        self._redis = client
        self._namespace = namespace
        self._apply = client.register_script(_APPLY)
        self._look_up = client.register_script(_LOOK_UP)
        self._begin = client.register_script(_BEGIN)
        self._state = ""
        self._newest_change = 0
        #: The next offset of each partition, as Redis has acknowledged it to this writer.
        self._acknowledged: dict[str, int] = {}
        #: The epoch whose data were found complete; reading under any other raises.
        self.epoch: str | None = None
        #: How many keys the server had evicted when that was found; reading after another raises. None is not asked.
        self.evicted: int | None = None
        #: The epoch of which a record was found to be missing: none of its data can be trusted.
        self.missing_in: str | None = None

    @property
    def state(self) -> str:
        """Name the state of the reference data: the epoch, and the number of applied steps."""
        return self._state

    @property
    def newest_change(self) -> int:
        """The newest number of applied steps that was seen."""
        return self._newest_change

    # -- reading ------------------------------------------------------------------------------------------------

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read nodes in as few round trips as their number allows.

        Raises:
            NotReadable: Redis does not answer, or its data are not those that were found complete.
        """
        hashes = await self._ask(list(nodes), "HGETALL")
        return {
            node: EntityRecord.read(node, dict(zip(flat[::2], flat[1::2], strict=True)))
            for node, flat in hashes.items()
        }

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes, in as few round trips as their number allows.

        Raises:
            NotReadable: as ``read``.
        """
        counts: Mapping[str, int] = await self._ask(list(nodes), "HLEN")
        return counts

    async def _ask(self, nodes: Sequence[str], command: str) -> dict[str, Any]:
        """Ask the same of all nodes, and whether the data are still those that were found complete.

        That is asked where there is no node, too. One script asks for many nodes: redis-py takes twenty microseconds
        for each command that it sends by itself.
        """
        found: dict[str, Any] = {}
        epoch = self.epoch
        if epoch is None:
            raise NotReadable("the reference data were not found complete")
        prefix = data_prefix(self._namespace, epoch)
        for start in range(0, max(len(nodes), 1), NODES_PER_READ_MAX):
            part = nodes[start : start + NODES_PER_READ_MAX]
            asking = "1" if self.evicted is not None else "0"
            arguments: tuple[str, ...] = (self._namespace, prefix, command, asking, *part)
            *answers, seen, changes, evicted, missing = await answer(self._look_up(args=arguments))
            self._check(epoch, seen, int(changes or 0))
            self._check_whole(epoch, evicted, missing=missing)
            self._state = f"{epoch}.{int(changes or 0)}"
            found.update(zip(part, answers, strict=True))
        return found

    def _check(self, epoch: str, seen: bytes | None, changes: int) -> None:
        if self.epoch != epoch or seen is None or seen.decode() != epoch or changes < self._newest_change:
            raise NotReadable("the reference data in Redis are not those that were found complete")
        self._newest_change = changes

    def _check_whole(self, epoch: str, evicted: bytes | None, *, missing: int) -> None:
        if self.evicted is not None and evicted is not None and int(evicted) != self.evicted:
            raise NotReadable(EVICTED)
        if missing:
            self.missing_in = epoch
            raise NotReadable(RECORDS_MISSING)

    async def look(self) -> tuple[str | None, bool]:
        """Return the epoch of the data, None where Redis is empty, and whether they went back since the last look."""
        epoch, changes = await answer(self._redis.mget(f"{self._namespace}epoch", f"{self._namespace}changes"))
        went_back = int(changes or 0) < self._newest_change
        self._newest_change = int(changes or 0)
        return None if epoch is None else epoch.decode(), went_back

    async def current_epoch(self) -> str | None:
        """Return the epoch of the data, or None where Redis is empty."""
        epoch = await answer(self._redis.get(f"{self._namespace}epoch"))
        return None if epoch is None else epoch.decode()

    async def applied(self) -> dict[str, int]:
        """Return, for each ``<topic>:<partition>``, the next offset to apply."""
        return await self._hash("applied")

    async def resume(self) -> dict[str, int]:
        """Return what ``applied`` gives, for a writer that reads on from there."""
        self._acknowledged = await self.applied()
        return dict(self._acknowledged)

    async def records(self) -> dict[str, int]:
        """Return the number of records of each kind."""
        return await self._hash("records")

    async def changed(self) -> dict[str, int]:
        """Return when a record of each kind was last applied, in seconds since 1970."""
        return await self._hash("changed")

    async def _hash(self, name: str) -> dict[str, int]:
        epoch = await self.current_epoch()
        if epoch is None:
            return {}
        found = await answer(self._redis.hgetall(data_prefix(self._namespace, epoch) + name))
        return {field.decode(): int(number) for field, number in found.items()}

    # -- writing ------------------------------------------------------------------------------------------------

    async def begin(self, new_epoch: str) -> str:
        """Return the epoch of the data, beginning *new_epoch* where Redis is empty."""
        return cast("bytes", await answer(self._begin(args=(self._namespace, new_epoch)))).decode()

    async def apply(self, epoch: str, partition: str, changes: Sequence[Change], following: int) -> Applied:
        """Apply the changes of one partition, in order, and note how far it is applied: both, or neither.

        What was applied already is passed over, so that records read twice change nothing and a late writer cannot
        turn back time. Where Redis has less than it acknowledged to this writer, nothing is applied over the gap.

        Args:
            epoch: the epoch that the writer believes in.
            partition: ``<topic>:<partition>``.
            changes: in the order of their offsets.
            following: the offset after the last record looked at.

        Returns:
            how many changes were taken, and how many of them deleted nothing.

        Raises:
            EpochChanged: Redis was emptied meanwhile, went back to an older copy, or misses a record.
            NotReadable: Redis does not answer.
        """
        after = self._acknowledged.get(partition, 0)
        arguments = (self._namespace, epoch, partition, following, _packed(changes), after)
        taken, unmatched = map(int, await answer(self._apply(args=arguments)))
        if taken == _ANOTHER_EPOCH:
            raise EpochChanged("the reference data were removed from Redis")
        if taken == _WENT_BACK:
            raise EpochChanged("Redis went back to an older copy of the reference data")
        if taken == _MISSING:
            self.missing_in = epoch
            raise EpochChanged(RECORDS_MISSING)
        self._acknowledged[partition] = max(following, after)
        return Applied(taken, unmatched)

    async def holds(self, epoch: str, kind: ReferenceKind, identity: str) -> bool:
        """Return whether there is a record with this id.

        Raises:
            NotReadable: Redis does not answer.
        """
        key = f"{data_prefix(self._namespace, epoch)}at:{kind}:{identity}"
        return await answer(self._redis.get(key)) is not None

    async def went_back(self) -> bool:
        """Return whether Redis has less than it acknowledged to this writer: a copy older than that took its place."""
        before = dict(self._acknowledged)
        now = await self._hash("applied")
        return any(now.get(partition, 0) < offset for partition, offset in before.items())


def data_prefix(namespace: str, epoch: str) -> str:
    """Return what stands before the keys of an epoch's data: all epochs of one generation share them."""
    return f"{namespace}d{epoch.partition('.')[0]}:"


def _packed(changes: Sequence[Change]) -> bytes:
    """Put the changes of one step into one argument: redis-py takes two microseconds for each that it packs."""
    return orjson.dumps(
        [
            (
                change.offset,
                change.kind,
                change.id,
                change.places
                and [part for place in change.places for part in (place.node, place.field, place.payload.decode())],
                *((change.instead,) if change.instead is not None else ()),
            )
            for change in changes
        ]
    )


async def answer(asked: Any) -> Any:
    """Await what was asked of Redis.

    Raises:
        NotReadable: Redis does not answer, or not in time.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return await asked
    except UNREADABLE as error:
        raise NotReadable(why(error)) from error


#: Keys looked at in one step of removing; Redis answers others between two steps.
KEYS_PER_STEP = 2_000

_REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('INCR', KEYS[2])
return 1
"""
_DISCARD = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1], KEYS[4])
redis.call('INCR', KEYS[3])
return 1
"""
#: Whether data of an epoch have gone, which its server has evicted or somebody has taken away: answers with what, and
#: with how many keys the server has evicted. A server that was started anew, or whose figures were set to zero,
#: and has evicted nothing since has taken nothing; its count is the one to compare with from now on.
_LOST = f"""{ALL_THERE}
local ns, epoch, call = ARGV[1], ARGV[2], redis.call
if call('GET', ns .. 'epoch') ~= epoch then return {{'', false}} end
local data = ns .. 'd' .. string.match(epoch, '^[^.]*') .. ':'
local evicted = false
local stats, server = redis.pcall('INFO', 'stats'), redis.pcall('INFO', 'server')
if type(stats) == 'string' and type(server) == 'string' then
    evicted = string.match(stats, 'evicted_keys:(%d+)') or false
end
if evicted then
    local before, now = call('GET', ns .. 'evicted'), (string.match(server, 'run_id:(%w+)') or '') .. ' ' .. evicted
    if before ~= now then
        -- An older release notes none when it begins.
        local known = before or call('EXISTS', data .. 'counted') == 1
        if evicted ~= '0' and known then return {{'evicted', evicted}} end
        redis.pcall('SET', ns .. 'evicted', now)
    end
end
for n = 3, #ARGV do
    if not all_there(data, ARGV[n]) then return {{'missing', evicted}} end
end
return {{'', evicted}}
"""


class RedisUpkeep:
    """What a writer does to all the data at once."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str) -> None:
        self._redis = client
        self._namespace = namespace
        self._epoch, self._discarded = f"{namespace}epoch", f"{namespace}discarded"
        self._rebuilds, self._evicted = f"{namespace}rebuilds", f"{namespace}evicted"
        self._lost = client.register_script(_LOST)

    async def lost(self, epoch: str, references: RedisReferenceStore) -> str | None:
        """Discard an epoch's data where some have gone, and return the sentence for it; None where all are there.

        What the server has evicted until now is noted in *references*, whose reading notices when it evicts more.

        Raises:
            NotReadable: Redis does not answer.
        """
        verdict, evicted = await answer(self._lost(args=(self._namespace, epoch, *COUNTED)))
        said = {b"evicted": EVICTED, b"missing": RECORDS_MISSING}.get(verdict)
        if said is None and references.missing_in == epoch:
            said = RECORDS_MISSING
        if said is not None:
            await self.discard(epoch)
            return said
        references.evicted = None if evicted is None else int(evicted)
        return None

    async def replace(self, epoch: str, nonce: str) -> None:
        """Put the same data under a new epoch, unless somebody has: readers then wait until they are complete again."""
        generation = epoch.partition(".")[0]
        await answer(self._redis.eval(_REPLACE, 2, self._epoch, self._rebuilds, epoch, f"{generation}.{nonce}"))

    async def discard(self, epoch: str) -> None:
        """Put an epoch's data out of sight, unless somebody has."""
        prefix = data_prefix(self._namespace, epoch)
        keys = (self._epoch, self._discarded, self._rebuilds, self._evicted)
        await answer(self._redis.eval(_DISCARD, len(keys), *keys, epoch, prefix))

    async def remove_discarded(self) -> None:
        """Remove the keys of every discarded generation.

        Raises:
            NotReadable: Redis does not answer; what is left is removed the next time.
        """
        for prefix in await answer(self._redis.smembers(self._discarded)):
            cursor = -1
            while cursor:
                step = self._redis.scan(max(cursor, 0), match=_literally(prefix) + b"*", count=KEYS_PER_STEP)
                cursor, keys = await answer(step)
                if keys:
                    await answer(self._redis.unlink(*keys))
            await answer(self._redis.srem(self._discarded, prefix))


def _literally(prefix: bytes) -> bytes:
    """Write a prefix as a pattern that fits nothing else."""
    for special in (b"\\", b"*", b"?", b"["):
        prefix = prefix.replace(special, b"\\" + special)
    return prefix
