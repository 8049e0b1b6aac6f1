"""What a footprint shows in each profile, and what it must never show."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from cases.footprint import (
    PROFILES,
    ROWS_MAX,
    Decision,
    Facts,
    Footprint,
    Profile,
    Undecided,
    build,
    changes_since,
    in_parts,
    reasons_by_access,
    undecided,
)
from cases.history_port import Gap, Row
from cases.nz_calendar import Period
from cases.render import footprint_csv, footprint_find_usage, footprint_html, footprint_json
from cases.words import LANGUAGES, Words
from enrichment.errors import UserError
from tests.support.history_rows import DAY, KEPT, MORNING, YEAR, a_row, an_answer

GAP = Gap(3, 100, 149, MORNING, f"{KEPT}: disk lost")
#: What each access below carries that no client may see.
ROWS = (
    a_row("EV-1", staff="S-AAA", unit="U-BIG"),
    a_row("EV-2", staff="S-BBB", unit="U-SMALL", minutes=40, work=None, hits=("relative-record",), alert_ids=("AL-9",)),
    a_row("EV-3", staff="S-CCC", minutes=80, known=False, work=None),
    a_row("EV-4", staff="SVC-1", minutes=90, kind="service", roles=(), channel="batch", work=None),
)
FACTS = Facts(unit_sizes={"U-BIG": 10, "U-SMALL": 9}, exports_without_client=3)


def shown(profile: Profile = "office", *rows: Row, facts: Facts = FACTS, **options: Any) -> Footprint:
    """A preview of these rows, or of ``ROWS``."""
    answer = an_answer(*(rows or ROWS), gaps=options.pop("gaps", ()), begins=options.pop("begins", date(2024, 7, 1)))
    return build(["C-1"], options.pop("period", DAY), answer, facts, profile=profile, **options)


def texts(footprint: Footprint) -> dict[str, str]:
    """The footprint in each form that is text."""
    found = {
        "json": footprint_json.render(footprint),
        "csv": footprint_csv.render(footprint),
        "html": footprint_html.render(footprint),
    }
    if footprint.profile != "date_only":
        found["find_usage"] = footprint_find_usage.render(footprint)
    return {form: content.decode() for form, content in found.items()}


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("profile", ["office", "date_only"])
def test_what_never_stands_in_what_a_client_gets(profile: Profile, language: Any, raw: bool) -> None:
    """No staff, event, alert, or work id, no hit, no evidence, no small unit, no site; in no form, however raw."""
    footprint = shown(profile, language=language, raw=raw, gaps=(GAP,))
    for form, text in texts(footprint).items():
        for word in ("S-AAA", "S-BBB", "S-CCC", "SVC-1", "EV-", "AL-9", KEPT, "U-SMALL", "relative", "SITE", "PC-1"):
            assert word not in text, (form, word)
        assert "U-BIG" in text or form == "find_usage"


@pytest.mark.parametrize("raw", [False, True])
def test_no_time_of_day_stands_anywhere_under_date_only(raw: bool) -> None:
    """Neither of a visit nor of anything beside them."""
    footprint = shown("date_only", raw=raw, gaps=(GAP,))
    for form, text in texts(footprint).items():
        body = re.sub(r"<style>.*</style>", "", text, flags=re.DOTALL)
        assert not re.search(r"\d{1,2}:\d\d", body), form
        assert "NZDT" not in body
    assert footprint_json.document(footprint)["complete_to"] == "2026-11-20"


def test_named_says_who_and_nothing_of_what_we_think() -> None:
    """The Privacy team's own copy: staff ids and small units, no hit, no alert."""
    for text in texts(shown("named")).values():
        assert "S-BBB" in text
        assert "AL-9" not in text
        assert KEPT not in text
    assert footprint_json.document(shown("named"))["visits"][1]["unit"] == "U-SMALL"


