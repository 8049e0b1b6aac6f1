"""A scene: one prepared access of the day, who plays in it, and the truth about it."""

from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from simulator.agency import Agency, Document
from simulator.organisation import new_links


class Label(NamedTuple):
    """What an access is in the simulated world: stays beside the record, is never in it."""

    kind: Literal["ordinary", "planted", "look-alike"]
    name: str
    #: The rules that have to hit; none unless planted.
    rules: tuple[str, ...] = ()


ORDINARY = Label("ordinary", "ordinary")


@dataclass(frozen=True, slots=True)
class Scene:
    """One actor opens one client's record, once or a few times."""

    label: Label
    staff_id: str
    client_id: str
    site: str
    work_id: str | None = None
    channel: str = "desktop"
    visits: int = 1


class Cast:
    """Hands out people who play in one scene only, so that nothing else in the agency touches it."""

    def __init__(self, rng: Random, agency: Agency) -> None:
        self.agency = agency
        self.timetable = agency.timetable
        self._rng = rng
        self._by_role: dict[str, list[Document]] = {}
        for record in rng.sample(agency.staff, len(agency.staff)):
            if record["kind"] == "employee" and record["status"] == "active" and "leave" not in record:
                for role in record["roles"]:
                    self._by_role.setdefault(role, []).append(record)
        self._clients = rng.sample(agency.clients, len(agency.clients))
        self.staff_ids: set[str] = set()

    def actor(self, role: str = "case_manager") -> Document:
        """Give an employee at work that day; those of small units may be given again when all have been."""
        pool = self._by_role[role]
        record = pool.pop()
        pool.insert(0, record)
        self.staff_ids.add(record["staff_id"])
        return record

    def client(self) -> str:
        """Give an active client without restriction, who lives alone and has no work item."""
        record = self.take_client()
        record["status"] = "active"
        record["restricted"] = False
        return str(record["client_id"])

    def take_client(self) -> Document:
        """Take the next client record that plays no part yet."""
        return self._clients.pop()

    def remaining_clients(self) -> list[Document]:
        """Give the client records that play no part yet."""
        return self._clients

    def own_record(self, staff: Document) -> str:
        """Give a client record of this staff member's own."""
        client_id = self.client_with(dict(staff["links"]))
        staff["client_ids"].append(client_id)
        return client_id

    def client_with(self, links: dict[str, str]) -> str:
        """Give an active client with these contact details in place of theirs."""
        record = self.take_client()
        record["status"] = "active"
        record["restricted"] = False
        record["links"] = {**new_links(self._rng), **links}
        return str(record["client_id"])

    def case_for(self, staff: Document, client_id: str, kind: str = "case_management") -> str:
        """Give the staff member an open work item for this client."""
        return self.agency.open_work(client_id, kind, self.timetable.at(9, days=-12), staff_id=staff["staff_id"])


def staff_node(staff: Document) -> str:
    """Name a staff member as an end of a relationship."""
    return f"staff:{staff['staff_id']}"


def client_node(client_id: str) -> str:
    """Name a client as an end of a relationship."""
    return f"client:{client_id}"
