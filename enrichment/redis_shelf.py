"""The shelf in Redis: nodes as hashes, written by the ``reference`` agent, read by every worker.

Redis holds only what can be rebuilt from Kafka. An *epoch* lives with the data, ``<generation>.<nonce>``: whoever finds
it missing or changed knows that Redis was emptied or went back, and nobody judges until the data are complete again.
Keys, each behind the namespace; those marked * behind ``d<generation>:`` too, so that a discarded generation is out of
sight at once and removed at leisure (``enrichment/redis_upkeep.py``):

  * client:<id>, staff:<id>   hash    the node's fields, see ``enrichment/dossier.py``
  * link:<digest>             hash    "h:<client id>" for each client record that holds a contact detail
  * at:<kind>:<id>            string  the nodes and fields that a record fills, to clear them when it moves
  * ids:<kind>                set     the ids of all records of the kinds in ``LISTED``
  * applied                   hash    "<topic>:<partition>" -> the next offset to apply
  * records                   hash    kind -> how many records there are
  * changed                   hash    kind -> when one was last applied, in seconds since 1970
    epoch                     string  set when loading begins
    changes                   string  counts applied steps; with the epoch it names the state
    rebuilds                  string  counts how often data were given a new epoch or discarded
    discarded                 set     prefixes of discarded generations whose keys are not all removed yet
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import orjson
import redis.asyncio
from redis.exceptions import RedisError

from enrichment.directory import NotReadable
from enrichment.dossier import Dossier, Placed, ReferenceKind

#: Seconds that one answer of Redis may take. A hung server is an unreadable one.
ANSWER_SECONDS_MAX = 2.0
#: Nodes read in one round trip; more are read in several.
NODES_PER_READ_MAX = 2_000

#: Kinds whose ids are listed, for whoever reads all of them ahead; ``apply.lua`` names them too.
LISTED: Final[tuple[ReferenceKind, ...]] = ("staff", "watchlist")

#: What redis-py and the network raise while Redis is away, slow or failing over.
UNREADABLE = (RedisError, OSError, asyncio.TimeoutError)

_APPLY = Path(__file__).with_name("apply.lua").read_text("utf-8")
#: Asks one command of many nodes, then for the epoch and the number of applied steps: all at one instant.
_LOOK_UP = """
local found, call = {}, redis.call
for n = 4, #ARGV do found[n - 3] = call(ARGV[3], ARGV[2] .. ARGV[n]) end
found[#found + 1] = call('GET', ARGV[1] .. 'epoch')
found[#found + 1] = call('GET', ARGV[1] .. 'changes')
return found
"""
#: What the first script answers where the epoch is another one, and where less is applied than the writer was told.
_ANOTHER_EPOCH, _WENT_BACK = -1, -2


@dataclass(frozen=True, slots=True)
class Change:
    """A record to be put (``places``), or deleted (``places`` None), and the offset that it was read at."""

    offset: int
    kind: ReferenceKind
    id: str
    places: tuple[Placed, ...] | None


class EpochChanged(NotReadable):
    """Redis was emptied, went back to an older copy, or is another: what was known of it no longer holds."""


class RedisShelf:
    """Nodes in Redis, under one namespace."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str) -> None:
        self._redis = client
        self._namespace = namespace
        self._apply = client.register_script(_APPLY)
        self._look_up = client.register_script(_LOOK_UP)
        self._state = ""
        self._newest_change = 0
        #: The next offset of each partition, as Redis has acknowledged it to this writer.
        self._acknowledged: dict[str, int] = {}
        #: The epoch whose data were found complete; reading under any other raises.
        self.epoch: str | None = None

    @property
    def state(self) -> str:
        """Name the state of the reference data: the epoch, and the number of applied steps."""
        return self._state

    @property
    def newest_change(self) -> int:
        """The newest number of applied steps that was seen."""
        return self._newest_change

    # -- reading ------------------------------------------------------------------------------------------------

    async def read(self, nodes: Collection[str]) -> Mapping[str, Dossier]:
        """Read nodes in as few round trips as their number allows.

        Raises:
            NotReadable: Redis does not answer, or its data are not those that were found complete.
        """
        hashes = await self._ask(list(nodes), "HGETALL")
        return {
            node: Dossier.read(node, dict(zip(flat[::2], flat[1::2], strict=True))) for node, flat in hashes.items()
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
            raise EpochChanged("the reference data were not found complete")
        prefix = data_prefix(self._namespace, epoch)
        for start in range(0, max(len(nodes), 1), NODES_PER_READ_MAX):
            part = nodes[start : start + NODES_PER_READ_MAX]
            arguments = (self._namespace, prefix, command, *part)
            *answers, seen, changes = await answer(self._look_up(args=arguments))
            self._check(epoch, seen, int(changes or 0))
            self._state = f"{epoch}.{int(changes or 0)}"
            found.update(zip(part, answers, strict=True))
        return found

    def _check(self, epoch: str, seen: bytes | None, changes: int) -> None:
        if self.epoch != epoch or seen is None or seen.decode() != epoch or changes < self._newest_change:
            raise EpochChanged("the reference data in Redis are not those that were found complete")
        self._newest_change = changes

    async def look(self) -> tuple[str | None, bool]:
        """Give the epoch of the data, None where Redis is empty, and whether the data went back since the last look."""
        epoch, changes = await answer(self._redis.mget(f"{self._namespace}epoch", f"{self._namespace}changes"))
        went_back = int(changes or 0) < self._newest_change
        self._newest_change = int(changes or 0)
        return None if epoch is None else epoch.decode(), went_back

    async def current_epoch(self) -> str | None:
        """Give the epoch of the data, or None where Redis is empty."""
        epoch = await answer(self._redis.get(f"{self._namespace}epoch"))
        return None if epoch is None else epoch.decode()

    async def applied(self) -> dict[str, int]:
        """Give, for each ``<topic>:<partition>``, the next offset to apply."""
        return await self._hash("applied")

    async def resume(self) -> dict[str, int]:
        """Give what ``applied`` gives, for a writer that reads on from there."""
        self._acknowledged = await self.applied()
        return dict(self._acknowledged)

    async def records(self) -> dict[str, int]:
        """Give the number of records of each kind."""
        return await self._hash("records")

    async def changed(self) -> dict[str, int]:
        """Give when a record of each kind was last applied, in seconds since 1970."""
        return await self._hash("changed")

    async def _hash(self, name: str) -> dict[str, int]:
        epoch = await self.current_epoch()
        if epoch is None:
            return {}
        found = await answer(self._redis.hgetall(data_prefix(self._namespace, epoch) + name))
        return {field.decode(): int(number) for field, number in found.items()}

    # -- writing ------------------------------------------------------------------------------------------------

    async def begin(self, new_epoch: str) -> str:
        """Give the epoch of the data, beginning *new_epoch* where Redis is empty."""
        key = f"{self._namespace}epoch"
        pipe = self._redis.pipeline(transaction=True)
        pipe.set(key, new_epoch, nx=True)
        pipe.get(key)
        return cast("bytes", (await answer(pipe.execute()))[1]).decode()

    async def apply(self, epoch: str, partition: str, changes: Sequence[Change], following: int) -> int:
        """Apply the changes of one partition, in order, and note how far it is applied: both, or neither.

        What was applied already is passed over, so that records read twice change nothing and a late writer cannot
        turn back time. Where Redis has less than it acknowledged to this writer, nothing is applied over the gap.

        Args:
            epoch: the epoch that the writer believes in.
            partition: ``<topic>:<partition>``.
            changes: in the order of their offsets.
            following: the offset after the last record looked at.

        Returns:
            how many changes were taken.

        Raises:
            EpochChanged: Redis was emptied meanwhile, or went back to an older copy.
            NotReadable: Redis does not answer.
        """
        after = self._acknowledged.get(partition, 0)
        arguments = (self._namespace, epoch, partition, following, _packed(changes), after)
        taken = int(await answer(self._apply(args=arguments)))
        if taken == _ANOTHER_EPOCH:
            raise EpochChanged("the reference data were removed from Redis")
        if taken == _WENT_BACK:
            raise EpochChanged("Redis went back to an older copy of the reference data")
        self._acknowledged[partition] = max(following, after)
        return taken

    async def went_back(self) -> bool:
        """Say whether Redis has less than it acknowledged to this writer: a copy older than that took its place."""
        before = dict(self._acknowledged)
        now = await self._hash("applied")
        return any(now.get(partition, 0) < offset for partition, offset in before.items())


def data_prefix(namespace: str, epoch: str) -> str:
    """Give what stands before the keys of an epoch's data: all epochs of one generation share them."""
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
        raise NotReadable(f"Redis does not answer ({type(error).__name__})") from error