def test_internal_is_everything() -> None:
    """With hits, alerts and flags, each access apart."""
    facts = replace(FACTS, flags={"EV-2": frozenset({"open_alert"})})
    document = footprint_json.document(shown("internal", facts=facts))
    assert document["visits"][1]["flags"] == ["open_alert"]
    assert document["visits"][1]["accesses"][0]["details"]["answers"][0]["rule"] == "relative-record"
    assert document["visits"][1]["accesses"][0]["details"]["alert_ids"] == ["AL-9"]


def test_each_profile_is_as_the_schema_says() -> None:
    """The published schema takes what we write, and refuses a staff id where none may stand."""
    import jsonschema  # noqa: PLC0415 the tests' own

    for profile in PROFILES:
        for raw in (False, True):
            document = orjson.loads(footprint_json.render(shown(profile, raw=raw, gaps=(GAP,), request="FR-2026-0001")))
            jsonschema.validate(document, footprint_json.schema())
    document = footprint_json.document(shown("office"))
    document["visits"][0]["staff_id"] = "S-AAA"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, footprint_json.schema())
    document = footprint_json.document(shown("date_only"))
    document["visits"][0]["from"] = "2026-11-20T09:14:00+13:00"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, footprint_json.schema())


def test_unit_of_ten_is_named_and_of_nine_not() -> None:
    """The bound itself; a unit that the register does not know is not named either."""
    units = [visit.unit for visit in shown().visits]
    assert units == ["U-BIG", None, None, None]


def test_people_are_the_same_within_a_footprint() -> None:
    """Person A comes back as Person A; a system is named as one."""
    rows = (*ROWS, a_row("EV-5", staff="S-AAA", minutes=300))
    assert [visit.actor for visit in shown("office", *rows).visits] == [
        "Person A", "Person B", "Person C", "System A", "Person A",
    ]  # fmt: skip


def test_more_people_than_letters() -> None:
    """After Z comes AA."""
    rows = [a_row(f"EV-{number:03}", staff=f"S-{number}", minutes=number) for number in range(28)]
    assert [visit.actor for visit in shown("office", *rows).visits][25:] == ["Person Z", "Person AA", "Person AB"]


def test_somebody_who_is_staff_sees_their_own_visits_as_theirs() -> None:
    """And the others' as anybody would."""
    footprint = shown("office", *ROWS, facts=replace(FACTS, requester_staff_id="S-BBB"))
    assert [visit.actor for visit in footprint.visits] == ["Person A", "You", "Person B", "System A"]


def test_unexplained_names_the_number() -> None:
    """So that the client can ask about that visit."""
    assert "No. 2" in (shown().visits[1].reason or pytest.fail("no reason")).text


def test_a_reason_is_a_sentence_of_the_list() -> None:
    """The work item's own sentence never leaves."""
    assert [visit.reason and visit.reason.code for visit in shown().visits] == [
        "call", "unexplained", "unexplained", "batch",
    ]  # fmt: skip
    newer = a_row("EV-9", work="a_kind_of_a_newer_release")
    assert (shown("office", newer).visits[0].reason or pytest.fail("no reason")).text == "A work item was open."


NOTES = [
    pytest.param({}, "Our records of accesses begin on 1 July 2024.", id="when the history begins"),
    pytest.param({"begins": date(2026, 11, 21)}, "after this period begins", id="a period before the history"),
    pytest.param({"begins": None}, "No access is kept yet", id="an empty history"),
    pytest.param({}, "complete to 20 November 2026, 12:14 NZDT", id="complete to"),
    pytest.param({"gaps": (GAP,)}, "lost and cannot be brought back: 50", id="gaps"),
    pytest.param({}, "Bulk exports in this period that name no record: 3", id="bulk exports"),
    pytest.param({"facts": Facts()}, "No bulk export", id="no bulk export"),
    pytest.param({}, "A search that opened no record", id="searches"),
    pytest.param({}, "never what stood in them", id="somebody else's address in the record stays there"),
    pytest.param({}, "preview", id="a preview says so"),
    pytest.param({"language": "mi"}, "hukihuki", id="a draft translation says so"),
    pytest.param({"headings_also": "mi"}, "is a draft", id="so does one in the headings"),
    pytest.param(
        {"facts": Facts(statements={"EV-2": "I had asked for this visit."})},
        "About No. 2: I had asked for this visit.",
        id="a statement of correction stands beside its visit",
    ),
]


