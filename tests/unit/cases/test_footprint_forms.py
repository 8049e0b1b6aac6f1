"""The forms of a footprint: all say the same, and each is what its readers expect."""

import csv
import io
import re
from typing import Any

import orjson
import pikepdf
import pytest
from fhir.resources.R4B.bundle import Bundle

from cases.footprint import Decision, Facts, Footprint, build
from cases.render import (
    cells,
    footprint_csv,
    footprint_fhir,
    footprint_find_usage,
    footprint_html,
    footprint_json,
    footprint_pdf,
)
from enrichment.errors import UserError
from tests.support.history_rows import DAY, YEAR, a_row, an_answer

ROWS = [
    a_row(f"EV-{n:03}", staff=f"S-{n % 5}", minutes=n * 9, work=None if n % 4 == 0 else "call", action="view")
    for n in range(40)
]
FACTS = Facts(unit_sizes={"U-1": 30})


def a_footprint(**options: Any) -> Footprint:
    """A released footprint of forty accesses."""
    return build(["C-1"], YEAR, an_answer(*ROWS), options.pop("facts", FACTS), preview=False, **options)


def structure(content: bytes) -> tuple[pikepdf.Pdf, list[pikepdf.Dictionary]]:
    """The PDF, and the elements of its structure."""
    document = pikepdf.open(io.BytesIO(content))
    elements = [
        one for one in document.objects if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/StructElem"
    ]
    return document, elements


def test_every_form_counts_the_same() -> None:
    """As many visits and screens in each, from one model."""
    footprint = a_footprint()
    visits, screens = len(footprint.visits), footprint.screens
    assert screens == 40
    assert visits > 5
    document = footprint_json.document(footprint)
    assert (len(document["visits"]), sum(one["screens"] for one in document["visits"])) == (visits, screens)
    lines = list(csv.DictReader(io.StringIO(footprint_csv.render(footprint).decode("utf-8-sig"))))
    counted = [line for line in lines if line["number"] != "note"]
    assert (len(counted), sum(int(line["screens"]) for line in counted)) == (visits, screens)
    page = footprint_html.render(footprint).decode()
    in_page = re.findall(r'<td class="number">(\d+)</td>', page)
    assert (len(in_page), sum(map(int, in_page))) == (visits, screens)
    bundle = footprint_fhir.bundle(footprint)
    details = [one["resource"]["entity"][1]["detail"][0]["valueString"] for one in bundle["entry"]]
    assert (len(details), sum(map(int, details))) == (visits, screens)
    usages = orjson.loads(footprint_find_usage.render(footprint))["findUsageResponse"]["usage"]
    assert len(usages) == visits
    _, elements = structure(footprint_pdf.render(footprint))
    rows = [one for one in elements if one.get("/S") == "/TR"]
    assert len(rows) == visits + 1


def test_pdf_is_made_for_a_screen_reader() -> None:
    """Marked as PDF/UA-1, tagged, with a language, a title, and headers that say what they head."""
    document, elements = structure(footprint_pdf.render(a_footprint(headings_also="mi")))
    with document.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"
        assert metadata["dc:title"] == "Who opened your record"
    assert document.Root.Lang == "en-NZ"
    assert document.Root.MarkInfo.Marked
    headers = [one for one in elements if one.get("/S") == "/TH"]
    assert len(headers) == 6
    assert all("Scope" in repr(one.get("/A")) for one in headers)
    languages = {one for page in document.pages for one in re.findall(rb"/Lang\(([^)]*)\)", page.Contents.read_bytes())}
    assert languages == {b"en-NZ", b"mi-NZ"}


def test_the_same_footprint_gives_the_same_bytes() -> None:
    """In every form."""
    for form in (footprint_json, footprint_csv, footprint_html, footprint_pdf, footprint_fhir, footprint_find_usage):
        assert form.render(a_footprint()) == form.render(a_footprint())


def test_html_stands_alone() -> None:
    """No script, nothing from elsewhere, and a language on every part in another one."""
    page = footprint_html.render(a_footprint(headings_also="mi")).decode()
    assert "<script" not in page
    assert not re.search(r"(src|href)=", page)
    assert page.count('lang="mi"') > 5
    assert '<html lang="en-NZ">' in page


