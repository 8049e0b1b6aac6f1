"""The register of report releases: what left, what of it was hidden, and that nothing can be worked out of it.

A report leaves once its small numbers are hidden and the audit, over this release and every earlier one together,
finds nothing. Where it finds something, the report does not leave and the cells are named, unless two persons release
it all the same, each for themselves and with a reason.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, RowMapping, select

from alerts.store.database import NotPossible
from cases.config import CasesConfig
from cases.disclosure_audit import RELEASES_MAX, Finding, audit
from cases.people import Person, require_another
from cases.published import Numbers, Published, small
from cases.record import Change, held, next_number, write
from cases.report_model import Kind, Report, document, released
from cases.rounding import rounded
from cases.suppression import SIDE_MAX, CannotSuppress, suppress
from cases.tables import OVERRIDES, REPORT_RELEASES
from enrichment.errors import UserError
from enrichment.nz_time import nz_date

_SERIES: Final = "RR"
_OVERRIDE_SERIES: Final = "RO"
#: Cells that one sentence names; of more it says how many.
_NAMED_MAX: Final = 20


class NotReleased(UserError):  # noqa: N818 an answer, not a failure
    """It does not leave: something of it could be worked out. ``findings`` names each cell."""

    def __init__(self, findings: Sequence[Finding], digest: str) -> None:
        self.findings = tuple(findings)
        #: Names these very numbers: what two persons may release all the same.
        self.digest = digest
        named = [finding.sentence for finding in findings[:_NAMED_MAX]]
        more = [f"And {len(findings) - _NAMED_MAX} more."] if len(findings) > _NAMED_MAX else []
        super().__init__(["This report is not released.", *named, *more])


@dataclass(frozen=True, slots=True)
class Kept:
    """A release as the register has it."""

    number: str
    kind: Kind
    at: datetime
    by: str
    sha256: str
    overridden_by: str | None
    because: str | None
    published: Published
    content: dict[str, Any]


def digest_of(report: Report) -> str:
    """Return what names the numbers of a report, before anything of them is hidden."""
    numbers = {"kind": report.kind, "values": dict(report.numbers.values)}
    return hashlib.sha256(orjson.dumps(numbers, option=orjson.OPT_SORT_KEYS)).hexdigest()


def release(
    connection: Connection,
    person: Person,
    report: Report,
    config: CasesConfig,
    *,
    now: datetime,
    key: bytes | None = None,
) -> Report:
    """Release a report; return it as it leaves.

    Args:
        connection: writes.
        person: who releases it.
        report: as counted.
        config: how small numbers are kept.
        now: when.
        key: what random rounding is drawn with.

    Raises:
        NotReleased: something could be worked out of it.
        UserError: a table is too large to be proven, or there is no key to round with.
    """
    person.require("reporter", "lead")
    _check_size(report)
    earlier = before(connection)
    if config.small_numbers == "rr3":
        return _release_rounded(connection, person, report, now=now, key=key)
    findings, hidden = _decide(report, earlier)
    override = _granted(connection, report) if findings else None
    if findings and override is None:
        raise NotReleased(findings, digest_of(report))
    number = next_number(connection, _SERIES, nz_date(now).year)
    leaving = released(report, number, hidden, None)
    published = Published.of(number, report.numbers, hidden)
    _write(connection, person, leaving, published, override=override, now=now)
    return leaving


def _decide(report: Report, earlier: Sequence[Published]) -> tuple[list[Finding], frozenset[str]]:
    """Return what can be worked out, and what was to be hidden."""
    last: dict[str, int | None] = {}
    for one in earlier:
        last |= dict(one.shown) | dict.fromkeys(one.hidden)
    values = report.numbers.values
    known = [name for name, value in last.items() if value is not None and values.get(name) == value]
    hidden_before = [name for name, value in last.items() if value is None]
    try:
        hidden = suppress(report.numbers, known=known, hidden_before=hidden_before)
    except CannotSuppress as error:
        # What is small stays hidden, so that the audit can say of which cell that is not enough.
        hidden = small(report.numbers)
        found = audit(Published.of("this report", report.numbers, hidden), earlier)
        return found or [Finding("", "this report", str(error))], hidden
    return audit(Published.of("this report", report.numbers, hidden), earlier), hidden


def _release_rounded(
    connection: Connection, person: Person, report: Report, *, now: datetime, key: bytes | None
) -> Report:
    if not key:
        raise UserError("Random rounding is drawn with a key, and none is set: ACCESSWATCH_CASES_KEY.")
    number = next_number(connection, _SERIES, nz_date(now).year)
    drawn = rounded(report.numbers.values, key)
    leaving = released(report, number, frozenset(), drawn)
    # Rounded numbers are no sums of one another: nothing follows from them about what they stand for.
    _write(connection, person, leaving, Published.of(number, Numbers({}), frozenset()), override=None, now=now)
    return leaving


def _check_size(report: Report) -> None:
    for table in report.tables:
        if len(table.lines) > SIDE_MAX or len(table.quarters) > SIDE_MAX:
            raise UserError(f"Table {table.number} is larger than {SIDE_MAX} by {SIDE_MAX}: take fewer quarters.")


def _write(
    connection: Connection,
    person: Person,
    report: Report,
    published: Published,
    *,
    override: RowMapping | None,
    now: datetime,
) -> None:
    content = document(report)
    number = report.release or ""
    row = {
        "number": number,
        "kind": report.kind,
        "first": report.period.first,
        "last": report.period.last,
        "at": now,
        "by": person.staff_id,
        "published": orjson.dumps(published.as_json()).decode(),
        "content": orjson.dumps(content).decode(),
        "sha256": content["sha256"],
        "overridden_by": None if override is None else override["granted_by"],
        "because": None if override is None else override["because"],
    }
    detail = {"sha256": content["sha256"], "override": None if override is None else override["number"]}
    write(connection, person, now, Change(f"release:{number}", "released", ((REPORT_RELEASES, row),), detail=detail))


def before(connection: Connection) -> list[Published]:
    """Return what was released so far, the oldest first."""
    query = select(REPORT_RELEASES.c.published).order_by(REPORT_RELEASES.c.at.desc(), REPORT_RELEASES.c.number.desc())
    kept = connection.execute(query.limit(RELEASES_MAX)).scalars().all()
    return [Published.read(orjson.loads(one)) for one in reversed(kept)]


def listed(connection: Connection, limit: int = 1000) -> list[Kept]:
    """Return the register, the newest first."""
    query = select(REPORT_RELEASES).order_by(REPORT_RELEASES.c.at.desc(), REPORT_RELEASES.c.number.desc())
    return [
        Kept(
            number=row.number,
            kind=row.kind,
            at=row.at,
            by=row.by,
            sha256=row.sha256,
            overridden_by=row.overridden_by,
            because=row.because,
            published=Published.read(orjson.loads(row.published)),
            content=orjson.loads(row.content),
        )
        for row in connection.execute(query.limit(limit))
    ]


def last_of(connection: Connection, report: Report) -> Kept | None:
    """Return the last release of the same report and period: what a new one is compared with."""
    for kept in listed(connection):
        period = (kept.content["from"], kept.content["to"])
        if kept.kind == report.kind and period == (str(report.period.first), str(report.period.last)):
            return kept
    return None


# Two persons


def ask_override(connection: Connection, person: Person, digest: str, because: str, now: datetime) -> str:
    """Ask that these numbers be released all the same; return the number of what is asked.

    Raises:
        UserError: without a reason, or by somebody who has not said who they are.
    """
    person.require("reporter", "lead")
    if not because.strip():
        raise UserError("What is released against the audit needs a reason.")
    if not person.is_named:
        raise UserError("Name yourself by your staff id in ACCESSWATCH_ACTOR: two persons release it.")
    number = next_number(connection, _OVERRIDE_SERIES, nz_date(now).year)
    row = {
        "number": number,
        "sha256": digest,
        "asked_by": person.staff_id,
        "asked_at": now,
        "because": because,
        "granted_by": None,
        "granted_at": None,
    }
    write(connection, person, now, Change(f"override:{number}", "asked", ((OVERRIDES, row),), because))
    return number


def grant_override(connection: Connection, person: Person, number: str, because: str, now: datetime) -> None:
    """Grant what another person has asked.

    Raises:
        NotAllowed: it is who asked.
        NotPossible: there is nothing such, or it was granted.
    """
    person.require("lead")
    row = held(connection, OVERRIDES, "override", number=number)
    if row["granted_by"] is not None:
        raise NotPossible(f"{number} was granted already.")
    require_another(person, row["asked_by"], "Releasing a report against the audit")
    granted = {**row, "granted_by": person.staff_id, "granted_at": now}
    write(connection, person, now, Change(f"override:{number}", "granted", ((OVERRIDES, granted),), because))


def _granted(connection: Connection, report: Report) -> RowMapping | None:
    query = select(OVERRIDES).where(OVERRIDES.c.sha256 == digest_of(report), OVERRIDES.c.granted_by.is_not(None))
    return connection.execute(query.order_by(OVERRIDES.c.number.desc()).limit(1)).mappings().first()