@pytest.mark.parametrize(("options", "expected"), NOTES)
def test_limits_are_said(options: dict[str, Any], expected: str) -> None:
    """Each in a note."""
    assert any(expected in note for note in shown("office", **options).notes)


def test_a_release_is_no_preview() -> None:
    """The word stands nowhere in it."""
    for text in texts(shown(preview=False)).values():
        assert "review" not in re.sub(r'"preview": false', "", text)


def test_no_access_at_all() -> None:
    """An answer with its limits, and no table."""
    footprint = build(["C-1"], DAY, an_answer(), FACTS)
    assert footprint_json.document(footprint)["totals"] == {"visits": 0, "screens": 0}
    assert "No access to this record is recorded" in footprint_html.render(footprint).decode()


@pytest.mark.parametrize("profile", PROFILES)
def test_raw_and_visits_have_the_same_total(profile: Profile) -> None:
    """Every access once, however it is counted."""
    rows = [a_row(f"EV-{n:03}", staff=f"S-{n % 4}", minutes=n * 11, work=None if n % 3 else "call") for n in range(60)]
    footprint = shown(profile, *rows, raw=True, period=YEAR)
    assert footprint.screens == 60 == sum(len(visit.accesses) for visit in footprint.visits)
    assert footprint_csv.render(footprint).decode("utf-8-sig").count("\r\n") == 1 + 60 + len(footprint.notes)


def test_another_clients_row_makes_no_footprint() -> None:
    """Two clients of one household never stand in one."""
    with pytest.raises(UserError, match="1 other records"):
        shown("office", a_row("EV-1"), a_row("EV-2", client="C-2"))


def test_two_records_of_one_person_make_one() -> None:
    """Merged or split records: both are named at the head, none beside a visit."""
    footprint = build(["C-1", "C-2"], DAY, an_answer(a_row("EV-1"), a_row("EV-2", client="C-2")), FACTS)
    assert footprint.clients == ("C-1", "C-2")
    assert len(footprint.visits) == 1
    assert "client_id" not in footprint_json.render(footprint).decode()


FLAGGED = replace(FACTS, flags={"EV-2": frozenset({"open_alert"}), "EV-3": frozenset({"hold"})})


def test_a_flagged_visit_is_neither_left_out_nor_released_unseen() -> None:
    """A preview has it; a release names the visits that wait for a decision."""
    assert len(shown("office", facts=FLAGGED).visits) == 4
    assert undecided(an_answer(*ROWS), FLAGGED) == (2, 3)
    with pytest.raises(Undecided, match=r"No\. 2, 3"):
        shown("office", facts=FLAGGED, preview=False)
    half = replace(FLAGGED, decisions=(Decision(frozenset({"EV-2"})),))
    with pytest.raises(Undecided, match=r"No\. 3\."):
        shown("office", facts=half, preview=False)


def test_withholding_a_visit() -> None:
    """It is not there, its person leaves no letter behind, and a note says how many, on which ground."""
    decisions = (Decision(frozenset({"EV-2"}), "53(b)", because=KEPT), Decision(frozenset({"EV-3"})))
    footprint = shown("office", facts=replace(FLAGGED, decisions=decisions), preview=False)
    assert [visit.actor for visit in footprint.visits] == ["Person A", "Person B", "System A"]
    assert [visit.number for visit in footprint.visits] == [1, 2, 3]
    assert any("1, under section 53(b)" in note for note in footprint.notes)
    assert all(KEPT not in text for text in texts(footprint).values())


