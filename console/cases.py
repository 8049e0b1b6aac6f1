"""``accesswatch cases`` and ``accesswatch er``: investigations, and the ER cases that follow."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, get_args

import orjson
import typer

from cases import er_cases, investigations
from cases.investigations import Desk, LinkKind, Opening, Origin, Result
from cases.nz_calendar import Period
from console.working import From, Json, To, Working, days, working
from enrichment.nz_time import nz_date, nz_text
from stream.printing import say, say_json, say_rows

app = typer.Typer(help="Investigations.", no_args_is_help=True)
er = typer.Typer(help="Employment Relations cases.", no_args_is_help=True)

_COLUMNS = ("case", "opened", "status", "result", "origin", "staff", "client", "lead", "question")
_ER_COLUMNS = ("case", "opened", "status", "type", "outcome", "completed", "staff", "investigation")
_Number = Annotated[str, typer.Argument(metavar="ID", help="Such as IC-2027-0042.")]
_KINDS, _ORIGINS, _RESULTS = get_args(LinkKind), get_args(Origin), get_args(Result)


def _desk(work: Working) -> Desk:
    return Desk(work.connection, work.person, work.now, keep_from_unit=work.config.keep_from_unit)


def _word(given: str, words: tuple[Any, ...], option: str) -> Any:
    if given not in words:
        raise typer.BadParameter(f"{option} is one of {', '.join(words)}")
    return given


@app.command("open")
def open_case(
    *,
    origin: Annotated[str, typer.Option(help=f"Where it comes from: {', '.join(_ORIGINS)}.")] = "other",
    question: Annotated[str, typer.Option(help="What is to be found out.")],
    staff: Annotated[str | None, typer.Option(help="The staff member it is about.")] = None,
    client: Annotated[str | None, typer.Option(help="The client it is about.")] = None,
    first: From = None,
    last: To = None,
    alert: Annotated[list[str] | None, typer.Option(help="An alert that belongs to it; may be given again.")] = None,
    covert: Annotated[bool, typer.Option("--covert", help="Nobody outside is asked or reminded.")] = False,
) -> None:
    """Open an investigation: from alerts, or from a complaint with nothing but a client id and dates."""
    with working(writes=True) as work:
        period = Period(*days(first, last, nz_date(work.now))) if first is not None or last is not None else None
        opening = Opening(
            origin=_word(origin, _ORIGINS, "--origin"), question=question, lead=work.person.staff_id, staff_id=staff,
            client_id=client, period=period, alerts=tuple(alert or ()), is_covert=covert,
        )  # fmt: skip
        number = investigations.open_case(work.connection, work.person, opening, work.now)
    say(f"{number} is open; you lead it.")


@app.command("list")
def list_cases(
    status: Annotated[str | None, typer.Option(help="open, waiting or closed.")] = None,
    staff: Annotated[str | None, typer.Option(help="About this staff member.")] = None,
    as_json: Json = False,
) -> None:
    """List the investigations that you may see, the newest first."""
    with working() as work:
        found = _desk(work).listed(status=status, staff_id=staff)  # type: ignore[arg-type]  # an unknown one finds none
    if as_json:
        say_json(orjson.dumps([asdict(one) for one in found]))
        return
    rows = [
        (
            one.number, str(one.opened_on), one.status, one.result or "", one.origin, one.staff_id or "",
            one.client_id or "", one.lead, one.question,
        )
        for one in found
    ]  # fmt: skip
    say_rows(_COLUMNS, rows, none="No case fits.")


@app.command()
def show(number: _Number, as_json: Json = False) -> None:
    """Show one investigation: what belongs to it, who works on it, what was noted and done."""
    with working() as work:
        desk = _desk(work)
        case, links, members, notes = desk.get(number), desk.links(number), desk.members(number), desk.notes(number)
        entries = desk.entries(number)
    if as_json:
        document = asdict(case) | {
            "links": [asdict(one) for one in links], "members": members, "notes": [asdict(one) for one in notes],
        }  # fmt: skip
        say_json(orjson.dumps(document))
        return
    result = f", {case.result}" if case.result else ""
    say(f"{case.number}: {case.status}{result}, from {case.origin}, led by {case.lead}.", case.question, "")
    say(*(f"  {one.kind} {one.id}" for one in links))
    say(f"Works on it: {', '.join(members)}.", "")
    say(*(f"  {nz_text(one.at)} {one.by}: {one.text if one.text is not None else '(removed)'}" for one in notes))
    say(*(f"  {nz_text(one.at)} {one.what} by {one.by}" for one in entries))


@app.command()
def link(
    number: _Number,
    kind: Annotated[str, typer.Argument(help=f"{', '.join(_KINDS)}.")],
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="The id of what belongs to it.")],
    at: Annotated[datetime | None, typer.Option(help="Of an access: when it was made, in UTC.")] = None,
) -> None:
    """Link an alert, an access or a person to it; linking again changes nothing."""
    with working(writes=True) as work:
        occurred_at = at.replace(tzinfo=work.now.tzinfo) if at is not None else None
        is_new = _desk(work).link(number, _word(kind, _KINDS, "KIND"), subject, occurred_at=occurred_at)
    say(f"{kind} {subject} {'now belongs' if is_new else 'belonged before'} to {number}.")


@app.command()
def note(number: _Number, text: Annotated[str, typer.Argument(help="What you found.")]) -> None:
    """Note something."""
    with working(writes=True) as work:
        _desk(work).note(number, text)
    say(f"Noted in {number}.")


@app.command()
def close(
    number: _Number,
    result: Annotated[str, typer.Option(help=f"What was found: {', '.join(_RESULTS)}.")],
    because: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Close an investigation with its result."""
    with working(writes=True) as work:
        _desk(work).close(number, _word(result, _RESULTS, "--result"), because)
    say(f"{number} is closed: {result}.")


@er.command("open")
def open_er(
    staff: Annotated[str, typer.Option(help="The staff member it is about.")],
    kind: Annotated[str, typer.Option("--type", help="By the configured list.")],
    investigation: Annotated[str | None, typer.Option(help="The investigation that it follows.")] = None,
) -> None:
    """Open an Employment Relations case."""
    with working(writes=True) as work:
        number = er_cases.open_case(
            work.connection, work.person, work.config, staff_id=staff, kind=kind, now=work.now,
            investigation=investigation,
        )  # fmt: skip
    say(f"{number} is open.")


@er.command("close")
def close_er(
    number: Annotated[str, typer.Argument(metavar="ID", help="Such as ER-2027-0003.")],
    outcome: Annotated[str, typer.Option(help="By the configured list.")],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; today where none is given.")
    ] = None,
) -> None:
    """Complete an ER case with its outcome."""
    with working(writes=True) as work:
        day = on.date() if on is not None else nz_date(work.now)
        er_cases.complete(work.connection, work.person, work.config, number, outcome=outcome, on=day, now=work.now)
    say(f"{number} is completed: {outcome}.")


@er.command("list")
def list_er(
    status: Annotated[str | None, typer.Option(help="open or completed.")] = None, as_json: Json = False
) -> None:
    """List the ER cases that you may see, the newest first."""
    with working() as work:
        found = er_cases.listed(work.connection, work.person, status=status)
    if as_json:
        say_json(orjson.dumps([asdict(one) for one in found]))
        return
    rows = [
        (
            one.number, str(one.opened_on), one.status, one.type, one.outcome or "", str(one.completed_on or ""),
            one.staff_id, one.investigation or "",
        )
        for one in found
    ]  # fmt: skip
    say_rows(_ER_COLUMNS, rows, none="No ER case fits.")
