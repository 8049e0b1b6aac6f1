"""The shelf in Redis: nodes as hashes, written by the ``reference`` agent, read by every worker.

Redis holds only what can be rebuilt from Kafka. An *epoch* lives with the data: whoever finds it missing or changed
knows that Redis was emptied, and nobody judges until the data are complete again. Keys, each behind the namespace:

    client:<id>, staff:<id>   hash    the node's fields, see ``enrichment/dossier.py``
    link:<digest>             hash    "h:<client id>" for each client record that holds a contact detail
    at:<kind>:<id>            string  the nodes and fields that a record fills, to clear them when it moves
    applied                   hash    "<topic>:<partition>" -> the next offset to apply
    records                   hash    kind -> how many records there are
    epoch                     string  set once, when loading into an empty Redis begins
    changes                   string  counts applied batches; with the epoch it names the state
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson
import redis.asyncio
from redis.exceptions import RedisError

from enrichment.directory import NotReadable
from enrichment.dossier import Dossier, Placed, ReferenceKind

#: Seconds that one answer of Redis may take. A hung server is an unreadable one.
ANSWER_SECONDS_MAX = 2.0
#: Nodes read in one round trip; more are read in several.
NODES_PER_READ_MAX = 2_000

#: What redis-py and the network raise while Redis is away, slow or failing over.
UNREADABLE = (RedisError, OSError, asyncio.TimeoutError)

_APPLY = Path(__file__).with_name("apply.lua").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Change:
    """A record to be put (``places``), or deleted (``places`` None), and the offset that it was read at."""

    offset: int
    kind: ReferenceKind
    id: str
    places: tuple[Placed, ...] | None


class EpochChanged(NotReadable):
    """Redis was emptied, or belongs to another loading: what was known of it no longer holds."""


class RedisShelf:
    """Nodes in Redis, under one namespace."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str) -> None:
        self._redis = client
        self._namespace = namespace
        self._apply = client.register_script(_APPLY)
        self._state = ""
        #: The epoch whose data were found complete; reading under any other raises.
        self.epoch: str | None = None

    @property
    def state(self) -> str:
        """Name the state of the reference data: the epoch, and the number of applied batches."""
        return self._state

    async def read(self, nodes: Collection[str]) -> Mapping[str, Dossier]:
        """Read nodes in as few round trips as their number allows.

        Raises:
            NotReadable: Redis does not answer, or its data are not those that were found complete.
        """
        hashes = await self._ask(list(nodes), lambda pipe, key: pipe.hgetall(key))
        return {node: Dossier.read(node, fields) for node, fields in hashes.items()}

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes, in as few round trips as their number allows.

        Raises:
            NotReadable: as ``read``.
        """
        counts: Mapping[str, int] = await self._ask(list(nodes), lambda pipe, key: pipe.hlen(key))
        return counts

    async def _ask(self, nodes: Sequence[str], question: Callable[[Any, str], Any]) -> dict[str, Any]:
        """Ask the same of all nodes, and each time whether the data are still those that were found complete."""
        found: dict[str, Any] = {}
        for start in range(0, len(nodes), NODES_PER_READ_MAX):
            part = nodes[start : start + NODES_PER_READ_MAX]
            pipe = self._redis.pipeline(transaction=False)
            pipe.mget(f"{self._namespace}epoch", f"{self._namespace}changes")
            for node in part:
                question(pipe, self._namespace + node)
            (epoch, changes), *answers = await answer(pipe.execute())
            self._check(epoch)
            self._state = f"{self.epoch}.{(changes or b'0').decode()}"
            found.update(zip(part, answers, strict=True))
        return found

    async def begin(self, new_epoch: str) -> str:
        """Give the epoch of the data, beginning *new_epoch* where Redis is empty."""
        key = f"{self._namespace}epoch"
        pipe = self._redis.pipeline(transaction=True)
        pipe.set(key, new_epoch, nx=True)
        pipe.get(key)
        return cast("bytes", (await answer(pipe.execute()))[1]).decode()

    async def current_epoch(self) -> str | None:
        """Give the epoch of the data, or None where Redis is empty."""
        epoch = await answer(self._redis.get(f"{self._namespace}epoch"))
        return None if epoch is None else epoch.decode()

    async def apply(self, epoch: str, partition: str, changes: Sequence[Change], following: int) -> int:
        """Apply the changes of one partition, in order, and note how far it is applied: both, or neither.

        What was applied already is passed over, so that records read twice change nothing and a late writer cannot
        turn back time.

        Args:
            epoch: the epoch that the writer believes in.
            partition: ``<topic>:<partition>``.
            changes: in the order of their offsets.
            following: the offset after the last record looked at.

        Returns:
            how many changes were taken.

        Raises:
            EpochChanged: Redis was emptied meanwhile.
            NotReadable: Redis does not answer.
        """
        arguments = (self._namespace, epoch, partition, following, _packed(changes))
        taken = int(await answer(self._apply(args=arguments)))
        if taken < 0:
            raise EpochChanged("the reference data were removed from Redis")
        return taken

    async def applied(self) -> dict[str, int]:
        """Give, for each ``<topic>:<partition>``, the next offset to apply."""
        found = await answer(self._redis.hgetall(f"{self._namespace}applied"))
        return {name.decode(): int(offset) for name, offset in found.items()}

    async def records(self) -> dict[str, int]:
        """Give the number of records of each kind."""
        found = await answer(self._redis.hgetall(f"{self._namespace}records"))
        return {kind.decode(): int(number) for kind, number in found.items()}

    def _check(self, epoch: bytes | None) -> None:
        if self.epoch is None or epoch is None or epoch.decode() != self.epoch:
            raise EpochChanged("the reference data in Redis are not those that were found complete")


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
        return await asyncio.wait_for(asked, ANSWER_SECONDS_MAX)
    except UNREADABLE as error:
        raise NotReadable(f"Redis does not answer ({type(error).__name__})") from error
