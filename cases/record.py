"""Writing rows and their entry together, and proving later that both are as they were written.

Each change is one entry: what was done, by whom, why, and a digest of every row that it wrote. Entries are bound to the
one before them of their subject and to the one before them of all, as the history of alerts is (``alerts/store``): the
head of this chain stands in the same table, under the name ``cases``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, RowMapping, Table, and_, func, insert, select, update

from alerts.store.audit import START, digest_of
from alerts.store.database import NotPossible
from alerts.store.tables import CHAIN
from cases.people import Person
from cases.tables import BOUND, ENTRIES, NUMBERS

_HEAD: Final = "cases"
_ENTRY: Final = ("number", "subject", "at", "what", "by", "account", "because", "detail")
#: Entries, and rows of a table, that are read at once.
PAGE: Final = 500
#: After so many sentences the rest is not looked at.
PROBLEMS_MAX: Final = 100
#: Numbers of a series in a year: four digits, and five where four are used up.
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that somebody does: the rows that it writes, whole, and what else the entry is to say."""

    subject: str
    what: str
    rows: tuple[tuple[Table, Mapping[str, Any]], ...] = ()
    because: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of what became of a case, a request or a release."""

    number: int
    at: datetime
    what: str
    by: str
    account: str
    because: str | None
    detail: Mapping[str, Any]
    digest: str


def write(connection: Connection, person: Person, now: datetime, *changes: Change) -> None:
    """Write changes, in their order, each with its entry."""
    query = select(CHAIN.c.entries, CHAIN.c.digest).where(CHAIN.c.name == _HEAD).with_for_update()
    number, overall = connection.execute(query).one()
    last: dict[str, str] = {}
    for change in changes:
        number += 1
        written = [[table.name, key_of(table, row), _put(connection, table, row)] for table, row in change.rows]
        entry: dict[str, Any] = {
            "number": number,
            "subject": change.subject,
            "at": now,
            "what": change.what,
            "by": person.staff_id,
            "account": person.account,
            "because": change.because,
            "detail": orjson.dumps({"rows": written, **change.detail}).decode(),
        }
        before = last.get(change.subject) or _last_of(connection, change.subject)
        entry["digest"] = last[change.subject] = digest_of(before, _plain([entry[name] for name in _ENTRY]))
        entry["overall"] = overall = digest_of(overall, entry["digest"])
        connection.execute(insert(ENTRIES), entry)
    connection.execute(update(CHAIN).where(CHAIN.c.name == _HEAD).values(entries=number, digest=overall))


def next_number(connection: Connection, series: str, year: int) -> str:
    """Return the next number of a series: IC-2027-0042. It is used in this transaction, or never was."""
    mine = and_(NUMBERS.c.series == series, NUMBERS.c.year == year)
    # The chain's head is held first, as by every change: two who want a number wait for each other, in no ring.
    connection.execute(select(CHAIN.c.entries).where(CHAIN.c.name == _HEAD).with_for_update())
    last = connection.execute(select(NUMBERS.c.last).where(mine)).scalar()
    if last is None:
        connection.execute(insert(NUMBERS).values(series=series, year=year, last=1))
        last = 0
    else:
        connection.execute(update(NUMBERS).where(mine).values(last=last + 1))
    return f"{series}-{year}-{last + 1:0{_DIGITS}}"


def held(connection: Connection, table: Table, named: str, **key: Any) -> RowMapping:
    """Return one row, held until the transaction ends.

    Raises:
        NotPossible: there is none.
    """
    query = select(table).where(*(table.c[name] == value for name, value in key.items())).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotPossible(f"There is no {named} {', '.join(map(str, key.values()))}.")
    return row


def entries_of(connection: Connection, subject: str) -> list[Entry]:
    """Return what became of a subject, the oldest first."""
    query = select(ENTRIES).where(ENTRIES.c.subject == subject).order_by(ENTRIES.c.number)
    return [
        Entry(row.number, row.at, row.what, row.by, row.account, row.because, orjson.loads(row.detail), row.digest)
        for row in connection.execute(query)
    ]


def head(connection: Connection) -> tuple[int, str]:
    """Return how many entries there are, and the digest of the last."""
    row = connection.execute(select(CHAIN.c.entries, CHAIN.c.digest).where(CHAIN.c.name == _HEAD)).one()
    return row.entries, row.digest


def verify(connection: Connection, noted: tuple[int, str] | None = None) -> list[str]:
    """Return a sentence for each entry or row that is not as it was written; none where all are.

    Args:
        connection: reads; writers wait meanwhile.
        noted: a head that was noted before, elsewhere.
    """
    found: list[str] = []
    for problem in _problems(connection, noted):
        found.append(problem)
        if len(found) == PROBLEMS_MAX:
            break
    return found


def key_of(table: Table, row: Mapping[str, Any]) -> str:
    """Return the primary key of a row as one text."""
    return _plain([row[column.name] for column in table.primary_key])


def digest_of_row(table: Table, row: Mapping[str, Any]) -> str:
    """Return the digest of all that stands in a row."""
    return digest_of(table.name, _plain([row[column.name] for column in table.columns]))


def _put(connection: Connection, table: Table, row: Mapping[str, Any]) -> str:
    """Insert a row, or change the one with its key; return the digest of what then stands there."""
    mine = and_(*(column == row[column.name] for column in table.primary_key))
    changed = {name: value for name, value in row.items() if name not in table.primary_key.columns}
    there = connection.execute(select(func.count()).select_from(table).where(mine)).scalar_one()
    if not there:
        connection.execute(insert(table).values(dict(row)))
    elif changed:
        connection.execute(update(table).where(mine).values(changed))
    return digest_of_row(table, dict(connection.execute(select(table).where(mine)).mappings().one()))


def _last_of(connection: Connection, subject: str) -> str:
    query = select(ENTRIES.c.digest).where(ENTRIES.c.subject == subject).order_by(ENTRIES.c.number.desc()).limit(1)
    return connection.execute(query).scalar() or START


def _plain(values: Sequence[Any]) -> str:
    return orjson.dumps([one.isoformat() if isinstance(one, date) else one for one in values]).decode()


def _problems(connection: Connection, noted: tuple[int, str] | None) -> Iterator[str]:
    entries, digest = connection.execute(
        select(CHAIN.c.entries, CHAIN.c.digest).where(CHAIN.c.name == _HEAD).with_for_update()
    ).one()
    number, overall, expected = 0, START, dict[tuple[str, str], str]()
    last: dict[str, str] = {}
    query = select(ENTRIES).order_by(ENTRIES.c.number).limit(PAGE)
    while page := connection.execute(query.where(ENTRIES.c.number > number)).mappings().all():
        for entry in page:
            number += 1
            if entry["number"] != number:
                yield f"Entry {number} of the cases is missing."
                number = entry["number"]
            own = digest_of(last.get(entry["subject"], START), _plain([entry[name] for name in _ENTRY]))
            if entry["digest"] != own:
                yield f"Entry {number} ({entry['subject']}) was changed, or one before it is missing."
            elif entry["overall"] != digest_of(overall, own):
                yield f"Entry {number} does not follow from those before it."
            if noted is not None and noted[0] == number and noted[1] != entry["overall"]:
                yield f"Entry {number} is not the one that was noted before: the chain was made anew."
            # Go on from what stands there, so that one change is said once.
            last[entry["subject"]], overall = entry["digest"], entry["overall"]
            for table, key, row in orjson.loads(entry["detail"])["rows"]:
                expected[table, key] = row
    if (number, overall) != (entries, digest):
        yield f"The cases have {number} entries and their head speaks of {entries}."
    if noted is not None and noted[0] > number:
        yield f"The cases end at entry {number}; entry {noted[0]} was noted before."
    yield from _rows(connection, expected)


def _rows(connection: Connection, expected: dict[tuple[str, str], str]) -> Iterator[str]:
    """Compare every row with what the entries say of it."""
    for table in BOUND:
        for row in map(dict, connection.execute(select(table)).mappings()):
            key = key_of(table, row)
            written = expected.pop((table.name, key), None)
            if written is None:
                yield f"{table.name} holds a row that no entry speaks of: {key}."
            elif written != digest_of_row(table, row):
                yield f"A row of {table.name} is not as it was written: {key}."
    yield from (f"A row of {table} is missing: {key}." for table, key in sorted(expected))