def test_withholding_that_is_not_said() -> None:
    """For the maintenance of the law a person may decide that the letter does not say it."""
    decisions = (Decision(frozenset({"EV-2", "EV-3"}), "53(c)", is_said=False),)
    footprint = shown("office", facts=replace(FLAGGED, decisions=decisions), preview=False)
    assert not any("53(c)" in note for note in footprint.notes)


@pytest.mark.parametrize(
    ("field", "gone"),
    [
        ("actor", ("actor", "kind", "unit")),
        ("time", ("from", "to")),
        ("sections", ("sections",)),
        ("reason", ("reason",)),
    ],
)
def test_withholding_a_field(field: Any, gone: tuple[str, ...]) -> None:
    """The visit stays, that field of it is null, and every form says that it is withheld."""
    decisions = (Decision(frozenset({"EV-1"}), "49(1)(a)", frozenset({field})),)
    footprint = shown("office", facts=replace(FACTS, decisions=decisions), preview=False)
    visit = footprint_json.document(footprint)["visits"][0]
    assert [visit[name] for name in gone] == [None] * len(gone)
    assert visit["withheld"] == [field]
    assert "withheld" in footprint_csv.render(footprint).decode()
    assert "withheld" in footprint_html.render(footprint).decode()
    assert len(footprint.visits) == 4


def test_the_strictest_decision_counts() -> None:
    """A visit of which one access is withheld is not shown for another that was released."""
    rows = (a_row("EV-1"), a_row("EV-2", minutes=1))
    decisions = (Decision(frozenset({"EV-1"}), "53(b)"), Decision(frozenset({"EV-2"})))
    assert shown("office", *rows, facts=replace(FACTS, decisions=decisions)).visits == ()


def test_the_repeated_hour_is_told_apart() -> None:
    """02:30 comes twice on 5 April 2026: once as NZDT, once as NZST."""
    rows = (
        a_row("EV-1", at=datetime(2026, 4, 4, 13, 30, tzinfo=UTC)),
        a_row("EV-2", at=datetime(2026, 4, 4, 14, 30, tzinfo=UTC)),
    )
    text = footprint_csv.render(shown("office", *rows, period=YEAR)).decode()
    assert "02:30 NZDT" in text
    assert "02:30 NZST" in text
    (first, second) = footprint_json.document(shown("office", *rows, period=YEAR))["visits"]
    assert (first["from"], second["from"]) == ("2026-04-05T02:30:00+13:00", "2026-04-05T02:30:00+12:00")


def test_what_changed_since() -> None:
    """Late accesses, erased ones, and those that work explained later."""
    kept = reasons_by_access(an_answer(*ROWS))
    later = (ROWS[0], a_row("EV-2", staff="S-BBB", minutes=40, work="review"), ROWS[3], a_row("EV-8", minutes=3))
    changes = changes_since(kept, an_answer(*later))
    assert (changes.added, changes.gone, changes.other_reason) == (("EV-8",), ("EV-3",), ("EV-2",))
    assert not changes_since(kept, an_answer(*ROWS))


def test_more_than_one_footprint_holds() -> None:
    """It is refused; what is more is made in yearly parts, each of which says which it is."""
    row = a_row("EV-1")
    with pytest.raises(UserError, match="narrow the period"):
        build(["C-1"], YEAR, an_answer(*[row] * (ROWS_MAX + 1)), FACTS)
    years = Period(date(2025, 7, 1), date(2026, 12, 31)).years()
    parts = in_parts([shown("office", period=year) for year in years])
    assert [part.part for part in parts] == [(1, 2), (2, 2)]
    assert "Part 2 of 2: this part covers 1 January 2026 to 31 December 2026." in parts[1].notes[0]
    assert footprint_json.document(parts[1])["part"] == {"number": 2, "of": 2}


def test_both_catalogues_say_everything() -> None:
    """The same keys in each language, with the same values in them."""
    english, maori = Words("en-NZ"), Words("mi")
    assert english.keys() == maori.keys()
    assert maori.is_draft
    assert not english.is_draft
    assert {key for key in english.keys() if not english._texts[key]} == set()  # noqa: SIM118 keys of our own
