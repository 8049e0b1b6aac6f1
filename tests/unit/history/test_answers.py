"""The one row of an access that was published more than once, and an assessment as a row of the table and back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from alerts.assessment import Answer as RuleAnswer
from alerts.assessment import Explanation
from history.answers import Row, merged, outcome_of
from history.reading import quarter_ending
from history.rows import Columns, row_of, table_of
from tests.support.history_rows import a_row

HIT = RuleAnswer("volume", "hit", "live", "high", "volume asks.")
ABSTAINED = RuleAnswer("volume", "abstain", "live", None, "not known")
OTHER = RuleAnswer("own-record", "hit", "live", "high", "own-record asks.")


def published(offset: int, partition: int = 0, seconds: float = 0, **changes: Any) -> Row:
    """One record of an access without a work reason."""
    row = a_row(work=None)
    assessment = replace(row.assessment, **changes)
    judged_at = row.judged_at + timedelta(seconds=seconds)
    return Row(assessment, judged_at, partition, offset)


def test_content_and_place_are_those_of_the_lowest_partition_and_offset() -> None:
    """In whatever order they are read."""
    records = [published(7, 1, action="print"), published(3, 0, 9, action="view"), published(9, 0, action="update")]
    found = merged(records)
    assert (found.assessment.action, found.source_partition, found.source_offset) == ("view", 0, 3)
    assert merged(records[::-1]) == found


def test_answers_are_the_union_a_hit_before_an_abstention() -> None:
    """Alert ids too, each once; the outcome is the first that applies to all that."""
    records = [
        published(1, answers=(ABSTAINED,), outcome="abstained", alert_ids=("al-1",)),
        published(2, answers=(HIT, OTHER), outcome="hit", alert_ids=("al-2", "al-1")),
    ]
    found = merged(records).assessment
    assert (found.answers, found.alert_ids, found.outcome) == ((HIT, OTHER), ("al-1", "al-2"), "hit")


def test_the_explanation_is_that_of_the_newest_record_that_has_one() -> None:
    """By its timestamp; unexplained becomes explained, a hit stays one."""
    early, late = Explanation("call", "W-1", "x"), Explanation("review", "W-2", "y")
    records = [
        published(1),
        published(2, seconds=60, explanation=late, explained_later=True),
        published(3, seconds=30, explanation=early),
        published(4, seconds=90),
    ]
    found = merged(records).assessment
    assert (found.explanation, found.explained_later, found.outcome) == (late, True, "explained")
    assert merged([*records, published(5, answers=(HIT,))]).assessment.outcome == "hit"


@pytest.mark.parametrize(
    ("answers", "client", "explained", "expected"),
    [
        ((HIT, ABSTAINED), "C-1", True, "hit"),
        ((ABSTAINED,), "C-1", True, "abstained"),
        ((replace(HIT, stage="shadow"),), "C-1", True, "explained"),
        ((), "C-1", False, "unexplained"),
        ((), None, False, "no_subject"),
    ],
)
def test_the_first_outcome_that_applies(
    answers: tuple[RuleAnswer, ...], client: str | None, explained: bool, expected: str
) -> None:
    """In the contract's order."""
    assert outcome_of(answers, client, explained=explained) == expected


def test_a_row_of_the_table_gives_the_assessment_back() -> None:
    """Whatever it has: an access, an actor, answers, a time in New Zealand's offset."""
    at = datetime.fromisoformat("2026-11-20T09:14:07.123456+13:00")
    rows = [a_row("E-1", hits=("volume",), at=at), a_row("E-2", known=False, work=None, client=None), published(4)]
    table = table_of(rows)
    back = [row_of(one) for one in table.to_pylist()]
    assert [orjson.dumps(one.assessment) for one in back] == [orjson.dumps(one.assessment) for one in rows]
    # Kafka's timestamps are in milliseconds.
    assert all(
        abs(one.judged_at - other.judged_at) < timedelta(milliseconds=1) for one, other in zip(back, rows, strict=True)
    )
    assert table["day"].to_pylist()[0].isoformat() == "2026-11-20"


@pytest.mark.parametrize("value", [b"", b"no json", b"[]", b"{}", b'{"event_id": 1}', b"\xff"])
def test_what_is_no_assessment_is_not_taken(value: bytes) -> None:
    """And leaves no half a row behind."""
    columns = Columns()
    assert not columns.add(value, 0, 0, 0)
    assert (len(columns), columns.table().num_rows) == (0, 0)


def test_quarters_end_in_march_june_september_and_december() -> None:
    """On their last day."""
    days = [datetime(2026, month, 15, tzinfo=UTC).date() for month in (1, 3, 4, 8, 12)]
    assert [quarter_ending(day).isoformat() for day in days] == [
        "2026-03-31", "2026-03-31", "2026-06-30", "2026-09-30", "2026-12-31",
    ]  # fmt: skip
