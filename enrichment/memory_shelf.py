"""A shelf in process memory: for one process that has all the reference data itself, such as tests and trials."""

from collections.abc import Collection, Mapping

from enrichment.dossier import Dossier, Placed, ReferenceKind, placed, record_id
from enrichment.wire import Record


class MemoryShelf:
    """Keeps the same fields of the same nodes as Redis does."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[bytes, bytes]] = {}
        self._placed: dict[tuple[ReferenceKind, str], tuple[Placed, ...]] = {}
        self._changes = 0

    @property
    def state(self) -> str:
        """Name the state: how many changes were made."""
        return f"memory.{self._changes}"

    async def read(self, nodes: Collection[str]) -> Mapping[str, Dossier]:
        """Read nodes. Memory is always readable."""
        return {node: Dossier.read(node, self._nodes.get(node, {})) for node in nodes}

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes. Memory is always readable."""
        return {node: len(self._nodes.get(node, ())) for node in nodes}

    def put(self, kind: ReferenceKind, record: Record, timestamp_ms: int) -> None:
        """Take a record in the place of what had its id before."""
        identity = record_id(kind, record)
        self.delete(kind, identity)
        self._placed[kind, identity] = placed(record, timestamp_ms)
        for place in self._placed[kind, identity]:
            self._nodes.setdefault(place.node, {})[place.field.encode()] = place.payload

    def delete(self, kind: ReferenceKind, identity: str) -> None:
        """Forget a record; nothing happens where there is none."""
        self._changes += 1
        for place in self._placed.pop((kind, identity), ()):
            self._nodes[place.node].pop(place.field.encode(), None)
