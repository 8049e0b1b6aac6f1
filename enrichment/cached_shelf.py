"""A shelf in front of the one in Redis: what was read is kept parsed in memory until Redis says that it has changed.

It promises
  1. nothing is kept, and nothing kept is given, unless the link that says what has changed is alive: what it missed
     while it was away is unknown, so all is forgotten before anything is read;
  2. of a change that is told while its node is being read, the change wins: that node is read but not kept;
  3. what was kept under one epoch is never given under another;
  4. it is bounded, staff and clients apart: all staff fit, and of clients those last asked for.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from time import monotonic

from enrichment.dossier import Dossier
from enrichment.redis_shelf import RedisShelf

#: Staff nodes that are kept; the ministry has 8,044 in a year.
STAFF_NODES_MAX = 20_000
#: Client nodes that are kept, about 2.5 KB each.
CLIENT_NODES_MAX = 60_000
#: Seconds that the link may be silent. With what it takes to notice, it bounds how old a kept node can be.
SILENT_SECONDS_MAX = 2.0


class CachedShelf:
    """Keeps nodes; what it does not have it asks of Redis in one round trip."""

    def __init__(self, shelf: RedisShelf, clock: Callable[[], float] = monotonic) -> None:
        """Take the shelf, and what gives the seconds that silence is measured in."""
        self._shelf = shelf
        self._clock = clock
        self._staff: OrderedDict[str, Dossier] = OrderedDict()
        self._clients: OrderedDict[str, Dossier] = OrderedDict()
        #: Nodes on their way from Redis, each with whoever reads it; a change takes it out.
        self._coming: dict[str, object] = {}
        self._epoch: str | None = None
        self._heard_at: float | None = None
        #: Nodes that were given from memory, and that were asked of Redis.
        self.given, self.asked = 0, 0

    @property
    def state(self) -> str:
        """Name the state of the reference data that was last seen in Redis."""
        return self._shelf.state

    @property
    def live(self) -> bool:
        """Say whether the link is alive, and was heard lately."""
        return self._heard_at is not None and self._clock() - self._heard_at <= SILENT_SECONDS_MAX

    def __len__(self) -> int:
        """Count the nodes that are kept."""
        return len(self._staff) + len(self._clients)

    async def read(self, nodes: Collection[str]) -> Mapping[str, Dossier]:
        """Read nodes, from memory what is kept there, the others in one round trip.

        The outage policy is that of ``RedisShelf.read``. Where all nodes are kept Redis is not asked: that it was
        emptied, or went back, has been told by the link, or has ended it.

        Raises:
            NotReadable: Redis does not answer, or its data are not those that were found complete.
        """
        if not self.live or self._shelf.epoch is None or self._shelf.epoch != self._epoch:
            self.forget_all()
            self._epoch = self._shelf.epoch
            if not self.live:
                return await self._shelf.read(nodes)
        found: dict[str, Dossier] = {}
        missing = []
        for node in nodes:
            shelf = self._of(node)
            kept = shelf.get(node)
            if kept is None:
                missing.append(node)
            else:
                shelf.move_to_end(node)
                found[node] = kept
        self.given += len(found)
        if missing or self._epoch is None:
            self.asked += len(missing)
            found.update(await self._fetch(missing))
        return found

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes; this is always asked of Redis. Raises as ``read``."""
        return await self._shelf.count(nodes)

    async def _fetch(self, missing: Collection[str]) -> Mapping[str, Dossier]:
        reader = object()
        self._coming.update(dict.fromkeys(missing, reader))
        try:
            found = await self._shelf.read(missing)
            for node, dossier in found.items():
                if self._coming.get(node) is reader:
                    self._keep(node, dossier)
            return found
        finally:
            for node in missing:
                if self._coming.get(node) is reader:
                    del self._coming[node]

    def _keep(self, node: str, dossier: Dossier) -> None:
        shelf = self._of(node)
        shelf[node] = dossier
        if len(shelf) > (STAFF_NODES_MAX if shelf is self._staff else CLIENT_NODES_MAX):
            shelf.popitem(last=False)

    def _of(self, node: str) -> OrderedDict[str, Dossier]:
        return self._staff if node.startswith("staff:") else self._clients

    # -- what the link says -------------------------------------------------------------------------------------

    def heard(self) -> None:
        """Note that everything which had changed until now has been told."""
        self._heard_at = self._clock()

    def forget(self, nodes: Iterable[str]) -> None:
        """Forget nodes that have changed, those on their way too."""
        for node in nodes:
            self._of(node).pop(node, None)
            self._coming.pop(node, None)

    def forget_all(self) -> None:
        """Forget everything, what is on its way too."""
        self._staff.clear()
        self._clients.clear()
        self._coming.clear()

    def broken(self) -> None:
        """Forget everything; until the link is heard again nothing is kept."""
        self._heard_at = None
        self.forget_all()
