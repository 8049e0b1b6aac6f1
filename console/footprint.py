"""``accesswatch footprint`` and ``accesswatch requests``: who opened a client's record, as that client may be told."""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import orjson
import typer

from cases import requests
from cases.footprint import Footprint
from cases.nz_calendar import Period
from cases.render import (
    footprint_csv,
    footprint_fhir,
    footprint_html,
    footprint_json,
    footprint_pdf,
)
from console.history import opened, purpose
from console.working import From, Json, Out, To, days, put_out, working
from enrichment.errors import CommandError
from enrichment.nz_time import nz_date
from stream.printing import say, say_json, say_rows

_COLUMNS = ("request", "received", "due", "status", "clients", "period")


class Profile(StrEnum):
    """What a footprint may say."""

    office = "office"
    named = "named"
    date_only = "date_only"
    internal = "internal"


class Format(StrEnum):
    """How a footprint is written."""

    json = "json"
    csv = "csv"
    html = "html"
    pdf = "pdf"
    fhir = "fhir"


_RENDER = {
    Format.json: footprint_json.render, Format.csv: footprint_csv.render, Format.html: footprint_html.render,
    Format.pdf: footprint_pdf.render, Format.fhir: footprint_fhir.render,
}  # fmt: skip


def footprint(
    client: Annotated[str, typer.Argument(help="The client's id.")],
    *,
    first: From = None,
    last: To = None,
    profile: Annotated[Profile, typer.Option(help="What it may say.")] = Profile.office,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.json,
    preview: Annotated[
        bool, typer.Option("--preview", help="For us, before anything is released: it says so.")
    ] = False,
    request: Annotated[str | None, typer.Option(metavar="ID", help="What was released for this request.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Each access too, not visits alone.")] = False,
    out: Out = None,
) -> None:
    """Show who opened this client's record, when, what of it and why, in visits.

    What a client gets is what was released for their request (`accesswatch requests`); everything else is a preview.
    """
    if not preview:
        if request is None:
            raise typer.BadParameter("give --request with a released request, or --preview")
        _released(request, client, form, out)
        return
    made = _preview(client, first, last, request, requests.Wanted(profile=profile.value, raw=raw))
    _write(made, form, out)


def _preview(
    client: str, first: datetime | None, last: datetime | None, request: str | None, wanted: requests.Wanted
) -> tuple[Footprint, ...]:
    with working() as work:
        kept = requests.get(work.connection, request) if request is not None else None
        begin, end = days(first, last, nz_date(work.now))
        period = kept.request.period if kept is not None and first is None and last is None else Period(begin, end)
        from history.reading import HistoryReading  # noqa: PLC0415 its libraries are slow to import

        with opened(work.settings) as history:
            why_read = purpose("footprint", "a preview of a footprint", request)
            read = requests.read_accesses(HistoryReading(history.table), [client], period, why_read)
        return requests.footprints(work.connection, read, [client], wanted, kept=kept, preview=True)


def _released(request: str, client: str, form: Format, out: Any) -> None:
    with working() as work:
        kept = requests.get(work.connection, request)
        if client not in kept.request.clients:
            raise CommandError(f"Request {request} is for another client's record.")
        if kept.status != "released":
            raise typer.BadParameter(
                f"request {request} is {kept.status}: until it is released only --preview gives one"
            )
        release = requests.released_of(work.connection, request)
    _write(tuple(footprint_json.read(part) for part in release.parts), form, out)


def _write(made: tuple[Footprint, ...], form: Format, out: Any) -> None:
    if len(made) > 1 and out is None:
        raise typer.BadParameter(f"this footprint has {len(made)} parts: give --out FILE, and each gets its number")
    for number, one in enumerate(made, 1):
        target = out if len(made) == 1 or out is None else out.with_stem(f"{out.stem}-{number}")
        put_out(_RENDER[form](one), target, is_text=form is not Format.pdf)