def test_values_are_never_markup() -> None:
    """A unit that is named like code is shown as it is called, in HTML and in PDF."""
    name = '<b>#panic("x")</b> $x$ *a*'
    footprint = build(["C-<i>"], DAY, an_answer(a_row("EV-1", client="C-<i>", unit=name)), Facts(unit_sizes={name: 50}))
    page = footprint_html.render(footprint).decode()
    assert "<b>#panic" not in page
    assert "C-&lt;i&gt;" in page
    assert footprint_pdf.render(footprint).startswith(b"%PDF")


CELLS = [
    pytest.param("=1+1", "'=1+1", id="equals"),
    pytest.param("+1", "'+1", id="plus"),
    pytest.param("-1", "'-1", id="minus"),
    pytest.param("@SUM", "'@SUM", id="at"),
    pytest.param("\tx", "'\tx", id="tab"),
    pytest.param("\rx", "'\rx", id="carriage return"),
    pytest.param("\uff1d1", "'\uff1d1", id="a wide equals"),
    pytest.param("a=1", "a=1", id="inside it is harmless"),
    pytest.param(None, "", id="nothing"),
]


@pytest.mark.parametrize(("value", "expected"), CELLS)
def test_cells_that_look_like_formulas(value: object, expected: str) -> None:
    """An apostrophe stands before them (CWE-1236)."""
    assert cells.cell(value) == expected


def test_csv_is_utf_8_and_says_so() -> None:
    """With the byte order mark that spreadsheets look for; a unit called as a formula is none."""
    footprint = build(["C-1"], DAY, an_answer(a_row("EV-1", unit="=cmd()")), Facts(unit_sizes={"=cmd()": 12}))
    content = footprint_csv.render(footprint)
    assert content.startswith(b"\xef\xbb\xbf")
    assert cells.rows(("=h",), [("@x", 3)]).decode("utf-8-sig") == '"\'=h"\r\n"\'@x",3\r\n'


def test_fhir_is_a_bundle_of_r4() -> None:
    """Read by the typed models of FHIR, and after IHE's profile: user, both systems, the patient, why."""
    entries: Any = Bundle.model_validate(orjson.loads(footprint_fhir.render(a_footprint()))).entry
    event = entries[0].resource
    assert event.meta.profile == [footprint_fhir._PATIENT_READ]
    assert [agent.type.coding[0].code for agent in event.agent] == ["IRCP", "110153", "110152"]
    assert event.entity[0].what.identifier.value == "C-1"
    assert event.purposeOfEvent[0].coding[0].code in {"call", "unexplained"}
    assert len({entry.fullUrl for entry in entries}) == len(entries) > 5


ACTIONS = [("view", "R", True), ("update", "U", False), ("export", "E", False)]


@pytest.mark.parametrize(("action", "code", "is_read"), ACTIONS)
def test_fhir_says_what_was_done(action: str, code: str, is_read: bool) -> None:
    """A change or a copy is not called a read."""
    footprint = build(["C-1"], DAY, an_answer(a_row("EV-1", action=action)), FACTS)
    (entry,) = footprint_fhir.bundle(footprint)["entry"]
    assert entry["resource"]["action"] == code
    assert ("meta" in entry["resource"]) is is_read


def test_forms_that_need_a_time_refuse_a_footprint_without() -> None:
    """Rather than to make one up."""
    for form in (footprint_fhir, footprint_find_usage):
        with pytest.raises(UserError, match="date_only"):
            form.render(a_footprint(profile="date_only"))
    facts = Facts(decisions=(Decision(frozenset({"EV-001"}), "53(b)", frozenset({"time"})),))
    with pytest.raises(UserError, match="withheld"):
        footprint_fhir.render(a_footprint(facts=facts))


def test_usages_are_newest_first() -> None:
    """As the protocol of the data tracker has it."""
    usages = orjson.loads(footprint_find_usage.render(a_footprint()))["findUsageResponse"]["usage"]
    times = [usage["logtime"] for usage in usages]
    assert times == sorted(times, reverse=True)
    assert set(usages[0]) == {"logtime", "action", "receiver"}
