"""A reference store in memory, for one process that has all reference data itself: tests and trials."""

from collections.abc import Collection, Mapping

from enrichment.reference.layout import EntityRecord, IndexEntry, ReferenceKind, index_entries, record_id
from enrichment.schemas import Record


class MemoryReferenceStore:
    """Keeps the same fields of the same nodes as Redis does."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[bytes, bytes]] = {}
        self._placed: dict[tuple[ReferenceKind, str], tuple[IndexEntry, ...]] = {}
        self._changes = 0

    @property
    def state(self) -> str:
        """Name the state: how many changes were made."""
        return f"memory.{self._changes}"

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read nodes. Memory is always readable."""
        return {node: EntityRecord.read(node, self._nodes.get(node, {})) for node in nodes}

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes. Memory is always readable."""
        return {node: len(self._nodes.get(node, ())) for node in nodes}

    def put(self, kind: ReferenceKind, record: Record, timestamp_ms: int) -> None:
        """Take a record in the place of what had its id before."""
        identity = record_id(kind, record)
        self.delete(kind, identity)
        self._placed[kind, identity] = index_entries(record, timestamp_ms)
        for place in self._placed[kind, identity]:
            self._nodes.setdefault(place.node, {})[place.field.encode()] = place.payload

    def delete(self, kind: ReferenceKind, identity: str) -> None:
        """Forget a record; nothing happens where there is none."""
        self._changes += 1
        for place in self._placed.pop((kind, identity), ()):
            self._nodes[place.node].pop(place.field.encode(), None)
