"""What is read of a node stays in memory, so a record brings nothing along but its fields."""

from enrichment.reference.layout import EntityRecord, index_entries
from enrichment.schemas import Client, Leave, Links, Staff

STAMP = 1_763_586_847_123


def test_a_record_that_is_kept_is_the_one_that_was_placed_without_notes_beside_it() -> None:
    """The same fields, the records inside it and what the contract does not name included."""
    leave = Leave.model_validate({"from": "2026-11-02", "to": "2026-11-06"})
    staff = Staff(
        staff_id="S1", kind="employee", status="active", org_unit="u1", client_ids=("C1",), links=Links(phone="p-1"),
        leave=(leave,),
    )  # fmt: skip
    client = Client(client_id="C1", status="active", links=Links(address="a-1"))
    for record, node in ((staff, "staff:S1"), (client, "client:C1")):
        fields = {one.field.encode(): one.payload for one in index_entries(record, STAMP) if one.node == node}
        entity = EntityRecord.read(node, fields)
        known = entity.staff or entity.client
        assert known is not None
        kept = known.value
        inner = [kept.links, *(kept.leave if isinstance(kept, Staff) else ())]
        assert kept == record
        assert [one.model_fields_set for one in (kept, *inner)] == [set()] * (1 + len(inner))