app = typer.Typer(help="Requests for footprints: their clock, and their release.", no_args_is_help=True)


@app.command("open")
def open_request(
    client: Annotated[list[str], typer.Argument(help="The client ids of one person.")],
    *,
    first: From = None,
    last: To = None,
    received: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When it was received.")] = None,
    identity: Annotated[str, typer.Option(help="How it was checked who the requester is.")],
    requester: Annotated[str, typer.Option(help=f"Who asks: {', '.join(requests.REQUESTERS)}.")] = "self",
    authority: Annotated[str | None, typer.Option(help="What an agent, guardian or estate acts on.")] = None,
    turns_16: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of a guardian's request: when the child turns 16.")
    ] = None,
    staff: Annotated[str | None, typer.Option(help="The requester's own staff id, where they are staff.")] = None,
    one_person: Annotated[str | None, typer.Option(help="Why several records are one person's.")] = None,
) -> None:
    """Write down that somebody asks who opened their file; it is due in twenty working days."""
    if requester not in requests.REQUESTERS:
        raise typer.BadParameter(f"--requester is one of {', '.join(requests.REQUESTERS)}")
    with working(writes=True) as work:
        today = nz_date(work.now)
        asked = requests.Request(
            requester=requester,
            identity_checked=identity,
            clients=tuple(client),
            period=Period(*days(first, last, today)),
            received_on=received.date() if received is not None else today,
            authority=authority,
            child_turns_16_on=turns_16.date() if turns_16 is not None else None,
            staff_id=staff,
            one_person_because=one_person,
        )
        number = requests.open_request(work.connection, work.person, asked, work.now)
        kept = requests.get(work.connection, number)
    say(f"{number} is open; it is due on {kept.due_on}.")


@app.command("list")
def list_requests(
    status: Annotated[str | None, typer.Option(help="open, released, refused or withdrawn.")] = None,
    as_json: Json = False,
) -> None:
    """List requests, the newest first."""
    with working() as work:
        found = requests.listed(work.connection, status=status)
        today = nz_date(work.now)
    if as_json:
        say_json(orjson.dumps([asdict(one) for one in found]))
        return
    rows = [
        (
            one.number, str(one.request.received_on), f"{one.due_on}{' OVERDUE' if one.is_overdue(today) else ''}",
            one.status, ", ".join(one.request.clients), f"{one.request.period.first} to {one.request.period.last}",
        )
        for one in found
    ]  # fmt: skip
    say_rows(_COLUMNS, rows, none="No request is written down.")


@app.command()
def release(
    number: Annotated[str, typer.Argument(metavar="ID", help="The request.")],
    profile: Annotated[Profile, typer.Option(help="What the footprint may say.")] = Profile.office,
) -> None:
    """Release the footprint of a request, once; from then on the request gives this."""
    from history.reading import HistoryReading  # noqa: PLC0415

    with working() as work:
        asked = requests.get(work.connection, number).request
    with opened(work.settings) as history:
        why_read = purpose("footprint", "a release to the client", number)
        read = requests.read_accesses(HistoryReading(history.table), asked.clients, asked.period, why_read)
    with working(writes=True) as work:
        done = requests.release(
            work.connection, work.person, number, read=read, wanted=requests.Wanted(profile=profile.value), now=work.now
        )
    say(f"{number} is released ({done.profile}), sha256 {done.sha256}: accesswatch footprint CLIENT --request {number}")


@app.command()
def refuse(
    number: Annotated[str, typer.Argument(metavar="ID", help="The request.")],
    ground: Annotated[str, typer.Option(help="The section of the Act.")],
    because: Annotated[str, typer.Option(help="Why, for the file.")],
) -> None:
    """Refuse a request, on a ground of the Act."""
    with working(writes=True) as work:
        requests.refuse(work.connection, work.person, number, ground=ground, because=because, now=work.now)
    say(f"{number} is refused.")
