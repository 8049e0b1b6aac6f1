"""How dead letters look on a screen, in a pipe and as JSON."""

from datetime import UTC
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from enrichment.newzealand import nz_text
from stream.dead_letters import DeadLetter
from stream.listing import Found, Listed
from stream.replay_plan import Refuse, Send, Tally, Verdict

_UNKNOWN = "?"


def place(letter: DeadLetter) -> str:
    """Name a dead letter by where it stands."""
    return f"{letter.topic}-{letter.partition} offset {letter.offset}"


def as_json(one: Listed) -> dict[str, Any]:
    """Everything about a dead letter but what was in the record."""
    letter = one.letter
    return {
        "source_topic": letter.source_topic,
        "source_partition": letter.source_partition,
        "source_offset": letter.source_offset,
        "stage": letter.stage,
        "error": letter.error,
        "message": letter.message,
        "parked_at": letter.parked_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "replays": one.replays,
        "put_back": bool(one.times),
        "value_kept": letter.left_out is None,
    }


def cells(one: Listed) -> list[str]:
    """One line of the list."""
    letter = one.letter
    return [
        nz_text(letter.parked_at),
        letter.source_topic or _UNKNOWN,
        _number(letter.source_partition),
        _number(letter.source_offset),
        letter.stage or _UNKNOWN,
        letter.error or _UNKNOWN,
        str(one.replays),
        "yes" if one.times else "no",
        str(letter.partition),
        str(letter.offset),
        letter.message if letter.left_out is None else f"{letter.message} (left out: {letter.left_out})",
    ]


def _number(number: int | None) -> str:
    return _UNKNOWN if number is None else str(number)


def print_table(found: Found) -> None:
    """Print the list for people."""
    if not found.newest:
        return
    table = Table(
        "parked", "topic", "partition", "offset", "stage", "error", "replays", "put back", "dlq partition",
        "dlq offset", "why", box=None,
    )  # fmt: skip
    for one in found.newest:
        table.add_row(*(Text(cell) for cell in cells(one)))
    Console().print(table)


def summary(found: Found) -> list[str]:
    """Say how many there are of each kind, and how many of them are shown."""
    total = found.kinds.total()
    if not total:
        return ["No dead letter fits."]
    said = [_dead_letters(total) + (f", the newest {len(found.newest):,} shown" * (len(found.newest) < total))]
    for (topic, stage, error), count in found.kinds.most_common():
        put_back = found.put_back[topic, stage, error]
        said.append(
            f"{count:,} of {topic or _UNKNOWN}, stage {stage or _UNKNOWN}, {error or _UNKNOWN}"
            + (f", {put_back:,} of them put back" if put_back else "")
        )
    return said


def planned(letter: DeadLetter, what: Verdict) -> str:
    """Say what would be done with one."""
    match what:
        case Send(replays):
            where = f"{letter.source_topic}-{letter.source_partition}"
            return f"{place(letter)}: to {where}, for the {_ordinal(replays)} time ({letter.stage}, {letter.error})"
        case Refuse(why):
            return f"{place(letter)}: not put back: {why}"
        case _:
            return f"{place(letter)}: was put back already"


def said(tally: Tally, done: str) -> str:
    """Say what became of all, or would."""
    places = ", ".join(f"{topic}-{partition} {count:,}" for (topic, partition), count in sorted(tally.sent.items()))
    parts = [f"{tally.sent.total():,} {done}" + (f" ({places})" if places else "")]
    if tally.skipped:
        parts.append(f"{tally.skipped:,} were before and are left out")
    if tally.refused:
        parts.append(f"{tally.refused.total():,} cannot be")
    return "; ".join(parts) + "."


def refusals(tally: Tally) -> str:
    """Say in one sentence what was not put back, and why."""
    reasons = "; ".join(f"{count:,} {why}" for why, count in tally.refused.most_common())
    count = tally.refused.total()
    return f"{_dead_letters(count)} {'was' if count == 1 else 'were'} not put back: {reasons}."


def _dead_letters(count: int) -> str:
    return f"{count:,} dead letter{'' if count == 1 else 's'}"


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
